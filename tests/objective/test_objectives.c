/* SPDX-License-Identifier: Apache-2.0 */
/* Every objective as a whole, on a small encoder: gradient against finite differences, training lowers the loss, bad settings are told,
 * state survives a checkpoint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/memory.h"
#include "objective/objective.h"
#include "waves.h"

enum { B = 6, T = 96, C = 2, F = 6, Z = 4 };

static const config_key outside[] = {{"input.rate", CONFIG_REAL, "100", 1, 1000, NULL, "Hz"}};

typedef struct rig {
    pclr_config *config;
    nn_backend *backend;
    nn_params *params;
    nn_graph *graph;
    model_encoder_spec encoder;
    const objective_type *type;
    objective *objective;
    nn_id loss;
    float view[2][B * T * C], feature[B * F], component[B * Z], wave[B * T];
    uint8_t valid[B * F], label[B * 2];
    int32_t pair[B];
    int64_t patient[B], record[B];
    objective_batch batch;
    pclr_error error;
} rig;

static void must(rig *r, pclr_status status)
{
    if (status != PCLR_OK) fail_msg("%s: %s", r->type ? r->type->name : "", r->error.message);
}

static void set(rig *r, const char *key, const char *value)
{
    must(r, pclr_config_set(r->config, key, value, &r->error));
}

static pclr_config *make_config(void)
{
    const config_key *tables[32] = {outside, objective_config_keys};
    size_t sizes[32] = {1, objective_config_keys_count}, n = 2;
    pclr_config *config = NULL;
    for (size_t k = 0; k < objective_count(); k++) {
        tables[n] = objective_at(k)->keys;
        sizes[n++] = objective_at(k)->keys_count;
    }
    assert_int_equal(config_create(&config, tables, sizes, n, NULL), PCLR_OK);
    return config;
}

static void fill_batch(rig *r)
{
    waves_fill(r->view[0], B * T * C, 1, 1);
    waves_fill(r->view[1], B * T * C, 2, 1);
    for (int k = 0; k < B * T * C; k++) { /* smooth and item-specific, so that there is something to learn */
        int item = k / (T * C), t = k / C % T;
        r->view[0][k] = 0.2f * r->view[0][k] + (float)sin(0.05 * (item / 2 + 1) * t);
        r->view[1][k] = 0.2f * r->view[1][k] + (float)sin(0.05 * (item / 2 + 1) * t + 1);
    }
    waves_fill(r->feature, B * F, 3, 1);
    waves_fill(r->component, B * Z, 4, 1);
    for (int k = 0; k < B * T; k++) r->wave[k] = k % 40 < 10 ? 1.0f : 0.0f;
    for (int k = 0; k < B * F; k++) r->valid[k] = k % 7 != 0;
    for (int i = 0; i < B; i++) {
        r->pair[i] = i ^ 1;
        r->patient[i] = i / 2;
        r->record[i] = i / 2;
        r->label[2 * i] = i % 3 == 0 ? 1 : 0;
        r->label[2 * i + 1] = i % 2 == 1 ? 1 : 0;
    }
    r->batch = (objective_batch){.items = B,
                                 .samples = T,
                                 .leads = C,
                                 .features = F,
                                 .components = Z,
                                 .view = {r->view[0], r->view[1]},
                                 .feature = r->feature,
                                 .feature_valid = r->valid,
                                 .component = r->component,
                                 .pair = r->pair,
                                 .patient = r->patient,
                                 .record = r->record,
                                 .wave_weight = r->wave,
                                 .label = r->label,
                                 .classes = 2,
                                 .seed = 5,
                                 .step = 1};
}

static void rig_open(rig *r, const char *name)
{
    memset(r, 0, sizeof *r);
    r->config = make_config();
    r->type = objective_find(name);
    assert_non_null(r->type);
    r->encoder = (model_encoder_spec){.name = "s4", .size = "tiny", .leads = C, .width = 12, .stem_stride = 4, .causal = true};
    set(r, "objective.projection", "8");
    set(r, "objective.projection_hidden", "0"); /* no ReLU: its kinks have no derivative to compare */
    set(r, "objective.cpc_anchors", "4");
    set(r, "objective.cpc_steps", "3");
    set(r, "objective.mask_span", "2");
    fill_batch(r);
}

static pclr_status rig_create(rig *r)
{
    must(r, nn_backend_create(&r->backend, "reference", 1, &r->error));
    must(r, nn_params_create(&r->params, 3, &r->error));
    must(r, nn_graph_create(&r->graph, r->backend, r->params, NN_TRAIN, &r->error));
    objective_setup setup = {r->graph, &r->encoder, r->config, B, T, C, F, Z};
    return r->type->create(&r->objective, &setup, &r->loss, &r->error);
}

static void rig_build(rig *r)
{
    must(r, rig_create(r));
    must(r, nn_graph_compile(r->graph, r->loss, &r->error));
}

static void rig_close(rig *r)
{
    if (r->type) r->type->destroy(&r->objective);
    nn_graph_destroy(&r->graph);
    nn_params_destroy(&r->params);
    nn_backend_destroy(&r->backend);
    pclr_config_destroy(&r->config);
}

static double forward(rig *r)
{
    must(r, nn_graph_forward(r->graph, 0, &r->error));
    return (double)*(float *)nn_data(r->graph, r->loss);
}

/* Gradients that pass the quantiser are straight-through, not derivatives; they are left out of the comparison. */
static bool compared(const rig *r, const char *name)
{
    if (strncmp(r->type->name, "wav2vec2", 8) != 0) return true;
    return strncmp(name, "encoder.stem", 12) != 0 && strcmp(name, "quantiser.weight") != 0 && strcmp(name, "quantiser.bias") != 0;
}

static void move(rig *r, double step)
{
    for (size_t k = 0; k < nn_params_count(r->params); k++) {
        nn_parameter *p = nn_params_at(r->params, k);
        if (!p->grad || !compared(r, p->name)) continue;
        for (int64_t i = 0; i < nn_shape_size(p->shape); i++) p->value[i] += (float)(step * (double)p->grad[i]);
    }
}

/* Along the gradient g the loss rises by |g|^2 per unit step. */
static void check_gradient(rig *r)
{
    double square = 0;
    must(r, r->type->feed(r->objective, &r->batch, &r->error));
    assert_true(isfinite(forward(r)));
    nn_params_zero_grad(r->params);
    must(r, nn_graph_backward(r->graph, 1, &r->error));
    for (size_t k = 0; k < nn_params_count(r->params); k++) {
        const nn_parameter *p = nn_params_at(r->params, k);
        if (!p->grad || !compared(r, p->name)) continue;
        for (int64_t i = 0; i < nn_shape_size(p->shape); i++) square += (double)p->grad[i] * (double)p->grad[i];
    }
    assert_true(square > 0);
    /* the largest step at which the loss is straight enough, for there the rounding of float weighs least */
    double slope = 0;
    for (double length = 1e-2; length > 1e-5; length /= 2) {
        double step = length / sqrt(square);
        move(r, step);
        double up = forward(r);
        move(r, -2 * step);
        double down = forward(r);
        move(r, step);
        slope = (up - down) / (2 * step);
        if (fabs(slope - square) < 0.01 * square) return;
    }
    fail_msg("%s: slope %.6g along the gradient, %.6g expected", r->type->name, slope, square);
}

static void gradients_are_derivatives(void **state)
{
    rig *r = *state;
    for (size_t k = 0; k < objective_count(); k++) {
        rig_open(r, objective_at(k)->name);
        rig_build(r);
        check_gradient(r);
        rig_close(r);
    }
}

static void physioclr_gradients_with_every_setting(void **state)
{
    static const char *const settings[][2] = {
        {"objective.neighbours", "soft"},
        {"objective.neighbours", "top_k"},
        {"objective.neighbours", "quantile"},
        {"objective.denominator", "all"},
        {"objective.physiology", "features"},
        {"objective.regression", "0.5"},
        {"objective.contrastive", "official"},
        {"objective.contrastive", "none"},
        {"objective.queue", "12"},
        {"objective.beta", "0"},
        {"objective.alpha", "0"},
        {"objective.positives_shuffle", "false"},
    };
    rig *r = *state;
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
        rig_open(r, "physioclr");
        set(r, settings[k][0], settings[k][1]);
        rig_build(r);
        check_gradient(r);
        rig_close(r);
    }
}

/* Fifteen steps on one batch: the loss falls, all terms are finite, the embedding can be read. */
static void training_lowers_the_loss(void **state)
{
    rig *r = *state;
    for (size_t k = 0; k < objective_count(); k++) {
        nn_adamw *opt = NULL;
        double first = 0, last = 0;
        rig_open(r, objective_at(k)->name);
        rig_build(r);
        nn_adamw_args args = {.beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8};
        must(r, nn_adamw_create(&opt, r->params, args, &r->error));
        for (int step = 0; step < 15; step++) {
            must(r, r->type->feed(r->objective, &r->batch, &r->error));
            last = forward(r);
            if (step == 0) first = last;
            must(r, nn_graph_backward(r->graph, 1, &r->error));
            must(r, nn_adamw_step(opt, r->backend, 3e-3, NULL, &r->error));
            if (r->type->after_step) must(r, r->type->after_step(r->objective, &r->batch, &r->error));
        }
        if (!(last < 0.95 * first)) fail_msg("%s: loss %.6g after %.6g", r->type->name, last, first);
        const objective_base *base = objective_base_of(r->objective);
        for (size_t t = 0; t < base->terms; t++) {
            double value = base->term[t].id == NN_NONE ? base->term[t].value : (double)*(float *)nn_data(r->graph, base->term[t].id);
            assert_true(isfinite(value));
        }
        assert_int_not_equal(base->embedding, NN_NONE);
        assert_int_equal(nn_shape_of(r->graph, base->embedding).n[0], B);
        assert_int_equal(nn_shape_of(r->graph, base->embedding).n[1], model_dimensions(&r->encoder));
        nn_adamw_destroy(&opt);
        rig_close(r);
    }
}

static void refuses(rig *r, const char *name, const char *key, const char *value, const char *words)
{
    rig_open(r, name);
    if (strcmp(key, "causal") == 0)
        r->encoder.causal = false;
    else
        set(r, key, value);
    assert_int_equal(rig_create(r), PCLR_E_ARGUMENT);
    assert_non_null(strstr(r->error.message, words));
    assert_null(r->objective);
    rig_close(r);
}

static void bad_settings_are_told(void **state)
{
    rig *r = *state;
    refuses(r, "cpc", "causal", "", "encoder.causal");
    refuses(r, "cpc", "objective.cpc_steps", "30", "objective.cpc_steps");
    refuses(r, "mae", "objective.mae_patch", "1", "objective.mae_patch");
    refuses(r, "wav2vec2", "objective.mask_share", "0.05", "objective.mask_share");
    rig_open(r, "physioclr");
    set(r, "objective.contrastive", "none");
    set(r, "objective.alpha", "0");
    set(r, "objective.beta", "0");
    assert_int_equal(rig_create(r), PCLR_E_ARGUMENT);
    rig_close(r);
}

/* A queue filled by a step, saved and loaded into a new run, gives the same loss. */
static void queue_survives_a_checkpoint(void **state)
{
    rig *r = *state, *again = r + 1;
    st_writer *writer = NULL;
    st_file *file = NULL;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/objective_queue_%d.safetensors", PCLR_BINARY_DIR, (int)getpid());
    rig_open(r, "physioclr");
    set(r, "objective.queue", "12");
    rig_build(r);
    must(r, r->type->feed(r->objective, &r->batch, &r->error));
    double empty = forward(r);
    must(r, r->type->after_step(r->objective, &r->batch, &r->error));
    must(r, st_writer_create(&writer, &r->error));
    must(r, r->type->save(r->objective, writer, &r->error));
    must(r, st_writer_write(writer, path, &r->error));
    st_writer_destroy(&writer);
    must(r, r->type->feed(r->objective, &r->batch, &r->error));
    double filled = forward(r);
    assert_true(filled != empty);

    rig_open(again, "physioclr");
    set(again, "objective.queue", "12");
    rig_build(again);
    must(again, st_open(&file, path, &again->error));
    must(again, again->type->load(again->objective, file, &again->error));
    st_close(&file);
    must(again, again->type->feed(again->objective, &again->batch, &again->error));
    assert_true(forward(again) == filled);
    rig_close(again);

    rig_open(again, "physioclr");
    set(again, "objective.queue", "10");
    rig_build(again);
    must(again, st_open(&file, path, &again->error));
    assert_int_equal(again->type->load(again->objective, file, &again->error), PCLR_E_FORMAT);
    st_close(&file);
    rig_close(again);
    rig_close(r);
    (void)remove(path);
}

/* xresnet1d has a context coarser than its stem: masks and targets still fit. */
static void wav2vec2_on_xresnet(void **state)
{
    rig *r = *state;
    rig_open(r, "wav2vec2");
    set(r, "objective.mask_share", "0.6"); /* two of three frames */
    r->encoder = (model_encoder_spec){.name = "xresnet1d", .size = "18", .leads = C, .width = 4};
    rig_build(r);
    must(r, r->type->feed(r->objective, &r->batch, &r->error));
    assert_true(isfinite(forward(r)));
    must(r, nn_graph_backward(r->graph, 1, &r->error));
    rig_close(r);
}

static int setup(void **state)
{
    *state = calloc(2, sizeof(rig));
    return *state == NULL;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_derivatives),   cmocka_unit_test(physioclr_gradients_with_every_setting),
        cmocka_unit_test(training_lowers_the_loss),    cmocka_unit_test(bad_settings_are_told),
        cmocka_unit_test(queue_survives_a_checkpoint), cmocka_unit_test(wav2vec2_on_xresnet),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
