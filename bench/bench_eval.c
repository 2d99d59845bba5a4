/* SPDX-License-Identifier: Apache-2.0 */
/* 1,000 resamples over patients of every measure, 26 classes x 20,000 records, on two threads: the work of `physioclr evaluate`. */
#include <stdio.h>
#include <time.h>

#include "base/rng.h"
#include "eval/resample.h"

enum { RECORDS = 20000, CLASSES = 26, PATIENTS = 15000, RESAMPLES = 1000, THREADS = 2 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Prevalences from 0.4 down to 0.005; probabilities without ties. */
static pclr_status make_set(eval_set *set, pclr_error *error)
{
    rng random = rng_make(1, "bench", 0);
    *set = (eval_set){0};
    TRY(arena_create(&set->memory, error));
    TRY(eval_set_allocate(set, RECORDS, CLASSES, error));
    for (size_t c = 0; c < CLASSES; c++) set->class_name[c] = arena_strdup(set->memory, "class");
    for (size_t r = 0; r < RECORDS; r++) {
        set->patient[r] = (uint32_t)(r < PATIENTS ? r : rng_below(&random, PATIENTS));
        for (size_t c = 0; c < CLASSES; c++) {
            uint8_t label = rng_uniform(&random) < 0.4 * (double)(CLASSES - c) / CLASSES / (double)(1 + c / 4);
            set->label[r * CLASSES + c] = label;
            set->score[r * CLASSES + c] = 0.5 * rng_uniform(&random) + (label ? 0.3 : 0.1);
        }
    }
    set->patients = PATIENTS;
    return PCLR_OK;
}

static pclr_status run(pclr_error *error)
{
    double threshold[CLASSES];
    eval_set set = {0};
    scoring scores = {0};
    resample draws = {0};
    resample_options options = {.count = RESAMPLES, .kind = INTERVAL_BCA, .threads = THREADS};
    pclr_status status = PCLR_OK;

    for (size_t c = 0; c < CLASSES; c++) threshold[c] = 0.5;
    eval_choices choices = {.threshold = threshold, .specificity = 0.9};
    TRY_GOTO(make_set(&set, error));
    double begin = seconds();
    TRY_GOTO(scoring_create(&scores, &set, &choices, error));
    TRY_GOTO(resample_create(&draws, &(const scoring *){&scores}, 1, &options, error));
    for (size_t k = 0; k < draws.total; k++) (void)resample_estimate(&draws, 0, k);
    printf("{\"name\": \"bootstrap_1000x26x20000\", \"value\": %.3f, \"unit\": \"s\", \"limit\": 10.0}\n", seconds() - begin);
done:
    resample_free(&draws);
    if (scores.set) scoring_free(&scores);
    eval_set_free(&set);
    return status;
}

int main(void)
{
    pclr_error error = {0};
    if (run(&error) == PCLR_OK) return 0;
    fprintf(stderr, "%s\n", error.message);
    return 1;
}
