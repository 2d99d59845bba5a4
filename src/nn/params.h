/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of nn_params, for params.c and params_io.c. */
#ifndef PCLR_NN_PARAMS_H
#define PCLR_NN_PARAMS_H

#include "nn/nn.h"

/* scale > 0: sets the learning-rate scale; otherwise sets frozen. */
typedef struct nn_params_rule {
    char *prefix;
    bool frozen;
    double scale;
} nn_params_rule;

/* A value loaded from a file before any graph declared its name. */
typedef struct nn_params_aside {
    char *name;
    nn_shape shape;
    float *value;
} nn_params_aside;

struct nn_params {
    uint64_t seed;
    nn_parameter **item;
    size_t count;
    nn_params_rule *rule;
    size_t rules;
    nn_params_aside *aside;
    size_t aside_count;
};

bool nn_params_under(const char *name, const char *prefix);

#endif
