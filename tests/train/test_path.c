/* SPDX-License-Identifier: Apache-2.0 */
/* The way from an archive to classifiers: pretraining that resumes bit for bit, probe, fine-tuning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "archive.h"
#include "base/file.h"
#include "base/memory.h"
#include "folder.h"
#include "nn/nn.h"

static char dataset[4096];

static int make_archive(void **state)
{
    pclr_error error = {0};
    (void)state;
    if (folder_make() != 0) return -1;
    pclr_status status = archive_make(folder_name(), dataset, sizeof dataset, &error);
    if (status != PCLR_OK) fprintf(stderr, "%s\n", error.message);
    return status == PCLR_OK ? 0 : -1;
}

static pclr_config *small_config(const char *more)
{
    static const char *const setting[][2] = {{"encoder.name", "xresnet1d"},
                                             {"encoder.width", "8"},
                                             {"input.seconds", "2.5"},
                                             {"train.batch", "12"},
                                             {"train.steps", "6"},
                                             {"train.checkpoint_every", "3"},
                                             {"train.validate_every", "3"},
                                             {"train.log_every", "1"},
                                             {"train.validation_batches", "1"},
                                             {"train.backend", "auto"},
                                             {"train.threads", "1"},
                                             {"objective.queue", "24"},
                                             {"objective.projection", "8"},
                                             {"objective.projection_hidden", "16"},
                                             {"features.components", "10"},
                                             {"finetune.min_steps", "40"},
                                             {"finetune.max_steps", "40"},
                                             {"finetune.batch", "12"},
                                             {"finetune.learning_rate", "0.01"}};
    pclr_config *config = NULL;
    pclr_error error = {0};
    must(pclr_config_create(&config, &error), &error);
    for (size_t k = 0; k < sizeof setting / sizeof *setting; k++)
        must(pclr_config_set(config, setting[k][0], setting[k][1], &error), &error);
    if (more) must(pclr_config_set(config, "train.loader_threads", more, &error), &error);
    return config;
}

static void path_of(char *out, size_t size, const char *run, const char *name)
{
    (void)snprintf(out, size, "%s/%s%s%s", folder_name(), run, name[0] ? "/" : "", name);
}

static void same_file(const char *run_a, const char *run_b, const char *name)
{
    char path[4096], *a = NULL, *b = NULL;
    size_t a_size = 0, b_size = 0;
    pclr_error error = {0};
    path_of(path, sizeof path, run_a, name);
    must(file_read(path, 0, &a, &a_size, &error), &error);
    path_of(path, sizeof path, run_b, name);
    must(file_read(path, 0, &b, &b_size, &error), &error);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a, b, a_size);
    mem_free(a);
    mem_free(b);
}

/* All tensors of two encoder files, bit by bit (their metadata may differ in keys that results do not depend on). */
static void same_tensors(const char *run_a, const char *run_b)
{
    char path[4096];
    st_file *a = NULL, *b = NULL;
    pclr_error error = {0};
    path_of(path, sizeof path, run_a, "encoder.safetensors");
    must(st_open(&a, path, &error), &error);
    path_of(path, sizeof path, run_b, "encoder.safetensors");
    must(st_open(&b, path, &error), &error);
    assert_true(st_count(a) > 10);
    assert_int_equal(st_count(a), st_count(b));
    for (size_t k = 0; k < st_count(a); k++) {
        st_tensor x = st_at(a, k), y = st_at(b, k);
        assert_string_equal(x.name, y.name);
        assert_int_equal(x.bytes, y.bytes);
        assert_memory_equal(x.data, y.data, x.bytes);
    }
    st_close(&a);
    st_close(&b);
}

static void pretrain(const char *run, pclr_config *config, bool resume, const pclr_callbacks *callbacks, pclr_status expected)
{
    char path[4096];
    pclr_error error = {0};
    pclr_train_summary summary = {0};
    path_of(path, sizeof path, run, "");
    pclr_status status = pclr_pretrain(dataset, config, path, resume, callbacks, &summary, &error);
    if (status != expected) fail_msg("status %s: %s", pclr_status_name(status), error.message);
    if (status == PCLR_OK) assert_int_equal(summary.steps, 6);
}

/* Asks to stop when the third step was logged. */
static bool stop_after_third(void *user)
{
    char path[4096], *data = NULL;
    size_t size = 0;
    path_of(path, sizeof path, user, "metrics.jsonl");
    bool stop = file_read(path, 0, &data, &size, NULL) == PCLR_OK && strstr(data, "\"train\",\"step\":3");
    mem_free(data);
    return stop;
}

static void test_interrupted_run_resumes_bit_for_bit(void **state)
{
    pclr_config *config = small_config(NULL);
    pclr_callbacks stopping = {.user = (void *)(uintptr_t) "stopped", .stop = stop_after_third};
    (void)state;
    pretrain("whole", config, false, NULL, PCLR_OK);
    pretrain("stopped", config, false, &stopping, PCLR_E_INTERRUPTED);
    pretrain("stopped", config, true, NULL, PCLR_OK);
    same_tensors("whole", "stopped");
    pclr_config_destroy(&config);
}

static void test_loader_threads_change_nothing(void **state)
{
    pclr_config *config = small_config("3");
    (void)state;
    pretrain("threads", config, false, NULL, PCLR_OK);
    same_tensors("whole", "threads");
    pclr_config_destroy(&config);
}

static void test_other_configuration_is_not_resumed(void **state)
{
    pclr_config *config = small_config(NULL);
    pclr_error error = {0};
    char path[4096];
    (void)state;
    must(pclr_config_set(config, "train.learning_rate", "0.5", &error), &error);
    path_of(path, sizeof path, "whole", "");
    assert_int_equal(pclr_pretrain(dataset, config, path, true, NULL, NULL, &error), PCLR_E_ARGUMENT);
    assert_non_null(strstr(error.message, "train.learning_rate"));
    pclr_config_destroy(&config);
}

static void test_other_precision_is_not_resumed(void **state)
{
    pclr_config *config = small_config(NULL);
    pclr_error error = {0};
    char path[4096];
    (void)state;
    must(pclr_config_set(config, "train.precision", "fp32", &error), &error); /* begun with auto */
    path_of(path, sizeof path, "whole", "");
    assert_int_equal(pclr_pretrain(dataset, config, path, true, NULL, NULL, &error), PCLR_E_ARGUMENT);
    assert_non_null(strstr(error.message, "train.precision"));
    assert_int_equal(pclr_config_set(config, "train.precision", "float32", &error), PCLR_E_ARGUMENT);
    pclr_config_destroy(&config);
}

static double downstream(bool finetune, const char *encoder_run, const char *run, const char *input, double fraction)
{
    pclr_config *config = small_config(NULL);
    pclr_error error = {0};
    pclr_train_summary summary = {0};
    char encoder[4096], path[4096];
    path_of(encoder, sizeof encoder, encoder_run ? encoder_run : "", "encoder.safetensors");
    path_of(path, sizeof path, run, "");
    pclr_downstream_options options = {.task = "fast", .encoder = encoder_run ? encoder : NULL, .input = input, .label_fraction = fraction};
    must((finetune ? pclr_finetune : pclr_probe)(dataset, &options, config, path, NULL, &summary, &error), &error);
    pclr_config_destroy(&config);
    return summary.best_value;
}

static void test_probe_tells_fast_from_slow(void **state)
{
    (void)state;
    assert_true(downstream(false, "whole", "probe", "embedding", 1.0) > 0.9);
    assert_true(downstream(false, NULL, "features", "features", 0.5) > 0.9);
    assert_true(downstream(false, "whole", "both", "both", 0.5) > 0.9);
}

static void test_probe_is_the_same_twice(void **state)
{
    (void)state;
    downstream(false, "whole", "again", "embedding", 1.0);
    same_file("probe", "again", "model.safetensors");
}

static void test_finetuning_tells_fast_from_slow(void **state)
{
    (void)state;
    assert_true(downstream(true, "whole", "finetuned", "embedding", 1.0) > 0.9);
    assert_true(downstream(true, NULL, "scratch", "both", 1.0) > 0.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interrupted_run_resumes_bit_for_bit),
        cmocka_unit_test(test_loader_threads_change_nothing),
        cmocka_unit_test(test_other_configuration_is_not_resumed),
        cmocka_unit_test(test_other_precision_is_not_resumed),
        cmocka_unit_test(test_probe_tells_fast_from_slow),
        cmocka_unit_test(test_probe_is_the_same_twice),
        cmocka_unit_test(test_finetuning_tells_fast_from_slow),
    };
    return cmocka_run_group_tests(tests, make_archive, folder_tear_down);
}
