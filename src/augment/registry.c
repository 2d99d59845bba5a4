/* SPDX-License-Identifier: Apache-2.0 */
/* The list of augmentations, and chains of them. */
#include <string.h>

#include "augment/members.h"
#include "base/memory.h"
#include "base/text.h"

static const augment_type *const types[] = {
    &augment_heartbeat_shuffle, &augment_lead_mask,       &augment_time_mask,           &augment_lead_time_mask,
    &augment_crop_resize,       &augment_amplitude_scale, &augment_baseline_wander,     &augment_powerline,
    &augment_muscle_noise,      &augment_vcg_rotation,    &augment_segment_permutation,
};

enum { TYPES = sizeof types / sizeof *types };

size_t augment_count(void)
{
    return TYPES;
}

const augment_type *augment_at(size_t k)
{
    return k < TYPES ? types[k] : NULL;
}

const augment_type *augment_find(const char *name)
{
    for (size_t k = 0; k < TYPES; k++)
        if (strcmp(types[k]->name, name) == 0) return types[k];
    return NULL;
}

static pclr_status unknown_name(const char *name, pclr_error *error)
{
    const char *names[TYPES];
    for (size_t k = 0; k < TYPES; k++) names[k] = types[k]->name;
    const char *nearest = text_nearest(name, names, TYPES);
    return error_set(error, PCLR_E_ARGUMENT, "augmentation \"%s\": no such augmentation%s%s%s; docs/augmentations.md lists them", name,
                     nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

pclr_status augment_chain_parse(augment_chain *chain, const char *names, pclr_error *error)
{
    char **piece = NULL;
    size_t count = 0;
    pclr_status status = PCLR_OK;
    *chain = (augment_chain){.fallback = &augment_amplitude_scale};
    if (!names || !*names || strcmp(names, "none") == 0) return PCLR_OK;
    TRY(text_split(names, ',', &piece, &count, error));
    for (size_t k = 0; k < count && status == PCLR_OK; k++) {
        const augment_type *type = augment_find(piece[k]);
        if (!type)
            status = unknown_name(piece[k], error);
        else if (chain->steps == (int)(sizeof chain->step / sizeof *chain->step))
            status = error_set(error, PCLR_E_ARGUMENT, "augmentations \"%s\": more than %d; leave some out", names, chain->steps);
        else
            chain->step[chain->steps++] = type;
    }
    mem_free(piece);
    return status;
}

int augment_chain_apply(const augment_chain *chain, augment_segment *segment, const pclr_config *config, rng *random)
{
    int replaced = 0;
    for (int k = 0; k < chain->steps; k++) {
        if (chain->step[k]->apply(segment, config, random)) continue;
        if (chain->step[k] != &augment_heartbeat_shuffle) continue;
        chain->fallback->apply(segment, config, random);
        replaced++;
    }
    return replaced;
}
