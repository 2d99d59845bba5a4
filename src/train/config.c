/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of configuration tables: every family declares its keys beside its code; this file names the families. */
#include <string.h>

#include "augment/augment.h"
#include "base/memory.h"
#include "model/model.h"
#include "objective/objective.h"
#include "train/keys.h"

enum { MAX_TABLES = 96 };

typedef struct key_tables {
    const config_key *table[MAX_TABLES];
    size_t size[MAX_TABLES], count;
} key_tables;

static void add_table(key_tables *tables, const config_key *keys, size_t count)
{
    if (count == 0 || tables->count == MAX_TABLES) return;
    tables->table[tables->count] = keys;
    tables->size[tables->count++] = count;
}

static key_tables collect_tables(void)
{
    key_tables tables = {.count = 0};
    add_table(&tables, train_config_keys, train_config_keys_count);
    add_table(&tables, model_config_keys, model_config_keys_count);
    add_table(&tables, objective_config_keys, objective_config_keys_count);
    for (size_t k = 0; k < objective_count(); k++) add_table(&tables, objective_at(k)->keys, objective_at(k)->keys_count);
    for (size_t k = 0; k < augment_count(); k++) add_table(&tables, augment_at(k)->keys, augment_at(k)->keys_count);
    add_table(&tables, downstream_config_keys, downstream_config_keys_count);
    return tables;
}

pclr_status pclr_config_create(pclr_config **config, pclr_error *error)
{
    key_tables tables = collect_tables();
    return config_create(config, tables.table, tables.size, tables.count, error);
}

const char *pclr_config_key(size_t k, const char **default_value, const char **help)
{
    key_tables tables = collect_tables();
    for (size_t t = 0; t < tables.count; t++) {
        if (k < tables.size[t]) {
            const config_key *key = &tables.table[t][k];
            if (default_value) *default_value = key->default_value;
            if (help) *help = key->help;
            return key->name;
        }
        k -= tables.size[t];
    }
    return NULL;
}
