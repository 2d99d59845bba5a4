/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: families (objectives, encoders, training) declare their keys in tables; one object holds the values.
 * The declaration is the only place that knows default, limits and help; YAML, --set, docs and checks derive from it.
 */
#ifndef PCLR_BASE_CONFIG_H
#define PCLR_BASE_CONFIG_H

#include "base/error.h"

typedef enum config_type { CONFIG_INT, CONFIG_REAL, CONFIG_BOOL, CONFIG_TEXT, CONFIG_CHOICE } config_type;

typedef struct config_key {
    const char *name;          /* "objective.tau" */
    config_type type;
    const char *default_value; /* as text */
    double minimum, maximum;   /* numbers; both 0: no limits */
    const char *choices;       /* "a|b|c" for CONFIG_CHOICE */
    const char *help;          /* one line, unit included */
} config_key;

/* pclr_config is made of a list of such tables; which ones is decided in train/config.c (the registry of tables). */
pclr_status config_create(pclr_config **config, const config_key *const *tables, const size_t *table_sizes, size_t tables_count, pclr_error *error);
/* Typed access; the key must be declared (an undeclared key is a programming error and aborts in debug builds, gives 0 / "" otherwise). */
int64_t config_int(const pclr_config *config, const char *key);
double config_real(const pclr_config *config, const char *key);
bool config_bool(const pclr_config *config, const char *key);
const char *config_text(const pclr_config *config, const char *key);
bool config_is(const pclr_config *config, const char *key, const char *value);
pclr_status config_copy(pclr_config **copy, const pclr_config *config, pclr_error *error);
/* The resolved configuration as YAML text (all keys) from mem_alloc; and reading it back from memory. */
pclr_status config_to_yaml(const pclr_config *config, char **yaml, pclr_error *error);
/* Takes the top-level mapping `section` out of such a text, in place. */
void config_drop_section(char *yaml, const char *section);
pclr_status config_from_yaml(pclr_config *config, const char *name, const char *yaml, size_t size, pclr_error *error);

#endif
