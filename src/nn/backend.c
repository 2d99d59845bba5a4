/* SPDX-License-Identifier: Apache-2.0 */
/* Backends by name, and the names of operations. */
#include "nn/device.h"

#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"

static const char *const op_names[NN_OPS] = {
    [NN_OP_INPUT] = "input", [NN_OP_PARAM] = "param", [NN_OP_CONSTANT] = "constant", [NN_OP_RESHAPE] = "reshape",
    [NN_OP_STOP_GRADIENT] = "stop_gradient", [NN_OP_LINEAR] = "linear", [NN_OP_MATMUL] = "matmul", [NN_OP_CONV1D] = "conv1d",
    [NN_OP_CONV_TRANSPOSE1D] = "conv_transpose1d", [NN_OP_ADD] = "add", [NN_OP_SUB] = "sub", [NN_OP_MUL] = "mul", [NN_OP_DIV] = "div",
    [NN_OP_AFFINE] = "affine", [NN_OP_RELU] = "relu", [NN_OP_GELU] = "gelu", [NN_OP_SILU] = "silu", [NN_OP_TANH] = "tanh",
    [NN_OP_SIGMOID] = "sigmoid", [NN_OP_SOFTPLUS] = "softplus", [NN_OP_EXP] = "exp", [NN_OP_LOG] = "log", [NN_OP_SQRT] = "sqrt",
    [NN_OP_SQUARE] = "square", [NN_OP_GLU] = "glu", [NN_OP_WHERE] = "where", [NN_OP_DROPOUT] = "dropout",
    [NN_OP_LAYER_NORM] = "layer_norm", [NN_OP_GROUP_NORM] = "group_norm", [NN_OP_BATCH_NORM] = "batch_norm",
    [NN_OP_WEIGHT_NORM] = "weight_norm", [NN_OP_L2_NORMALIZE] = "l2_normalize", [NN_OP_SUM] = "sum", [NN_OP_MEAN] = "mean",
    [NN_OP_MAX] = "max", [NN_OP_SUM_ALL] = "sum_all", [NN_OP_MEAN_ALL] = "mean_all", [NN_OP_SOFTMAX] = "softmax",
    [NN_OP_LOG_SOFTMAX] = "log_softmax", [NN_OP_MASKED_LOGSUMEXP] = "masked_logsumexp", [NN_OP_MAX_POOL1D] = "max_pool1d",
    [NN_OP_AVG_POOL1D] = "avg_pool1d", [NN_OP_ATTENTION] = "attention", [NN_OP_S4D] = "s4d", [NN_OP_PERMUTE] = "permute",
    [NN_OP_CONCAT] = "concat", [NN_OP_SLICE] = "slice", [NN_OP_GATHER] = "gather", [NN_OP_ONE_HOT_MAX] = "one_hot_max",
    [NN_OP_ALL_ROWS] = "all_rows", [NN_OP_ALL_MEAN] = "all_mean",
    [NN_OP_MSE] = "mse", [NN_OP_HUBER] = "huber", [NN_OP_BCE_LOGITS] = "bce_logits", [NN_OP_CROSS_ENTROPY] = "cross_entropy",
};

const char *nn_op_name(nn_op op)
{
    return op_names[op];
}

typedef struct backend_entry {
    const char *name;
    size_t element;
    void (*fill[2])(nn_kernel kernel[NN_OPS]); /* one after another; later ones replace rows */
    nn_bf16_units (*bf16)(void);               /* NULL: computes in its own elements alone */
} backend_entry;

/* In order of preference for "auto". */
static const backend_entry entries[] = {
#ifdef PCLR_HAVE_ONEDNN
    {"onednn", 4, {nn_reference32_fill, nn_onednn_fill}, nn_onednn_bf16},
#endif
    {"reference", 4, {nn_reference32_fill}, NULL},
    {"reference64", 8, {nn_reference64_fill}, NULL},
};

/* Back ends on devices, by name; "auto" never takes one. */
static pclr_status create_there(nn_backend **backend, const char *name, int threads, pclr_error *error)
{
    nn_backend *b = NULL;
    TRY(mem_alloc(&b, 1, sizeof *b, error));
    b->name = "cuda";
    b->element = sizeof(float);
    b->threads = parallel_threads(threads);
    pclr_status status = nn_device_load(name, &b->device, b->kernel, &b->module, error);
    if (status == PCLR_OK)
        *backend = b;
    else
        mem_free(b);
    return status;
}

pclr_status nn_backend_create(nn_backend **backend, const char *name, int threads, pclr_error *error)
{
    if (strcmp(name, "cuda") == 0) return create_there(backend, name, threads, error);
    const size_t count = sizeof entries / sizeof entries[0];
    const backend_entry *entry = NULL;
    nn_backend *b = NULL;
    for (size_t k = 0; k < count && !entry; k++)
        if (strcmp(name, "auto") == 0 || strcmp(name, entries[k].name) == 0) entry = &entries[k];
    if (!entry)
        return error_set(error, PCLR_E_UNSUPPORTED, "backend \"%s\" is not in this build; use \"auto\", \"reference\", \"cuda\" or, when built with oneDNN, \"onednn\"", name);
    TRY(mem_alloc(&b, 1, sizeof *b, error));
    b->name = entry->name;
    b->element = entry->element;
    b->threads = parallel_threads(threads);
    for (size_t k = 0; k < 2; k++)
        if (entry->fill[k]) entry->fill[k](b->kernel);
    *backend = b;
    return PCLR_OK;
}

void nn_backend_destroy(nn_backend **backend)
{
    if (*backend) nn_device_unload(&(*backend)->device, &(*backend)->module);
    mem_release(backend);
}

pclr_status nn_backend_precision(nn_backend *backend, const char *precision, pclr_error *error)
{
    const bool automatic = strcmp(precision, "auto") == 0, wanted = strcmp(precision, "bf16") == 0;
    nn_bf16_units units = NN_BF16_NONE;
    bool able = false;
    if (!automatic && !wanted && strcmp(precision, "fp32") != 0)
        return error_set(error, PCLR_E_ARGUMENT, "precision \"%s\" is unknown; use \"auto\", \"fp32\" or \"bf16\"", precision);
    for (size_t k = 0; k < sizeof entries / sizeof entries[0]; k++) {
        if (strcmp(entries[k].name, backend->name) != 0 || !entries[k].bf16) continue;
        able = true;
        units = entries[k].bf16();
    }
    if (backend->device) {
        backend->bf16 = backend->device->bf16 && !(strcmp(precision, "fp32") == 0);
        return PCLR_OK;
    }
    if (wanted && !able)
        return error_set(error, PCLR_E_UNSUPPORTED, "precision bf16: backend \"%s\" computes in its own format alone; use backend \"onednn\" or precision \"fp32\"",
                         backend->name);
    if (wanted && units == NN_BF16_NONE)
        return error_set(error, PCLR_E_UNSUPPORTED,
                         "precision bf16: this processor has no bf16 units (it needs AVX512_BF16 or AMX-BF16); use precision \"fp32\" or \"auto\"");
    backend->bf16 = wanted || (automatic && units >= NN_BF16_FAST_VECTORS);
    return PCLR_OK;
}

void nn_backend_recompute(nn_backend *backend, bool recompute)
{
    backend->recompute = recompute;
}

const char *nn_backend_precision_name(const nn_backend *backend)
{
    return backend->bf16 ? "bf16" : "fp32";
}

const char *nn_backend_device(const nn_backend *backend)
{
    return backend->device ? backend->device->name : NULL;
}

const char *nn_backend_name(const nn_backend *backend)
{
    return backend->name;
}

int nn_backend_threads(const nn_backend *backend)
{
    return backend->threads;
}

void nn_backend_share(nn_backend *backend, pclr_world *world)
{
    backend->world = pclr_world_size(world) > 1 ? world : NULL;
}
