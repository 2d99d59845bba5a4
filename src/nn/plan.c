/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of a graph: what is computed, how long every tensor lives, where it lies in memory. Time runs 0 .. nodes - 1 for the
 * forward pass and on through the turns of the backward pass (recompute.c). What is computed again lives twice, in the same place.
 *
 * One block holds it all. Inputs, constants, kept tensors, wanted gradients and the kernels' scratch live the whole time;
 * activations, their gradients and what kernels save share the rest by lifetime (largest first, lowest gap that fits).
 */
#include <stdlib.h>
#include <string.h>

#include "nn/mirror.h"
#include "nn/params.h"

enum { ALIGN = 64 };

/* Both included. */
typedef struct interval {
    size_t from, to;
} interval;

/* A piece of the block and the times it is needed. */
typedef struct span {
    size_t bytes, offset;
    interval live[2];  /* the second one empty (from > to), but for what is computed again */
    void **address[2]; /* pointers to set, up to two users (a tensor and one computed in its place) */
} span;

typedef struct planner {
    nn_graph *g;
    span *item;
    size_t items, capacity;
    size_t *last_read;  /* [nodes] of a root's data, in the forward pass where it is computed again, in either otherwise */
    size_t *last_back;  /* [nodes] in the backward pass, of what is computed again */
    size_t *first_grad; /* [nodes] turn at which a root's gradient is first written; SIZE_MAX none */
    size_t *data_span;  /* [nodes] span of a root's data; SIZE_MAX: fixed or none */
} planner;

static size_t round_up(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static size_t element_size(const nn_graph *g, const nn_node *node)
{
    return node->type == NN_I32 ? sizeof(int32_t) : node->type == NN_BF16 ? sizeof(uint16_t) : g->backend->element;
}

static size_t data_bytes(const nn_graph *g, const nn_node *node)
{
    return round_up((size_t)nn_shape_size(node->shape) * element_size(g, node));
}

static bool is_leaf(const nn_node *node)
{
    return node->op == NN_OP_INPUT || node->op == NN_OP_PARAM || node->op == NN_OP_CONSTANT;
}

static bool is_alias(const nn_node *node)
{
    return node->op == NN_OP_RESHAPE || node->op == NN_OP_STOP_GRADIENT;
}

static bool computes(const nn_node *node)
{
    return node->used && !is_leaf(node) && !is_alias(node);
}

/* ---- what is used, where gradients flow ---- */

static void mark_used(nn_graph *g)
{
    bool any = g->loss != NN_NONE;
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        n->used = n->keep && n->op != NN_OP_INPUT;
        any = any || n->used;
    }
    if (g->loss != NN_NONE) g->node[g->loss].used = true;
    for (size_t k = g->nodes; k-- > 0;) {
        nn_node *n = &g->node[k];
        if (!any) n->used = true;
        for (int i = 0; n->used && i < n->inputs; i++)
            if (n->in[i] != NN_NONE) g->node[n->in[i]].used = true;
        if (n->used) g->node[n->root].used = true;
    }
}

/* needs_grad: a trained parameter or a wanted tensor lies upstream; active: and the loss downstream. */
static void mark_gradients(nn_graph *g)
{
    if (g->loss == NN_NONE || g->mode != NN_TRAIN) return;
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        bool up = n->want_grad || (n->op == NN_OP_PARAM && !n->parameter->frozen && !n->parameter->init.buffer);
        if (n->op == NN_OP_RESHAPE) up = g->node[n->in[0]].needs_grad;
        for (int i = 0; g->backend->kernel[n->op].backward && i < n->inputs; i++)
            if (n->in[i] != NN_NONE && !(n->no_grad & (1u << i))) up = up || g->node[n->in[i]].needs_grad;
        n->needs_grad = up && n->used && n->type == NN_F32;
    }
    g->node[g->loss].active = g->node[g->loss].needs_grad;
    for (size_t k = g->nodes; k-- > 0;) {
        nn_node *n = &g->node[k];
        for (int i = 0; n->active && i < n->inputs; i++) {
            if (n->in[i] == NN_NONE || (n->no_grad & (1u << i))) continue;
            nn_node *in = &g->node[n->in[i]];
            in->active = in->active || in->needs_grad;
            n->runs_backward = n->runs_backward || (in->needs_grad && computes(n));
        }
    }
}

/* ---- calls ---- */

static pclr_status make_calls(nn_graph *g, pclr_error *error)
{
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        n->call = (nn_call){.args = &n->args, .inputs = n->inputs, .training = g->mode == NN_TRAIN, .threads = g->backend->threads, .bf16 = g->backend->bf16, .world = g->backend->world, .device = g->backend->device};
        n->call.out = (nn_tensor){.shape = n->shape, .type = n->type, .size = nn_shape_size(n->shape)};
        if (is_leaf(n) || is_alias(n)) continue;
        uint64_t key = nn_params_seed(g->params) ^ (0x9E3779B97F4A7C15u * (k + 1)) ^ (0xD1B54A32D192ED03u * (uint64_t)pclr_world_rank(g->backend->world));
        n->call.key[0] = (uint32_t)key;
        n->call.key[1] = (uint32_t)(key >> 32);
        n->call.in = arena_alloc(g->memory, (size_t)n->inputs * sizeof *n->call.in);
        if (!n->call.in) return error_memory(error, (size_t)n->inputs * sizeof *n->call.in);
        for (int i = 0; i < n->inputs; i++) {
            if (n->in[i] == NN_NONE) continue;
            nn_shape shape = g->node[n->in[i]].shape;
            n->call.in[i] = (nn_tensor){.shape = shape, .type = g->node[n->in[i]].type, .size = nn_shape_size(shape)};
        }
    }
    return PCLR_OK;
}

static pclr_status prepare(nn_graph *g, pclr_error *error)
{
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        const nn_kernel *kernel = &g->backend->kernel[n->op];
        if (!computes(n)) continue;
        if (!kernel->forward)
            return error_set(error, PCLR_E_UNSUPPORTED, "backend \"%s\" does not have the operation %s; choose another backend", g->backend->name, nn_op_name(n->op));
        if (kernel->prepare) TRY(kernel->prepare(&n->call, error));
    }
    return PCLR_OK;
}

/* ---- lifetimes ---- */

static const interval NEVER = {1, 0};

/* The time after the last one. */
static size_t end_of_time(const nn_graph *g)
{
    return g->nodes + g->turns;
}

static void latest(size_t *time, size_t candidate)
{
    if (candidate > *time) *time = candidate;
}

/* The data of x is read at `time`. */
static void note_read(planner *p, nn_id x, size_t time)
{
    const nn_id root = p->g->node[x].root;
    const bool second = p->g->node[root].again && time >= p->g->nodes;
    latest(second ? &p->last_back[root] : &p->last_read[root], time);
}

static void find_lifetimes(planner *p)
{
    nn_graph *g = p->g;
    for (size_t k = 0; k < g->nodes; k++) {
        p->last_read[k] = k;
        p->last_back[k] = g->node[k].again_turn;
        p->first_grad[k] = p->data_span[k] = SIZE_MAX;
    }
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        if (!computes(n)) continue;
        const nn_kernel *kernel = &g->backend->kernel[n->op];
        for (int i = 0; i < n->inputs; i++) {
            if (n->in[i] == NN_NONE) continue;
            note_read(p, n->in[i], k);
            if (n->again) note_read(p, n->in[i], n->again_turn);
            if (n->active && (kernel->reads & (1u << i))) note_read(p, n->in[i], n->back_turn);
        }
        if (n->active && (kernel->reads & NN_READS_OUT)) note_read(p, (nn_id)k, n->back_turn);
    }
    for (size_t k = g->nodes; k-- > 0;) {
        nn_node *n = &g->node[k];
        if (!n->runs_backward) continue;
        for (int i = 0; i < n->inputs; i++) {
            if (n->in[i] == NN_NONE || (n->no_grad & (1u << i)) || !g->node[n->in[i]].active) continue;
            nn_id root = g->node[n->in[i]].root;
            if (p->first_grad[root] == SIZE_MAX) p->first_grad[root] = n->back_turn;
        }
    }
    if (g->loss != NN_NONE) p->first_grad[g->node[g->loss].root] = g->nodes; /* before the first turn's kernel */
}

static pclr_status add_span(planner *p, size_t bytes, interval live, interval again, void **address, pclr_error *error)
{
    if (p->items == p->capacity) {
        size_t grown = p->capacity ? 2 * p->capacity : 256;
        TRY(mem_grow(&p->item, p->capacity, grown, sizeof *p->item, error));
        p->capacity = grown;
    }
    p->item[p->items++] = (span){.bytes = round_up(bytes), .live = {live, again}, .address = {address, NULL}};
    return PCLR_OK;
}

/* May node k be computed in the memory of its first input? Only when nobody reads that input afterwards. */
static bool in_place(const planner *p, size_t k)
{
    const nn_graph *g = p->g;
    const nn_node *n = &g->node[k];
    if (!(g->backend->kernel[n->op].flags & NN_IN_PLACE) || n->inputs == 0 || n->keep || n->in[0] == NN_NONE) return false;
    nn_id root = g->node[n->in[0]].root;
    const nn_node *source = &g->node[root];
    if (is_leaf(source) || source->keep || p->last_read[root] != k || p->data_span[root] == SIZE_MAX) return false;
    if (source->again != n->again || (n->again && p->last_back[root] != n->again_turn)) return false;
    for (int i = 1; i < n->inputs; i++)
        if (n->in[i] != NN_NONE && g->node[n->in[i]].root == root) return false;
    return nn_shape_size(source->shape) == nn_shape_size(n->shape) && source->type == n->type && p->item[p->data_span[root]].address[1] == NULL;
}

/* When the second life of node k's data begins: with the product that writes it, if one does. */
static interval second_life(const planner *p, const nn_node *n, size_t last)
{
    if (!n->again) return NEVER;
    return (interval){n->with_input ? p->g->node[n->in[0]].again_turn : n->again_turn, last};
}

static pclr_status plan_data(planner *p, pclr_error *error)
{
    nn_graph *g = p->g;
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        if (!computes(n)) continue;
        const nn_kernel *kernel = &g->backend->kernel[n->op];
        if (!n->keep) {
            if (in_place(p, k)) {
                size_t at = p->data_span[g->node[n->in[0]].root];
                p->item[at].address[1] = &n->data;
                latest(&p->item[at].live[0].to, p->last_read[k]);
                if (n->again) latest(&p->item[at].live[1].to, p->last_back[k]);
                p->data_span[k] = at;
            } else {
                p->data_span[k] = p->items;
                const interval first = {n->with_input ? (size_t)n->in[0] : k, p->last_read[k]};
                TRY(add_span(p, data_bytes(g, n), first, second_life(p, n, p->last_back[k]), &n->data, error));
            }
        }
        size_t saved = kernel->saved ? kernel->saved(&n->call) : 0;
        const interval first = {k, n->active && !n->again ? n->back_turn : k};
        if (saved > 0) TRY(add_span(p, saved, first, second_life(p, n, n->active ? n->back_turn : n->again_turn), &n->call.saved, error));
    }
    return PCLR_OK;
}

static pclr_status plan_gradients(planner *p, pclr_error *error)
{
    nn_graph *g = p->g;
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        if (!n->active || n->root != (nn_id)k || n->want_grad || is_leaf(n)) continue;
        if (p->first_grad[k] == SIZE_MAX) continue;
        TRY(add_span(p, data_bytes(g, n), (interval){p->first_grad[k], n->back_turn}, NEVER, &n->grad, error));
    }
    return PCLR_OK;
}

/* ---- what lives the whole time ---- */

/* Parameters of a 4-byte backend are used where they are; a double backend (finite differences) gets copies. */
static bool param_in_place(const nn_graph *g, const nn_node *n)
{
    return n->op == NN_OP_PARAM && g->backend->element == sizeof(float);
}

static bool fixed_data(const nn_graph *g, const nn_node *n)
{
    if (n->root != (nn_id)(n - g->node) || g->backend->device) return false;
    return (is_leaf(n) && !param_in_place(g, n)) || (n->keep && n->used);
}

static bool fixed_grad(const nn_graph *g, const nn_node *n)
{
    if (n->root != (nn_id)(n - g->node) || g->backend->device) return false;
    return n->want_grad || (n->active && is_leaf(n) && !param_in_place(g, n));
}

static pclr_status use_parameter(nn_graph *g, nn_node *n, pclr_error *error)
{
    size_t bytes = (size_t)nn_shape_size(n->shape) * sizeof(float);
    nn_device *device = g->backend->device;
    if (device) TRY(nn_parameter_to_device(n->parameter, device, false, error));
    n->data = device ? n->parameter->there->value : n->parameter->value;
    g->sizes.parameters += bytes;
    if (g->mode != NN_TRAIN || g->loss == NN_NONE || n->parameter->init.buffer || n->parameter->frozen) return PCLR_OK;
    TRY(nn_params_need_grad(n->parameter, error)); /* also where the loss does not depend on it: the gradient is then 0 */
    if (device) TRY(nn_parameter_to_device(n->parameter, device, true, error));
    n->grad = device ? n->parameter->there->grad : n->parameter->grad;
    g->sizes.gradients += bytes;
    return PCLR_OK;
}

static pclr_status plan_fixed(planner *p, pclr_error *error)
{
    nn_graph *g = p->g;
    const interval always = {0, end_of_time(g)};
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        if (fixed_data(g, n)) TRY(add_span(p, data_bytes(g, n), always, NEVER, &n->data, error));
        if (fixed_grad(g, n)) TRY(add_span(p, data_bytes(g, n), always, NEVER, &n->grad, error));
        if (param_in_place(g, n)) TRY(use_parameter(g, n, error));
    }
    return PCLR_OK;
}

/* Values of constants, and of parameters that are copied. */
static void fill_values(nn_graph *g)
{
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        if (g->backend->device) return; /* constants go there with the inputs */
        const float *from = n->op == NN_OP_CONSTANT ? n->constant : n->op == NN_OP_PARAM && !param_in_place(g, n) ? n->parameter->value : NULL;
        for (int64_t i = 0; from && i < nn_shape_size(n->shape); i++) {
            if (g->backend->element == sizeof(double))
                ((double *)n->data)[i] = (double)from[i];
            else
                ((float *)n->data)[i] = from[i];
        }
    }
}

/* Scratch: as large as the greediest kernel wants it. */
static pclr_status plan_work(planner *p, void **work, pclr_error *error)
{
    nn_graph *g = p->g;
    for (size_t k = 0; k < g->nodes; k++) {
        const nn_kernel *kernel = &g->backend->kernel[g->node[k].op];
        size_t bytes = computes(&g->node[k]) && kernel->work ? kernel->work(&g->node[k].call) : 0;
        if (bytes > g->sizes.workspace) g->sizes.workspace = bytes;
    }
    return g->sizes.workspace > 0 ? add_span(p, g->sizes.workspace, (interval){0, end_of_time(g)}, NEVER, work, error) : PCLR_OK;
}

/* ---- placement ---- */

static int larger_first(const void *a, const void *b)
{
    const span *x = *(span *const *)a, *y = *(span *const *)b;
    if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
    return (x->live[0].from > y->live[0].from) - (x->live[0].from < y->live[0].from);
}

static bool live_together(const span *x, const span *y)
{
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            const interval s = x->live[a], t = y->live[b];
            if (s.from <= s.to && t.from <= t.to && s.from <= t.to && t.from <= s.to) return true;
        }
    return false;
}

/* Lowest offset at which `s` meets no placed span that lives at the same time. */
static void place(span **placed, size_t count, span *s)
{
    s->offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t k = 0; k < count; k++) {
            const span *o = placed[k];
            if (!live_together(s, o) || s->offset + s->bytes <= o->offset || o->offset + o->bytes <= s->offset) continue;
            s->offset = o->offset + o->bytes;
            moved = true;
        }
    }
}

static pclr_status place_all(planner *p, pclr_error *error)
{
    nn_graph *g = p->g;
    span **order = NULL;
    size_t total = 0;
    TRY(mem_alloc(&order, p->items, sizeof *order, error));
    for (size_t k = 0; k < p->items; k++) order[k] = &p->item[k];
    if (p->items > 1) qsort(order, p->items, sizeof *order, larger_first);
    for (size_t k = 0; k < p->items; k++) {
        place(order, k, order[k]);
        if (order[k]->offset + order[k]->bytes > total) total = order[k]->offset + order[k]->bytes;
    }
    mem_free(order);
    TRY(g->backend->device ? g->backend->device->allocate(g->backend->device, &g->block, total, error) : mem_alloc(&g->block, total, 1, error));
    g->sizes.activations = total - g->sizes.workspace;
    for (size_t k = 0; k < p->items; k++)
        for (int a = 0; a < 2; a++)
            if (p->item[k].address[a]) *p->item[k].address[a] = (char *)g->block + p->item[k].offset;
    return PCLR_OK;
}

/* ---- joining calls and memory ---- */

static void connect(nn_graph *g)
{
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        if (is_alias(n)) {
            n->data = g->node[n->root].data;
            n->grad = n->active ? g->node[n->root].grad : NULL;
        }
    }
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        if (!n->call.in) continue;
        n->call.out.data = n->data;
        n->call.followed = n->follower ? g->node[n->follower].data : NULL;
        n->call.followed_type = n->follower ? g->node[n->follower].type : NN_F32;
        n->call.out.grad = n->active ? n->grad : NULL;
        for (int i = 0; i < n->inputs; i++) {
            if (n->in[i] == NN_NONE) continue;
            nn_node *in = &g->node[n->in[i]];
            n->call.in[i].data = in->data;
            n->call.in[i].grad = n->runs_backward && in->active && !(n->no_grad & (1u << i)) ? in->grad : NULL;
        }
    }
}

/* The first writer of a gradient writes, later ones add; parameters' gradients always add (they add up over graphs and batches). */
static pclr_status order_writers(nn_graph *g, pclr_error *error)
{
    bool *written = NULL;
    TRY(mem_alloc(&written, g->nodes, sizeof *written, error));
    if (g->loss != NN_NONE) written[g->node[g->loss].root] = true;
    for (size_t k = g->nodes; k-- > 0;) {
        nn_node *n = &g->node[k];
        if (!n->runs_backward) continue;
        for (int i = 0; i < n->inputs; i++) {
            if (!n->call.in[i].grad) continue;
            nn_id root = g->node[n->in[i]].root;
            n->call.in[i].add = written[root] || g->node[root].op == NN_OP_PARAM;
            written[root] = true;
        }
    }
    mem_free(written);
    return PCLR_OK;
}

static pclr_status plan_memory(nn_graph *g, pclr_error *error)
{
    planner p = {.g = g};
    void *work = NULL;
    pclr_status status;
    TRY_GOTO(mem_alloc(&p.last_read, g->nodes, sizeof *p.last_read, error));
    TRY_GOTO(mem_alloc(&p.last_back, g->nodes, sizeof *p.last_back, error));
    TRY_GOTO(mem_alloc(&p.first_grad, g->nodes, sizeof *p.first_grad, error));
    TRY_GOTO(mem_alloc(&p.data_span, g->nodes, sizeof *p.data_span, error));
    find_lifetimes(&p);
    TRY_GOTO(plan_fixed(&p, error));
    TRY_GOTO(plan_data(&p, error));
    TRY_GOTO(plan_gradients(&p, error));
    TRY_GOTO(plan_work(&p, &work, error));
    TRY_GOTO(place_all(&p, error));
    for (size_t k = 0; k < g->nodes; k++) g->node[k].call.work = work;
done:
    mem_free(p.last_read);
    mem_free(p.last_back);
    mem_free(p.first_grad);
    mem_free(p.data_span);
    mem_free(p.item);
    return status;
}

pclr_status nn_graph_compile(nn_graph *g, nn_id loss, pclr_error *error)
{
    if (!g->failed && g->compiled) return error_set(error, PCLR_E_ARGUMENT, "the graph is compiled already");
    if (!g->failed && loss != NN_NONE && (loss < 0 || (size_t)loss >= g->nodes || nn_shape_size(g->node[loss].shape) != 1))
        nn_fail(g, "the loss must be a scalar of this graph");
    if (g->failed) {
        if (error) *error = g->error;
        return g->error.status;
    }
    if (g->backend->device && g->backend->world)
        return error_set(error, PCLR_E_UNSUPPORTED, "several processes share this graph; on device %s one process runs alone; run on the processor", g->backend->name);
    g->loss = loss;
    if (loss != NN_NONE) g->node[g->node[loss].root].keep = true;
    mark_used(g);
    TRY(nn_graph_fold(g, error));
    mark_gradients(g);
    nn_half_types(g);
    TRY(make_calls(g, error));
    TRY(prepare(g, error));
    TRY(nn_graph_turns(g, error));
    TRY(plan_memory(g, error));
    if (g->backend->device) TRY(nn_mirror_make(g, error));
    fill_values(g);
    connect(g);
    if (g->backend->device) TRY(nn_half_make(g, error));
    TRY(order_writers(g, error));
    g->compiled = true;
    return PCLR_OK;
}
