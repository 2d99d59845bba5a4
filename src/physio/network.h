/* SPDX-License-Identifier: Apache-2.0 */
/* Small networks of dense layers with ReLU between them, their weights stored as 8-bit integers with one scale an output. */
#ifndef PCLR_PHYSIO_NETWORK_H
#define PCLR_PHYSIO_NETWORK_H

#include "base/error.h"

enum { NETWORK_LAYERS = 3 };

/* A layer as it is stored: y = x W + bias, W[inputs][outputs] = weight * scale[output]. */
typedef struct network_table {
    size_t inputs, outputs;
    const int8_t *weight;
    const float *scale, *bias;
} network_table;

typedef struct network_layer {
    size_t inputs, outputs, stride; /* stride: outputs rounded up to what is computed at once */
    float *weight;                  /* [tiles][inputs][outputs of a tile] */
    float *bias;                    /* [stride] */
} network_layer;

typedef struct network {
    network_layer layer[NETWORK_LAYERS];
} network;

enum { NETWORK_ROWS = 6 /* worked on at once */, NETWORK_WIDEST = 512 };

pclr_status network_create(network *net, const network_table table[NETWORK_LAYERS], pclr_error *error);
void network_free(network *net);
/* x[rows][inputs] -> y[rows][outputs]; rows at most NETWORK_ROWS, no layer wider than NETWORK_WIDEST. `plain` forces the unvectorised
 * loops. */
void network_apply(const network *net, const float *x, size_t rows, float *y, bool plain);

#endif
