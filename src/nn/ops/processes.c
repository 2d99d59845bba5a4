/* SPDX-License-Identifier: Apache-2.0 */
/* Building operations between processes. With one process they are no operation. */
#include "nn/graph.h"

nn_id nn_all_rows(nn_graph *g, nn_id x)
{
    char text[96];
    if (!nn_node_inputs_ok(g, "all_rows", &x, 1)) return NN_NONE;
    nn_shape s = nn_node_shape(g, x);
    if (nn_graph_processes(g) == 1) return x;
    if (s.rank < 1) return nn_fail(g, "all_rows: x %s has no rows", nn_shape_text(s, text));
    s.n[0] *= nn_graph_processes(g);
    return nn_node_add(g, NN_OP_ALL_ROWS, s, &x, 1, (nn_args){0});
}

nn_id nn_all_mean(nn_graph *g, nn_id x, nn_id weight)
{
    const nn_id in[2] = {x, weight};
    char text[96];
    if (!nn_node_inputs_ok(g, "all_mean", in, weight == NN_NONE ? 1 : 2)) return NN_NONE;
    if (nn_graph_processes(g) == 1) return x;
    if (weight != NN_NONE && nn_shape_size(nn_node_shape(g, weight)) != 1)
        return nn_fail(g, "all_mean: weight %s must be a scalar", nn_shape_text(nn_node_shape(g, weight), text));
    nn_id id = nn_node_add(g, NN_OP_ALL_MEAN, nn_node_shape(g, x), in, 2, (nn_args){0});
    if (id != NN_NONE) nn_node_at(g, id)->no_grad = 1u << 1;
    return id;
}
