/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_exchange [NAME...]: how much of the exchange of gradients between processes the backward pass hides (docs/scaling.md).
 *
 * One process on one thread runs the step of an encoder with its projection and decoder (8 segments, two views of 5 s, 12 leads, 500 Hz)
 * and notes, by processor time, when each bucket of gradients is complete. Buckets then go one after another through a network that sums so
 * many bytes a second; what it still has to do when the backward pass is over is what a process waits for. Printed, one JSON object a line:
 *
 *     exchange_ENCODER_half      share of the gradients [%] whose sum has begun when half of the backward pass is over
 *     exchange_ENCODER_wait_R    what is waited for [%] of a step, with R hundred megabytes a second
 *
 * transformer_base takes minutes and is measured only when named.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/model.h"

enum { SEGMENTS = 8, LEADS = 12, SAMPLES = 2500, MOST = 4096, BUCKET = 1 << 20 };

typedef struct timeline {
    double begin;      /* of the backward pass */
    double at[MOST];   /* when a parameter's gradient was complete */
    double size[MOST]; /* bytes of it */
    size_t count;
} timeline;

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void note(void *user, nn_parameter *p)
{
    timeline *line = user;
    if (line->count == MOST) return;
    line->at[line->count] = processor_seconds() - line->begin;
    line->size[line->count++] = (double)nn_shape_size(p->shape) * sizeof(float);
}

static nn_id build(nn_graph *g, const model_encoder_spec *spec, nn_id *x)
{
    *x = nn_input(g, "x", NN_F32, nn_shape3(2 * SEGMENTS, SAMPLES, LEADS));
    nn_id h = model_encode(g, *x, spec);
    nn_id z = nn_l2_normalize(g, model_project(g, model_pool(g, h, "mean"), "projection", 256, 128), 1e-8);
    nn_id first = nn_slice(g, z, 0, 0, SEGMENTS), second = nn_slice(g, z, 0, SEGMENTS, SEGMENTS);
    nn_id rebuilt = model_decode(g, nn_slice(g, h, 0, 0, SEGMENTS), SAMPLES, LEADS);
    return nn_add(g, nn_mse(g, first, second, NN_NONE), nn_mse(g, rebuilt, nn_slice(g, *x, 0, 0, SEGMENTS), NN_NONE));
}

/* Seconds that the network goes on after the backward pass (of `end` seconds). */
static double wait_of(const timeline *line, double end, double bytes_per_second)
{
    double free_at = 0, held = 0;
    for (size_t k = 0; k < line->count; k++) {
        held += line->size[k];
        if (held < BUCKET && k + 1 < line->count) continue;
        double begin = k + 1 < line->count ? line->at[k] : end;
        free_at = (begin > free_at ? begin : free_at) + held / bytes_per_second;
        held = 0;
    }
    return free_at > end ? free_at - end : 0;
}

static void print_line(const char *encoder, const char *what, double value)
{
    printf("{\"name\": \"exchange_%s_%s\", \"value\": %.3g, \"unit\": \"%%\", \"limit\": null}\n", encoder, what, value);
}

static void report(const char *name, const timeline *line, double forward, double backward)
{
    double all = 0, early = 0;
    for (size_t k = 0; k < line->count; k++) {
        all += line->size[k];
        if (line->at[k] <= 0.5 * backward) early += line->size[k];
    }
    print_line(name, "half", 100 * early / all);
    print_line(name, "wait_1", 100 * wait_of(line, backward, 1e8) / (forward + backward));
    print_line(name, "wait_5", 100 * wait_of(line, backward, 5e8) / (forward + backward));
    print_line(name, "wait_20", 100 * wait_of(line, backward, 2e9) / (forward + backward));
}

static pclr_status measure(const char *name, const model_encoder_spec *spec, pclr_error *error)
{
    nn_backend *backend = NULL;
    nn_params *params = NULL;
    nn_graph *g = NULL;
    timeline *line = calloc(1, sizeof *line);
    nn_id x = NN_NONE;
    double forward = 0, backward = 0;
    pclr_status status = line ? PCLR_OK : PCLR_E_MEMORY;
    if (status == PCLR_OK) status = nn_backend_create(&backend, "auto", 1, error);
    if (status == PCLR_OK) status = nn_params_create(&params, 1, error);
    if (status == PCLR_OK) status = nn_graph_create(&g, backend, params, NN_TRAIN, error);
    if (status == PCLR_OK) status = nn_graph_compile(g, build(g, spec, &x), error);
    if (status == PCLR_OK) status = nn_graph_on_gradient(g, note, line, error);
    for (int64_t k = 0; status == PCLR_OK && k < 2 * SEGMENTS * SAMPLES * LEADS; k++)
        ((float *)nn_data(g, x))[k] = (float)(k * 7 % 13) / 6 - 1;
    for (uint64_t step = 0; status == PCLR_OK && step < 2; step++) { /* the first warms up */
        double begin = processor_seconds();
        status = nn_graph_forward(g, step, error);
        forward = processor_seconds() - begin;
        line->count = 0;
        line->begin = processor_seconds();
        if (status == PCLR_OK) status = nn_graph_backward(g, 1, error);
        backward = processor_seconds() - line->begin;
    }
    if (status == PCLR_OK) report(name, line, forward, backward);
    if (g) nn_graph_destroy(&g);
    if (params) nn_params_destroy(&params);
    if (backend) nn_backend_destroy(&backend);
    free(line);
    return status;
}

static bool asked(int argc, char **argv, const char *name)
{
    for (int k = 1; k < argc; k++)
        if (strcmp(argv[k], name) == 0) return true;
    return argc < 2 && strcmp(name, "transformer_base") != 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        model_encoder_spec spec;
    } item[] = {{"transformer_small", {.name = "transformer", .size = "small", .leads = LEADS}},
                {"xresnet1d18", {.name = "xresnet1d", .size = "18", .leads = LEADS}},
                {"transformer_base", {.name = "transformer", .size = "base", .leads = LEADS}}};
    for (size_t k = 0; k < sizeof item / sizeof *item; k++) {
        pclr_error error = {0};
        if (!asked(argc, argv, item[k].name) || measure(item[k].name, &item[k].spec, &error) == PCLR_OK) continue;
        fprintf(stderr, "%s: %s\n", item[k].name, error.message);
        return 1;
    }
    return 0;
}
