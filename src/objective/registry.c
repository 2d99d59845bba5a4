/* SPDX-License-Identifier: Apache-2.0 */
/* The list of objectives and the keys they share. */
#include <string.h>

#include "objective/members.h"

static const objective_type *const objectives[] = {
    &objective_physioclr, &objective_simclr,       &objective_vicreg, &objective_cmsc,
    &objective_3kg,       &objective_cpc,          &objective_mae,    &objective_feature_regression,
    &objective_wav2vec2,  &objective_wav2vec2_cmsc};

enum { OBJECTIVES = sizeof objectives / sizeof *objectives };

size_t objective_count(void)
{
    return OBJECTIVES;
}

const objective_type *objective_at(size_t k)
{
    return k < OBJECTIVES ? objectives[k] : NULL;
}

const objective_type *objective_find(const char *name)
{
    for (size_t k = 0; k < OBJECTIVES; k++)
        if (strcmp(objectives[k]->name, name) == 0) return objectives[k];
    return NULL;
}

const config_key objective_config_keys[] = {
    {"objective.name", CONFIG_TEXT, "physioclr", 0, 0, NULL, "what the encoder is pretrained for: a name of docs/objectives.md"},
    {"objective.tau", CONFIG_REAL, "0.1", 1e-4, 100, NULL, "temperature of cosine similarities in contrastive objectives"},
    {"objective.projection", CONFIG_INT, "128", 1, 65536, NULL, "width of the projection that is contrasted"},
    {"objective.projection_hidden", CONFIG_INT, "256", 0, 65536, NULL, "width of the projection's hidden layer; 0: a linear projection"},
};
const size_t objective_config_keys_count = sizeof objective_config_keys / sizeof *objective_config_keys;
