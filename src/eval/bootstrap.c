/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/bootstrap.h"

#include <string.h>

#include "base/rng.h"

enum { DRAWS = 200, EXCHANGES = 10000 };

void bootstrap_free(bootstrap *b)
{
    mem_free(b->group_start);
    mem_free(b->group_patient);
    mem_free(b->stratum_start);
    mem_free(b->stratum_patient);
    *b = (bootstrap){0};
}

/* Lists the patients of every class' positives and negatives, each patient once a group (`seen` holds the last group that had it). */
static void fill_groups(bootstrap *b, size_t *seen)
{
    const eval_set *set = b->set;
    size_t filled = 0;
    for (size_t c = 0; c < set->classes; c++) {
        size_t count[2];
        eval_set_count(set, c, &count[1], &count[0]);
        if (count[0] == 0 || count[1] == 0) continue;
        for (uint8_t side = 0; side <= 1; side++) {
            b->group_start[b->groups++] = filled;
            for (size_t r = 0; r < set->records; r++) {
                if (set->label[r * set->classes + c] != side || seen[set->patient[r]] == b->groups) continue;
                seen[set->patient[r]] = b->groups;
                b->group_patient[filled++] = set->patient[r];
            }
        }
    }
    b->group_start[b->groups] = filled;
}

static pclr_status make_groups(bootstrap *b, pclr_error *error)
{
    size_t *seen = NULL;
    TRY(mem_alloc(&b->group_start, 2 * b->set->classes + 1, sizeof *b->group_start, error));
    TRY(mem_alloc(&b->group_patient, 2 * b->set->records * b->set->classes, sizeof *b->group_patient, error));
    TRY(mem_alloc(&seen, b->set->patients, sizeof *seen, error));
    fill_groups(b, seen);
    mem_free(seen);
    return PCLR_OK;
}

/* stratum[patients]: the positive class with the fewest patients, or `classes` for patients without a positive. */
static void assign_strata(const bootstrap *b, const size_t *rarity, uint32_t *stratum)
{
    const eval_set *set = b->set;
    for (size_t p = 0; p < set->patients; p++) stratum[p] = (uint32_t)set->classes;
    for (size_t r = 0; r < set->records; r++) {
        uint32_t *own = &stratum[set->patient[r]];
        for (size_t c = 0; c < set->classes; c++) {
            if (set->label[r * set->classes + c] != 1) continue;
            if (*own == set->classes || rarity[c] < rarity[*own]) *own = (uint32_t)c;
        }
    }
}

static pclr_status make_strata(bootstrap *b, bool stratified, pclr_error *error)
{
    const eval_set *set = b->set;
    size_t *rarity = NULL, negatives;
    uint32_t *stratum = NULL;
    pclr_status status = PCLR_OK;

    b->strata = stratified ? set->classes + 1 : 1;
    TRY_GOTO(mem_alloc(&b->stratum_start, b->strata + 1, sizeof *b->stratum_start, error));
    TRY_GOTO(mem_alloc(&b->stratum_patient, set->patients, sizeof *b->stratum_patient, error));
    TRY_GOTO(mem_alloc(&rarity, set->classes, sizeof *rarity, error));
    TRY_GOTO(mem_alloc(&stratum, set->patients, sizeof *stratum, error));
    if (stratified) {
        for (size_t c = 0; c < set->classes; c++) eval_set_count(set, c, &rarity[c], &negatives);
        assign_strata(b, rarity, stratum);
    }
    size_t filled = 0;
    for (size_t s = 0; s < b->strata; s++) {
        b->stratum_start[s] = filled;
        for (size_t p = 0; p < set->patients; p++) {
            if (stratum[p] == s) b->stratum_patient[filled++] = (uint32_t)p;
        }
    }
    b->stratum_start[b->strata] = filled;
done:
    mem_free(rarity);
    mem_free(stratum);
    return status;
}

pclr_status bootstrap_create(bootstrap *b, const eval_set *set, uint64_t seed, bool stratified, pclr_error *error)
{
    *b = (bootstrap){.set = set, .seed = seed};
    pclr_status status = make_groups(b, error);
    if (status == PCLR_OK) status = make_strata(b, stratified, error);
    if (status != PCLR_OK) bootstrap_free(b);
    return status;
}

static void draw_patients(const bootstrap *b, rng *random, uint16_t *patient_weight)
{
    memset(patient_weight, 0, b->set->patients * sizeof *patient_weight);
    for (size_t s = 0; s < b->strata; s++) {
        size_t first = b->stratum_start[s], n = b->stratum_start[s + 1] - first;
        for (size_t k = 0; k < n; k++) patient_weight[b->stratum_patient[first + rng_below(random, n)]]++;
    }
}

static bool group_present(const bootstrap *b, size_t group, const uint16_t *patient_weight)
{
    for (size_t k = b->group_start[group]; k < b->group_start[group + 1]; k++) {
        if (patient_weight[b->group_patient[k]] > 0) return true;
    }
    return false;
}

/* A group that has no patient in the resample, or `groups`. */
static size_t lost_group(const bootstrap *b, const uint16_t *patient_weight)
{
    size_t g = 0;
    while (g < b->groups && group_present(b, g, patient_weight)) g++;
    return g;
}

/* Takes one drawn patient out and puts one of the lost group in. */
static void exchange(const bootstrap *b, rng *random, size_t group, uint16_t *patient_weight)
{
    size_t first = b->group_start[group], n = b->group_start[group + 1] - first;
    uint64_t out;
    do {
        out = rng_below(random, b->set->patients);
    } while (patient_weight[out] == 0);
    patient_weight[out]--;
    patient_weight[b->group_patient[first + rng_below(random, n)]]++;
}

bootstrap_outcome bootstrap_draw(const bootstrap *b, uint64_t index, uint16_t *weight, uint16_t *patient_weight)
{
    rng random = rng_make(b->seed, "bootstrap", index);
    bootstrap_outcome outcome = BOOTSTRAP_DRAWN;
    size_t lost = b->groups;

    for (int draw = 0; draw < DRAWS; draw++) {
        draw_patients(b, &random, patient_weight);
        lost = lost_group(b, patient_weight);
        if (lost == b->groups) break;
    }
    for (int k = 0; k < EXCHANGES && lost < b->groups; k++) {
        outcome = BOOTSTRAP_EXCHANGED;
        exchange(b, &random, lost, patient_weight);
        lost = lost_group(b, patient_weight);
    }
    if (lost < b->groups) outcome = BOOTSTRAP_INCOMPLETE;
    for (size_t r = 0; r < b->set->records; r++) weight[r] = patient_weight[b->set->patient[r]];
    return outcome;
}
