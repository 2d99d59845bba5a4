/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host sees of a graph on a device: one block there and one like it here, in which inputs, kept tensors and wanted gradients
 * have the same places, so that each side reaches the other by one copy a pass.
 *
 *     [step, scale of the loss][inputs] -> before the forward pass    [kept] <- after it    [wanted gradients] <- after the backward pass
 */
#include "nn/mirror.h"

#include <string.h>

enum { PLACE = 256 };

/* What changes from pass to pass besides the inputs. */
typedef struct head {
    uint64_t step;
    float scale;
} head;

static size_t place_of(const nn_node *n)
{
    return ((size_t)nn_shape_size(n->shape) * 4 + PLACE - 1) / PLACE * PLACE;
}

static bool is_root(const nn_graph *g, size_t k)
{
    return g->node[k].root == (nn_id)k;
}

static bool comes_in(const nn_node *n)
{
    return n->op == NN_OP_INPUT || n->op == NN_OP_CONSTANT;
}

bool nn_mirror_holds(const nn_graph *g, size_t k)
{
    const nn_node *n = &g->node[k];
    return is_root(g, k) && (comes_in(n) || (n->keep && n->used && n->op != NN_OP_PARAM));
}

static bool holds_gradient(const nn_graph *g, size_t k)
{
    return is_root(g, k) && g->node[k].want_grad && g->node[k].op != NN_OP_PARAM;
}

pclr_status nn_mirror_make(nn_graph *g, pclr_error *error)
{
    nn_device *d = g->backend->device;
    nn_mirror *m = &g->mirror;
    size_t at = PLACE;
    for (size_t k = 0; k < g->nodes; k++)
        if (nn_mirror_holds(g, k) && comes_in(&g->node[k])) at += place_of(&g->node[k]);
    m->kept = at;
    for (size_t k = 0; k < g->nodes; k++)
        if (nn_mirror_holds(g, k) && !comes_in(&g->node[k])) at += place_of(&g->node[k]);
    m->gradients = at;
    for (size_t k = 0; k < g->nodes; k++)
        if (holds_gradient(g, k)) at += place_of(&g->node[k]);
    m->bytes = at;
    TRY(d->allocate(d, &m->there, m->bytes, error));
    TRY(d->allocate_host(d, &m->here, m->bytes, error));

    size_t in = PLACE, kept = m->kept, gradient = m->gradients;
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        if (nn_mirror_holds(g, k)) {
            size_t *offset = comes_in(n) ? &in : &kept;
            n->data = (char *)m->there + *offset;
            n->seen = (char *)m->here + *offset;
            *offset += place_of(n);
            if (n->op == NN_OP_CONSTANT) memcpy(n->seen, n->constant, (size_t)nn_shape_size(n->shape) * sizeof(float));
        }
        if (holds_gradient(g, k)) {
            n->grad = (char *)m->there + gradient;
            n->seen_grad = (char *)m->here + gradient;
            gradient += place_of(n);
        }
        n->call.step_at = &((head *)m->there)->step;
    }
    return PCLR_OK;
}

void nn_mirror_free(nn_graph *g)
{
    nn_device *d = g->backend->device;
    if (!d) return;
    d->release(d, g->mirror.there);
    d->release_host(d, g->mirror.here);
}

void nn_mirror_set(nn_graph *g, uint64_t step, double scale)
{
    head *h = g->mirror.here;
    h->step = step;
    h->scale = (float)scale;
}

void nn_mirror_inputs(nn_graph *g)
{
    g->backend->device->upload(g->backend->device, g->mirror.there, g->mirror.here, g->mirror.kept);
}

static void fetch(nn_graph *g, size_t begin, size_t end)
{
    nn_device *d = g->backend->device;
    if (end > begin) d->download(d, (char *)g->mirror.here + begin, (const char *)g->mirror.there + begin, end - begin);
}

void nn_mirror_kept(nn_graph *g)
{
    fetch(g, g->mirror.kept, g->mirror.gradients);
}

void nn_mirror_gradients(nn_graph *g)
{
    fetch(g, g->mirror.gradients, g->mirror.bytes);
}

void nn_mirror_scale(nn_graph *g, void *loss_gradient)
{
    g->backend->device->upload(g->backend->device, loss_gradient, &((head *)g->mirror.here)->scale, sizeof(float));
}
