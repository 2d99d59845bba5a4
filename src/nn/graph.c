/* SPDX-License-Identifier: Apache-2.0 */
/* Building a graph: nodes, scopes, leaves, and errors that stick until nn_graph_compile tells the first one. */
#include "nn/graph.h"

#include <stdio.h>
#include <string.h>

#include "nn/mirror.h"
#include "nn/params.h"

/* ---- shapes ---- */

nn_shape nn_shape0(void)
{
    return (nn_shape){0};
}

nn_shape nn_shape1(int64_t a)
{
    return (nn_shape){1, {a}};
}

nn_shape nn_shape2(int64_t a, int64_t b)
{
    return (nn_shape){2, {a, b}};
}

nn_shape nn_shape3(int64_t a, int64_t b, int64_t c)
{
    return (nn_shape){3, {a, b, c}};
}

nn_shape nn_shape4(int64_t a, int64_t b, int64_t c, int64_t d)
{
    return (nn_shape){4, {a, b, c, d}};
}

int64_t nn_shape_size(nn_shape s)
{
    int64_t size = 1;
    for (int k = 0; k < s.rank; k++) size *= s.n[k];
    return size;
}

int64_t nn_shape_last(nn_shape s)
{
    return s.rank > 0 ? s.n[s.rank - 1] : 1;
}

int64_t nn_shape_rows(nn_shape s)
{
    int64_t rows = 1;
    for (int k = 0; k + 1 < s.rank; k++) rows *= s.n[k];
    return rows;
}

bool nn_shape_equal(nn_shape a, nn_shape b)
{
    if (a.rank != b.rank) return false;
    for (int k = 0; k < a.rank; k++)
        if (a.n[k] != b.n[k]) return false;
    return true;
}

const char *nn_shape_text(nn_shape s, char text[96])
{
    size_t used = 0;
    text[0] = 0;
    if (s.rank == 0) snprintf(text, 96, "scalar");
    for (int k = 0; k < s.rank; k++) used += (size_t)snprintf(text + used, 96 - used, "[%lld]", (long long)s.n[k]);
    return text;
}

/* Every axis at least 1, at most 2^40 elements: all later products of sizes stay far from overflow. */
static bool shape_sane(nn_shape s)
{
    const int64_t limit = (int64_t)1 << 40;
    int64_t size = 1;
    if (s.rank < 0 || s.rank > NN_MAX_RANK) return false;
    for (int k = 0; k < s.rank; k++) {
        if (s.n[k] < 1 || s.n[k] > limit / size) return false;
        size *= s.n[k];
    }
    return true;
}

/* ---- life ---- */

pclr_status nn_graph_create(nn_graph **graph, nn_backend *backend, nn_params *params, nn_mode mode, pclr_error *error)
{
    nn_graph *g = NULL;
    TRY(mem_alloc(&g, 1, sizeof *g, error));
    g->backend = backend;
    g->params = params;
    g->mode = mode;
    g->loss = NN_NONE;
    pclr_status status = arena_create(&g->memory, error);
    if (status != PCLR_OK) nn_graph_destroy(&g);
    *graph = g;
    return status;
}

static void release_block(nn_graph *g)
{
    nn_device *d = g->backend->device;
    if (!d) {
        mem_free(g->block);
        return;
    }
    for (int k = 0; k < 2; k++) d->forget(d, g->recording[k]);
    d->release(d, g->block);
    d->release(d, g->halves);
    nn_mirror_free(g);
}

void nn_graph_destroy(nn_graph **graph)
{
    nn_graph *g = *graph;
    if (!g) return;
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *node = &g->node[k];
        const nn_kernel *kernel = &g->backend->kernel[node->op];
        if (node->call.state && kernel->release) kernel->release(node->call.state);
    }
    release_block(g);
    mem_free(g->seconds);
    mem_free(g->completion);
    mem_free(g->node);
    arena_destroy(&g->memory);
    mem_release(graph);
}

nn_mode nn_graph_mode(const nn_graph *graph)
{
    return graph->mode;
}

int nn_graph_processes(const nn_graph *graph)
{
    return pclr_world_size(graph->backend->world);
}

pclr_world *nn_graph_world(const nn_graph *graph)
{
    return graph->backend->world;
}

nn_shape nn_shape_of(const nn_graph *graph, nn_id x)
{
    return x >= 0 && (size_t)x < graph->nodes ? graph->node[x].shape : nn_shape0();
}

/* ---- errors that stick ---- */

nn_id nn_fail(nn_graph *g, const char *format, ...)
{
    char message[900];
    va_list list;
    if (g->failed) return NN_NONE;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    g->failed = true;
    error_set(&g->error, PCLR_E_ARGUMENT, "%s%s%s", g->scope, g->scope[0] ? ": " : "", message);
    return NN_NONE;
}

bool nn_node_inputs_ok(nn_graph *g, const char *op, const nn_id *in, int inputs)
{
    if (g->failed) return false;
    for (int k = 0; k < inputs; k++)
        if (in[k] < 0 || (size_t)in[k] >= g->nodes) {
            nn_fail(g, "%s: input %d is no node of this graph; pass the result of an earlier builder", op, k);
            return false;
        }
    return true;
}

/* ---- scopes ---- */

void nn_scope_push(nn_graph *g, const char *format, ...)
{
    const int most = (int)(sizeof g->scope_start / sizeof g->scope_start[0]);
    size_t used = strlen(g->scope);
    char part[128];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(part, sizeof part, format, list);
    va_end(list);
    if (g->scopes >= most || length < 0 || (size_t)length >= sizeof part || used + (size_t)length + 2 > sizeof g->scope) {
        nn_fail(g, "scope \"%s\" is nested too deep (%d levels) or its name is too long", part, g->scopes);
        g->scopes++;
        return;
    }
    g->scope_start[g->scopes++] = used;
    snprintf(g->scope + used, sizeof g->scope - used, "%s%s", used ? "." : "", part);
}

void nn_scope_pop(nn_graph *g)
{
    const int most = (int)(sizeof g->scope_start / sizeof g->scope_start[0]);
    if (g->scopes == 0) {
        nn_fail(g, "nn_scope_pop without nn_scope_push");
        return;
    }
    g->scopes--;
    if (g->scopes < most && !g->failed) g->scope[g->scope_start[g->scopes]] = 0;
}

void nn_layer_begin(nn_graph *g)
{
    if (g->layer) nn_fail(g, "nn_layer_begin inside of a layer");
    g->layer = ++g->layers;
}

void nn_layer_end(nn_graph *g)
{
    if (!g->layer) nn_fail(g, "nn_layer_end without nn_layer_begin");
    g->layer = 0;
}

/* ---- nodes ---- */

static bool grow(nn_graph *g)
{
    if (g->nodes < g->capacity) return true;
    size_t capacity = g->capacity ? 2 * g->capacity : 64;
    pclr_error error = {0};
    if (mem_grow(&g->node, g->capacity, capacity, sizeof *g->node, &error) != PCLR_OK) {
        nn_fail(g, "%s", error.message);
        return false;
    }
    g->capacity = capacity;
    return true;
}

nn_id nn_node_add(nn_graph *g, nn_op op, nn_shape shape, const nn_id *in, int inputs, nn_args args)
{
    char text[96];
    if (g->failed) return NN_NONE;
    if (g->compiled) return nn_fail(g, "%s: the graph is compiled; build everything before nn_graph_compile", nn_op_name(op));
    if (!shape_sane(shape))
        return nn_fail(g, "%s: the result would have shape %s; every axis must be at least 1 and the size at most 2^40", nn_op_name(op),
                       nn_shape_text(shape, text));
    if (!grow(g)) return NN_NONE;
    nn_id id = (nn_id)g->nodes;
    nn_node *node = &g->node[id];
    memset(node, 0, sizeof *node);
    node->op = op;
    node->shape = shape;
    node->args = args;
    node->inputs = inputs;
    node->root = id;
    node->layer = g->layer;
    if (inputs > 0) {
        node->in = arena_alloc(g->memory, (size_t)inputs * sizeof *node->in);
        if (!node->in) return nn_fail(g, "%s: no memory", nn_op_name(op));
        memcpy(node->in, in, (size_t)inputs * sizeof *in);
    }
    g->nodes++;
    return id;
}

nn_id nn_input(nn_graph *g, const char *name, nn_type type, nn_shape shape)
{
    nn_id id = nn_node_add(g, NN_OP_INPUT, shape, NULL, 0, (nn_args){0});
    if (id == NN_NONE) return id;
    g->node[id].type = type;
    g->node[id].keep = true;
    g->node[id].name = arena_strdup(g->memory, name);
    return id;
}

nn_id nn_constant(nn_graph *g, nn_shape shape, const float *values)
{
    nn_id id = nn_node_add(g, NN_OP_CONSTANT, shape, NULL, 0, (nn_args){0});
    if (id == NN_NONE) return id;
    size_t bytes = (size_t)nn_shape_size(shape) * sizeof(float);
    g->node[id].constant = arena_alloc(g->memory, bytes);
    if (!g->node[id].constant) return nn_fail(g, "constant: no memory for %zu bytes", bytes);
    memcpy(g->node[id].constant, values, bytes);
    return id;
}

nn_id nn_param(nn_graph *g, const char *name, nn_shape shape, nn_init init)
{
    char full[640];
    pclr_error error = {0};
    nn_parameter *parameter = NULL;
    if (g->failed) return NN_NONE;
    int length = snprintf(full, sizeof full, "%s%s%s", g->scope, g->scope[0] ? "." : "", name);
    if (length < 0 || (size_t)length >= sizeof full) return nn_fail(g, "parameter name \"%s\" is too long", name);
    nn_id id = nn_node_add(g, NN_OP_PARAM, shape, NULL, 0, (nn_args){0});
    if (id == NN_NONE) return id;
    if (nn_params_declare(g->params, full, shape, init, &parameter, &error) != PCLR_OK) return nn_fail(g, "%s", error.message);
    g->node[id].parameter = parameter;
    g->node[id].name = parameter->name;
    return id;
}

void nn_keep(nn_graph *g, nn_id x)
{
    if (nn_node_inputs_ok(g, "keep", &x, 1)) g->node[g->node[x].root].keep = true;
}

void nn_want_grad(nn_graph *g, nn_id x)
{
    if (nn_node_inputs_ok(g, "want_grad", &x, 1)) g->node[g->node[x].root].want_grad = true;
}

/* ---- what is read after a pass ---- */

void *nn_data(nn_graph *g, nn_id x)
{
    if (!g->compiled || x < 0 || (size_t)x >= g->nodes) return NULL;
    const nn_node *root = &g->node[g->node[x].root];
    if (root->op == NN_OP_PARAM && g->backend->element == sizeof(float)) return nn_parameter_write(root->parameter);
    bool readable = root->keep || root->op == NN_OP_PARAM || root->op == NN_OP_CONSTANT;
    return !readable ? NULL : root->seen ? root->seen : root->data;
}

const float *nn_grad(nn_graph *g, nn_id x)
{
    if (!g->compiled || x < 0 || (size_t)x >= g->nodes) return NULL;
    const nn_node *root = &g->node[g->node[x].root];
    if (root->op == NN_OP_PARAM && g->backend->device) return root->grad ? nn_parameter_gradient(root->parameter) : NULL;
    return !root->want_grad && root->op != NN_OP_PARAM ? NULL : root->seen_grad ? root->seen_grad : root->grad;
}

nn_memory nn_graph_memory(const nn_graph *g)
{
    return g->sizes;
}

double nn_graph_flop(const nn_graph *g)
{
    double flop = 0;
    for (size_t k = 0; k < g->nodes; k++) flop += g->node[k].flop;
    return flop;
}
