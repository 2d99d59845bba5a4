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

/* A parameter's copies on a device. Of value, either side may be newer, never both. */
typedef struct nn_parameter_there {
    struct nn_device *device;
    float *value, *grad;
    void *half; /* value as bf16, as new as the last pass made it */
    bool host_newer, device_newer;
} nn_parameter_there;

/* Makes the copies that are missing, and brings the host's newer values over. */
pclr_status nn_parameter_to_device(nn_parameter *parameter, struct nn_device *device, bool gradient, pclr_error *error);
void nn_parameter_upload(nn_parameter *parameter);
/* The device has changed the values. */
void nn_parameter_changed_there(nn_parameter *parameter);
const float *nn_parameter_gradient(const nn_parameter *parameter); /* on the host */
void nn_parameter_leave(nn_parameter *parameter); /* frees the copies; newer values come to the host first */

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
