/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A training step of each encoder alone (forward, backward, AdamW) and a forward pass, fp32, 5 s of 12 leads at 500 Hz, on all
 * processors. The loss is the mean square of the pooled output, so that nothing but the encoder counts; peers.py builds the same networks.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "model/model.h"

enum { LEADS = 12, SAMPLES = 2500, WARM_UP = 1, STEPS = 5 };

typedef struct trainee {
    nn_backend *backend;
    nn_params *params;
    nn_graph *graph;
    nn_adamw *optimiser;
    nn_id input;
} trainee;

static pclr_status build(trainee *t, const model_encoder_spec *spec, int64_t batch, nn_mode mode, pclr_error *error)
{
    TRY(nn_backend_create(&t->backend, "auto", 0, error));
    TRY(nn_params_create(&t->params, 1, error));
    TRY(nn_graph_create(&t->graph, t->backend, t->params, mode, error));
    t->input = nn_input(t->graph, "signal", NN_F32, nn_shape3(batch, SAMPLES, LEADS));
    nn_id pooled = model_pool(t->graph, model_encode(t->graph, t->input, spec), "mean");
    nn_id loss = nn_mean_all(t->graph, nn_square(t->graph, pooled));
    TRY(nn_graph_compile(t->graph, loss, error));
    nn_adamw_args args = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01};
    if (mode == NN_TRAIN) TRY(nn_adamw_create(&t->optimiser, t->params, args, error));

    float *x = nn_data(t->graph, t->input);
    rng r = rng_make(1, "bench", 0);
    for (int64_t k = 0; k < batch * SAMPLES * LEADS; k++) x[k] = (float)rng_normal(&r);
    return PCLR_OK;
}

static void clear(trainee *t)
{
    nn_adamw_destroy(&t->optimiser);
    nn_graph_destroy(&t->graph);
    nn_params_destroy(&t->params);
    nn_backend_destroy(&t->backend);
}

static pclr_status step(trainee *t, uint64_t k, pclr_error *error)
{
    TRY(nn_graph_forward(t->graph, k, error));
    if (!t->optimiser) return PCLR_OK;
    TRY(nn_graph_backward(t->graph, 1, error));
    return nn_adamw_step(t->optimiser, t->backend, 1e-4, NULL, error);
}

static pclr_status measure(const char *prefix, const model_encoder_spec *spec, int64_t batch, nn_mode mode, pclr_error *error)
{
    trainee t = {0};
    double best = INFINITY;
    pclr_status status = PCLR_OK;
    TRY_GOTO(build(&t, spec, batch, mode, error));
    for (uint64_t k = 0; k < WARM_UP + STEPS; k++) {
        double begin = clock_seconds();
        TRY_GOTO(step(&t, k, error));
        if (k >= WARM_UP) best = fmin(best, clock_seconds() - begin);
    }
    printf("{\"name\": \"%s_%s_%s\", \"value\": %.4g, \"unit\": \"segments/s\", \"limit\": null}\n", prefix, spec->name, spec->size,
           (double)batch / best);
    fflush(stdout);
done:
    clear(&t);
    return status;
}

int main(void)
{
    static const model_encoder_spec ENCODERS[] = {
        {.name = "transformer", .size = "small", .leads = LEADS, .dropout = 0.1},
        {.name = "xresnet1d", .size = "18", .leads = LEADS},
        {.name = "s4", .size = "small", .leads = LEADS, .dropout = 0.1},
    };
    pclr_error error = {0};
    for (size_t k = 0; k < sizeof ENCODERS / sizeof *ENCODERS; k++) {
        pclr_status status = measure("step", &ENCODERS[k], 32, NN_TRAIN, &error);
        if (status == PCLR_OK) status = measure("forward", &ENCODERS[k], 32, NN_INFER, &error);
        if (status != PCLR_OK) {
            fprintf(stderr, "bench_encoders: %s\n", error.message);
            return 1;
        }
    }
    return 0;
}
