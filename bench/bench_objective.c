/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the PhysioCLR step costs beyond its network: the time of a complete step (masks from the physiology, both views, all losses,
 * AdamW) over the time of a step of the encoder on as many segments and of the decoder on half of them, in percent. 16 segments of
 * 5 s, 12 leads, 500 Hz, all processors; both in turn, the fastest of each.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "objective/objective.h"

enum { ITEMS = 16, SAMPLES = 2500, LEADS = 12, FEATURES = 150, COMPONENTS = 50, ROUNDS = 4, MOST_TABLES = 64 };

static const config_key RATE[] = {{"input.rate", CONFIG_REAL, "500", 1, 1000, NULL, "Hz"}};

/* A graph that is trained, with an objective or without. */
typedef struct trainee {
    nn_backend *backend;
    nn_params *params;
    nn_graph *graph;
    nn_adamw *optimiser;
    objective *objective;
    double best; /* s a step */
} trainee;

typedef struct sample {
    float view[2][ITEMS * SAMPLES * LEADS], feature[ITEMS * FEATURES], component[ITEMS * COMPONENTS], wave[ITEMS * SAMPLES];
    uint8_t valid[ITEMS * FEATURES];
    int32_t pair[ITEMS];
    int64_t owner[ITEMS];
} sample;

static void fill(float *to, int64_t count, rng *r)
{
    for (int64_t k = 0; k < count; k++) to[k] = (float)rng_normal(r);
}

static objective_batch batch_of(sample *s)
{
    rng r = rng_make(1, "bench", 0);
    for (int v = 0; v < 2; v++) fill(s->view[v], ITEMS * SAMPLES * LEADS, &r);
    fill(s->feature, ITEMS * FEATURES, &r);
    fill(s->component, ITEMS * COMPONENTS, &r);
    memset(s->valid, 1, sizeof s->valid);
    for (int64_t k = 0; k < ITEMS * SAMPLES; k++) s->wave[k] = k % 400 < 50 ? 1.0f : 0.0f;
    for (int32_t i = 0; i < ITEMS; i++) {
        s->pair[i] = i ^ 1;
        s->owner[i] = i / 2;
    }
    return (objective_batch){.items = ITEMS,
                             .samples = SAMPLES,
                             .leads = LEADS,
                             .features = FEATURES,
                             .components = COMPONENTS,
                             .view = {s->view[0], s->view[1]},
                             .feature = s->feature,
                             .feature_valid = s->valid,
                             .component = s->component,
                             .pair = s->pair,
                             .patient = s->owner,
                             .record = s->owner,
                             .wave_weight = s->wave};
}

static pclr_status make_config(pclr_config **config, pclr_error *error)
{
    const config_key *table[MOST_TABLES] = {RATE, objective_config_keys};
    size_t size[MOST_TABLES] = {1, objective_config_keys_count}, n = 2;
    for (size_t k = 0; k < objective_count() && n < MOST_TABLES; k++) {
        table[n] = objective_at(k)->keys;
        size[n++] = objective_at(k)->keys_count;
    }
    return config_create(config, table, size, n, error);
}

static pclr_status open_trainee(trainee *t, pclr_error *error)
{
    t->best = INFINITY;
    TRY(nn_backend_create(&t->backend, "auto", 0, error));
    TRY(nn_params_create(&t->params, 1, error));
    return nn_graph_create(&t->graph, t->backend, t->params, NN_TRAIN, error);
}

static pclr_status close_building(trainee *t, nn_id loss, pclr_error *error)
{
    const nn_adamw_args args = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01};
    TRY(nn_graph_compile(t->graph, loss, error));
    return nn_adamw_create(&t->optimiser, t->params, args, error);
}

static pclr_status build_complete(trainee *t, const model_encoder_spec *encoder, const pclr_config *config, pclr_error *error)
{
    const objective_setup setup = {t->graph, encoder, config, ITEMS, SAMPLES, LEADS, FEATURES, COMPONENTS};
    nn_id loss;
    TRY(objective_find("physioclr")->create(&t->objective, &setup, &loss, error));
    return close_building(t, loss, error);
}

static pclr_status build_bare(trainee *t, const model_encoder_spec *encoder, pclr_error *error)
{
    nn_graph *g = t->graph;
    nn_id x = nn_input(g, "signal", NN_F32, nn_shape3(2 * ITEMS, SAMPLES, LEADS)), h = model_encode(g, x, encoder);
    nn_id rebuilt = model_decode(g, nn_slice(g, h, 0, 0, ITEMS), SAMPLES, LEADS);
    nn_id loss = nn_add(g, nn_mean_all(g, nn_square(g, model_pool(g, h, "mean"))), nn_mean_all(g, rebuilt));
    TRY(close_building(t, loss, error));
    rng r = rng_make(1, "bench", 1);
    fill(nn_data(g, x), 2 * ITEMS * SAMPLES * LEADS, &r);
    return PCLR_OK;
}

static void close_trainee(trainee *t)
{
    if (t->objective) objective_find("physioclr")->destroy(&t->objective);
    nn_adamw_destroy(&t->optimiser);
    nn_graph_destroy(&t->graph);
    nn_params_destroy(&t->params);
    nn_backend_destroy(&t->backend);
}

/* One step; the first of each is not counted. */
static pclr_status step(trainee *t, const objective_batch *batch, uint64_t k, pclr_error *error)
{
    const double begin = clock_seconds();
    if (t->objective) TRY(objective_find("physioclr")->feed(t->objective, batch, error));
    TRY(nn_graph_forward(t->graph, k, error));
    TRY(nn_graph_backward(t->graph, 1, error));
    TRY(nn_adamw_step(t->optimiser, t->backend, 1e-4, NULL, error));
    if (k > 0) t->best = fmin(t->best, clock_seconds() - begin);
    return PCLR_OK;
}

static pclr_status measure(const model_encoder_spec *encoder, const pclr_config *config, sample *s, pclr_error *error)
{
    trainee complete = {0}, bare = {0};
    objective_batch batch = batch_of(s);
    pclr_status status = PCLR_OK;
    TRY_GOTO(open_trainee(&complete, error));
    TRY_GOTO(open_trainee(&bare, error));
    TRY_GOTO(build_complete(&complete, encoder, config, error));
    TRY_GOTO(build_bare(&bare, encoder, error));
    for (uint64_t k = 0; k <= ROUNDS; k++) {
        batch.step = k;
        TRY_GOTO(step(&bare, &batch, k, error));
        TRY_GOTO(step(&complete, &batch, k, error));
    }
    printf("{\"name\": \"physioclr_step_overhead_%s_%s\", \"value\": %.2f, \"unit\": \"%%\", \"limit\": 10, \"complete_ms\": %.1f, "
           "\"network_ms\": %.1f}\n",
           encoder->name, encoder->size, 100 * (complete.best / bare.best - 1), 1e3 * complete.best, 1e3 * bare.best);
    fflush(stdout);
done:
    close_trainee(&complete);
    close_trainee(&bare);
    return status;
}

int main(void)
{
    static const model_encoder_spec ENCODERS[] = {{.name = "transformer", .size = "small", .leads = LEADS, .dropout = 0.1},
                                                  {.name = "xresnet1d", .size = "18", .leads = LEADS}};
    pclr_error error = {0};
    pclr_config *config = NULL;
    sample *s = NULL;
    pclr_status status;
    TRY_GOTO(make_config(&config, &error));
    TRY_GOTO(mem_alloc(&s, 1, sizeof *s, &error));
    for (size_t k = 0; k < sizeof ENCODERS / sizeof *ENCODERS; k++) TRY_GOTO(measure(&ENCODERS[k], config, s, &error));
done:
    mem_free(s);
    pclr_config_destroy(&config);
    if (status != PCLR_OK) fprintf(stderr, "bench_objective: %s\n", error.message);
    return status == PCLR_OK ? 0 : 1;
}
