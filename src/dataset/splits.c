/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits, given in words: "a=0.8/0.1/0.1" (random, by patient), "b=fold:1-7/8/9-10", "c=source:ptbxl" (these sources are the test, the
 * others are divided 9 : 1), "d=column" (as the labels table tells). Without any, one split "default": by folds where a record has one
 * (the last two of ten are validation and test; without folds 9 and 10, fold 8 is validation), else random 80 : 10 : 10.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "dataset/import.h"

static const char default_rule[] = "default=auto";

pclr_status split_parse(const char *words, split_rule **rule, size_t *count, char **memory, pclr_error *error)
{
    *rule = NULL;
    *count = 0;
    TRY(mem_strdup(memory, words && *words ? words : default_rule, error));
    for (char *p = *memory; *p;) {
        char *end = p + strcspn(p, ";"), *next = *end ? end + 1 : end, *equals;
        *end = '\0';
        equals = strchr(p, '=');
        size_t n = equals ? (size_t)(equals - p) : 0;
        if (n == 0 || n >= sizeof(*rule)->name || memchr(p, '/', n)) {
            return error_set(error, PCLR_E_ARGUMENT,
                             "split \"%s\"; expected NAME=0.8/0.1/0.1, NAME=fold:1-8/9/10, NAME=source:A,B or NAME=column", p);
        }
        TRY(mem_grow(rule, *count, *count + 1, sizeof **rule, error));
        memcpy((*rule)[*count].name, p, n);
        (*rule)[*count].name[n] = '\0';
        (*rule)[(*count)++].rule = equals + 1;
        p = next;
    }
    return PCLR_OK;
}

/* The patient's own number in [0, 1): the same whatever else is in the dataset. A record without a patient is one by its id. */
static double patient_draw(const store_row *r, uint64_t seed)
{
    uint64_t h = hash_fnv1a(r->source, strlen(r->source) + 1);
    const char *who = r->patient[0] ? r->patient : r->id;
    h = h * UINT64_C(0x100000001b3) ^ hash_fnv1a(who, strlen(who) + 1);
    rng g = rng_make(seed, "split", h);
    return rng_uniform(&g);
}

static uint8_t draw_part(const store_row *r, uint64_t seed, double train, double validation)
{
    double u = patient_draw(r, seed);
    return u < train ? PCLR_SPLIT_TRAIN : u < train + validation ? PCLR_SPLIT_VALIDATION : PCLR_SPLIT_TEST;
}

static pclr_status parse_shares(const char *rule, double share[3], pclr_error *error)
{
    double sum = 0;
    const char *p = rule;

    for (int k = 0; k < 3; k++) {
        if (!scan_double(&p, &share[k]) || share[k] < 0 || (k < 2 ? *p++ != '/' : *p != '\0')) {
            return error_set(error, PCLR_E_ARGUMENT, "split \"%s\"; expected three shares such as 0.8/0.1/0.1", rule);
        }
        sum += share[k];
    }
    if (!(sum > 0)) return error_set(error, PCLR_E_ARGUMENT, "split \"%s\"; expected shares that are not all zero", rule);
    for (int k = 0; k < 3; k++) share[k] /= sum;
    return PCLR_OK;
}

static pclr_status random_split(const char *rule, const store *s, uint64_t seed, uint8_t *out, pclr_error *error)
{
    double share[3];

    TRY(parse_shares(rule, share, error));
    for (size_t k = 0; k < store_count(s); k++) out[k] = draw_part(store_get(s, k), seed, share[0], share[1]);
    return PCLR_OK;
}

/* "1-7,9" -> bits */
static bool scan_folds(const char **p, uint64_t *bits)
{
    int64_t low, high;
    *bits = 0;
    do {
        if (**p == ',') (*p)++;
        if (!scan_int(p, &low)) return false;
        high = low;
        if (**p == '-') {
            (*p)++;
            if (!scan_int(p, &high)) return false;
        }
        if (low < 0 || high > 63 || high < low) return false;
        for (int64_t f = low; f <= high; f++) *bits |= UINT64_C(1) << f;
    } while (**p == ',');
    return true;
}

static uint8_t fold_part(const uint64_t bits[3], int fold)
{
    for (uint8_t k = 0; k < 3; k++) {
        if (fold >= 0 && fold < 64 && (bits[k] >> fold & 1)) return k;
    }
    return PCLR_SPLIT_NONE;
}

static pclr_status parse_folds(const char *rule, uint64_t bits[3], pclr_error *error)
{
    const char *p = rule;

    for (int k = 0; k < 3; k++) {
        if (!scan_folds(&p, &bits[k]))
            return error_set(error, PCLR_E_ARGUMENT, "split fold:%s; expected folds such as fold:1-8/9/10", rule);
        if (*p == '\0') return PCLR_OK;
        if (k == 2 || *p++ != '/') return error_set(error, PCLR_E_ARGUMENT, "split fold:%s; expected folds such as fold:1-8/9/10", rule);
    }
    return PCLR_OK;
}

static pclr_status fold_split(const char *rule, const store *s, uint8_t *out, pclr_error *error)
{
    uint64_t bits[3] = {0};

    TRY(parse_folds(rule, bits, error));
    for (size_t k = 0; k < store_count(s); k++) out[k] = fold_part(bits, store_get(s, k)->fold);
    return PCLR_OK;
}

static pclr_status source_split(const char *rule, const store *s, uint64_t seed, uint8_t *out, pclr_error *error)
{
    char **name = NULL;
    size_t names = 0, held_out = 0;

    TRY(text_split(rule, ',', &name, &names, error));
    for (size_t k = 0; k < store_count(s); k++) {
        const store_row *r = store_get(s, k);
        out[k] = draw_part(r, seed, 0.9, 0.1);
        for (size_t n = 0; n < names; n++) {
            if (strcmp(name[n], r->source) == 0) out[k] = PCLR_SPLIT_TEST;
        }
        held_out += out[k] == PCLR_SPLIT_TEST;
    }
    mem_free(name);
    if (held_out == 0)
        return error_set(error, PCLR_E_DATA, "split source:%s; no record is from there; see the sources with `physioclr info`", rule);
    return PCLR_OK;
}

static void auto_split(const store *s, uint64_t seed, uint8_t *out)
{
    static const uint64_t ten[3] = {0x1fe, 0x200, 0x400}, eight[3] = {0xfe, 0x100, 0};
    bool has_late_folds = false, has_folds = false;

    for (size_t k = 0; k < store_count(s); k++) {
        has_folds |= store_get(s, k)->fold >= 0;
        has_late_folds |= store_get(s, k)->fold >= 9;
    }
    for (size_t k = 0; k < store_count(s); k++) {
        const store_row *r = store_get(s, k);
        if (has_folds && r->fold >= 0) {
            out[k] = fold_part(has_late_folds ? ten : eight, r->fold);
        } else {
            out[k] = r->told_split != PCLR_SPLIT_NONE ? r->told_split : draw_part(r, seed, 0.8, 0.1);
        }
    }
}

pclr_status split_check(const split_rule *rule, pclr_error *error)
{
    const char *r = rule->rule;
    double share[3];
    uint64_t bits[3] = {0};

    if (strcmp(r, "auto") == 0 || strcmp(r, "column") == 0 || strncmp(r, "source:", 7) == 0) return PCLR_OK;
    return strncmp(r, "fold:", 5) == 0 ? parse_folds(r + 5, bits, error) : parse_shares(r, share, error);
}

pclr_status split_make(const split_rule *rule, const store *s, uint64_t seed, uint8_t *out, pclr_error *error)
{
    const char *r = rule->rule;

    if (strcmp(r, "auto") == 0) {
        auto_split(s, seed, out);
        return PCLR_OK;
    }
    if (strncmp(r, "fold:", 5) == 0) return fold_split(r + 5, s, out, error);
    if (strncmp(r, "source:", 7) == 0) return source_split(r + 7, s, seed, out, error);
    if (strcmp(r, "column") == 0) {
        for (size_t k = 0; k < store_count(s); k++) out[k] = store_get(s, k)->told_split;
        return PCLR_OK;
    }
    return random_split(r, s, seed, out, error);
}
