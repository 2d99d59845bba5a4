/* SPDX-License-Identifier: Apache-2.0 */
#include "train/together.h"

#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

static uint64_t join(uint64_t hash, const void *data, size_t size)
{
    uint64_t both[2] = {hash, hash_fnv1a(data, size)};
    return hash_fnv1a(both, sizeof both);
}

static pclr_status same_config(pclr_world *world, const pclr_config *config, pclr_error *error)
{
    char *yaml = NULL;
    pclr_status status = world_agree(world, config_to_yaml(config, &yaml, error), NULL, error);
    if (status == PCLR_OK) status = world_same(world, hash_fnv1a(yaml, strlen(yaml)), "the configuration", error);
    mem_free(yaml);
    return status;
}

static uint64_t hash_space(const feature_space *s)
{
    size_t axes = s->features * s->components;
    if (s->features == 0) return 0;
    uint64_t hash = join(0, s->mean, s->features * sizeof *s->mean);
    hash = join(hash, s->scale, s->features * sizeof *s->scale);
    if (s->weight) hash = join(hash, s->weight, s->features * sizeof *s->weight);
    return s->axis ? join(hash, s->axis, axes * sizeof *s->axis) : hash;
}

pclr_status together_weights(pclr_world *world, nn_params *params, pclr_error *error)
{
    uint64_t hash = 0;
    if (pclr_world_size(world) == 1) return PCLR_OK;
    for (size_t k = 0; k < nn_params_count(params); k++) {
        const nn_parameter *p = nn_params_at(params, k);
        hash = join(hash, nn_parameter_read(p), (size_t)nn_shape_size(p->shape) * sizeof(float));
    }
    return world_same(world, hash, "a weight", error);
}

pclr_status together_begin(pclr_world *world, const pclr_config *config, const char *data, int64_t step, const feature_space *space,
                           nn_params *params, const char *precision, pclr_error *error)
{
    if (pclr_world_size(world) == 1) return PCLR_OK;
    TRY(same_config(world, config, error));
    TRY(world_same(world, hash_fnv1a(data, strlen(data)), "the dataset", error));
    TRY(world_same(world, hash_fnv1a(precision, strlen(precision)), "the precision (auto differs by processor; set train.precision)", error));
    TRY(world_same(world, (uint64_t)step, "the checkpoint", error));
    TRY(world_same(world, hash_space(space), "the feature space", error));
    return together_weights(world, params, error);
}
