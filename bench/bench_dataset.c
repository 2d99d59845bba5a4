/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_dataset [N...]: does a window of a dataset cost more when the dataset is larger? (docs/scaling.md)
 *
 * Writes datasets of N recordings (10 thousand and 1 million unless told) of 12 leads x 10 s at 500 Hz, whose samples are holes in the
 * file, so that the disk plays no part, and reads 20,000 windows of 5 s at random, twice. Processor time of one thread; one JSON object a
 * line:
 *
 *     dataset_N_open      s, rows and index come into memory
 *     dataset_N_window    us, a window in the second round
 *     dataset_window_growth   window of the last N over that of the first
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/rng.h"
#include "dataset/import.h"
#include "dataset/labels.h"

enum { RATE = 500, LEADS = 12, RECORD = 5000, WINDOW = 2500, READS = 20000, MOST = 8 };

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Recordings that are said to be in the file already: nothing is written for them. */
static pclr_status make_dataset(const char *path, size_t records, pclr_error *error)
{
    convert_target target = {.rate = RATE, .leads = LEADS};
    stored_record stored = {.length = RECORD, .in_file = true};
    label_set none = {0};
    store *s = NULL;
    pclr_status status;

    for (int k = 0; k < LEADS; k++) snprintf(target.lead_name[k], sizeof target.lead_name[k], "%s", pclr_lead_name((pclr_lead)k));
    TRY_GOTO(store_create(&s, path, &target, error));
    for (size_t k = 0; k < records; k++) {
        char id[32], patient[32];
        size_t index;
        snprintf(id, sizeof id, "r%07zu", k);
        snprintf(patient, sizeof patient, "p%06zu", k / 3);
        store_row row = {.id = id,
                         .source = "simulated",
                         .patient = patient,
                         .path = "",
                         .time = "",
                         .source_rate = RATE,
                         .age = 50,
                         .sex = PCLR_SEX_UNKNOWN,
                         .lead_mask = (1u << LEADS) - 1,
                         .fold = -1,
                         .told_split = PCLR_SPLIT_NONE};
        TRY_GOTO(store_append(s, &stored, &row, &index, error));
    }
    status = store_finish(s, &none, NULL, 0, NULL, error);
done:
    store_destroy(&s);
    return status;
}

static pclr_status read_windows(const pclr_dataset *d, int16_t *window, double *seconds, pclr_error *error)
{
    rng g = rng_make(1, "windows", 0);
    double begin = processor_seconds();

    for (size_t k = 0; k < READS; k++) {
        size_t record = (size_t)rng_below(&g, pclr_dataset_records(d));
        int64_t first = (int64_t)rng_below(&g, RECORD - WINDOW);
        TRY(pclr_dataset_read(d, record, first, WINDOW, window, error));
    }
    *seconds = processor_seconds() - begin;
    return PCLR_OK;
}

static void print(const char *name, double value, const char *unit, const char *limit)
{
    printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", \"limit\": %s}\n", name, value, unit, limit);
}

static pclr_status measure(size_t records, double *microseconds, pclr_error *error)
{
    const char *folder = getenv("TMPDIR");
    char path[4096], name[64];
    pclr_dataset *d = NULL;
    int16_t *window = NULL;
    double seconds = 0;
    pclr_status status;

    snprintf(path, sizeof path, "%s/bench_dataset_%ld_%zu.h5", folder ? folder : "/tmp", (long)getpid(), records);
    TRY_GOTO(make_dataset(path, records, error));
    TRY_GOTO(mem_alloc(&window, WINDOW * LEADS, sizeof *window, error));
    double begin = processor_seconds();
    TRY_GOTO(pclr_dataset_open(&d, path, error));
    snprintf(name, sizeof name, "dataset_%zu_open", records);
    print(name, processor_seconds() - begin, "s", "null");
    for (int round = 0; round < 2; round++) TRY_GOTO(read_windows(d, window, &seconds, error));
    *microseconds = 1e6 * seconds / READS;
    snprintf(name, sizeof name, "dataset_%zu_window", records);
    print(name, *microseconds, "us", "null");
    status = PCLR_OK;
done:
    pclr_dataset_destroy(&d);
    mem_free(window);
    unlink(path);
    return status;
}

int main(int argc, char **argv)
{
    size_t records[MOST] = {10000, 1000000}, count = 2;
    double microseconds[MOST] = {0};
    pclr_error error = {0};

    if (argc > 1) count = argc - 1 > MOST ? MOST : (size_t)(argc - 1);
    for (size_t k = 0; argc > 1 && k < count; k++) records[k] = strtoull(argv[k + 1], NULL, 10);
    for (size_t k = 0; k < count; k++) {
        if (measure(records[k], &microseconds[k], &error) != PCLR_OK) {
            fprintf(stderr, "bench_dataset: %s\n", error.message);
            return 1;
        }
    }
    if (count > 1) print("dataset_window_growth", microseconds[count - 1] / microseconds[0], "times", "2.0");
    return 0;
}
