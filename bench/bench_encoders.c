/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_encoders [--profile] [--seconds S] [NAME...]: speed of the engine on all processors, 5 s of 12 leads at 500 Hz; P is fp32 or, where the
 * processor has it, bf16.
 *
 *     gemm_peak_P                 the fastest product of matrices, the machine's limit to which the others are compared
 *     train_ENCODER_P             a training step alone (forward, backward, AdamW); the loss is the mean square of the pooled output,
 *     infer_ENCODER_P             so that nothing but the encoder counts; and a forward pass
 *     layer_KIND_P                one layer forward and backward at the size of the encoders
 *
 * Prints one JSON object a line; "share_of_peak" is the rate of multiply-adds over gemm_peak_P, "memory" what the step takes [MB].
 * --backend cuda measures on a GPU (without gemm_peak and the share of it; inputs are copied there in every step); --batch B: segments a
 * step; --recompute: as train.recompute. --profile prints, instead, the time of every kind of operation. bench_peers.py builds the same with PyTorch.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "model/model.h"

enum { LEADS = 12, SAMPLES = 2500, WARM_UP = 3 };

static const char *BACKEND = "auto";
static int64_t BATCH; /* 0: each row's own */
static bool RECOMPUTE;

typedef struct trainee {
    nn_backend *backend;
    nn_params *params;
    nn_graph *graph;
    nn_adamw *optimiser;
    nn_id input;
} trainee;

/* What is measured. A layer is built by `layer` on x [batch][time][channels]; an encoder by its description. */
typedef struct item {
    const char *name, *unit;
    model_encoder_spec encoder;
    bool train;
    int64_t batch, time, channels;
    nn_id (*layer)(nn_graph *g, nn_id x);
} item;

/* ---- layers, at the sizes they have in transformer small, xresnet1d18 and s4 small ---- */

static nn_id vector(nn_graph *g, const char *name, int64_t n, nn_init_kind kind)
{
    return nn_param(g, name, nn_shape1(n), (nn_init){.kind = kind, .no_decay = true});
}

static nn_id weight(nn_graph *g, nn_shape shape)
{
    return nn_param(g, "weight", shape, (nn_init){.kind = NN_INIT_NORMAL, .a = 0.02});
}

static nn_id linear(nn_graph *g, nn_id x)
{
    return nn_linear(g, x, weight(g, nn_shape2(1024, 256)), vector(g, "bias", 1024, NN_INIT_ZEROS));
}

static nn_id conv1d(nn_graph *g, nn_id x)
{
    return nn_conv1d(g, x, weight(g, nn_shape3(128, 5, 128)), NN_NONE, (nn_conv1d_args){.pad_left = 2, .pad_right = 2});
}

static nn_id grouped(nn_graph *g, nn_id x)
{
    return nn_conv1d(g, x, weight(g, nn_shape3(256, 128, 16)), vector(g, "bias", 256, NN_INIT_ZEROS),
                     (nn_conv1d_args){.pad_left = 64, .pad_right = 63, .groups = 16});
}

static nn_id attention(nn_graph *g, nn_id x)
{
    return nn_attention(g, x, x, x, 4, 0);
}

static nn_id layer_norm(nn_graph *g, nn_id x)
{
    return nn_layer_norm(g, x, vector(g, "weight", 256, NN_INIT_ONES), vector(g, "bias", 256, NN_INIT_ZEROS), 1e-5);
}

static nn_id batch_norm(nn_graph *g, nn_id x)
{
    const nn_init mean = {.kind = NN_INIT_ZEROS, .buffer = true}, variance = {.kind = NN_INIT_ONES, .buffer = true};
    return nn_batch_norm(g, x, vector(g, "weight", 128, NN_INIT_ONES), vector(g, "bias", 128, NN_INIT_ZEROS),
                         nn_param(g, "mean", nn_shape1(128), mean), nn_param(g, "variance", nn_shape1(128), variance), 0.1, 1e-5);
}

static nn_id gelu(nn_graph *g, nn_id x)
{
    return nn_gelu(g, x);
}

#define ENCODER(NAME, SIZE, DROPOUT)                                                                                                       \
    {                                                                                                                                      \
        .name = NAME, .size = SIZE, .leads = LEADS, .dropout = DROPOUT                                                                     \
    }
static const item ITEMS[] = {
    {"train_transformer_small", "segments/s", ENCODER("transformer", "small", 0.1), true, 32, SAMPLES, LEADS, NULL},
    {"infer_transformer_small", "segments/s", ENCODER("transformer", "small", 0.1), false, 32, SAMPLES, LEADS, NULL},
    {"train_xresnet1d18", "segments/s", ENCODER("xresnet1d", "18", 0), true, 32, SAMPLES, LEADS, NULL},
    {"infer_xresnet1d18", "segments/s", ENCODER("xresnet1d", "18", 0), false, 32, SAMPLES, LEADS, NULL},
    {"train_s4", "segments/s", ENCODER("s4", "small", 0.1), true, 32, SAMPLES, LEADS, NULL},
    {"infer_s4", "segments/s", ENCODER("s4", "small", 0.1), false, 32, SAMPLES, LEADS, NULL},
    {"train_transformer_base", "segments/s", ENCODER("transformer", "base", 0.1), true, 8, SAMPLES, LEADS, NULL},
    {"infer_transformer_base", "segments/s", ENCODER("transformer", "base", 0.1), false, 8, SAMPLES, LEADS, NULL},
    {"train_xresnet1d50", "segments/s", ENCODER("xresnet1d", "50", 0), true, 32, SAMPLES, LEADS, NULL},
    {"infer_xresnet1d50", "segments/s", ENCODER("xresnet1d", "50", 0), false, 32, SAMPLES, LEADS, NULL},
    {"layer_linear", "ms", {.name = ""}, true, 32, 156, 256, linear},
    {"layer_conv1d", "ms", {.name = ""}, true, 32, 313, 128, conv1d},
    {"layer_positional_conv", "ms", {.name = ""}, true, 32, 156, 256, grouped},
    {"layer_attention", "ms", {.name = ""}, true, 32, 156, 256, attention},
    {"layer_layer_norm", "ms", {.name = ""}, true, 32, 156, 256, layer_norm},
    {"layer_batch_norm", "ms", {.name = ""}, true, 32, 313, 128, batch_norm},
    {"layer_gelu", "ms", {.name = ""}, true, 32, 156, 1024, gelu},
};

/* ---- one item ---- */

static pclr_status build(trainee *t, const item *what, const char *precision, pclr_error *error)
{
    TRY(nn_backend_create(&t->backend, BACKEND, 0, error));
    TRY(nn_backend_precision(t->backend, precision, error));
    nn_backend_recompute(t->backend, RECOMPUTE);
    TRY(nn_params_create(&t->params, 1, error));
    TRY(nn_graph_create(&t->graph, t->backend, t->params, what->train ? NN_TRAIN : NN_INFER, error));
    t->input = nn_input(t->graph, "signal", NN_F32, nn_shape3(what->batch, what->time, what->channels));
    nn_id y;
    if (what->layer) {
        nn_want_grad(t->graph, t->input);
        y = nn_sum_all(t->graph, nn_slice(t->graph, what->layer(t->graph, t->input), 1, 0, 1)); /* a loss that costs next to nothing */
    } else {
        y = nn_mean_all(t->graph, nn_square(t->graph, model_pool(t->graph, model_encode(t->graph, t->input, &what->encoder), "mean")));
    }
    TRY(nn_graph_compile(t->graph, y, error));
    nn_adamw_args args = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01};
    if (what->train && !what->layer) TRY(nn_adamw_create(&t->optimiser, t->params, args, error));

    float *x = nn_data(t->graph, t->input);
    rng r = rng_make(1, "bench", 0);
    for (int64_t k = 0; k < what->batch * what->time * what->channels; k++) x[k] = (float)rng_normal(&r);
    return PCLR_OK;
}

static void clear(trainee *t)
{
    nn_adamw_destroy(&t->optimiser);
    nn_graph_destroy(&t->graph);
    nn_params_destroy(&t->params);
    nn_backend_destroy(&t->backend);
}

static pclr_status step(trainee *t, const item *what, uint64_t k, pclr_error *error)
{
    TRY(nn_graph_forward(t->graph, k, error));
    if (!what->train) return PCLR_OK;
    TRY(nn_graph_backward(t->graph, 1, error));
    return t->optimiser ? nn_adamw_step(t->optimiser, t->backend, 1e-4, NULL, error) : PCLR_OK;
}

/* Seconds of the fastest step of those that begin within `seconds`. */
static pclr_status time_steps(trainee *t, const item *what, double seconds, double *best, pclr_error *error)
{
    *best = INFINITY;
    double begin = clock_seconds();
    for (uint64_t k = 0; k <= WARM_UP || clock_seconds() - begin < seconds; k++) {
        double start = clock_seconds();
        TRY(step(t, what, k, error));
        if (k >= WARM_UP) *best = fmin(*best, clock_seconds() - start);
    }
    return PCLR_OK;
}

static void tell(const item *what, const char *precision, const trainee *t, double seconds, double peak)
{
    const nn_memory m = nn_graph_memory(t->graph);
    const double flop = nn_graph_flop(t->graph) * (what->train ? 3 : 1);
    const double bytes = (double)(m.parameters * (t->optimiser ? 3 : 1) + m.gradients + m.activations + m.workspace);
    const bool rate = strcmp(what->unit, "segments/s") == 0;
    printf("{\"name\": \"%s_%s\", \"value\": %.4g, \"unit\": \"%s\", \"limit\": null", what->name, precision,
           rate ? (double)what->batch / seconds : 1e3 * seconds, what->unit);
    printf(", \"gflop_per_s\": %.5g", 1e-9 * flop / seconds);
    if (flop > 0 && peak > 0) printf(", \"share_of_peak\": %.3f", 1e-9 * flop / seconds / peak);
    printf(", \"memory\": %.1f}\n", 1e-6 * bytes);
    fflush(stdout);
}

static pclr_status measure(item row, const char *precision, double seconds, double peak, bool profile, pclr_error *error)
{
    const item *what = &row;
    if (BATCH > 0) row.batch = BATCH;
    trainee t = {0};
    double best;
    char *text = NULL;
    pclr_status status = PCLR_OK;
    TRY_GOTO(build(&t, what, precision, error));
    TRY_GOTO(step(&t, what, 0, error));
    if (profile) TRY_GOTO(nn_graph_profile(t.graph, &text, error)); /* the first call switches it on */
    mem_release(&text);
    TRY_GOTO(time_steps(&t, what, seconds, &best, error));
    if (profile) {
        TRY_GOTO(nn_graph_profile(t.graph, &text, error));
        printf("%s_%s\n%s\n", what->name, precision, text);
    } else {
        tell(what, precision, &t, best, peak);
    }
done:
    mem_free(text);
    clear(&t);
    return status;
}

/* GFLOP/s of the fastest linear layer at the shapes of transformer small. */
static pclr_status measure_peak(const char *precision, double seconds, double *peak, pclr_error *error)
{
    static const int64_t SHAPES[][3] = {{4992, 256, 256}, {4992, 1024, 256}, {4992, 256, 1024}, {4992, 1024, 1024}};
    pclr_status status = PCLR_OK;
    *peak = 0;
    for (size_t k = 0; k < sizeof SHAPES / sizeof *SHAPES; k++) {
        trainee t = {0};
        const item what = {.name = "gemm"};
        double best;
        TRY_GOTO(nn_backend_create(&t.backend, BACKEND, 0, error));
        TRY_GOTO(nn_backend_precision(t.backend, precision, error));
        TRY_GOTO(nn_params_create(&t.params, 1, error));
        TRY_GOTO(nn_graph_create(&t.graph, t.backend, t.params, NN_INFER, error));
        t.input = nn_input(t.graph, "x", NN_F32, nn_shape2(SHAPES[k][0], SHAPES[k][2]));
        nn_keep(t.graph, nn_linear(t.graph, t.input, weight(t.graph, nn_shape2(SHAPES[k][1], SHAPES[k][2])), NN_NONE));
        TRY_GOTO(nn_graph_compile(t.graph, NN_NONE, error));
        TRY_GOTO(time_steps(&t, &what, seconds / 4, &best, error));
        *peak = fmax(*peak, 1e-9 * nn_graph_flop(t.graph) / best);
    done:
        clear(&t);
        if (status != PCLR_OK) return status;
    }
    return PCLR_OK;
}

static bool wanted(const char *name, const char *precision, int count, char **names)
{
    char whole[64];
    (void)snprintf(whole, sizeof whole, "%s_%s", name, precision);
    for (int k = 0; k < count; k++)
        if (strcmp(names[k], whole) == 0) return true;
    return count == 0;
}

static bool has_precision(const char *precision)
{
    nn_backend *b = NULL;
    const bool there = nn_backend_create(&b, BACKEND, 1, NULL) == PCLR_OK && nn_backend_precision(b, precision, NULL) == PCLR_OK;
    nn_backend_destroy(&b);
    return there;
}

int main(int argc, char **argv)
{
    static const char *const precisions[] = {"fp32", "bf16"};
    bool profile = false;
    double seconds = 3;
    int first = 1;
    for (; first < argc && argv[first][0] == '-'; first++) {
        if (strcmp(argv[first], "--profile") == 0) profile = true;
        if (strcmp(argv[first], "--recompute") == 0) RECOMPUTE = true;
        if (strcmp(argv[first], "--backend") == 0 && first + 1 < argc) BACKEND = argv[++first];
        if (strcmp(argv[first], "--batch") == 0 && first + 1 < argc) BATCH = strtoll(argv[++first], NULL, 10);
        if (strcmp(argv[first], "--seconds") == 0 && first + 1 < argc) seconds = strtod(argv[++first], NULL);
    }
    pclr_error error = {0};
    pclr_status status = PCLR_OK;
    for (size_t p = 0; p < 2 && status == PCLR_OK; p++) {
        double peak = 0;
        bool any = false;
        for (size_t k = 0; k < sizeof ITEMS / sizeof *ITEMS; k++) any = any || wanted(ITEMS[k].name, precisions[p], argc - first, argv + first);
        if (!(any || wanted("gemm_peak", precisions[p], argc - first, argv + first)) || !has_precision(precisions[p])) continue;
        const bool device = strcmp(BACKEND, "cuda") == 0;
        if (!device) status = measure_peak(precisions[p], fmin(seconds, 1), &peak, &error);
        if (!profile && !device) printf("{\"name\": \"gemm_peak_%s\", \"value\": %.4g, \"unit\": \"GFLOP/s\", \"limit\": null}\n", precisions[p], peak);
        for (size_t k = 0; k < sizeof ITEMS / sizeof *ITEMS && status == PCLR_OK; k++)
            if (wanted(ITEMS[k].name, precisions[p], argc - first, argv + first))
                status = measure(ITEMS[k], precisions[p], seconds, peak, profile, &error);
    }
    if (status != PCLR_OK) fprintf(stderr, "bench_encoders: %s\n", error.message);
    return status == PCLR_OK ? 0 : 1;
}
