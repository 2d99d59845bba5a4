/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a published archive tells about its recordings beside them: tables of patients, folds, labels. One file a layout, and one
 * table (table.c) that names them all. A layout is recognised by a file in the archive's folder.
 */
#ifndef PCLR_DATASET_LAYOUTS_LAYOUT_H
#define PCLR_DATASET_LAYOUTS_LAYOUT_H

#include <physioclr.h>

#include "base/text.h"
#include "dataset/labels.h"

typedef struct layout_facts {
    char patient[64]; /* "" unknown */
    double age;       /* years; NaN: the table does not tell */
    pclr_sex sex;
    int fold;          /* -1 none */
    const char *split; /* train, validation or test as a labels table tells; NULL */
    const char *lead;  /* standard lead that a single unnamed lead is; NULL */
    bool leave_out;    /* a second copy of a recording (another rate) */
    const char *time;  /* of the recording, ISO 8601 (a blank may stand for the T); NULL: the table does not tell */
    int64_t row;       /* of the table; -1: the table does not know the recording */
} layout_facts;

typedef struct dataset_layout {
    const char *name;   /* "ptbxl" */
    const char *marker; /* file in the archive's folder by which it is known */
    /* Reads the marker. *state stays NULL (and PCLR_OK) when the file is not of this layout after all. */
    pclr_status (*open)(void **state, const char *path, pclr_error *error);
    void (*facts)(const void *state, const char *path, layout_facts *facts);
    /* States the labels of dataset record `record`. */
    pclr_status (*label)(const void *state, const layout_facts *facts, size_t record, label_set *set, pclr_error *error);
    void (*close)(void *state);
} dataset_layout;

extern const dataset_layout *const dataset_layouts[]; /* ends with NULL */

/* ---- a table with a key column ---- */

typedef struct keyed_table {
    csv_table table;
    uint32_t *order; /* rows sorted by key */
    char **key;      /* [rows] */
} keyed_table;

/* Reads a CSV and indexes it by the base name (no folder, no extension of recordings) of a column's values. */
pclr_status keyed_open(keyed_table *k, const char *path, const char *column, pclr_error *error);
/* Has the header of the CSV all these columns? ("a,b") Cheap: reads the first line only. */
bool csv_has_columns(const char *path, const char *columns);
int64_t keyed_find(const keyed_table *k, const char *path); /* row of a recording's path, -1 */
void keyed_close(keyed_table *k);
const char *keyed_get(const keyed_table *k, int64_t row, int column); /* "" for column -1 */
/* "15709.0" -> "15709"; otherwise as it is. */
void layout_set_patient(layout_facts *facts, const char *value);
/* Record id of a path: no folder, no extension of a recording, no '#member' part before the '#'. id[512] */
void layout_record_id(const char *path, char *id, size_t size);

/* ---- labels that a recording brings itself ---- */

/* "#Dx:" codes -> tasks dx (the 26 Challenge classes) and dx_all (every code); "Chagas label" -> task chagas. */
pclr_status header_labels(const char *diagnoses, const char *comments, size_t index, label_set *set, pclr_error *error);

/* ---- codes, as data ---- */

typedef struct snomed_class {
    const char *codes; /* "733534002|164909002": codes of one class */
    const char *name;  /* "CLBBB|LBBB" */
} snomed_class;
extern const snomed_class snomed_classes[];
extern const size_t snomed_class_count; /* 26 */
/* SNOMED code of a plain word that some archives write ("AF", "I-AVB"), or the word itself. */
const char *snomed_from_word(const char *word);

typedef struct scp_statement {
    const char *code;
    bool diagnostic, form, rhythm;
    const char *superclass, *subclass; /* of diagnostic statements; "" otherwise */
} scp_statement;
extern const scp_statement scp_statements[];
extern const size_t scp_statement_count; /* 71 */

#endif
