/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders, pooling, decoder and heads: values against PyTorch, parameter counts, shapes, causality, their description. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/memory.h"
#include "model/model.h"
#include "waves.h"

enum { B = 3, T = 203, C = 5 };

typedef struct rig {
    nn_backend *backend;
    nn_params *params;
    nn_graph *graph;
    nn_id x;
    pclr_error error;
} rig;

static void rig_open(rig *r, const char *backend, nn_mode mode, int64_t items, int64_t samples, int64_t leads)
{
    memset(r, 0, sizeof *r);
    assert_int_equal(nn_backend_create(&r->backend, backend, 1, &r->error), PCLR_OK);
    assert_int_equal(nn_params_create(&r->params, 1, &r->error), PCLR_OK);
    assert_int_equal(nn_graph_create(&r->graph, r->backend, r->params, mode, &r->error), PCLR_OK);
    r->x = nn_input(r->graph, "signal", NN_F32, nn_shape3(items, samples, leads));
}

static void rig_close(rig *r)
{
    nn_graph_destroy(&r->graph);
    nn_params_destroy(&r->params);
    nn_backend_destroy(&r->backend);
}

static void must(rig *r, pclr_status status)
{
    if (status != PCLR_OK) fail_msg("%s", r->error.message);
}

static model_encoder_spec spec_of(const char *name, const char *size, int64_t leads)
{
    model_encoder_spec s = {.leads = leads};
    (void)snprintf(s.name, sizeof s.name, "%s", name);
    (void)snprintf(s.size, sizeof s.size, "%s", size);
    return s;
}

/* y's shape, mean, mean square and first values against the line `name` of encoders.txt. */
static void compare(rig *r, nn_id y, const char *name)
{
    nn_keep(r->graph, y);
    must(r, nn_graph_compile(r->graph, NN_NONE, &r->error));
    waves_fill_params(r->params);
    waves_fill(nn_data(r->graph, r->x), B * T * C, 1, 1);
    must(r, nn_graph_forward(r->graph, 0, &r->error));
    char *line = waves_stored("encoders.txt", name), *at = line;
    assert_non_null(line);
    nn_shape shape = nn_shape_of(r->graph, y);
    for (int k = 0; k < shape.rank; k++) assert_int_equal(strtol(at, &at, 10), shape.n[k]);
    at = strchr(at, ':') + 1;
    const float *value = nn_data(r->graph, y);
    int64_t size = nn_shape_size(shape);
    double mean = 0, square = 0;
    for (int64_t k = 0; k < size; k++) {
        mean += (double)value[k] / (double)size;
        square += (double)value[k] * (double)value[k] / (double)size;
    }
    double want_mean = strtod(at, &at), want_square = strtod(at, &at);
    assert_true(fabs(mean - want_mean) < 2e-4);
    assert_true(fabs(square - want_square) < 1e-3 * want_square);
    for (int k = 0; k < 8; k++) {
        double want = strtod(at, &at);
        if (fabs((double)value[k] - want) > 2e-3 * (1 + fabs(want)))
            fail_msg("%s, value %d: %.9g instead of %.9g", name, k, (double)value[k], want);
    }
    free(line);
}

static void check_encoder(const char *stored, model_encoder_spec spec, const char *backend)
{
    rig r;
    rig_open(&r, backend, NN_TRAIN, B, T, C); /* batch norm by the batch, as in the script */
    compare(&r, model_encode(r.graph, r.x, &spec), stored);
    rig_close(&r);
}

static void check_values(const char *backend)
{
    model_encoder_spec small18 = spec_of("xresnet1d", "18", C), small50 = spec_of("xresnet1d", "50", C);
    model_encoder_spec tiny = spec_of("transformer", "tiny", C), s4 = spec_of("s4", "tiny", C), causal = s4;
    small18.width = small50.width = 8;
    tiny.stem_stride = 4;
    causal.causal = true;
    check_encoder("xresnet1d.18", small18, backend);
    check_encoder("xresnet1d.50", small50, backend);
    check_encoder("transformer.tiny", tiny, backend);
    check_encoder("s4.tiny", s4, backend);
    check_encoder("s4.causal", causal, backend);
}

static void values_equal_pytorch(void **state)
{
    (void)state;
    check_values("reference");
}

static void values_equal_pytorch_on_the_fast_backend(void **state)
{
    (void)state;
    check_values("auto");
}

/* Inference joins operations (nn/fold.c): the fast backend beside the reference, which joins none. */
static void inference_equals_the_reference(void **state)
{
    enum { ITEMS = 2, SAMPLES = 400, LEADS = 3 };
    (void)state;
    for (size_t e = 0; e < model_encoder_count(); e++) {
        const char *name = model_encoder_at(e)->name, *backend[] = {"auto", "reference"};
        const bool convolutions = strcmp(name, "xresnet1d") == 0;
        for (int second = 0; second < (convolutions ? 2 : 1); second++) {
            model_encoder_spec spec = spec_of(name, !convolutions ? "tiny" : second ? "50" : "18", LEADS);
            if (convolutions) spec.width = 8;
            rig r[2];
            nn_id y[2];
            for (int k = 0; k < 2; k++) {
                rig_open(&r[k], backend[k], NN_INFER, ITEMS, SAMPLES, LEADS);
                y[k] = model_encode(r[k].graph, r[k].x, &spec);
                nn_keep(r[k].graph, y[k]);
                must(&r[k], nn_graph_compile(r[k].graph, NN_NONE, &r[k].error));
                waves_fill_params(r[k].params);
                waves_fill(nn_data(r[k].graph, r[k].x), ITEMS * SAMPLES * LEADS, 1, 1);
                must(&r[k], nn_graph_forward(r[k].graph, 0, &r[k].error));
            }
            const float *fast = nn_data(r[0].graph, y[0]), *plain = nn_data(r[1].graph, y[1]);
            for (int64_t k = 0; k < nn_shape_size(nn_shape_of(r[1].graph, y[1])); k++)
                if (!(fabsf(fast[k] - plain[k]) <= 1e-3f * (1 + fabsf(plain[k]))))
                    fail_msg("%s %s, value %lld: %.9g instead of %.9g", name, spec.size, (long long)k, (double)fast[k], (double)plain[k]);
            for (int k = 0; k < 2; k++) rig_close(&r[k]);
        }
    }
}

static void heads_equal_pytorch(void **state)
{
    static const struct {
        const char *name;
        int64_t samples, leads;
    } decoded[] = {{"decoder", T, C}, {"decoder.long", 230, 2}};
    model_encoder_spec s4 = spec_of("s4", "tiny", C);
    rig r;
    (void)state;
    rig_open(&r, "reference", NN_TRAIN, B, T, C);
    compare(&r, model_pool(r.graph, model_encode(r.graph, r.x, &s4), "attention"), "attention");
    rig_close(&r);
    for (size_t k = 0; k < sizeof decoded / sizeof *decoded; k++) {
        rig_open(&r, "reference", NN_TRAIN, B, T, C);
        nn_id y = model_decode(r.graph, model_encode(r.graph, r.x, &s4), decoded[k].samples, decoded[k].leads);
        compare(&r, y, decoded[k].name);
        rig_close(&r);
    }
}

static int64_t count_parameters(model_encoder_spec spec, bool with_mask)
{
    rig r;
    rig_open(&r, "reference", NN_INFER, 1, 2500, spec.leads);
    nn_id z = model_encode_stem(r.graph, r.x, &spec), visible = NN_NONE;
    if (with_mask) visible = nn_input(r.graph, "visible", NN_F32, nn_shape3(1, nn_shape_of(r.graph, z).n[1], 1));
    assert_int_not_equal(model_encode_context(r.graph, z, visible, &spec), NN_NONE);
    int64_t count = nn_params_size(r.params, "encoder.");
    rig_close(&r);
    return count;
}

/* transformer base is ECG-FM's encoder (90,373,248; with mask embedding 90,374,016); the others by hand from their descriptions. */
static void parameter_counts(void **state)
{
    (void)state;
    assert_int_equal(count_parameters(spec_of("transformer", "base", 12), false), 90373248);
    assert_int_equal(count_parameters(spec_of("transformer", "base", 12), true), 90374016);
    int64_t s4 = count_parameters(spec_of("s4", "base", 12), false);
    assert_in_range(s4, 1800000, 3000000);
    /* xresnet1d18: stem 5 (12*32 + 32*32 + 32*64) + 2 (32+32+64); per stage blocks k5, shortcuts k1, two numbers per norm channel */
    int64_t want = 5 * (12 * 32 + 32 * 32 + 32 * 64) + 2 * 128;
    for (int64_t s = 0, in = 64; s < 4; s++) {
        int64_t w = 64 << s;
        want += 5 * (in * w + 3 * w * w) + 8 * w;
        if (in != w) want += in * w + 2 * w;
        in = w;
    }
    assert_int_equal(count_parameters(spec_of("xresnet1d", "18", 12), false), want);
}

/* Any length and lead count; the frames are about samples / stride; the decoder gives the length back. */
static void shapes_of_any_input(void **state)
{
    static const int64_t lengths[] = {250, 997, 1000, 2500};
    (void)state;
    for (size_t e = 0; e < model_encoder_count(); e++)
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            const model_encoder *type = model_encoder_at(e);
            model_encoder_spec spec = spec_of(type->name, strcmp(type->name, "xresnet1d") == 0 ? "18" : "tiny", 1 + (int64_t)k);
            if (strcmp(type->name, "xresnet1d") == 0) spec.width = 8;
            rig r;
            rig_open(&r, "reference", NN_INFER, 2, lengths[k], spec.leads);
            nn_id h = model_encode(r.graph, r.x, &spec);
            nn_id y = model_decode(r.graph, h, lengths[k], spec.leads);
            must(&r, nn_graph_compile(r.graph, NN_NONE, &r.error));
            assert_int_equal(nn_shape_of(r.graph, h).n[2], model_dimensions(&spec));
            double frames = (double)lengths[k] / (double)model_stride(&spec);
            assert_true(fabs((double)nn_shape_of(r.graph, h).n[1] - frames) < 1.01);
            assert_int_equal(nn_shape_of(r.graph, y).n[1], lengths[k]);
            assert_int_equal(nn_shape_of(r.graph, y).n[2], spec.leads);
            rig_close(&r);
        }
}

/* Changing the second half of the signal changes no earlier frame of a causal encoder (but does of a bidirectional one). */
static void causal_looks_back_only(void **state)
{
    (void)state;
    for (int causal = 0; causal < 2; causal++) {
        model_encoder_spec spec = spec_of("s4", "tiny", 1);
        rig r;
        spec.causal = causal;
        rig_open(&r, "reference", NN_INFER, 1, 200, 1);
        nn_id h = model_encode(r.graph, r.x, &spec);
        nn_keep(r.graph, h);
        must(&r, nn_graph_compile(r.graph, NN_NONE, &r.error));
        float before[20 * 64], *x = nn_data(r.graph, r.x);
        waves_fill(x, 200, 3, 1);
        must(&r, nn_graph_forward(r.graph, 0, &r.error));
        memcpy(before, nn_data(r.graph, h), sizeof before);
        for (int t = 100; t < 200; t++) x[t] += 1;
        must(&r, nn_graph_forward(r.graph, 0, &r.error));
        if (causal)
            assert_memory_equal(before, nn_data(r.graph, h), sizeof before);
        else
            assert_memory_not_equal(before, nn_data(r.graph, h), sizeof before);
        rig_close(&r);
    }
}

static void pooling_and_heads(void **state)
{
    model_encoder_spec spec = spec_of("s4", "tiny", 2);
    rig r;
    (void)state;
    rig_open(&r, "reference", NN_INFER, 2, 100, 2);
    nn_id h = model_encode(r.graph, r.x, &spec);
    nn_id both = model_pool(r.graph, h, "max_mean"), mean = model_pool(r.graph, h, "mean");
    nn_id logits = model_classify(r.graph, both, 16, 7, 0.5), z = model_project(r.graph, mean, "projection", 32, 9);
    assert_int_equal(nn_shape_of(r.graph, both).n[1], model_pool_dimensions("max_mean", 64));
    assert_int_equal(nn_shape_of(r.graph, logits).n[1], 7);
    assert_int_equal(nn_shape_of(r.graph, z).n[1], 9);
    nn_keep(r.graph, both);
    nn_keep(r.graph, mean);
    nn_keep(r.graph, logits);
    must(&r, nn_graph_compile(r.graph, NN_NONE, &r.error));
    waves_fill(nn_data(r.graph, r.x), 400, 3, 1);
    must(&r, nn_graph_forward(r.graph, 0, &r.error));
    const float *b = nn_data(r.graph, both), *m = nn_data(r.graph, mean);
    for (int k = 0; k < 64; k++) {
        assert_true(b[64 + k] == m[k]);
        assert_true(b[k] >= m[k]);
    }
    rig_close(&r);
    rig_open(&r, "reference", NN_INFER, 2, 100, 2);
    assert_int_equal(model_pool(r.graph, model_encode(r.graph, r.x, &spec), "median"), NN_NONE);
    assert_int_equal(nn_graph_compile(r.graph, NN_NONE, &r.error), PCLR_E_ARGUMENT);
    assert_non_null(strstr(r.error.message, "max_mean"));
    rig_close(&r);
}

static pclr_config *make_config(void)
{
    const config_key *tables[] = {model_config_keys};
    pclr_config *config = NULL;
    assert_int_equal(config_create(&config, tables, &model_config_keys_count, 1, NULL), PCLR_OK);
    return config;
}

static void description_survives_the_file(void **state)
{
    model_encoder_spec spec, back;
    pclr_error error = {0};
    char *json = NULL;
    (void)state;
    pclr_config *config = make_config();
    assert_int_equal(pclr_config_set(config, "encoder.name", "s4", &error), PCLR_OK);
    assert_int_equal(pclr_config_set(config, "encoder.causal", "true", &error), PCLR_OK);
    assert_int_equal(pclr_config_set(config, "encoder.stem_stride", "8", &error), PCLR_OK);
    assert_int_equal(model_spec_from_config(&spec, config, 12, &error), PCLR_OK);
    assert_string_equal(spec.size, "small");
    assert_int_equal(model_stride(&spec), 8);
    assert_int_equal(model_spec_to_json(&spec, &json, &error), PCLR_OK);
    assert_int_equal(model_spec_from_json(&back, json, &error), PCLR_OK);
    mem_free(json);
    assert_memory_equal(&spec.name, &back.name, sizeof spec.name);
    assert_true(back.causal && back.stem_stride == 8 && back.leads == 12 && back.dropout == spec.dropout &&
                strcmp(back.size, "small") == 0);
    pclr_config_destroy(&config);
}

static void bad_descriptions_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[1,2]",
        "{\"name\":\"s4\",\"size\":\"small\"}",
        "{\"name\":\"s5\",\"size\":\"small\",\"leads\":12,\"width\":0,\"dropout\":0.1,\"stem_stride\":0,\"causal\":false}",
        "{\"name\":\"s4\",\"size\":\"huge\",\"leads\":12,\"width\":0,\"dropout\":0.1,\"stem_stride\":0,\"causal\":false}",
        "{\"name\":\"s4\",\"size\":\"small\",\"leads\":-1,\"width\":0,\"dropout\":0.1,\"stem_stride\":0,\"causal\":false}",
        "{\"name\":\"s4\",\"size\":\"small\",\"leads\":12,\"width\":99999999,\"dropout\":0.1,\"stem_stride\":0,\"causal\":false}",
        "{\"name\":\"s4\",\"size\":\"small\",\"leads\":12,\"width\":0,\"dropout\":1.5,\"stem_stride\":0,\"causal\":false}",
        "{\"name\":\"s4\",\"size\":\"small\",\"leads\":12,\"width\":0,\"dropout\":0.1,\"stem_stride\":3,\"causal\":false}",
        "{\"name\":\"xresnet1d\",\"size\":\"18\",\"leads\":12,\"width\":0,\"dropout\":0.1,\"stem_stride\":0,\"causal\":true}",
    };
    model_encoder_spec spec;
    (void)state;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        pclr_error error = {0};
        assert_int_equal(model_spec_from_json(&spec, bad[k], &error), PCLR_E_FORMAT);
        assert_true(error.message[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_equal_pytorch),
        cmocka_unit_test(values_equal_pytorch_on_the_fast_backend),
        cmocka_unit_test(inference_equals_the_reference),
        cmocka_unit_test(heads_equal_pytorch),
        cmocka_unit_test(parameter_counts),
        cmocka_unit_test(shapes_of_any_input),
        cmocka_unit_test(causal_looks_back_only),
        cmocka_unit_test(pooling_and_heads),
        cmocka_unit_test(description_survives_the_file),
        cmocka_unit_test(bad_descriptions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
