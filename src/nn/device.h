/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device with memory of its own, which the host cannot follow pointers into: what the graph, the parameters and the optimiser
 * ask of it. Everything between two `finish` runs in the order in which it was asked for. A back end on a device is a module that
 * is loaded when it is asked for by name, so that the program starts without the device's libraries.
 */
#ifndef PCLR_NN_DEVICE_H
#define PCLR_NN_DEVICE_H

#include "nn/backend.h"

/* A run of parameter values that AdamW updates alike; addresses on the device. */
typedef struct nn_adamw_part {
    float *value, *grad, *m, *v;
    int64_t count;
    double rate;  /* factor on the learning rate */
    double decay;
} nn_adamw_part;

/* A run of parameter values and their bf16 copies; addresses on the device. */
typedef struct nn_half_part {
    const float *value;
    void *half;
    int64_t count;
} nn_half_part;

struct nn_device {
    const char *name; /* "NVIDIA H100 80GB HBM3" */
    bool bf16;        /* its units multiply bf16 */

    /* Zeroed memory. */
    pclr_status (*allocate)(nn_device *d, void **memory, size_t bytes, pclr_error *error);
    void (*release)(nn_device *d, void *memory);
    /* Zeroed memory of the host that copies reach without a detour. */
    pclr_status (*allocate_host)(nn_device *d, void **memory, size_t bytes, pclr_error *error);
    void (*release_host)(nn_device *d, void *memory);

    void (*upload)(nn_device *d, void *to, const void *from, size_t bytes);
    void (*download)(nn_device *d, void *to, const void *from, size_t bytes);
    void (*clear)(nn_device *d, void *memory, size_t bytes);
    /* Waits for all that was asked for; tells the first fault that has not been told. error NULL: the fault is kept for the next call. */
    pclr_status (*finish)(nn_device *d, pclr_error *error);

    /* Between begin and end, copies, clears and kernels are written down and not done; replay does them, with the host memory of then. */
    pclr_status (*record_begin)(nn_device *d, pclr_error *error);
    pclr_status (*record_end)(nn_device *d, void **recording, pclr_error *error);
    void (*replay)(nn_device *d, void *recording);
    void (*forget)(nn_device *d, void *recording);

    /* half = value, rounded, for each part; part on the device. */
    void (*halve)(nn_device *d, const nn_half_part *part, size_t parts);
    /* square[k] = sum of grad^2 over part k; part and square on the device. */
    void (*adamw_squares)(nn_device *d, const nn_adamw_part *part, size_t parts, double *square);
    /* One update with u's common terms (adamw.c has the formula); gradients become 0. */
    void (*adamw_update)(nn_device *d, const nn_adamw_part *part, size_t parts, const nn_adamw_update *u);
    /* target += (1 - decay) (source - target) */
    void (*average)(nn_device *d, float *target, const float *source, int64_t count, double decay);

    void (*close)(nn_device *d);
};

/* What a module exports as "pclr_device_module". `layout` guards against a module of another build. */
typedef struct nn_device_module {
    size_t layout; /* NN_DEVICE_LAYOUT */
    pclr_status (*open)(nn_device **device, nn_kernel kernel[NN_OPS], pclr_error *error);
} nn_device_module;
#define NN_DEVICE_LAYOUT (sizeof(nn_call) * 1000003u + sizeof(struct nn_device) * 1009u + sizeof(nn_kernel) * 31u + (size_t)NN_OPS)

/* Loads the module of `name` ("cuda") and opens its device. *module keeps it loaded, for nn_device_unload. */
pclr_status nn_device_load(const char *name, nn_device **device, nn_kernel kernel[NN_OPS], void **module, pclr_error *error);
void nn_device_unload(nn_device **device, void **module);

#endif
