/* SPDX-License-Identifier: Apache-2.0 */
#include "train/reduce.h"

#include <string.h>

#include "base/memory.h"

static size_t size_of(const nn_parameter *p)
{
    return (size_t)nn_shape_size(p->shape);
}

static void begin_sum(reduce *r)
{
    if (r->filled > r->begun) world_sum_begin(r->world, r->value + r->begun, r->filled - r->begun);
    r->begun = r->filled;
}

/* A gradient is complete. The order is the graph's, hence the same in all processes. */
static void take(void *user, nn_parameter *p)
{
    reduce *r = user;
    memcpy(r->value + r->filled, p->grad, size_of(p) * sizeof(float));
    r->item[r->items++] = p;
    r->filled += size_of(p);
    if (r->filled - r->begun >= r->bucket)
        begin_sum(r);
    else
        world_sum_poll(r->world);
}

pclr_status reduce_create(reduce *r, pclr_world *world, nn_graph *graph, nn_params *params, size_t bucket_bytes, pclr_error *error)
{
    *r = (reduce){.world = world, .bucket = bucket_bytes / sizeof(float)};
    if (pclr_world_size(world) == 1) return PCLR_OK;
    r->room = (size_t)nn_params_size(params, NULL);
    TRY(mem_alloc(&r->value, r->room, sizeof(float), error));
    TRY(mem_alloc(&r->item, nn_params_count(params), sizeof(nn_parameter *), error));
    return nn_graph_on_gradient(graph, take, r, error);
}

void reduce_free(reduce *r)
{
    mem_release(&r->value);
    mem_release(&r->item);
}

size_t reduce_bytes(const reduce *r)
{
    return r->room * sizeof(float);
}

void reduce_finish(reduce *r)
{
    const float *from = r->value;
    begin_sum(r);
    world_sum_wait(r->world);
    for (size_t k = 0; k < r->items; k++) {
        memcpy(r->item[k]->grad, from, size_of(r->item[k]) * sizeof(float));
        from += size_of(r->item[k]);
    }
    r->items = r->filled = r->begun = 0;
}
