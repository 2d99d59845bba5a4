/* SPDX-License-Identifier: Apache-2.0 */
/* Joins a prediction file with labels. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "eval/labels.h"
#include "eval/names.h"
#include "eval/set.h"

/* Everything that is needed while joining; the set keeps copies. */
typedef struct joining {
    const eval_source *source;
    eval_labels labels;
    csv_table table;
    int id_column, segment_column; /* -1: none */
    char **row_id;                 /* [table.rows] record ids of the prediction rows, in the set's arena */
    names_index rows;              /* over row_id */
    int *score_column;             /* [classes of the set] */
    size_t *label_class;           /* [classes of the set] */
} joining;

/* A name that two columns have would silently stand for the first. */
static pclr_status check_columns(const csv_table *t, const char *path, pclr_error *error)
{
    for (size_t k = 0; k < t->columns; k++) {
        for (size_t i = 0; i < k; i++) {
            if (strcmp(t->column[i], t->column[k]) == 0)
                return error_set(error, PCLR_E_FORMAT, "%s:1: columns %zu and %zu are both called '%s'; every column needs its own name",
                                 path, i + 1, k + 1, t->column[k]);
        }
    }
    return PCLR_OK;
}

static pclr_status open_predictions(joining *j, eval_set *set, pclr_error *error)
{
    const char *path = j->source->predictions;
    TRY(csv_read(&j->table, path, error));
    TRY(check_columns(&j->table, path, error));
    j->id_column = csv_column(&j->table, "record_id");
    j->segment_column = csv_column(&j->table, "segment");
    if (j->id_column < 0)
        return error_set(error, PCLR_E_FORMAT, "%s:1: no column record_id; expected is record_id and one column a class%s", path,
                         j->table.columns == 1 && strpbrk(j->table.column[0], ";\t") ? ", separated by commas" : "");
    if (j->table.rows == 0) return error_set(error, PCLR_E_DATA, "%s: no predictions, only a header", path);
    if (j->source->level == EVAL_SEGMENTS && j->segment_column < 0)
        return error_set(error, PCLR_E_DATA,
                         "%s: no column 'segment', so its rows are no segments; predict with --segment-seconds, or leave out --segments",
                         path);
    j->row_id = arena_alloc(set->memory, j->table.rows * sizeof *j->row_id);
    if (j->row_id == NULL) return error_memory(error, j->table.rows * sizeof *j->row_id);
    for (size_t r = 0; r < j->table.rows; r++) {
        j->row_id[r] = eval_record_id(set->memory, csv_get(&j->table, r, j->id_column));
        if (j->row_id[r] == NULL) return error_memory(error, 64);
        if (j->row_id[r][0] == '\0') return error_set(error, PCLR_E_DATA, "%s:%lld: empty record_id", path, (long long)j->table.line[r]);
    }
    TRY(names_index_create(&j->rows, (const char *const *)j->row_id, j->table.rows, error));
    size_t a, b;
    if (j->segment_column < 0 && names_duplicate(&j->rows, &a, &b))
        return error_set(error, PCLR_E_DATA,
                         "%s:%lld: record '%s' was already on line %lld; one row a record is expected (several need a column 'segment')",
                         path, (long long)j->table.line[b], j->row_id[b], (long long)j->table.line[a]);
    return PCLR_OK;
}

static pclr_status check_label_ids(const joining *j, pclr_error *error)
{
    names_index index;
    size_t a, b;
    TRY(names_index_create(&index, (const char *const *)j->labels.id, j->labels.records, error));
    bool twice = names_duplicate(&index, &a, &b);
    names_index_free(&index);
    if (!twice) return PCLR_OK;
    return error_set(error, PCLR_E_DATA, "%s: record '%s' has two rows of labels (rows %zu and %zu); every record may have one",
                     j->source->labels, j->labels.id[a], a + 1, b + 1);
}

static int exact_column(const csv_table *t, const char *name)
{
    for (size_t k = 0; k < t->columns; k++) {
        if (strcmp(t->column[k], name) == 0) return (int)k;
    }
    return -1;
}

static bool is_score_column(const joining *j, int column)
{
    static const char *const other[] = {"start", "length"};
    if (column == j->id_column || column == j->segment_column) return false;
    for (size_t k = 0; k < sizeof other / sizeof *other; k++) {
        if (text_compare_nocase(j->table.column[column], other[k]) == 0) return false;
    }
    return true;
}

/* "a, b, c and 4 more" of the score columns or of the label classes. */
static void list_names(text *out, const char *const *names, size_t count)
{
    enum { SHOWN = 12 };
    for (size_t k = 0; k < count && k < SHOWN; k++) text_add(out, "%s%s", k ? ", " : "", names[k]);
    if (count > SHOWN) text_add(out, " and %zu more", count - SHOWN);
    if (count == 0) text_add(out, "none");
}

static pclr_status no_common_class(const joining *j, pclr_error *error)
{
    text predicted = {0}, labelled = {0};
    const char **names = NULL;
    size_t count = 0;
    pclr_status status = PCLR_OK;
    TRY_GOTO(mem_alloc(&names, j->table.columns, sizeof *names, error));
    for (size_t k = 0; k < j->table.columns; k++) {
        if (is_score_column(j, (int)k)) names[count++] = j->table.column[k];
    }
    list_names(&predicted, names, count);
    list_names(&labelled, (const char *const *)j->labels.class_name, j->labels.classes);
    status = error_set(error, PCLR_E_DATA, "%s: no class in common: its columns are %s; the labels of %s are %s; rename the columns",
                       j->source->predictions, predicted.data, j->source->labels, labelled.data);
done:
    mem_free(names);
    text_free(&predicted);
    text_free(&labelled);
    return status;
}

static pclr_status add_class(joining *j, eval_set *set, size_t label_class, int column, pclr_error *error)
{
    set->class_name[set->classes] = arena_strdup(set->memory, j->labels.class_name[label_class]);
    if (set->class_name[set->classes] == NULL) return error_memory(error, 64);
    j->score_column[set->classes] = column;
    j->label_class[set->classes] = label_class;
    set->classes++;
    return PCLR_OK;
}

/* One label and one score column under different names (a binary task): taken for the same, and noted. */
static pclr_status pair_single(joining *j, eval_set *set, pclr_error *error)
{
    int only = -1, columns = 0;
    for (int k = 0; k < (int)j->table.columns; k++) {
        if (!is_score_column(j, k)) continue;
        only = k;
        columns++;
    }
    if (columns != 1 || j->labels.classes != 1) return no_common_class(j, error);
    TRY(add_class(j, set, 0, only, error));
    return eval_set_note(set, error, "the only score column '%s' is taken for the only label '%s'", j->table.column[only],
                         j->labels.class_name[0]);
}

static bool wanted_class(const char *const *wanted, size_t count, const char *name)
{
    for (size_t k = 0; k < count; k++) {
        if (strcmp(wanted[k], name) == 0) return true;
    }
    return count == 0;
}

static pclr_status check_wanted(const joining *j, const char *const *wanted, size_t count, pclr_error *error)
{
    for (size_t k = 0; k < count; k++) {
        bool labelled = false;
        for (size_t c = 0; c < j->labels.classes; c++) labelled |= strcmp(j->labels.class_name[c], wanted[k]) == 0;
        if (labelled && exact_column(&j->table, wanted[k]) >= 0) continue;
        const char *near = text_nearest(wanted[k], (const char *const *)j->labels.class_name, j->labels.classes);
        return error_set(error, PCLR_E_ARGUMENT, "class '%s' is not in %s%s%s%s", wanted[k],
                         labelled ? j->source->predictions : j->source->labels, near ? "; did you mean '" : "", near ? near : "",
                         near ? "'?" : "");
    }
    return PCLR_OK;
}

/* Notes on what only one side has. */
static pclr_status note_unmatched(joining *j, eval_set *set, bool subset, pclr_error *error)
{
    for (size_t c = 0; c < j->labels.classes && !subset; c++) {
        bool used = false;
        for (size_t k = 0; k < set->classes; k++) used |= j->label_class[k] == c;
        if (!used)
            TRY(eval_set_note(set, error, "label class '%s' has no column in the predictions: not evaluated", j->labels.class_name[c]));
    }
    for (int k = 0; k < (int)j->table.columns && !subset; k++) {
        bool used = !is_score_column(j, k);
        for (size_t c = 0; c < set->classes; c++) used |= j->score_column[c] == k;
        if (!used) TRY(eval_set_note(set, error, "predicted column '%s' is no class of the labels: not evaluated", j->table.column[k]));
    }
    for (size_t k = 0; k < j->labels.skipped; k++)
        TRY(eval_set_note(set, error, "label column '%s' holds more than 0 and 1: not a class", j->labels.skipped_column[k]));
    return PCLR_OK;
}

static pclr_status match_classes(joining *j, eval_set *set, pclr_error *error)
{
    char **piece = NULL;
    const char *const *wanted = j->source->class_list;
    size_t count = wanted ? j->source->class_count : 0;
    pclr_status status = PCLR_OK;

    set->class_name = arena_alloc(set->memory, j->labels.classes * sizeof *set->class_name);
    j->score_column = arena_alloc(set->memory, j->labels.classes * sizeof *j->score_column);
    j->label_class = arena_alloc(set->memory, j->labels.classes * sizeof *j->label_class);
    if (!set->class_name || !j->score_column || !j->label_class) return error_memory(error, j->labels.classes);
    if (wanted == NULL && j->source->classes) {
        TRY_GOTO(text_split(j->source->classes, ',', &piece, &count, error));
        wanted = (const char *const *)piece;
    }
    TRY_GOTO(check_wanted(j, wanted, count, error));
    for (size_t c = 0; c < j->labels.classes; c++) {
        int column = exact_column(&j->table, j->labels.class_name[c]);
        if (column < 0 || !wanted_class(wanted, count, j->labels.class_name[c])) continue;
        TRY_GOTO(add_class(j, set, c, column, error));
    }
    if (set->classes == 0)
        TRY_GOTO(pair_single(j, set, error));
    else
        TRY_GOTO(note_unmatched(j, set, count > 0, error));
done:
    mem_free(piece);
    return status;
}

static pclr_status parse_score(const joining *j, size_t row, int column, double *score, pclr_error *error)
{
    const char *field = csv_get(&j->table, row, column);
    if (parse_double(field, score) && isfinite(*score)) return PCLR_OK;
    return error_set(error, PCLR_E_DATA, "%s:%lld: record '%s', class '%s': '%s' is not a finite number; every record needs a score",
                     j->source->predictions, (long long)j->table.line[row], j->row_id[row], j->table.column[column], field);
}

/* Adds label record `r`, with the mean of prediction rows order[first .. first + count - 1]. */
static pclr_status add_record(joining *j, eval_set *set, size_t r, size_t first, size_t count, pclr_error *error)
{
    size_t n = set->records, all = j->labels.classes;
    for (size_t c = 0; c < set->classes; c++) {
        double sum = 0;
        for (size_t k = 0; k < count; k++) {
            double score;
            TRY(parse_score(j, j->rows.order[first + k], j->score_column[c], &score, error));
            sum += score;
        }
        set->score[n * set->classes + c] = sum / (double)count;
        set->label[n * set->classes + c] = j->labels.value[r * all + j->label_class[c]];
    }
    set->id[n] = arena_strdup(set->memory, j->labels.id[r]);
    if (set->id[n] == NULL) return error_memory(error, 64);
    set->age[n] = j->labels.age[r];
    set->sex[n] = j->labels.sex[r];
    set->row[n] = j->labels.from_dataset ? (int64_t)r : -1;
    set->patient[n] = (uint32_t)r; /* the row of the labels; numbered by number_groups */
    set->records++;
    return PCLR_OK;
}

static bool any_label(const joining *j, const eval_set *set, size_t r)
{
    for (size_t c = 0; c < set->classes; c++) {
        if (j->labels.value[r * j->labels.classes + j->label_class[c]] <= 1) return true;
    }
    return false;
}

/* Patients and sources as numbers. A patient id counts within its source; a record without one is its own patient. */
static pclr_status number_groups(const joining *j, eval_set *set, pclr_error *error)
{
    char **key = arena_alloc(set->memory, set->records * sizeof *key);
    char **source = arena_alloc(set->memory, set->records * sizeof *source);
    if (!key || !source) return error_memory(error, set->records * sizeof *key);
    for (size_t n = 0; n < set->records; n++) {
        size_t r = set->patient[n];
        const char *patient = j->labels.patient[r];
        text name = {0};
        text_add(&name, "%s\t%c%s", j->labels.source[r], patient[0] ? 'p' : 'r', patient[0] ? patient : set->id[n]);
        if (text_ok(&name, error) == PCLR_OK) key[n] = arena_strdup(set->memory, name.data);
        text_free(&name);
        source[n] = arena_strdup(set->memory, j->labels.source[r]);
        if (!key[n] || !source[n]) return error_memory(error, 64);
    }
    TRY(names_number((const char *const *)key, set->records, set->patient, &set->patients, error));
    TRY(names_number((const char *const *)source, set->records, set->source, &set->sources, error));
    set->source_name = arena_alloc(set->memory, set->sources * sizeof *set->source_name);
    set->patient_key = arena_alloc(set->memory, set->patients * sizeof *set->patient_key);
    if (!set->source_name || !set->patient_key) return error_memory(error, set->sources + set->patients);
    for (size_t n = 0; n < set->records; n++) {
        set->source_name[set->source[n]] = source[n];
        set->patient_key[set->patient[n]] = key[n];
    }
    return PCLR_OK;
}

static pclr_status report_missing(joining *j, eval_set *set, size_t missing, const char *first, pclr_error *error)
{
    if (missing == 0) return PCLR_OK;
    if (j->source->split && !j->source->allow_missing)
        return error_set(
            error, PCLR_E_DATA,
            "%s: no prediction for %zu labelled records of %s, the first: '%s'; predict them, or allow it with --allow-missing",
            j->source->predictions, missing, j->source->split, first);
    return eval_set_note(set, error, "%zu labelled records have no prediction and are not evaluated, the first: '%s'", missing, first);
}

/* Rows that are not evaluated are not dropped silently when they hold a score that is none: those that are have been read by then. */
static pclr_status note_bad_scores(const joining *j, eval_set *set, pclr_error *error)
{
    size_t bad = 0, first = 0;
    for (size_t row = 0; row < j->table.rows; row++) {
        bool finite = true;
        for (size_t c = 0; c < set->classes; c++) {
            double score;
            finite &= parse_double(csv_get(&j->table, row, j->score_column[c]), &score) && isfinite(score);
        }
        if (finite) continue;
        if (bad++ == 0) first = row;
    }
    if (bad == 0) return PCLR_OK;
    return eval_set_note(
        set, error,
        "%zu predictions of records that are not evaluated hold something else than finite numbers, the first: '%s' on line %lld", bad,
        j->row_id[first], (long long)j->table.line[first]);
}

static pclr_status no_common_record(const joining *j, pclr_error *error)
{
    return error_set(error, PCLR_E_DATA,
                     "%s: none of its records is labelled: its first is '%s', that of %s is '%s'; record_id must be the base name",
                     j->source->predictions, j->row_id[0], j->source->labels, j->labels.records ? j->labels.id[0] : "");
}

static pclr_status join(joining *j, eval_set *set, pclr_error *error)
{
    size_t missing = 0, predicted = 0, rows_used = 0, classes = set->classes;
    const char *first_missing = "";
    char **class_name = set->class_name;

    TRY(eval_set_allocate(set, j->source->level == EVAL_SEGMENTS ? j->table.rows : j->labels.records, classes, error));
    set->class_name = class_name;
    set->records = 0;
    for (size_t r = 0; r < j->labels.records; r++) {
        size_t first, count = names_range(&j->rows, j->labels.id[r], &first);
        predicted += count;
        if (!j->labels.chosen[r] || !any_label(j, set, r)) continue;
        if (count == 0) {
            if (missing++ == 0) first_missing = j->labels.id[r];
            continue;
        }
        rows_used += count;
        if (j->source->level == EVAL_RECORDS) TRY(add_record(j, set, r, first, count, error));
        for (size_t k = 0; k < count && j->source->level == EVAL_SEGMENTS; k++) TRY(add_record(j, set, r, first + k, 1, error));
    }
    if (predicted == 0) return no_common_record(j, error);
    TRY(report_missing(j, set, missing, first_missing, error));
    if (predicted < j->table.rows)
        TRY(eval_set_note(set, error, "%zu predictions are of records that the labels do not know", j->table.rows - predicted));
    if (predicted > rows_used)
        TRY(eval_set_note(set, error, "%zu predictions are of records without a label or outside the split", predicted - rows_used));
    if (set->records == 0 && j->source->may_be_empty) return PCLR_OK;
    if (set->records == 0)
        return error_set(error, PCLR_E_DATA, "%s: no labelled record%s%s has a prediction; choose another --split or another file",
                         j->source->predictions, j->source->split ? " of " : "", j->source->split ? j->source->split : "");
    TRY(note_bad_scores(j, set, error));
    return number_groups(j, set, error);
}

pclr_status eval_set_read(eval_set *set, const eval_source *source, pclr_error *error)
{
    joining j = {.source = source};
    pclr_status status = PCLR_OK;

    *set = (eval_set){0};
    if (source->predictions == NULL) return error_set(error, PCLR_E_ARGUMENT, "no prediction file given");
    TRY(arena_create(&set->memory, error));
    TRY_GOTO(eval_labels_read(&j.labels, source->labels, source->task, source->split, error));
    TRY_GOTO(check_label_ids(&j, error));
    TRY_GOTO(open_predictions(&j, set, error));
    TRY_GOTO(match_classes(&j, set, error));
    TRY_GOTO(join(&j, set, error));
done:
    names_index_free(&j.rows);
    csv_free(&j.table);
    eval_labels_free(&j.labels);
    if (status != PCLR_OK) eval_set_free(set);
    return status;
}
