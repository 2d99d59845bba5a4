/* SPDX-License-Identifier: Apache-2.0 */
/* AUROC by sex, age band and source, and without each source. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/evaluation.h"

static const struct age_band {
    const char *name;
    float from, below;
} age_bands[] = {{"under 40", 0, 40}, {"40-59", 40, 60}, {"60-74", 60, 75}, {"75 and over", 75, 1000}, {"unknown", -1, 0}};
enum { AGE_BANDS = sizeof age_bands / sizeof *age_bands, LONGEST = 64 };

static pclr_status add_group(pclr_evaluation *e, const char *kind, const char *name, const uint32_t *keep, size_t count,
                             const resample_options *resampling, pclr_error *error)
{
    evaluation_group *g = &e->group[e->groups];
    eval_choices choices = {.areas_only = true};
    eval_set part = {0};
    scoring scores = {0};
    resample draws = {0};
    pclr_status status = PCLR_OK;

    *g = (evaluation_group){.records = count, .macro_auroc = {.value = NAN, .low = NAN, .high = NAN}};
    snprintf(g->kind, sizeof g->kind, "%s", kind);
    snprintf(g->name, sizeof g->name, "%s", name);
    if (count == 0) return PCLR_OK;
    TRY_GOTO(mem_alloc(&g->by_class, e->set.classes, sizeof *g->by_class, error));
    e->groups++;
    TRY_GOTO(eval_set_select(&part, &e->set, keep, count, error));
    g->patients = part.patients;
    TRY_GOTO(scoring_create(&scores, &part, &choices, error));
    for (size_t c = 0; c < part.classes; c++) {
        g->by_class[c] = (group_class){scores.rank[c].positives, scores.rank[c].negatives, {NAN, NAN, NAN, false}};
        g->positives += scores.rank[c].positives;
        class_auroc area;
        TRY_GOTO(evaluation_class_auroc(&part, &scores.rank[c], c, &area, error));
        g->by_class[c].auroc = area.estimate;
        if (area.estimate.defined) g->macro_auroc = area.estimate;
        g->defined += scores.rank[c].positives > 0 && scores.rank[c].negatives > 0;
    }
    if (g->defined <= 1) goto done; /* of one class the average is the class */
    TRY_GOTO(resample_create(&draws, &(const scoring *){&scores}, 1, resampling, error));
    size_t of_class;
    measures_of_class(&of_class);
    g->macro_auroc = resample_estimate(&draws, 0, of_class * part.classes + measure_overall("macro_auroc"));
done:
    resample_free(&draws);
    if (scores.set) scoring_free(&scores);
    eval_set_free(&part);
    return status;
}

/* Records of unknown sex or age make a group of their own, unless nothing is known of any. */
static pclr_status by_sex(pclr_evaluation *e, uint32_t *keep, const resample_options *resampling, pclr_error *error)
{
    static const struct {
        const char *name;
        uint8_t sex;
    } sexes[] = {{"male", PCLR_SEX_MALE}, {"female", PCLR_SEX_FEMALE}, {"unknown", PCLR_SEX_UNKNOWN}};
    for (size_t s = 0; s < sizeof sexes / sizeof *sexes; s++) {
        size_t count = 0;
        for (size_t r = 0; r < e->set.records; r++) {
            if (e->set.sex[r] == sexes[s].sex) keep[count++] = (uint32_t)r;
        }
        if (sexes[s].sex == PCLR_SEX_UNKNOWN && count == e->set.records) break;
        TRY(add_group(e, "sex", sexes[s].name, keep, count, resampling, error));
    }
    return PCLR_OK;
}

static pclr_status by_age(pclr_evaluation *e, uint32_t *keep, const resample_options *resampling, pclr_error *error)
{
    for (size_t a = 0; a < AGE_BANDS; a++) {
        size_t count = 0;
        for (size_t r = 0; r < e->set.records; r++) {
            float age = e->set.age[r];
            if (age >= age_bands[a].from && age < age_bands[a].below) keep[count++] = (uint32_t)r;
        }
        if (age_bands[a].from < 0 && count == e->set.records) break;
        TRY(add_group(e, "age", age_bands[a].name, keep, count, resampling, error));
    }
    return PCLR_OK;
}

/* Each source alone, and all but it. */
static pclr_status by_source(pclr_evaluation *e, uint32_t *keep, const resample_options *resampling, pclr_error *error)
{
    if (e->set.sources < 2 || e->set.sources > LONGEST) return PCLR_OK;
    for (int without = 0; without <= 1; without++) {
        for (size_t s = 0; s < e->set.sources; s++) {
            size_t count = 0;
            const char *name = e->set.source_name[s][0] ? e->set.source_name[s] : "unknown";
            for (size_t r = 0; r < e->set.records; r++) {
                if ((e->set.source[r] == s) != without) keep[count++] = (uint32_t)r;
            }
            TRY(add_group(e, without ? "without source" : "source", name, keep, count, resampling, error));
        }
    }
    return PCLR_OK;
}

pclr_status evaluation_groups(pclr_evaluation *e, const resample_options *resampling, pclr_error *error)
{
    resample_options quiet = *resampling;
    uint32_t *keep = NULL;
    pclr_status status = PCLR_OK;

    quiet.callbacks = NULL;
    TRY_GOTO(mem_alloc(&e->group, 3 + AGE_BANDS + 2 * LONGEST + 1, sizeof *e->group, error));
    TRY_GOTO(mem_alloc(&keep, e->set.records, sizeof *keep, error));
    TRY_GOTO(by_sex(e, keep, &quiet, error));
    TRY_GOTO(by_age(e, keep, &quiet, error));
    TRY_GOTO(by_source(e, keep, &quiet, error));
done:
    mem_free(keep);
    return status;
}
