/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters to and from safetensors files. */
#include <string.h>

#include "nn/graph.h"
#include "nn/params.h"

pclr_status nn_params_save(const nn_params *params, const char *prefix, st_writer *w, pclr_error *error)
{
    for (size_t k = 0; k < params->count; k++) {
        const nn_parameter *p = params->item[k];
        if (nn_params_under(p->name, prefix)) TRY(st_writer_add(w, p->name, "F32", p->shape, nn_parameter_read(p), error));
    }
    return PCLR_OK;
}

/* Keeps a tensor for a parameter that no graph has declared yet; a newer value of the same name replaces it. */
static pclr_status put_aside(nn_params *params, const st_tensor *t, pclr_error *error)
{
    nn_params_aside *a = NULL;
    for (size_t k = 0; k < params->aside_count && !a; k++)
        if (strcmp(params->aside[k].name, t->name) == 0) a = &params->aside[k];
    float *value = NULL;
    TRY(mem_alloc(&value, (size_t)nn_shape_size(t->shape), sizeof *value, error));
    memcpy(value, t->data, t->bytes);
    if (a) {
        mem_free(a->value);
    } else {
        char *name = NULL;
        pclr_status status = mem_grow(&params->aside, params->aside_count, params->aside_count + 1, sizeof *params->aside, error);
        if (status == PCLR_OK) status = mem_strdup(&name, t->name, error);
        if (status != PCLR_OK) {
            mem_free(value);
            return status;
        }
        a = &params->aside[params->aside_count++];
        a->name = name;
    }
    a->shape = t->shape;
    a->value = value;
    return PCLR_OK;
}

static pclr_status take(nn_parameter *p, const st_tensor *t, pclr_error *error)
{
    char wanted[96], found[96];
    if (!nn_shape_equal(p->shape, t->shape))
        return error_set(error, PCLR_E_FORMAT, "parameter \"%s\": the file holds shape %s; the model needs %s; load the file with the architecture it was saved with",
                         p->name, nn_shape_text(t->shape, found), nn_shape_text(p->shape, wanted));
    memcpy(nn_parameter_write(p), t->data, t->bytes);
    return PCLR_OK;
}

pclr_status nn_params_load(nn_params *params, const char *prefix, const st_file *f, pclr_error *error)
{
    size_t matched = 0;
    for (size_t k = 0; k < params->count; k++) {
        nn_parameter *p = params->item[k];
        if (nn_params_under(p->name, prefix) && !st_find(f, p->name, NULL))
            return error_set(error, PCLR_E_FORMAT, "parameter \"%s\" is not in the file; load the file with the architecture it was saved with", p->name);
    }
    for (size_t k = 0; k < st_count(f); k++) {
        st_tensor t = st_at(f, k);
        if (!nn_params_under(t.name, prefix) || strcmp(t.dtype, "F32") != 0) continue;
        nn_parameter *p = nn_params_find(params, t.name);
        TRY(p ? take(p, &t, error) : put_aside(params, &t, error));
        matched++;
    }
    if (matched == 0) return error_set(error, PCLR_E_FORMAT, "the file holds no tensor whose name begins with \"%s\"", prefix ? prefix : "");
    return PCLR_OK;
}
