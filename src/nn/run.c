/* SPDX-License-Identifier: Apache-2.0 */
/* Running a compiled graph, and telling where the time went. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/text.h"
#include "nn/mirror.h"
#include "nn/params.h"

static bool runs(const nn_node *node)
{
    return node->used && node->call.in != NULL && !node->with_input;
}

static double now(const nn_graph *g)
{
    return g->seconds ? clock_seconds() : 0;
}

/* For the profile: on a device, once it has done its work. */
static void note_time(nn_graph *g, nn_op op, int pass, double begin)
{
    if (!g->seconds) return;
    if (g->backend->device) (void)g->backend->device->finish(g->backend->device, NULL);
    g->seconds[2 * (int)op + pass] += clock_seconds() - begin;
}

static void run_node(nn_graph *g, nn_node *node)
{
    const double begin = now(g);
    g->backend->kernel[node->op].forward(&node->call);
    note_time(g, node->op, 0, begin);
}

static void run_forward(nn_graph *g, uint64_t step)
{
    if (g->backend->device) {
        nn_mirror_inputs(g);
        nn_half_refresh(g);
    }
    for (size_t i = 0; i < g->nodes; i++) {
        nn_node *node = &g->node[i];
        if (!runs(node)) continue;
        node->call.step = step;
        run_node(g, node);
    }
    if (g->backend->device) nn_mirror_kept(g);
}

static void run_backward(nn_graph *g, double scale);

/* A pass on a device: as it is the first time and for a profile, else recorded once and replayed. */
static pclr_status run_there(nn_graph *g, int pass, uint64_t step, double scale, pclr_error *error)
{
    nn_device *d = g->backend->device;
    nn_mirror_set(g, step, scale);
    if (g->runs[pass]++ == 0 || g->seconds) {
        pass == 0 ? run_forward(g, step) : run_backward(g, scale);
        return d->finish(d, error);
    }
    if (!g->recording[pass]) {
        TRY(d->record_begin(d, error));
        pass == 0 ? run_forward(g, step) : run_backward(g, scale);
        TRY(d->record_end(d, &g->recording[pass], error));
    }
    d->replay(d, g->recording[pass]);
    return d->finish(d, error);
}

static pclr_status forward_there(nn_graph *g, uint64_t step, pclr_error *error)
{
    for (size_t i = 0; i < g->nodes; i++)
        if (g->node[i].op == NN_OP_PARAM) nn_parameter_upload(g->node[i].parameter);
    g->passed_step = step;
    TRY(run_there(g, 0, step, 1, error));
    for (size_t i = 0; i < g->nodes && g->mode == NN_TRAIN; i++)
        if (g->node[i].op == NN_OP_PARAM && g->node[i].parameter->init.buffer) nn_parameter_changed_there(g->node[i].parameter);
    return PCLR_OK;
}

pclr_status nn_graph_forward(nn_graph *g, uint64_t step, pclr_error *error)
{
    if (!g->compiled) return error_set(error, PCLR_E_ARGUMENT, "the graph is not compiled; call nn_graph_compile first");
    const int before = omp_get_max_threads(); /* libraries below take the thread count of the calling thread */
    pclr_status status = PCLR_OK;
    omp_set_num_threads(g->backend->threads);
    if (g->backend->device)
        status = forward_there(g, step, error);
    else
        run_forward(g, step);
    omp_set_num_threads(before);
    g->ran_forward = status == PCLR_OK;
    return status;
}

/* Kernels that only add are given zeros where nobody wrote before. */
static void clear_gradients(const nn_graph *g, const nn_call *call)
{
    for (int k = 0; k < call->inputs; k++)
        if (call->in[k].grad && !call->in[k].add) memset(call->in[k].grad, 0, (size_t)call->in[k].size * g->backend->element);
}

static void clear_wanted(nn_graph *g)
{
    for (size_t i = 0; i < g->nodes; i++) {
        nn_node *node = &g->node[i];
        const bool own_gradient = node->op == NN_OP_PARAM && g->backend->element != sizeof(float);
        const size_t bytes = (size_t)nn_shape_size(node->shape) * g->backend->element;
        if (!node->grad || !(own_gradient || (node->want_grad && !node->active))) continue;
        if (g->backend->device)
            g->backend->device->clear(g->backend->device, node->grad, bytes);
        else
            memset(node->grad, 0, bytes);
    }
}

/* Where the backward pass visits a parameter last: at the first node that uses it. */
static nn_id last_visit(const nn_graph *g, const nn_parameter *parameter)
{
    for (size_t k = 0; k < g->nodes; k++) {
        const nn_node *n = &g->node[k];
        for (int i = 0; n->runs_backward && i < n->inputs; i++)
            if (n->in[i] != NN_NONE && n->call.in[i].grad && g->node[g->node[n->in[i]].root].parameter == parameter) return (nn_id)k;
    }
    return NN_NONE;
}

static int later_node_first(const void *a, const void *b)
{
    const nn_completion *x = a, *y = b;
    if (x->node != y->node) return x->node > y->node ? -1 : 1;
    return strcmp(x->parameter->name, y->parameter->name);
}

pclr_status nn_graph_on_gradient(nn_graph *g, nn_gradient_ready ready, void *user, pclr_error *error)
{
    if (!g->compiled) return error_set(error, PCLR_E_ARGUMENT, "the graph is not compiled; call nn_graph_compile first");
    const size_t count = nn_params_count(g->params);
    mem_release(&g->completion);
    TRY(mem_alloc(&g->completion, count, sizeof *g->completion, error));
    g->completions = 0;
    for (size_t k = 0; k < count; k++) {
        nn_parameter *parameter = nn_params_at(g->params, k);
        const nn_id node = last_visit(g, parameter);
        if (node != NN_NONE) g->completion[g->completions++] = (nn_completion){node, parameter};
    }
    if (g->completions > 1) qsort(g->completion, g->completions, sizeof *g->completion, later_node_first);
    g->ready = ready;
    g->ready_user = user;
    return PCLR_OK;
}

/* Tells of the parameters that node i was the last to add to; *told counts those already told. */
static void tell_completions(const nn_graph *g, size_t i, size_t *told)
{
    while (g->ready && *told < g->completions && (size_t)g->completion[*told].node == i) g->ready(g->ready_user, g->completion[(*told)++].parameter);
}

static void set_loss_gradient(nn_graph *g, double scale)
{
    nn_node *loss = &g->node[g->node[g->loss].root];
    if (!loss->grad) return;
    if (g->backend->device)
        nn_mirror_scale(g, loss->grad);
    else if (g->backend->element == sizeof(float))
        *(float *)loss->grad = (float)scale;
    else
        *(double *)loss->grad = scale;
}

static void run_backward(nn_graph *g, double scale)
{
    clear_wanted(g);
    set_loss_gradient(g, scale);
    size_t told = 0;
    for (size_t t = 0; t < g->turns; t++) {
        nn_node *node = &g->node[g->turn[t].node];
        if (g->turn[t].again) {
            node->call.again = true;
            if (runs(node)) run_node(g, node);
            node->call.again = false;
            continue;
        }
        if (!node->runs_backward) continue;
        const double begin = now(g);
        const nn_kernel *kernel = &g->backend->kernel[node->op];
        if (!kernel->writes) clear_gradients(g, &node->call);
        kernel->backward(&node->call);
        note_time(g, node->op, 1, begin);
        tell_completions(g, (size_t)g->turn[t].node, &told);
    }
    if (g->backend->device) nn_mirror_gradients(g);
}

pclr_status nn_graph_backward(nn_graph *g, double scale, pclr_error *error)
{
    if (!g->ran_forward) return error_set(error, PCLR_E_ARGUMENT, "nn_graph_backward needs nn_graph_forward before it");
    if (g->mode != NN_TRAIN || g->loss == NN_NONE)
        return error_set(error, PCLR_E_ARGUMENT, "this graph has no backward pass; create it with NN_TRAIN and compile it with a loss");
    const int before = omp_get_max_threads();
    pclr_status status = PCLR_OK;
    omp_set_num_threads(g->backend->threads);
    if (g->backend->device)
        status = run_there(g, 1, g->passed_step, scale, error);
    else
        run_backward(g, scale);
    omp_set_num_threads(before);
    return status;
}

/* ---- profile ---- */

typedef struct profile_line {
    nn_op op;
    double forward, backward;
} profile_line;

static int by_time(const void *a, const void *b)
{
    const profile_line *x = a, *y = b;
    const double tx = x->forward + x->backward, ty = y->forward + y->backward;
    if (tx < ty) return 1;
    if (tx > ty) return -1;
    return (int)x->op - (int)y->op;
}

pclr_status nn_graph_profile(nn_graph *g, char **text_out, pclr_error *error)
{
    text t = {0};
    profile_line line[NN_OPS];
    double total = 0;
    if (!g->seconds) {
        TRY(mem_alloc(&g->seconds, 2 * NN_OPS, sizeof *g->seconds, error));
        return mem_strdup(text_out, "", error);
    }
    for (int k = 0; k < NN_OPS; k++) {
        line[k] = (profile_line){(nn_op)k, g->seconds[2 * k], g->seconds[2 * k + 1]};
        total += line[k].forward + line[k].backward;
    }
    qsort(line, NN_OPS, sizeof *line, by_time);
    for (int k = 0; k < NN_OPS; k++) {
        const double both = line[k].forward + line[k].backward;
        if (both > 0)
            text_add(&t, "%-18s %9.3f ms  (forward %9.3f, backward %9.3f) %5.1f %%\n", nn_op_name(line[k].op), 1e3 * both, 1e3 * line[k].forward,
                     1e3 * line[k].backward, 100 * both / total);
    }
    memset(g->seconds, 0, 2 * NN_OPS * sizeof *g->seconds);
    pclr_status status = text_ok(&t, error);
    if (status == PCLR_OK) status = mem_strdup(text_out, t.data ? t.data : "", error);
    text_free(&t);
    return status;
}
