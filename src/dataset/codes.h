/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codes of diagnoses as they are met while an archive is imported: how often each, and which class it stands for. A map of one's own
 * is a CSV with the columns code, name, class: codes with the same class are one class, an empty class is passed over on purpose.
 */
#ifndef PCLR_DATASET_CODES_H
#define PCLR_DATASET_CODES_H

#include "base/error.h"

typedef struct code_entry {
    char *code, *name, *class_name; /* class_name NULL: no map knows the code; "": passed over */
    uint64_t records;               /* that have it */
    uint64_t last;                  /* record that was counted last, + 1 */
} code_entry;

typedef struct code_book {
    char *task; /* name of the map's task; NULL: no map */
    code_entry *entry;
    size_t count, capacity;
    uint32_t *slot; /* [slots] index + 1 of an entry by the hash of its code; 0 free */
    size_t slots;
    char **class_name; /* [classes] of the map, in its order */
    size_t classes;
} code_book;

/* map: CSV or NULL. The task takes the file's base name. */
pclr_status codes_open(code_book *book, const char *map, pclr_error *error);
/* Counts the code for a record; builtin: class by the built-in tables, NULL unknown. *class_name: of the map, NULL where there is none. */
pclr_status codes_see(code_book *book, const char *code, const char *builtin, size_t record, const char **class_name, pclr_error *error);
/* Adds what another import counted. class_name NULL: no map knew the code. */
pclr_status codes_add(code_book *book, const char *code, const char *name, const char *class_name, uint64_t records, pclr_error *error);
/* The codes that were met, sorted; *entry from mem_alloc. */
pclr_status codes_met(const code_book *book, const code_entry ***entry, size_t *count, pclr_error *error);
/* code,name,class,records sorted by code; nothing is written when no code was met. Statements without a class are counted. */
pclr_status codes_write(const code_book *book, const char *path, uint64_t *unmapped_codes, uint64_t *unmapped_records, pclr_error *error);
void codes_free(code_book *book);

#endif
