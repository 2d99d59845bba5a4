/* SPDX-License-Identifier: Apache-2.0 */
#include "train/guard.h"

#include <string.h>

#include "base/memory.h"

/* Copies all running statistics out of (or, restore, into) the parameters. */
static size_t copy_buffers(guard *g, bool restore)
{
    size_t at = 0;
    for (size_t k = 0; k < nn_params_count(g->params); k++) {
        nn_parameter *p = nn_params_at(g->params, k);
        size_t size = (size_t)nn_shape_size(p->shape);
        if (!p->init.buffer) continue;
        if (g->kept && restore) memcpy(nn_parameter_write(p), g->kept + at, size * sizeof(float));
        if (g->kept && !restore) memcpy(g->kept + at, nn_parameter_read(p), size * sizeof(float));
        at += size;
    }
    return at;
}

pclr_status guard_create(guard *g, nn_params *params, int64_t limit, pclr_error *error)
{
    *g = (guard){.params = params, .limit = limit};
    return mem_alloc(&g->kept, copy_buffers(g, false), sizeof(float), error);
}

void guard_free(guard *g)
{
    mem_release(&g->kept);
}

void guard_keep(guard *g)
{
    copy_buffers(g, false);
}

pclr_status guard_check(guard *g, bool good, int64_t step, pclr_error *error)
{
    if (good) {
        g->bad_in_row = 0;
        return PCLR_OK;
    }
    copy_buffers(g, true);
    nn_params_zero_grad(g->params);
    g->bad_total++;
    if (++g->bad_in_row < g->limit) return PCLR_OK;
    return error_set(error, PCLR_E_NUMERIC,
                     "step %lld: the loss or its gradient was not finite in %lld steps in a row; the state before them is saved; lower the "
                     "learning rate or look "
                     "at the data with `physioclr check`",
                     (long long)step, (long long)g->bad_in_row);
}
