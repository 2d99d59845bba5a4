/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sum of gradients over processes, made while the backward pass still runs: a parameter's gradient is copied aside as soon as it is
 * complete; when a bucket is full of them, its sum is begun.
 */
#ifndef PCLR_TRAIN_REDUCE_H
#define PCLR_TRAIN_REDUCE_H

#include "base/world.h"
#include "nn/nn.h"

typedef struct reduce {
    pclr_world *world;
    float *value;                /* gradients side by side, in the order in which they became complete */
    nn_parameter **item;         /* whose they are */
    size_t items, filled, begun; /* filled: values copied; begun: of them in sums under way */
    size_t room;                 /* values in all */
    size_t bucket;               /* values a sum */
} reduce;

/* Listens to the backward pass of `graph`. With one process nothing is done. bucket_bytes: of a sum. */
pclr_status reduce_create(reduce *r, pclr_world *world, nn_graph *graph, nn_params *params, size_t bucket_bytes, pclr_error *error);
void reduce_free(reduce *r);
/* After the backward pass: waits for the sums and puts them in the gradients' places. */
void reduce_finish(reduce *r);

size_t reduce_bytes(const reduce *r); /* of memory */

#endif
