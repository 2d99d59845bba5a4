/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of all values of a parameter set: a moving average that is evaluated in place of the weights, and the best one so far. */
#ifndef PCLR_TRAIN_AVERAGE_H
#define PCLR_TRAIN_AVERAGE_H

#include "nn/nn.h"

typedef struct average {
    nn_params *params;
    double decay; /* 0: the copy is the weights themselves */
    int64_t updates;
    size_t size; /* values in all */
    float *mean, *best, *aside;
} average;

/* Call after all graphs are built. The mean starts as the present values. */
pclr_status average_create(average *a, nn_params *params, double decay, pclr_error *error);
void average_free(average *a);
/* mean += (1 - d) (value - mean), d = min(decay, (1 + n) / (10 + n)) so that early steps weigh little (n: updates so far). */
void average_update(average *a);
/* Puts the mean in place of the weights, and back. */
void average_use(average *a);
void average_return(average *a);
/* Remembers the mean as the best; puts the best in place of the weights for good. */
void average_keep_best(average *a);
void average_take_best(average *a);

#endif
