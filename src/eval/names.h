/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up names: a sorted index over an array of strings. */
#ifndef PCLR_EVAL_NAMES_H
#define PCLR_EVAL_NAMES_H

#include "base/error.h"

typedef struct names_index {
    const char *const *name; /* [count], not owned */
    uint32_t *order;         /* [count] by name, equal names by position */
    size_t count;
} names_index;

pclr_status names_index_create(names_index *index, const char *const *name, size_t count, pclr_error *error);
void names_index_free(names_index *index);
/* Position of a name (the first of equal ones), or -1. */
int64_t names_find(const names_index *index, const char *name);
/* Places order[first .. first + found - 1] of a name; returns how many. */
size_t names_range(const names_index *index, const char *name, size_t *first);
/* Two positions of a name that occurs more than once; false: every name occurs once. */
bool names_duplicate(const names_index *index, size_t *first, size_t *second);
/* id[count]: equal names get equal numbers, counted from 0 in order of first appearance; *distinct: how many. */
pclr_status names_number(const char *const *name, size_t count, uint32_t *id, size_t *distinct, pclr_error *error);

#endif
