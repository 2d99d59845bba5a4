/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recording in memory is brought to the form of the training dataset: it gives what the dataset imported from its file gives, with
 * gaps, underivable and unnamed leads; a model of other features is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "dataset/preprocess.h"
#include "model/classifier.h"
#include "physio/features.h"
#include "folder.h"
#include "waves.h"

enum { CLASSES = 2, FEATURES = 150 };

static void put_text(st_writer *w, const char *key, const char *value)
{
    pclr_error error = {0};
    must(st_writer_metadata(w, key, value, &error), &error);
}

static void put_json(st_writer *w, const char *key, char *json)
{
    put_text(w, key, json);
    mem_free(json);
}

/* A linear classifier of the mean features, weights made of sines. */
static void write_model(const char *path, const char *features, const char *form)
{
    static const preprocess_spec INPUT = {
        .rate = 100, .seconds = 2.5, .leads = 2, .lead_name = {"I", "II"}, .normalize = "none", .scale = 1};
    model_classifier_spec spec = {.input = "features", .pool = "mean", .classes = CLASSES, .features = FEATURES};
    float mean[FEATURES], scale[FEATURES], weight[CLASSES * FEATURES], bias[CLASSES] = {0.1F, -0.2F};
    pclr_error error = {0};
    st_writer *w = NULL;
    char *json = NULL;
    (void)snprintf(spec.encoder.name, sizeof spec.encoder.name, "xresnet1d");
    (void)snprintf(spec.encoder.size, sizeof spec.encoder.size, "18");
    spec.encoder.leads = 2;
    spec.encoder.width = 8;
    waves_fill(mean, FEATURES, 1, 10);
    waves_fill(weight, CLASSES * (int64_t)FEATURES, 2, 0.1);
    for (int k = 0; k < FEATURES; k++) scale[k] = 100;
    must(st_writer_create(&w, &error), &error);
    put_text(w, "format", MODEL_FORMAT_CLASSIFIER);
    put_text(w, "version", MODEL_FORMAT_VERSION);
    must(preprocess_to_json(&INPUT, &json, &error), &error);
    put_json(w, "preprocessing", json);
    must(model_spec_to_json(&spec.encoder, &json, &error), &error);
    put_json(w, "architecture", json);
    must(model_classifier_to_json(&spec, &json, &error), &error);
    put_json(w, "classifier", json);
    put_text(w, "classes", "[\"A\",\"B\"]");
    put_text(w, "temperature", "[1.0]");
    put_text(w, "members", "1");
    put_text(w, "features", features);
    if (form) put_text(w, "dataset_form", form);
    must(st_writer_add(w, "features.mean", "F32", nn_shape1(FEATURES), mean, &error), &error);
    must(st_writer_add(w, "features.scale", "F32", nn_shape1(FEATURES), scale, &error), &error);
    must(st_writer_add(w, "member.0.head.output.weight", "F32", nn_shape2(CLASSES, FEATURES), weight, &error), &error);
    must(st_writer_add(w, "member.0.head.output.bias", "F32", nn_shape1(CLASSES), bias, &error), &error);
    must(st_writer_write(w, path, &error), &error);
    st_writer_destroy(&w);
}

static const char *this_extractor(void)
{
    static char text[128];
    (void)snprintf(text, sizeof text, "{\"layout\":\"paper150\",\"extractor\":%d,\"segment_seconds\":5.0,\"limit\":10.0}",
                   FEATURE_EXTRACTOR);
    return text;
}

/* 12 s of a heart at 80 a minute in leads named as told, in steps of 1 uV as files have them; a gap of 0.3 s in the second lead. */
static pclr_record *make_record(const char *id, double rate, const char *const *names, size_t leads)
{
    static const double wave[][3] = {
        {-0.16, 0.025, 0.12}, {-0.02, 0.008, -0.1}, {0, 0.01, 1.0}, {0.02, 0.008, -0.2}, {0.24, 0.05, 0.3}}; /* s, s, mV */
    pclr_record *r = NULL;
    pclr_error error = {0};
    size_t samples = (size_t)(12 * rate);
    must(pclr_record_create(&r, id, rate, leads, samples, &error), &error);
    must(mem_alloc(&r->valid, leads, samples, &error), &error);
    for (size_t c = 0; c < leads; c++) {
        (void)snprintf(r->channel[c].name, sizeof r->channel[c].name, "%s", names[c]);
        r->channel[c].lead = pclr_lead_from_name(names[c]);
        for (size_t t = 0; t < samples; t++) {
            double s = (double)t / rate, x = 0.05 * sin(2 * M_PI * 0.3 * s + (double)c);
            for (double beat = 0.4; beat < 12.5; beat += 0.75)
                for (int w = 0; w < 5; w++) {
                    double z = (s - beat - wave[w][0]) / wave[w][1];
                    x += (0.5 + 0.2 * (double)c) * wave[w][2] * exp(-0.5 * z * z);
                }
            bool gap = c == 1 && s >= 3 && s < 3.3;
            r->valid[c * samples + t] = !gap;
            r->signal[c * samples + t] = gap ? 0 : (float)(rint(x * 1000) / 1000);
        }
    }
    return r;
}

static void predict_record(const char *model_path, const pclr_record *r, float *probability)
{
    pclr_model *model = NULL;
    pclr_error error = {0};
    must(pclr_model_open(&model, model_path, 1, &error), &error);
    must(pclr_model_predict(model, r, probability, &error), &error);
    pclr_model_destroy(&model);
}

static void test_memory_and_dataset_agree(void **state)
{
    static const char *const names[] = {"I", "II", "V1"};
    pclr_error error = {0};
    pclr_dataset *dataset = NULL;
    pclr_import_options import = {.rate = 500, .threads = 1};
    const double rates[] = {100, 300, 400, 500};
    const char *source[1] = {in_folder("archive")};
    char path[2304];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/archive.h5", folder_name());
    write_model(in_folder("m.safetensors"), this_extractor(),
                "{\"rate\":500.0,\"leads\":[\"I\",\"II\",\"III\",\"aVR\",\"aVL\",\"aVF\",\"V1\"]}");
    must(file_make_folder(source[0], &error), &error);
    for (int k = 0; k < 4; k++) {
        pclr_record *r = make_record(k == 0 ? "r0" : k == 1 ? "r1" : k == 2 ? "r2" : "r3", rates[k], names, 3);
        must(pclr_record_write_wfdb(r, source[0], NULL, &error), &error);
        pclr_record_destroy(&r);
    }
    must(pclr_import(path, source, 1, &import, NULL, NULL, &error), &error);
    must(pclr_dataset_open(&dataset, path, &error), &error);
    assert_int_equal(pclr_dataset_leads(dataset), 7);
    for (int k = 0; k < 4; k++) {
        float direct[CLASSES], stored[CLASSES];
        pclr_record *r = NULL, *original = make_record("x", rates[k], names, 3);
        int64_t row = pclr_dataset_find(dataset, k == 0 ? "r0" : k == 1 ? "r1" : k == 2 ? "r2" : "r3");
        assert_true(row >= 0);
        must(pclr_dataset_record(dataset, (size_t)row, &r, &error), &error);
        predict_record(in_folder("m.safetensors"), r, stored);
        predict_record(in_folder("m.safetensors"), original, direct);
        assert_int_equal(original->leads, 3); /* not changed */
        for (int c = 0; c < CLASSES; c++)
            if (!(fabs((double)direct[c] - (double)stored[c]) <= 1e-6))
                fail_msg("%g Hz, class %d: %.9g in memory, %.9g from the dataset", rates[k], c, (double)direct[c], (double)stored[c]);
        pclr_record_destroy(&original);
        pclr_record_destroy(&r);
    }
    pclr_dataset_destroy(&dataset);
}

static void test_a_single_lead_model_takes_what_there_is(void **state)
{
    static const char *const one[] = {"lead of a watch"}, *const two[] = {"V1", "II"}, *const same[] = {"II"};
    float found[CLASSES], expected[CLASSES];
    pclr_error error = {0};
    pclr_model *model = NULL;
    pclr_record *r = make_record("watch", 300, one, 1), *named = make_record("named", 300, same, 1);
    (void)state;
    write_model(in_folder("single.safetensors"), this_extractor(), "{\"rate\":300.0,\"leads\":[\"II\"]}");
    predict_record(in_folder("single.safetensors"), r, found);
    predict_record(in_folder("single.safetensors"), named, expected);
    assert_memory_equal(found, expected, sizeof found);
    pclr_record_destroy(&r);
    pclr_record_destroy(&named);
    write_model(in_folder("other.safetensors"), this_extractor(), "{\"rate\":300.0,\"leads\":[\"I\",\"V6\"]}");
    r = make_record("other", 300, two, 2);
    must(pclr_model_open(&model, in_folder("other.safetensors"), 1, &error), &error);
    assert_int_equal(pclr_model_predict(model, r, found, &error), PCLR_E_DATA);
    assert_non_null(strstr(error.message, "V1"));
    pclr_model_destroy(&model);
    pclr_record_destroy(&r);
}

static void refused(const char *features, const char *form, pclr_status expected, const char *word)
{
    pclr_model *model = NULL;
    pclr_error error = {0};
    write_model(in_folder("refused.safetensors"), features, form);
    assert_int_equal(pclr_model_open(&model, in_folder("refused.safetensors"), 1, &error), expected);
    if (!strstr(error.message, word)) fail_msg("\"%s\" does not tell \"%s\"", error.message, word);
}

static void test_other_features_are_refused(void **state)
{
    const char *form = "{\"rate\":500.0,\"leads\":[\"I\"]}";
    (void)state;
    refused("{\"layout\":\"paper150\",\"extractor\":1000000,\"segment_seconds\":5.0,\"limit\":10.0}", form, PCLR_E_UNSUPPORTED, "retrain");
    refused("{\"layout\":\"poor\",\"segment_seconds\":5.0,\"limit\":10.0}", form, PCLR_E_UNSUPPORTED, "poor");
    refused(this_extractor(), NULL, PCLR_E_FORMAT, "dataset_form");
    refused(this_extractor(), "{\"rate\":0.0,\"leads\":[\"I\"]}", PCLR_E_FORMAT, "rate");
    refused(this_extractor(), "{\"rate\":500.0,\"leads\":[]}", PCLR_E_FORMAT, "leads");
}

static void count_warning(void *user, pclr_log_level level, const char *message)
{
    if (level == PCLR_LOG_WARNING && strstr(message, "extractor")) ++*(int *)user;
}

/* A file that does not tell its extractor, and tells the dataset's form among the features. */
static void test_an_unknown_extractor_is_told_once(void **state)
{
    static const char *const names[] = {"I", "II", "V1"};
    int warnings = 0;
    pclr_callbacks callbacks = {.user = &warnings, .log = count_warning};
    pclr_inference_options one_thread = {.threads = 1};
    pclr_error error = {0};
    const char *input[1] = {in_folder("two")};
    (void)state;
    must(file_make_folder(input[0], &error), &error);
    for (int k = 0; k < 2; k++) {
        pclr_record *r = make_record(k ? "b" : "a", 300, names, 3);
        must(pclr_record_write_wfdb(r, input[0], NULL, &error), &error);
        pclr_record_destroy(&r);
    }
    write_model(in_folder("old.safetensors"),
                "{\"layout\":\"paper150\",\"segment_seconds\":5.0,\"rate\":500.0,\"leads\":[\"I\",\"II\"],\"limit\":10.0}", NULL);
    must(pclr_predict(in_folder("old.safetensors"), input, 1, in_folder("old.csv"), &one_thread, &callbacks, NULL, &error), &error);
    assert_int_equal(warnings, 1);
    write_model(in_folder("new.safetensors"), this_extractor(), "{\"rate\":500.0,\"leads\":[\"I\",\"II\"]}");
    must(pclr_predict(in_folder("new.safetensors"), input, 1, in_folder("new.csv"), &one_thread, &callbacks, NULL, &error), &error);
    assert_int_equal(warnings, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_and_dataset_agree),
        cmocka_unit_test(test_a_single_lead_model_takes_what_there_is),
        cmocka_unit_test(test_other_features_are_refused),
        cmocka_unit_test(test_an_unknown_extractor_is_told_once),
    };
    return cmocka_run_group_tests(tests, folder_set_up, folder_tear_down);
}
