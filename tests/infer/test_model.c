/* SPDX-License-Identifier: Apache-2.0 */
/* Model files in use: probabilities by hand-computed rules, the same for any number of threads, damaged files refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "dataset/preprocess.h"
#include "model/classifier.h"
#include "folder.h"
#include "waves.h"

enum { RECORDS = 5, MEMBERS = 2, CLASSES = 3 };

static const preprocess_spec INPUT = {.rate = 100, .seconds = 2, .leads = 2, .lead_name = {"I", "II"}, .normalize = "none", .scale = 1};

static model_classifier_spec classifier_spec(void)
{
    model_classifier_spec spec = {.input = "embedding", .pool = "mean", .classes = CLASSES};
    (void)snprintf(spec.encoder.name, sizeof spec.encoder.name, "xresnet1d");
    (void)snprintf(spec.encoder.size, sizeof spec.encoder.size, "18");
    spec.encoder.leads = 2;
    spec.encoder.width = 8;
    return spec;
}

/* The same parameters, filled with sines, in a graph for one window. */
static nn_graph *network(nn_params *params, nn_backend *backend, double seed, nn_id *signal, nn_id *logits)
{
    pclr_error error = {0};
    nn_graph *g = NULL;
    model_classifier_spec spec = classifier_spec();
    must(nn_graph_create(&g, backend, params, NN_INFER, &error), &error);
    *signal = nn_input(g, "signal", NN_F32, nn_shape3(1, 200, 2));
    *logits = model_classifier_build(g, *signal, NN_NONE, &spec);
    nn_keep(g, *logits);
    waves_fill_params(params);
    nn_parameter *head = nn_params_find(params, "head.output.bias");
    assert_non_null(head);
    for (int c = 0; c < CLASSES; c++) head->value[c] = (float)(seed + 0.1 * c);
    must(nn_graph_compile(g, NN_NONE, &error), &error);
    return g;
}

static void write_model(const char *path, const char *version, const char *classes)
{
    pclr_error error = {0};
    st_writer *w = NULL;
    nn_backend *backend = NULL;
    nn_params *params[MEMBERS] = {0};
    char *preprocessing = NULL, *architecture = NULL, *classifier = NULL;
    model_classifier_spec spec = classifier_spec();
    must(st_writer_create(&w, &error), &error);
    must(nn_backend_create(&backend, "auto", 1, &error), &error);
    must(preprocess_to_json(&INPUT, &preprocessing, &error), &error);
    must(model_spec_to_json(&spec.encoder, &architecture, &error), &error);
    must(model_classifier_to_json(&spec, &classifier, &error), &error);
    const char *const metadata[][2] = {
        {"format", MODEL_FORMAT_CLASSIFIER}, {"version", version}, {"preprocessing", preprocessing}, {"architecture", architecture},
        {"classifier", classifier},          {"classes", classes}, {"temperature", "[2.0]"},         {"members", "2"},
        {"thresholds", "[0.5,0.5,0.5]"}};
    for (size_t k = 0; k < sizeof metadata / sizeof *metadata; k++)
        must(st_writer_metadata(w, metadata[k][0], metadata[k][1], &error), &error);
    for (int m = 0; m < MEMBERS; m++) {
        char prefix[32];
        nn_id signal, logits;
        must(nn_params_create(&params[m], 1, &error), &error);
        nn_graph *g = network(params[m], backend, m, &signal, &logits);
        nn_graph_destroy(&g);
        (void)snprintf(prefix, sizeof prefix, "member.%d.", m);
        must(model_weights_save(params[m], "", prefix, w, &error), &error);
    }
    must(st_writer_write(w, path, &error), &error);
    for (int m = 0; m < MEMBERS; m++) nn_params_destroy(&params[m]);
    st_writer_destroy(&w);
    nn_backend_destroy(&backend);
    mem_free(preprocessing);
    mem_free(architecture);
    mem_free(classifier);
}

/* 5 s at 100 Hz: three windows of 2 s, at 0, 1.5 and 3 s. */
static pclr_record *make_record(int k)
{
    pclr_record *r = NULL;
    pclr_error error = {0};
    char id[16];
    (void)snprintf(id, sizeof id, "w%d", k);
    must(pclr_record_create(&r, id, 100, 2, 500, &error), &error);
    waves_fill(r->signal, 1000, k, 0.5);
    for (int c = 0; c < 2; c++) {
        (void)snprintf(r->channel[c].name, sizeof r->channel[c].name, "%s", c ? "II" : "I");
        r->channel[c].lead = c ? PCLR_LEAD_II : PCLR_LEAD_I;
    }
    return r;
}

static int set_up(void **state)
{
    pclr_error error = {0};
    (void)state;
    if (folder_make() != 0) return -1;
    write_model(in_folder("model.safetensors"), MODEL_FORMAT_VERSION, "[\"A\",\"B, or C\",\"D\"]");
    must(file_make_folder(in_folder("records"), &error), &error);
    for (int k = 0; k < RECORDS; k++) {
        pclr_record *r = make_record(k);
        must(pclr_record_write_wfdb(r, in_folder("records"), NULL, &error), &error);
        pclr_record_destroy(&r);
    }
    must(file_write(in_folder("records/bad.hea"), "bad 2 100 500\nbad.dat 16 1000/mV 16 0 0 0 0 I\n", 43, &error), &error);
    return 0;
}

/* Probability by the rules of the file: mean logit over windows, mean probability over members, log odds over temperature. */
static void by_hand(const pclr_record *r, double out[CLASSES])
{
    static const int start[] = {0, 150, 300};
    double mean[CLASSES] = {0};
    nn_backend *backend = NULL;
    pclr_error error = {0};
    must(nn_backend_create(&backend, "auto", 1, &error), &error);
    for (int m = 0; m < MEMBERS; m++) {
        double logit[CLASSES] = {0};
        nn_params *params = NULL;
        nn_id signal, logits;
        must(nn_params_create(&params, 1, &error), &error);
        nn_graph *g = network(params, backend, m, &signal, &logits);
        for (int w = 0; w < 3; w++) {
            float *x = nn_data(g, signal);
            for (int t = 0; t < 200; t++)
                for (int c = 0; c < 2; c++) x[t * 2 + c] = r->signal[c * 500 + start[w] + t];
            must(nn_graph_forward(g, 0, &error), &error);
            for (int c = 0; c < CLASSES; c++) logit[c] += ((const float *)nn_data(g, logits))[c] / 3.0;
        }
        for (int c = 0; c < CLASSES; c++) mean[c] += 1 / (1 + exp(-logit[c])) / MEMBERS;
        nn_graph_destroy(&g);
        nn_params_destroy(&params);
    }
    for (int c = 0; c < CLASSES; c++) out[c] = 1 / (1 + exp(-log(mean[c] / (1 - mean[c])) / 2.0));
    nn_backend_destroy(&backend);
}

static void test_probabilities_follow_the_rules(void **state)
{
    pclr_model *model = NULL;
    pclr_error error = {0};
    pclr_record *r = make_record(3);
    float found[CLASSES];
    double expected[CLASSES];
    (void)state;
    must(pclr_model_open(&model, in_folder("model.safetensors"), 1, &error), &error);
    assert_int_equal(pclr_model_classes(model), CLASSES);
    assert_string_equal(pclr_model_class_name(model, 1), "B, or C");
    assert_null(pclr_model_class_name(model, 3));
    must(pclr_model_predict(model, r, found, &error), &error);
    by_hand(r, expected);
    for (int c = 0; c < CLASSES; c++)
        if (!(fabs((double)found[c] - expected[c]) < 2e-5)) fail_msg("class %d: found %g, expected %g", c, (double)found[c], expected[c]);
    pclr_model_destroy(&model);
    pclr_record_destroy(&r);
}

static void predict(const char *csv, int threads, pclr_batch_summary *summary)
{
    pclr_error error = {0};
    const char *input[1] = {in_folder("records")};
    pclr_inference_options options = {.threads = threads};
    must(pclr_predict(in_folder("model.safetensors"), input, 1, csv, &options, NULL, summary, &error), &error);
}

static void test_a_bad_record_is_left_out_and_threads_change_nothing(void **state)
{
    pclr_batch_summary summary = {0};
    pclr_error error = {0};
    char *one = NULL, *three = NULL;
    size_t size[2];
    (void)state;
    predict(in_folder("one.csv"), 1, &summary);
    assert_int_equal(summary.found, RECORDS + 1);
    assert_int_equal(summary.done, RECORDS);
    assert_int_equal(summary.refused, 1);
    predict(in_folder("three.csv"), 3, &summary);
    must(file_read(in_folder("one.csv"), 0, &one, &size[0], &error), &error);
    must(file_read(in_folder("three.csv"), 0, &three, &size[1], &error), &error);
    assert_string_equal(one, three);
    assert_int_equal(strncmp(one, "record_id,A,\"B, or C\",D\nw0,", 27), 0);
    mem_free(one);
    mem_free(three);
}

/* Segments of 2 s of a recording of 5 s are two, each predicted as the part of the file that it is; the last second is not used. */
static void test_segments_are_parts_of_a_recording(void **state)
{
    pclr_error error = {0};
    pclr_model *model = NULL;
    const char *input[1] = {in_folder("records/w1.hea")};
    pclr_inference_options options = {.threads = 1, .segment_seconds = 2}, wrong = {.segment_seconds = -1};
    char *csv = NULL, *row;
    size_t size;
    (void)state;
    must(pclr_predict(in_folder("model.safetensors"), input, 1, in_folder("segments.csv"), &options, NULL, NULL, &error), &error);
    must(file_read(in_folder("segments.csv"), 0, &csv, &size, &error), &error);
    must(pclr_model_open(&model, in_folder("model.safetensors"), 1, &error), &error);
    row = strchr(csv, '\n') + 1;
    assert_int_equal(strncmp(csv, "record_id,segment,start,A,", 26), 0);
    for (int s = 0; s < 2; s++, row = strchr(row, '\n') + 1) {
        pclr_record *part = NULL;
        pclr_read_options read = {.first = 200 * s, .count = 200};
        float expected[CLASSES], found[CLASSES];
        int segment = -1;
        double start = -1;
        must(pclr_record_read(&part, in_folder("records/w1.hea"), &read, &error), &error);
        must(pclr_model_predict(model, part, expected, &error), &error);
        assert_int_equal(sscanf(row, "w1,%d,%lf,%f,%f,%f", &segment, &start, &found[0], &found[1], &found[2]), 5);
        assert_int_equal(segment, s);
        assert_true(start == 2.0 * s);
        for (int c = 0; c < CLASSES; c++) assert_true(fabs((double)(found[c] - expected[c])) < 1e-6);
        pclr_record_destroy(&part);
    }
    assert_int_equal(*row, '\0');
    mem_free(csv);
    pclr_model_destroy(&model);
    assert_int_equal(pclr_predict(in_folder("model.safetensors"), input, 1, in_folder("x.csv"), &wrong, NULL, NULL, &error),
                     PCLR_E_ARGUMENT);
}

static void test_embedding_is_npy_with_ids(void **state)
{
    pclr_error error = {0};
    pclr_batch_summary summary = {0};
    const char *input[1] = {in_folder("records/w2")};
    char *npy = NULL, *ids = NULL;
    size_t size, ids_size;
    pclr_model *model = NULL;
    pclr_record *r = NULL;
    (void)state;
    must(pclr_embed(in_folder("model.safetensors"), input, 1, in_folder("e.npy"), NULL, NULL, &summary, &error), &error);
    must(pclr_model_open(&model, in_folder("model.safetensors"), 1, &error), &error);
    must(pclr_record_read(&r, input[0], NULL, &error), &error);
    size_t width = pclr_model_dimensions(model);
    float direct[4096];
    must(pclr_model_embed(model, r, direct, &error), &error);
    must(file_read(in_folder("e.npy"), 0, &npy, &size, &error), &error);
    must(file_read(in_folder("e.npy.ids.txt"), 0, &ids, &ids_size, &error), &error);
    assert_string_equal(ids, "w2\n");
    assert_memory_equal(npy, "\x93NUMPY\x01\x00", 8);
    size_t header = 10 + (size_t)(uint8_t)npy[8] + 256 * (size_t)(uint8_t)npy[9];
    assert_int_equal(header % 64, 0);
    assert_int_equal(size, header + width * sizeof(float));
    assert_memory_equal(npy + header, direct, width * sizeof(float));
    mem_free(npy);
    mem_free(ids);
    pclr_record_destroy(&r);
    pclr_model_destroy(&model);
}

static void refused(const char *path, pclr_status expected, const char *word)
{
    pclr_model *model = NULL;
    pclr_error error = {0};
    assert_int_equal(pclr_model_open(&model, path, 1, &error), expected);
    assert_null(model);
    if (!strstr(error.message, word)) fail_msg("\"%s\" does not name %s", error.message, word);
}

static void test_damaged_models_are_refused(void **state)
{
    pclr_error error = {0};
    char *data = NULL;
    size_t size;
    (void)state;
    write_model(in_folder("newer.safetensors"), "99", "[\"A\",\"B\",\"C\"]");
    refused(in_folder("newer.safetensors"), PCLR_E_UNSUPPORTED, "version");
    write_model(in_folder("classes.safetensors"), MODEL_FORMAT_VERSION, "[\"A\"]");
    refused(in_folder("classes.safetensors"), PCLR_E_FORMAT, "classes");
    must(file_read(in_folder("model.safetensors"), 0, &data, &size, &error), &error);
    must(file_write(in_folder("short.safetensors"), data, size / 2, &error), &error);
    refused(in_folder("short.safetensors"), PCLR_E_FORMAT, "short.safetensors");
    refused(in_folder("none.safetensors"), PCLR_E_MISSING, "none.safetensors");
    mem_free(data);
}

static void test_missing_lead_is_named(void **state)
{
    pclr_model *model = NULL;
    pclr_error error = {0};
    pclr_record *r = make_record(1);
    float found[CLASSES];
    (void)state;
    (void)snprintf(r->channel[1].name, sizeof r->channel[1].name, "V1");
    r->channel[1].lead = PCLR_LEAD_V1;
    must(pclr_model_open(&model, in_folder("model.safetensors"), 1, &error), &error);
    assert_int_equal(pclr_model_predict(model, r, found, &error), PCLR_E_DATA);
    assert_non_null(strstr(error.message, "II"));
    pclr_model_destroy(&model);
    pclr_record_destroy(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probabilities_follow_the_rules),
        cmocka_unit_test(test_a_bad_record_is_left_out_and_threads_change_nothing),
        cmocka_unit_test(test_segments_are_parts_of_a_recording),
        cmocka_unit_test(test_embedding_is_npy_with_ids),
        cmocka_unit_test(test_damaged_models_are_refused),
        cmocka_unit_test(test_missing_lead_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, folder_tear_down);
}
