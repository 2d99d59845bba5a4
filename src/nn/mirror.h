/* SPDX-License-Identifier: Apache-2.0 */
/* A graph on a device as the host sees it, and the types its tensors have there; see mirror.c. */
#ifndef PCLR_NN_MIRROR_H
#define PCLR_NN_MIRROR_H

#include "nn/device.h"
#include "nn/graph.h"

/* half.c. Before calls are made: which tensors are bf16. Once memory is planned: bf16 copies of parameters, made anew at each pass. */
void nn_half_types(nn_graph *graph);
pclr_status nn_half_make(nn_graph *graph, pclr_error *error);
void nn_half_refresh(nn_graph *graph);
/* Places for what the host sees. */
pclr_status nn_mirror_make(nn_graph *graph, pclr_error *error);
void nn_mirror_free(nn_graph *graph);
/* Whether node k's data has its place here, not in the graph's block. */
bool nn_mirror_holds(const nn_graph *graph, size_t k);

/* The host's side of the next pass; then the copies, which may be recorded. */
void nn_mirror_set(nn_graph *graph, uint64_t step, double scale);
void nn_mirror_inputs(nn_graph *graph);
void nn_mirror_scale(nn_graph *graph, void *loss_gradient);
void nn_mirror_kept(nn_graph *graph);
void nn_mirror_gradients(nn_graph *graph);

#endif
