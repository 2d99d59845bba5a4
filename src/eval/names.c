/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static int compare_at(const void *a, const void *b, void *user)
{
    const char *const *name = user;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = strcmp(name[x], name[y]);
    return order != 0 ? order : (x > y) - (x < y);
}

pclr_status names_index_create(names_index *index, const char *const *name, size_t count, pclr_error *error)
{
    *index = (names_index){.name = name, .count = count};
    if (count > UINT32_MAX) return error_set(error, PCLR_E_UNSUPPORTED, "%zu names; at most 2^32 - 1 are possible", count);
    TRY(mem_alloc(&index->order, count, sizeof *index->order, error));
    for (size_t i = 0; i < count; i++) index->order[i] = (uint32_t)i;
    qsort_r(index->order, count, sizeof *index->order, compare_at, (void *)(uintptr_t)name);
    return PCLR_OK;
}

void names_index_free(names_index *index)
{
    mem_free(index->order);
    *index = (names_index){0};
}

/* Place in the order of the first name that is not below. */
static size_t lower_bound(const names_index *index, const char *name)
{
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(index->name[index->order[middle]], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t names_range(const names_index *index, const char *name, size_t *first)
{
    size_t end = *first = lower_bound(index, name);
    while (end < index->count && strcmp(index->name[index->order[end]], name) == 0) end++;
    return end - *first;
}

int64_t names_find(const names_index *index, const char *name)
{
    size_t at = lower_bound(index, name);
    return at < index->count && strcmp(index->name[index->order[at]], name) == 0 ? (int64_t)index->order[at] : -1;
}

bool names_duplicate(const names_index *index, size_t *first, size_t *second)
{
    for (size_t k = 1; k < index->count; k++) {
        if (strcmp(index->name[index->order[k - 1]], index->name[index->order[k]]) != 0) continue;
        *first = index->order[k - 1];
        *second = index->order[k];
        return true;
    }
    return false;
}

pclr_status names_number(const char *const *name, size_t count, uint32_t *id, size_t *distinct, pclr_error *error)
{
    names_index index;
    *distinct = 0;
    TRY(names_index_create(&index, name, count, error));
    for (size_t i = 0; i < count; i++) {
        size_t first = (size_t)names_find(&index, name[i]);
        id[i] = first == i ? (uint32_t)(*distinct)++ : id[first];
    }
    names_index_free(&index);
    return PCLR_OK;
}
