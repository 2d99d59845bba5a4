/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of import: which archive a recording belongs to, one recording as stored samples, the growing file, splits. */
#ifndef PCLR_DATASET_IMPORT_H
#define PCLR_DATASET_IMPORT_H

#include <physioclr.h>

#include "base/memory.h"
#include "dataset/journal.h"
#include "dataset/layouts/layout.h"

/* ---- archives (archives.c) ---- */

typedef struct archive {
    char *root;                   /* folder; NULL: recordings that belong to no known layout */
    char *source;                 /* name in /records/source */
    const dataset_layout *layout; /* NULL: none */
    void *state;
} archive;

typedef struct archive_set {
    archive *archive;
    size_t count;
    archive labels; /* of --labels; layout NULL: none */
} archive_set;

/* out[k]: archive of list->path[k]. layout: "auto" or NULL, "wfdb" (none), or one by name. labels: CSV or NULL. */
pclr_status archives_find(archive_set *set, size_t *out, const pclr_record_list *list, const char *const *sources, size_t source_count,
                          const char *layout, const char *labels, pclr_error *error);
void archives_free(archive_set *set);

/* ---- one recording as it is stored (convert.c) ---- */

typedef struct stored_record {
    int16_t *sample; /* [length][leads] uV, in room for `capacity` values */
    size_t capacity;
    bool in_file; /* the samples lie in the growing file already */
    int64_t length;
    double source_rate;
    uint32_t lead_mask;
    uint64_t hash;       /* of the samples */
    bool offset_removed; /* a lead lay beyond the range and was shifted by its median */
    pclr_record *record; /* age, sex, diagnoses, comments; without signal */
} stored_record;

typedef struct converter converter; /* one a thread: keeps resamplers */

typedef struct convert_target {
    double rate;
    size_t leads;
    char lead_name[12][16];
} convert_target;

pclr_status converter_create(converter **c, const convert_target *target, pclr_error *error);
void converter_destroy(converter **c);
/* Takes the record over (its signal is freed). single: the standard lead that a single unnamed lead stands for, or NULL. */
pclr_status convert_record(converter *c, stored_record *out, pclr_record **record, const char *single, pclr_error *error);
void stored_record_reset(stored_record *s); /* ready for another recording; keeps its room unless that is large */
void stored_record_free(stored_record *s);
/* Of samples as they are stored; eight bytes a step, only to tell recordings apart and to notice changes. */
uint64_t convert_hash(const int16_t *sample, size_t count);
/* A recording that is not imported, as a dataset of the converter's target would give it back: the target's leads that are there or
 * derivable, in its order, at its rate, rounded to microvolts. `record` is not changed. single: the target's lead that II, else I, else
 * the first channel stands for in a recording with none of the target's leads; NULL: such a recording is refused. */
pclr_status convert_as_stored(converter *c, const pclr_record *record, const char *single, pclr_record **out, pclr_error *error);
/* A single lead without a standard name may be known to the archive ("ECG" of a hand-held recorder is lead I); single NULL: it is not. */
void convert_name_single_lead(pclr_record *record, const char *single);
/* The leads of the dataset: those named in `wanted` (comma-separated), or what a sample of the recordings has. */
pclr_status convert_choose_leads(convert_target *target, const char *wanted, const pclr_record_list *list, const archive_set *archives,
                                 const size_t *archive_of, const pclr_read_options *read, pclr_error *error);

/* ---- the growing file (store.c) ---- */

typedef struct store_row {
    const char *id, *source, *patient, *path, *time; /* time: ISO 8601, "" unknown */
    int64_t start, length;
    double source_rate;
    float age; /* NaN unknown */
    uint8_t sex;
    uint32_t lead_mask;
    int32_t fold;
    uint64_t hash;
    uint8_t told_split; /* by a labels table; PCLR_SPLIT_NONE: not told */
} store_row;

typedef struct store store;
/* Opens path.partial for writing; samples that lie in it from an interrupted import are kept. */
pclr_status store_create(store **s, const char *path, const convert_target *target, pclr_error *error);
/* Appends samples and a row; the row's texts are copied. *index: its number. */
pclr_status store_append(store *s, const stored_record *samples, const store_row *row, size_t *index, pclr_error *error);
/* Rows of samples of the partial file, whether appended in this run or left by another. Any thread. */
pclr_status store_read(const store *s, int64_t row, int64_t rows, int16_t *out, pclr_error *error);
int64_t store_data_start(const store *s); /* byte of the file at which samples begin */
size_t store_count(const store *s);
const store_row *store_get(const store *s, size_t index);
struct named_physiology; /* physiology.h */
/* Writes rows, labels, measurements, splits and physiology (NULL: none), and gives the file its name. */
pclr_status store_finish(store *s, const label_set *labels, const char *splits, uint64_t seed, const struct named_physiology *physiology,
                         pclr_error *error);
void store_keep(store *s, bool keep); /* whether the partial file stays when the store is destroyed unfinished */
void store_destroy(store **s);

/* ---- going on after a kill (resume.c) ---- */

/* Hex SHA-256 of everything that decides what an import stores: options, leads, recordings. key[65] */
void resume_key(char *key, const pclr_import_options *options, const convert_target *target, char *const *path, size_t count,
                int64_t data_start);
/* How many entries of the journal are usable: their samples lie in the partial file unharmed. */
pclr_status resume_verify(const journal *j, const store *s, const convert_target *target, int threads, size_t *usable, pclr_error *error);

/* ---- files beside the dataset (beside.c) ---- */

/* The path of a file beside a dataset: "rejects.csv", or "NAME.rejects.csv" beside a shard NAME.h5. */
pclr_status beside_path(char **path, const char *dataset_path, bool shard, const char *name, pclr_error *error);

/* ---- splits (splits.c) ---- */

/* One split "name=0.8/0.1/0.1", "name=fold:1-7/8/9-10", "name=source:ptbxl,ludb", "name=column"; out[records]. */
typedef struct split_rule {
    char name[64];
    const char *rule;
} split_rule;
pclr_status split_parse(const char *words, split_rule **rule, size_t *count, char **memory, pclr_error *error);
/* Is the rule well formed? */
pclr_status split_check(const split_rule *rule, pclr_error *error);
pclr_status split_make(const split_rule *rule, const store *s, uint64_t seed, uint8_t *out, pclr_error *error);

#endif
