/* SPDX-License-Identifier: Apache-2.0 */
#include "objective/common.h"

#include <stdio.h>
#include <string.h>

pclr_status objective_new(objective **o, size_t size, const objective_type *type, const objective_setup *setup, pclr_error *error)
{
    objective_base *base = NULL;
    *o = NULL;
    TRY(mem_alloc(&base, 1, size, error));
    base->type = type;
    base->graph = setup->graph;
    base->embedding = NN_NONE;
    *o = (objective *)base;
    return PCLR_OK;
}

void objective_free(objective **o)
{
    if (!o) return;
    mem_free(*o);
    *o = NULL;
}

void objective_view_inputs(const objective_setup *setup, nn_id *id, int count)
{
    static const char *const names[OBJECTIVE_MAX_VIEWS] = {"view0", "view1", "view2", "view3"};
    for (int v = 0; v < count; v++) id[v] = nn_input(setup->graph, names[v], NN_F32, nn_shape3(setup->items, setup->samples, setup->leads));
}

void objective_feed_floats(objective_base *base, nn_id id, const float *values, int64_t count)
{
    if (id != NN_NONE) memcpy(nn_data(base->graph, id), values, (size_t)count * sizeof(float));
}

void objective_feed_flags(objective_base *base, nn_id id, const uint8_t *flags, int64_t count)
{
    if (id == NN_NONE) return;
    float *out = nn_data(base->graph, id);
    for (int64_t k = 0; k < count; k++) out[k] = flags[k] ? 1.0f : 0.0f;
}

void objective_feed_features(objective_base *base, nn_id feature, nn_id valid, const objective_batch *batch)
{
    int64_t first = batch->before * batch->features, count = batch->items * batch->features;
    if (feature == NN_NONE) return;
    objective_feed_floats(base, feature, batch->feature + first, count);
    objective_feed_flags(base, valid, batch->feature_valid + first, count);
}

pclr_status objective_feed_views(objective_base *base, const objective_batch *batch, const nn_id *id, int count, pclr_error *error)
{
    int64_t size = batch->items * batch->samples * batch->leads;
    for (int v = 0; v < count; v++) {
        if (!batch->view[v])
            return error_set(error, PCLR_E_ARGUMENT, "objective %s: the batch has no view %d; it needs %d", base->type->name, v, count);
        if (nn_shape_size(nn_shape_of(base->graph, id[v])) != size)
            return error_set(error, PCLR_E_ARGUMENT, "objective %s: a batch of %lld x %lld x %lld does not fit the graph it was built for",
                             base->type->name, (long long)batch->items, (long long)batch->samples, (long long)batch->leads);
        objective_feed_floats(base, id[v], batch->view[v], size);
    }
    return PCLR_OK;
}

nn_id objective_encode_views(const objective_setup *setup, const nn_id *view, int count)
{
    nn_id x = count == 1 ? view[0] : nn_concat(setup->graph, view, count, 0);
    return model_encode(setup->graph, x, setup->encoder);
}

nn_id objective_part(const objective_setup *setup, nn_id stack, int part)
{
    return nn_slice(setup->graph, stack, 0, part * setup->items, setup->items);
}

int64_t objective_all_items(const objective_setup *setup)
{
    return setup->items * nn_graph_processes(setup->graph);
}

nn_id objective_all_rows(const objective_setup *setup, nn_id stack)
{
    nn_graph *g = setup->graph;
    nn_id view[OBJECTIVE_MAX_VIEWS];
    if (stack == NN_NONE || nn_graph_processes(g) == 1) return stack;
    int views = (int)(nn_shape_of(g, stack).n[0] / setup->items);
    for (int v = 0; v < views; v++) view[v] = nn_all_rows(g, objective_part(setup, stack, v));
    return views == 1 ? view[0] : nn_concat(g, view, views, 0);
}

nn_id objective_all_part(const objective_setup *setup, nn_id stack, int part)
{
    int64_t items = objective_all_items(setup);
    return nn_slice(setup->graph, stack, 0, part * items, items);
}

nn_id objective_all_mean(nn_graph *g, nn_id mean, nn_id weight)
{
    if (nn_graph_processes(g) == 1) return mean;
    return nn_all_mean(g, mean, weight == NN_NONE ? NN_NONE : nn_sum_all(g, weight));
}

nn_id objective_project(const objective_setup *setup, nn_id encoded, nn_id *pooled)
{
    nn_graph *g = setup->graph;
    *pooled = model_pool(g, encoded, "mean");
    nn_id z = model_project(g, *pooled, "projection", config_int(setup->config, "objective.projection_hidden"),
                            config_int(setup->config, "objective.projection"));
    return nn_l2_normalize(g, z, 1e-8);
}

void objective_set_embedding(objective_base *base, const objective_setup *setup, nn_id pooled)
{
    base->embedding = objective_part(setup, pooled, 0);
    nn_keep(setup->graph, base->embedding);
}

void objective_term_scalar(objective_base *base, const char *name, nn_id id)
{
    base->term[base->terms++] = (struct objective_term){.name = name, .id = id};
    nn_keep(base->graph, id);
}

size_t objective_term_value(objective_base *base, const char *name)
{
    base->term[base->terms] = (struct objective_term){.name = name, .id = NN_NONE};
    return base->terms++;
}

nn_id objective_add_weighted(nn_graph *g, nn_id sum, nn_id term, double weight)
{
    if (weight == 0) return sum;
    nn_id scaled = weight == 1 ? term : nn_affine(g, term, weight, 0);
    return sum == NN_NONE ? scaled : nn_add(g, sum, scaled);
}
