/* SPDX-License-Identifier: Apache-2.0 */
/* A batch shared by processes: together they make the batch that one makes, and in an epoch every record is drawn once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "archive.h"
#include "base/memory.h"
#include "folder.h"
#include "train/loader.h"

enum { BATCH = 12, MOST_PROCESSES = 3 };

static char dataset[4096];
static pclr_config *config;
static pool records;
static size_t *chosen, count;

static int open_archive(void **state)
{
    pclr_error error = {0};
    (void)state;
    if (folder_make() != 0) return -1;
    must(archive_make(folder_name(), dataset, sizeof dataset, &error), &error);
    must(pclr_config_create(&config, &error), &error);
    must(pclr_config_set(config, "input.seconds", "2.5", &error), &error);
    must(pool_open(&records, dataset, NULL, config, true, &error), &error);
    must(pool_split_pretraining(&records, config, &error), &error);
    must(pool_load(&records, NULL, config, 1, NULL, &error), &error);
    must(pool_part(&records, PCLR_SPLIT_TRAIN, &chosen, &count, &error), &error);
    return 0;
}

static int close_archive(void **state)
{
    (void)state;
    mem_free(chosen);
    pool_close(&records);
    pclr_config_destroy(&config);
    return folder_remove();
}

static loader *open_loader(int rank, int size, bool pairs)
{
    loader *l = NULL;
    pclr_error error = {0};
    loader_spec spec = {.source = &records,
                        .record = chosen,
                        .records = count,
                        .config = config,
                        .items = BATCH,
                        .rank = rank,
                        .size = size,
                        .pairs = pairs,
                        .views = 2,
                        .window_ms = 50,
                        .seed = 5};
    must(augment_chain_parse(&spec.chain[1], "heartbeat_shuffle,muscle_noise", &error), &error);
    must(loader_create(&l, &spec, &error), &error);
    return l;
}

static const objective_batch *get(loader *l, int64_t step)
{
    const objective_batch *b = NULL;
    pclr_error error = {0};
    must(loader_get(l, step, &b, &error), &error);
    return b;
}

/* What all know is the same; what one makes is the piece of the whole at its place. */
static void compare_share(const objective_batch *whole, const objective_batch *share, int rank, int size)
{
    size_t points = (size_t)(whole->samples * whole->leads), first = (size_t)(BATCH / size * rank), own = (size_t)(BATCH / size);
    assert_int_equal(share->items, own);
    assert_int_equal(share->before, first);
    assert_int_equal(objective_batch_all(share), BATCH);
    assert_memory_equal(share->record, whole->record, BATCH * sizeof *whole->record);
    assert_memory_equal(share->patient, whole->patient, BATCH * sizeof *whole->patient);
    assert_memory_equal(share->pair, whole->pair, BATCH * sizeof *whole->pair);
    for (int v = 0; v < 2; v++) assert_memory_equal(share->view[v], whole->view[v] + first * points, own * points * sizeof(float));
    assert_memory_equal(share->wave_weight, whole->wave_weight + first * (size_t)whole->samples,
                        own * (size_t)whole->samples * sizeof(float));
}

static void test_shares_make_up_the_batch(void **state)
{
    (void)state;
    for (int size = 1; size <= MOST_PROCESSES; size++)
        for (int rank = 0; rank < size; rank++) {
            loader *whole = open_loader(0, 0, true), *share = open_loader(rank, size, true);
            for (int64_t step = 0; step < 3; step++) compare_share(get(whole, step), get(share, step), rank, size);
            loader_destroy(&whole);
            loader_destroy(&share);
        }
}

static void test_every_record_once_an_epoch(void **state)
{
    const int size = 3;
    int *drawn = calloc((size_t)ARCHIVE_RECORDS, sizeof *drawn);
    int64_t left = (int64_t)count; /* of the epoch */
    (void)state;
    loader *share[3];
    for (int rank = 0; rank < size; rank++) share[rank] = open_loader(rank, size, false);
    for (int64_t step = 0; left > 0; step++)
        for (int rank = 0; rank < size; rank++) {
            const objective_batch *b = get(share[rank], step);
            for (int64_t i = 0; i < b->items && left > 0; i++, left--) drawn[b->record[b->before + i]]++;
        }
    for (size_t k = 0; k < count; k++) assert_int_equal(drawn[records.record[chosen[k]].row], 1);
    for (int rank = 0; rank < size; rank++) loader_destroy(&share[rank]);
    free(drawn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shares_make_up_the_batch), cmocka_unit_test(test_every_record_once_an_epoch)};
    return cmocka_run_group_tests_name("shares", tests, open_archive, close_archive);
}
