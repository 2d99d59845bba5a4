/* SPDX-License-Identifier: Apache-2.0 */
/* Half precision: which tensors are stored as bf16, and on a device bf16 copies of the parameters that products read. */
#include "nn/mirror.h"
#include "nn/params.h"

enum { PART = 16384 }; /* values; a block of the device's threads takes one */

/* ---- on a device: products give bf16 whatever they read; what follows them value by value or along time carries it on ---- */

static bool makes_bf16(nn_op op)
{
    return op == NN_OP_LINEAR || op == NN_OP_CONV1D || op == NN_OP_CONV_TRANSPOSE1D || op == NN_OP_ATTENTION;
}

static bool carries_bf16(nn_op op)
{
    switch (op) {
    case NN_OP_RESHAPE: case NN_OP_STOP_GRADIENT: case NN_OP_ADD: case NN_OP_RELU: case NN_OP_GELU: case NN_OP_SILU: case NN_OP_GLU: case NN_OP_DROPOUT:
    case NN_OP_LAYER_NORM: case NN_OP_GROUP_NORM: case NN_OP_BATCH_NORM: case NN_OP_MAX_POOL1D: case NN_OP_AVG_POOL1D: case NN_OP_PERMUTE: case NN_OP_SLICE:
    case NN_OP_GATHER: case NN_OP_WHERE: case NN_OP_S4D: return true;
    default: return false;
    }
}

/* The input whose type goes on: where's first is its mask. */
static nn_id carried(const nn_node *n)
{
    return n->op == NN_OP_WHERE ? n->in[1] : n->in[0];
}

static void types_there(nn_graph *g)
{
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        if (n->type != NN_F32) continue;
        const nn_node *root = &g->node[n->root];
        if (n->root != (nn_id)k) {
            n->type = root->type;
            continue;
        }
        if (n->keep || n->want_grad) continue; /* the host reads it */
        if (makes_bf16(n->op) || (carries_bf16(n->op) && g->node[carried(n)].type == NN_BF16)) n->type = NN_BF16;
    }
}

/* ---- on the host: what its maker can write and all its readers can read as bf16 ---- */

static bool allows(const nn_graph *g, const nn_node *n, unsigned which)
{
    const nn_kernel *kernel = &g->backend->kernel[n->op];
    return (kernel->halves & which) && (!kernel->halves_serve || kernel->halves_serve(g, n));
}

static bool may_be_half(const nn_graph *g, nn_id x)
{
    const nn_node *maker = &g->node[x];
    if (!maker->used || maker->type != NN_F32 || maker->root != x || maker->keep || maker->want_grad || !allows(g, maker, NN_HALF_OUT)) return false;
    if (maker->with_input && !allows(g, &g->node[maker->in[0]], NN_HALF_OUT)) return false; /* the product writes it */
    for (size_t k = (size_t)x + 1; k < g->nodes; k++) {
        const nn_node *n = &g->node[k];
        if (!n->used) continue;
        if (n->root == x) return false; /* has another name */
        for (int i = 0; i < n->inputs; i++)
            if (n->in[i] == x && !allows(g, n, 1u << i)) return false;
    }
    return true;
}

void nn_half_types(nn_graph *g)
{
    if (!g->backend->bf16) return;
    if (g->backend->device) {
        types_there(g);
        return;
    }
    for (size_t k = 0; k < g->nodes; k++)
        if (may_be_half(g, (nn_id)k)) g->node[k].type = NN_BF16;
}

/* ---- copies of parameters ---- */

/* Parameter that input i of a product is, if its values are read as bf16. */
static nn_parameter *halved(const nn_graph *g, const nn_node *n, int i)
{
    const bool reads = makes_bf16(n->op) && n->op != NN_OP_ATTENTION && n->used && (i == 1 || i == 2) && i < n->inputs && n->in[i] != NN_NONE;
    return reads ? g->node[n->in[i]].parameter : NULL;
}

pclr_status nn_half_make(nn_graph *g, pclr_error *error)
{
    nn_device *d = g->backend->device;
    nn_half_part *part = NULL;
    size_t parts = 0, room = 0;
    pclr_status status = PCLR_OK;
    for (size_t k = 0; k < g->nodes && g->backend->bf16; k++)
        for (int i = 1; i <= 2; i++) {
            nn_parameter *p = halved(g, &g->node[k], i);
            if (!p) continue;
            const int64_t size = nn_shape_size(p->shape);
            if (!p->there->half) TRY_GOTO(d->allocate(d, &p->there->half, (size_t)size * sizeof(uint16_t), error));
            g->node[k].call.in[i].half = p->there->half;
            for (int64_t at = 0; at < size; at += PART) {
                if (parts == room) {
                    const size_t more = room > 0 ? 2 * room : 256;
                    TRY_GOTO(mem_grow(&part, room, more, sizeof *part, error));
                    room = more;
                }
                part[parts++] = (nn_half_part){p->there->value + at, (uint16_t *)p->there->half + at, size - at < PART ? size - at : PART};
            }
        }
    g->half_parts = parts;
    if (parts == 0) goto done;
    TRY_GOTO(d->allocate(d, &g->halves, parts * sizeof *part, error));
    d->upload(d, g->halves, part, parts * sizeof *part);
    TRY_GOTO(d->finish(d, error));
done:
    mem_free(part);
    return status;
}

void nn_half_refresh(nn_graph *g)
{
    g->backend->device->halve(g->backend->device, g->halves, g->half_parts);
}
