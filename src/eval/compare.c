/* SPDX-License-Identifier: Apache-2.0 */
/* pclr_compare: several systems on the records and classes they share, paired by patient; the others against the first. */
#include <math.h>
#include <string.h>

#include "eval/comparison.h"
#include "eval/names.h"

void pclr_comparison_destroy(pclr_comparison **comparison)
{
    pclr_comparison *c = *comparison;
    if (c == NULL) return;
    for (size_t m = 0; c->evaluation && m < c->models; m++) pclr_evaluation_destroy(&c->evaluation[m]);
    mem_free(c->evaluation);
    mem_free(c->difference);
    mem_free(c->p);
    mem_free(c->by_class);
    mem_free(c->json);
    mem_free(c->text);
    mem_free(c->csv);
    text_free(&c->notes);
    mem_release(comparison);
}

const char *pclr_comparison_json(const pclr_comparison *comparison)
{
    return comparison->json;
}

const char *pclr_comparison_text(const pclr_comparison *comparison)
{
    return comparison->text;
}

const char *pclr_comparison_csv(const pclr_comparison *comparison)
{
    return comparison->csv;
}

size_t pclr_comparison_count(const pclr_comparison *comparison)
{
    return comparison->models;
}

const pclr_evaluation *pclr_comparison_evaluation(const pclr_comparison *comparison, size_t k)
{
    return comparison->evaluation[k];
}

/* ---- the same classes ---- */

static bool has_class(const eval_set *set, const char *name)
{
    for (size_t k = 0; k < set->classes; k++) {
        if (strcmp(set->class_name[k], name) == 0) return true;
    }
    return false;
}

/* shared[classes of the first]: names that every set has; returns how many. */
static size_t shared_classes(const pclr_comparison *c, const char **shared)
{
    const eval_set *first = &c->evaluation[0]->set;
    size_t count = 0;
    for (size_t k = 0; k < first->classes; k++) {
        size_t have = 0;
        for (size_t m = 0; m < c->models; m++) have += has_class(&c->evaluation[m]->set, first->class_name[k]);
        if (have == c->models) shared[count++] = first->class_name[k];
    }
    return count;
}

static void note_lost_classes(pclr_comparison *c, const eval_set *set, const char *name, const char *const *shared, size_t count)
{
    size_t lost = 0;
    for (size_t k = 0; k < set->classes; k++) {
        bool kept = false;
        for (size_t i = 0; i < count; i++) kept |= strcmp(shared[i], set->class_name[k]) == 0;
        if (kept) continue;
        text_add(&c->notes, "%s%s", lost++ ? ", " : "classes that not every file has are not compared: ", set->class_name[k]);
    }
    if (lost) text_add(&c->notes, " of %s\n", name);
}

/* Reads the sets again that have more classes than all share. */
static pclr_status keep_shared_classes(pclr_comparison *c, evaluation_input *input, pclr_error *error)
{
    const char **shared = NULL;
    pclr_evaluation **old = NULL; /* the first holds the names that `shared` points to */
    pclr_status status = PCLR_OK;

    TRY_GOTO(mem_alloc(&shared, c->evaluation[0]->set.classes, sizeof *shared, error));
    TRY_GOTO(mem_alloc(&old, c->models, sizeof *old, error));
    size_t count = shared_classes(c, shared);
    if (count == 0) TRY_GOTO(error_set(error, PCLR_E_DATA, "the prediction files share no class; give files of the same task"));
    for (size_t m = 0; m < c->models; m++) {
        if (c->evaluation[m]->set.classes == count) continue;
        old[m] = c->evaluation[m];
        note_lost_classes(c, &old[m]->set, old[m]->name, shared, count);
        input[m].class_list = shared;
        input[m].class_count = count;
        TRY_GOTO(evaluation_read(&c->evaluation[m], &input[m], error));
        input[m].class_list = NULL;
    }
    c->classes = count;
done:
    for (size_t m = 0; old && m < c->models; m++) pclr_evaluation_destroy(&old[m]);
    mem_free(old);
    mem_free(shared);
    return status;
}

/* ---- the same records ---- */

/* keep[records]: those of set m that all sets have. Returns how many. */
static size_t shared_records(const pclr_comparison *c, const names_index *index, size_t m, uint32_t *keep)
{
    const eval_set *set = &c->evaluation[m]->set;
    size_t count = 0;
    for (size_t r = 0; r < set->records; r++) {
        size_t have = 0;
        for (size_t k = 0; k < c->models; k++) have += k == m || names_find(&index[k], set->id[r]) >= 0;
        if (have == c->models) keep[count++] = (uint32_t)r;
    }
    return count;
}

static pclr_status select_records(pclr_evaluation *e, const uint32_t *keep, size_t count, pclr_error *error)
{
    eval_set kept;
    pclr_status status = PCLR_OK;
    TRY(eval_set_select(&kept, &e->set, keep, count, error));
    for (size_t k = 0; k < e->set.notes && status == PCLR_OK; k++) status = eval_set_note(&kept, error, "%s", e->set.note[k]);
    eval_set_free(&e->set);
    e->set = kept;
    return status;
}

/* Sets are in the order of the labels, so what is kept lines up. */
static pclr_status keep_shared_records(pclr_comparison *c, pclr_error *error)
{
    uint32_t **keep = NULL;
    size_t *count = NULL;
    names_index *index = NULL;
    pclr_status status = PCLR_OK;

    TRY_GOTO(mem_alloc(&index, c->models, sizeof *index, error));
    TRY_GOTO(mem_alloc(&keep, c->models, sizeof *keep, error));
    TRY_GOTO(mem_alloc(&count, c->models, sizeof *count, error));
    for (size_t m = 0; m < c->models; m++) {
        const eval_set *set = &c->evaluation[m]->set;
        TRY_GOTO(names_index_create(&index[m], (const char *const *)set->id, set->records, error));
        TRY_GOTO(mem_alloc(&keep[m], set->records, sizeof **keep, error));
    }
    for (size_t m = 0; m < c->models; m++) count[m] = shared_records(c, index, m, keep[m]);
    for (size_t m = 0; m < c->models; m++) {
        pclr_evaluation *e = c->evaluation[m];
        if (count[m] == 0) TRY_GOTO(error_set(error, PCLR_E_DATA, "%s: none of its records is in every prediction file", e->name));
        if (count[m] == e->set.records) continue;
        text_add(&c->notes, "%zu of %zu records of %s are not in every file and are not compared\n", e->set.records - count[m],
                 e->set.records, e->name);
        TRY_GOTO(select_records(e, keep[m], count[m], error));
    }
done:
    for (size_t m = 0; m < c->models; m++) {
        if (index) names_index_free(&index[m]);
        if (keep) mem_free(keep[m]);
    }
    mem_free(index);
    mem_free(keep);
    mem_free(count);
    return status;
}

/* ---- measuring ---- */

static pclr_status differences(pclr_comparison *c, const resample *draws, pclr_error *error)
{
    size_t of_class, overall;
    double *scratch = NULL;
    measures_of_class(&of_class);
    measures_overall(&overall);
    TRY(mem_alloc(&c->difference, c->models * overall, sizeof *c->difference, error));
    TRY(mem_alloc(&c->p, c->models * overall, sizeof *c->p, error));
    TRY(mem_alloc(&scratch, draws->count + draws->groups, sizeof *scratch, error));
    for (size_t m = 1; m < c->models; m++) {
        for (size_t k = 0; k < overall; k++)
            c->difference[m * overall + k] = resample_difference(draws, m, 0, of_class * c->classes + k, scratch, &c->p[m * overall + k]);
    }
    mem_free(scratch);
    return PCLR_OK;
}

static pclr_status measure_all(pclr_comparison *c, pclr_error *error)
{
    const scoring **scores = NULL;
    resample draws = {0};
    pclr_status status = PCLR_OK;

    TRY_GOTO(mem_alloc(&scores, c->models, sizeof *scores, error));
    for (size_t m = 0; m < c->models; m++) scores[m] = &c->evaluation[m]->scores;
    TRY_GOTO(resample_create(&draws, scores, c->models, &c->resampling, error));
    TRY_GOTO(differences(c, &draws, error));
    for (size_t m = 0; m < c->models; m++) TRY_GOTO(evaluation_finish(c->evaluation[m], &draws, m, &c->resampling, error));
    TRY_GOTO(mem_alloc(&c->by_class, c->models * c->classes, sizeof *c->by_class, error));
    TRY_GOTO(comparison_class_tests(c, error));
done:
    mem_free(scores);
    resample_free(&draws);
    return status;
}

static pclr_status compare(pclr_comparison *c, evaluation_input *input, const pclr_callbacks *callbacks, pclr_error *error)
{
    TRY(evaluation_choices(input[0].options, &c->resampling, callbacks, error));
    TRY(mem_alloc(&c->evaluation, c->models, sizeof *c->evaluation, error));
    for (size_t m = 0; m < c->models; m++) TRY(evaluation_read(&c->evaluation[m], &input[m], error));
    TRY(keep_shared_classes(c, input, error));
    TRY(keep_shared_records(c, error));
    for (size_t m = 0; m < c->models; m++) TRY(evaluation_score(c->evaluation[m], &input[m], error));
    TRY(measure_all(c, error));
    TRY(text_ok(&c->notes, error));
    TRY(comparison_write_text(c, error));
    TRY(comparison_write_json(c, error));
    return comparison_write_csv(c, error);
}

pclr_status pclr_compare(pclr_comparison **comparison, const char *const *predictions_csv, size_t count, const char *labels_path,
                         const pclr_evaluate_options *options, const pclr_callbacks *callbacks, pclr_error *error)
{
    static const pclr_evaluate_options defaults = {0};
    const pclr_evaluate_options *o = options ? options : &defaults;
    pclr_comparison *c = NULL;
    evaluation_input *input = NULL;
    pclr_status status = PCLR_OK;

    *comparison = NULL;
    if (count < 2) return error_set(error, PCLR_E_ARGUMENT, "%zu prediction file to compare; at least two are needed", count);
    TRY_GOTO(mem_alloc(&c, 1, sizeof *c, error));
    TRY_GOTO(mem_alloc(&input, count, sizeof *input, error));
    c->models = count;
    for (size_t m = 0; m < count; m++)
        input[m] = (evaluation_input){.predictions = predictions_csv[m],
                                      .labels = labels_path,
                                      .name = o->name ? o->name[m] : NULL,
                                      .validation = o->validations ? o->validations[m] : o->validation,
                                      .operating = o->operating ? o->operating[m] : NULL,
                                      .options = o};
    TRY_GOTO(compare(c, input, callbacks, error));
done:
    mem_free(input);
    if (status != PCLR_OK) pclr_comparison_destroy(&c);
    *comparison = c;
    return status;
}
