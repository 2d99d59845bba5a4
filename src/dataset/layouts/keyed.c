/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of an archive, found by a recording's name. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "dataset/layouts/layout.h"

/* Only endings that recordings have are cut off: a name may contain dots of its own. */
void layout_record_id(const char *path, char *id, size_t size)
{
    static const char *const ending[] = {".hea", ".mat", ".dat", ".xml", ".dcm", ".edf",  ".bdf",
                                         ".scp", ".ecg", ".npy", ".csv", ".txt", ".hdf5", ".h5"};
    const char *base = strrchr(path, '#'); /* a member of a file with many recordings is its own name */
    base = base ? base + 1 : path_base(path);
    snprintf(id, size, "%s", base);
    size_t n = strlen(id);
    for (size_t k = 0; k < sizeof ending / sizeof *ending; k++) {
        size_t e = strlen(ending[k]);
        if (n > e && strcasecmp(id + n - e, ending[k]) == 0) {
            id[n - e] = '\0';
            return;
        }
    }
}

typedef struct key_entry {
    const char *key;
    uint32_t row;
} key_entry;

static int compare_keys(const void *a, const void *b)
{
    const key_entry *x = a, *y = b;
    int c = strcmp(x->key, y->key);
    return c ? c : (x->row < y->row ? -1 : x->row > y->row);
}

pclr_status keyed_open(keyed_table *k, const char *path, const char *column, pclr_error *error)
{
    key_entry *entry = NULL;
    pclr_status status;

    memset(k, 0, sizeof *k);
    TRY_GOTO(csv_read(&k->table, path, error));
    int key = csv_column(&k->table, column);
    if (key < 0) {
        status = error_set(error, PCLR_E_FORMAT, "%s: no column %s; expected one with the names of the recordings; add it", path, column);
        goto done;
    }
    TRY_GOTO(mem_alloc(&k->key, k->table.rows, sizeof *k->key, error));
    TRY_GOTO(mem_alloc(&k->order, k->table.rows, sizeof *k->order, error));
    TRY_GOTO(mem_alloc(&entry, k->table.rows, sizeof *entry, error));
    for (size_t r = 0; r < k->table.rows; r++) {
        char id[512];
        layout_record_id(csv_get(&k->table, r, key), id, sizeof id);
        TRY_GOTO(mem_strdup(&k->key[r], id, error));
        entry[r] = (key_entry){k->key[r], (uint32_t)r};
    }
    if (k->table.rows) qsort(entry, k->table.rows, sizeof *entry, compare_keys);
    for (size_t r = 0; r < k->table.rows; r++) k->order[r] = entry[r].row;
    for (size_t r = 1; r < k->table.rows; r++) {
        if (entry[r].key[0] == '\0' || strcmp(entry[r].key, entry[r - 1].key) != 0) continue;
        status = error_set(error, PCLR_E_DATA, "%s:%lld: %s appears twice (first in line %lld); expected every recording once; remove one",
                           path, (long long)k->table.line[entry[r].row], entry[r].key, (long long)k->table.line[entry[r - 1].row]);
        goto done;
    }
done:
    mem_free(entry);
    if (status != PCLR_OK) keyed_close(k);
    return status;
}

int64_t keyed_find(const keyed_table *k, const char *path)
{
    char id[512];
    size_t low = 0, high = k->table.rows;

    layout_record_id(path, id, sizeof id);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = strcmp(k->key[k->order[middle]], id);
        if (c == 0) return k->order[middle];
        if (c < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return -1;
}

void keyed_close(keyed_table *k)
{
    for (size_t r = 0; k->key && r < k->table.rows; r++) mem_free(k->key[r]);
    mem_free(k->key);
    mem_free(k->order);
    csv_free(&k->table);
    memset(k, 0, sizeof *k);
}

const char *keyed_get(const keyed_table *k, int64_t row, int column)
{
    return column < 0 || row < 0 ? "" : csv_get(&k->table, (size_t)row, column);
}

bool csv_has_columns(const char *path, const char *columns)
{
    char line[8192], **name = NULL, **wanted = NULL;
    size_t names = 0, count = 0, found = 0;
    FILE *file = fopen(path, "rb");

    if (!file) return false;
    bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    if (!read) return false;
    line[strcspn(line, "\r\n")] = '\0';
    const char *start = strncmp(line, "\xef\xbb\xbf", 3) == 0 ? line + 3 : line;
    if (text_split(start, ',', &name, &names, NULL) == PCLR_OK && text_split(columns, ',', &wanted, &count, NULL) == PCLR_OK) {
        for (size_t w = 0; w < count; w++) {
            for (size_t k = 0; k < names; k++) {
                if (strcmp(name[k], wanted[w]) == 0) {
                    found++;
                    break;
                }
            }
        }
    }
    mem_free(name);
    mem_free(wanted);
    return count > 0 && found == count;
}

void layout_set_patient(layout_facts *facts, const char *value)
{
    snprintf(facts->patient, sizeof facts->patient, "%s", value);
    size_t n = strlen(facts->patient);
    if (n > 2 && strcmp(facts->patient + n - 2, ".0") == 0 && strspn(facts->patient, "0123456789") == n - 2) facts->patient[n - 2] = '\0';
}
