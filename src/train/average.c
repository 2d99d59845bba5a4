/* SPDX-License-Identifier: Apache-2.0 */
#include "train/average.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static size_t count_values(nn_params *params)
{
    size_t size = 0;
    for (size_t k = 0; k < nn_params_count(params); k++) size += (size_t)nn_shape_size(nn_params_at(params, k)->shape);
    return size;
}

/* All values of the parameters into `to` (from NULL), or from `from` into the parameters. */
static void copy_values(nn_params *params, float *to, const float *from)
{
    for (size_t k = 0; k < nn_params_count(params); k++) {
        nn_parameter *p = nn_params_at(params, k);
        size_t size = (size_t)nn_shape_size(p->shape);
        if (from) {
            memcpy(nn_parameter_write(p), from, size * sizeof(float));
            from += size;
        } else {
            memcpy(to, nn_parameter_read(p), size * sizeof(float));
            to += size;
        }
    }
}

pclr_status average_create(average *a, nn_params *params, double decay, pclr_error *error)
{
    *a = (average){.params = params, .decay = decay, .size = count_values(params)};
    TRY(mem_alloc(&a->mean, a->size, sizeof(float), error));
    TRY(mem_alloc(&a->best, a->size, sizeof(float), error));
    TRY(mem_alloc(&a->aside, a->size, sizeof(float), error));
    copy_values(params, a->mean, NULL);
    copy_values(params, a->best, NULL);
    return PCLR_OK;
}

void average_free(average *a)
{
    mem_release(&a->mean);
    mem_release(&a->best);
    mem_release(&a->aside);
}

void average_update(average *a)
{
    double n = (double)a->updates++, decay = fmin(a->decay, (1.0 + n) / (10.0 + n));
    float part = (float)(1.0 - decay), *mean = a->mean;
    for (size_t k = 0; k < nn_params_count(a->params); k++) {
        const nn_parameter *p = nn_params_at(a->params, k);
        const float *value = nn_parameter_read(p);
        int64_t size = nn_shape_size(p->shape);
        for (int64_t i = 0; i < size; i++) mean[i] += part * (value[i] - mean[i]);
        mean += size;
    }
}

void average_use(average *a)
{
    copy_values(a->params, a->aside, NULL);
    copy_values(a->params, NULL, a->mean);
}

void average_return(average *a)
{
    copy_values(a->params, NULL, a->aside);
}

void average_keep_best(average *a)
{
    memcpy(a->best, a->mean, a->size * sizeof(float));
}

void average_take_best(average *a)
{
    copy_values(a->params, NULL, a->best);
}
