/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters by name: declared by graphs, initialised from (seed, name) alone, so that the order of building does not matter. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "nn/device.h"
#include "nn/graph.h"
#include "nn/params.h"

pclr_status nn_params_create(nn_params **params, uint64_t seed, pclr_error *error)
{
    nn_params *p = NULL;
    TRY(mem_alloc(&p, 1, sizeof *p, error));
    p->seed = seed;
    *params = p;
    return PCLR_OK;
}

void nn_params_destroy(nn_params **params)
{
    nn_params *p = *params;
    if (!p) return;
    for (size_t k = 0; k < p->count; k++) {
        nn_parameter_leave(p->item[k]);
        mem_free(p->item[k]->value);
        mem_free(p->item[k]->grad);
        mem_free((void *)p->item[k]->name);
        mem_free(p->item[k]);
    }
    for (size_t k = 0; k < p->rules; k++) mem_free(p->rule[k].prefix);
    for (size_t k = 0; k < p->aside_count; k++) {
        mem_free(p->aside[k].name);
        mem_free(p->aside[k].value);
    }
    mem_free(p->item);
    mem_free(p->rule);
    mem_free(p->aside);
    mem_release(params);
}

uint64_t nn_params_seed(const nn_params *params)
{
    return params->seed;
}

size_t nn_params_count(const nn_params *params)
{
    return params->count;
}

nn_parameter *nn_params_at(nn_params *params, size_t k)
{
    return k < params->count ? params->item[k] : NULL;
}

nn_parameter *nn_params_find(nn_params *params, const char *name)
{
    for (size_t k = 0; k < params->count; k++)
        if (strcmp(params->item[k]->name, name) == 0) return params->item[k];
    return NULL;
}

bool nn_params_under(const char *name, const char *prefix)
{
    return !prefix || strncmp(name, prefix, strlen(prefix)) == 0;
}

int64_t nn_params_size(const nn_params *params, const char *prefix)
{
    int64_t size = 0;
    for (size_t k = 0; k < params->count; k++)
        if (!params->item[k]->init.buffer && nn_params_under(params->item[k]->name, prefix)) size += nn_shape_size(params->item[k]->shape);
    return size;
}

void nn_params_zero_grad(nn_params *params)
{
    for (size_t k = 0; k < params->count; k++) {
        nn_parameter *p = params->item[k];
        const size_t bytes = (size_t)nn_shape_size(p->shape) * sizeof(float);
        if (p->grad) memset(p->grad, 0, bytes);
        if (p->there && p->there->grad) p->there->device->clear(p->there->device, p->there->grad, bytes);
    }
}

/* ---- rules by prefix: for what is declared, and for what will be ---- */

static void apply_rule(nn_parameter *p, const nn_params_rule *rule)
{
    if (!nn_params_under(p->name, rule->prefix)) return;
    if (rule->scale > 0)
        p->init.lr_scale = rule->scale;
    else
        p->frozen = rule->frozen;
}

static void add_rule(nn_params *params, const char *prefix, bool frozen, double scale)
{
    nn_params_rule rule = {.frozen = frozen, .scale = scale};
    if (mem_strdup(&rule.prefix, prefix ? prefix : "", NULL) != PCLR_OK) return;
    for (size_t k = 0; k < params->count; k++) apply_rule(params->item[k], &rule);
    if (mem_grow(&params->rule, params->rules, params->rules + 1, sizeof rule, NULL) != PCLR_OK) {
        mem_free(rule.prefix);
        return;
    }
    params->rule[params->rules++] = rule;
}

void nn_params_freeze(nn_params *params, const char *prefix, bool frozen)
{
    add_rule(params, prefix, frozen, 0);
}

void nn_params_scale_lr(nn_params *params, const char *prefix, double scale)
{
    add_rule(params, prefix, false, scale);
}

/* ---- initial values ---- */

static double draw(rng *r, const nn_init *init, int64_t index, int64_t last)
{
    switch (init->kind) {
    case NN_INIT_ZEROS: return 0;
    case NN_INIT_ONES: return 1;
    case NN_INIT_CONSTANT: return init->a;
    case NN_INIT_NORMAL: return init->a * rng_normal(r);
    case NN_INIT_UNIFORM: return rng_range(r, -init->a, init->a);
    case NN_INIT_KAIMING: return sqrt(2 / init->a) * rng_normal(r);
    case NN_INIT_RANGE: return rng_range(r, init->a, init->b);
    case NN_INIT_LOG_RANGE: return exp(rng_range(r, log(init->a), log(init->b)));
    case NN_INIT_S4D_IMAG: return 3.14159265358979323846 * (double)(index % last);
    }
    return 0;
}

static void initialise(const nn_params *params, nn_parameter *p)
{
    rng r = rng_make(params->seed, "init", hash_fnv1a(p->name, strlen(p->name)));
    int64_t size = nn_shape_size(p->shape), last = nn_shape_last(p->shape);
    for (int64_t k = 0; k < size; k++) p->value[k] = (float)draw(&r, &p->init, k, last);
}

/* Takes a value that was loaded before the parameter was declared, if there is one. */
static pclr_status take_aside(nn_params *params, nn_parameter *p, bool *taken, pclr_error *error)
{
    char wanted[96], found[96];
    *taken = false;
    for (size_t k = 0; k < params->aside_count; k++) {
        nn_params_aside *a = &params->aside[k];
        if (strcmp(a->name, p->name) != 0) continue;
        if (!nn_shape_equal(a->shape, p->shape))
            return error_set(error, PCLR_E_FORMAT, "parameter \"%s\": the file holds shape %s; the model needs %s; load the file with the architecture it was saved with",
                             p->name, nn_shape_text(a->shape, found), nn_shape_text(p->shape, wanted));
        memcpy(p->value, a->value, (size_t)nn_shape_size(p->shape) * sizeof(float));
        mem_free(a->name);
        mem_free(a->value);
        *a = params->aside[--params->aside_count];
        *taken = true;
        return PCLR_OK;
    }
    return PCLR_OK;
}

static pclr_status make(nn_params *params, const char *name, nn_shape shape, nn_init init, nn_parameter **parameter, pclr_error *error)
{
    nn_parameter *p = NULL;
    bool taken;
    TRY(mem_grow(&params->item, params->count, params->count + 1, sizeof *params->item, error));
    TRY(mem_alloc(&p, 1, sizeof *p, error));
    params->item[params->count++] = p;
    char *copy = NULL;
    TRY(mem_strdup(&copy, name, error));
    p->name = copy;
    p->shape = shape;
    p->init = init;
    TRY(mem_alloc(&p->value, (size_t)nn_shape_size(shape), sizeof(float), error));
    TRY(take_aside(params, p, &taken, error));
    if (!taken) initialise(params, p);
    for (size_t k = 0; k < params->rules; k++) apply_rule(p, &params->rule[k]);
    *parameter = p;
    return PCLR_OK;
}

pclr_status nn_params_declare(nn_params *params, const char *name, nn_shape shape, nn_init init, nn_parameter **parameter, pclr_error *error)
{
    char wanted[96], found[96];
    nn_parameter *known = nn_params_find(params, name);
    if (!known) return make(params, name, shape, init, parameter, error);
    if (!nn_shape_equal(known->shape, shape))
        return error_set(error, PCLR_E_ARGUMENT, "parameter \"%s\" has shape %s; this graph asks for %s; use another name or the same sizes", name,
                         nn_shape_text(known->shape, found), nn_shape_text(shape, wanted));
    *parameter = known;
    return PCLR_OK;
}

pclr_status nn_params_need_grad(nn_parameter *p, pclr_error *error)
{
    if (p->grad) return PCLR_OK;
    return mem_alloc(&p->grad, (size_t)nn_shape_size(p->shape), sizeof(float), error);
}

/* target += (1 - decay) (source - target), on the device where both lie there. */
static void blend(nn_parameter *target, nn_parameter *source, double decay)
{
    const int64_t size = nn_shape_size(target->shape);
    if (target->there && source->there && target->there->device == source->there->device) {
        nn_device *d = target->there->device;
        nn_parameter_upload(target);
        nn_parameter_upload(source);
        d->average(d, target->there->value, source->there->value, size, decay);
        nn_parameter_changed_there(target);
        return;
    }
    const float *from = nn_parameter_read(source);
    float *to = nn_parameter_write(target);
    for (int64_t i = 0; i < size; i++) to[i] = (float)((double)to[i] + (1 - decay) * ((double)from[i] - (double)to[i]));
}

pclr_status nn_params_ema(nn_params *params, const char *source_prefix, const char *target_prefix, double decay, pclr_error *error)
{
    char name[1024];
    size_t skip = strlen(target_prefix), matched = 0;
    for (size_t k = 0; k < params->count; k++) {
        nn_parameter *target = params->item[k];
        if (!nn_params_under(target->name, target_prefix)) continue;
        int length = snprintf(name, sizeof name, "%s%s", source_prefix, target->name + skip);
        nn_parameter *source = length > 0 && (size_t)length < sizeof name ? nn_params_find(params, name) : NULL;
        if (!source || !nn_shape_equal(source->shape, target->shape))
            return error_set(error, PCLR_E_ARGUMENT, "moving average: \"%s\" has no counterpart \"%s\" of the same shape", target->name, name);
        blend(target, source, decay);
        matched++;
    }
    if (matched == 0) return error_set(error, PCLR_E_ARGUMENT, "moving average: no parameter begins with \"%s\"", target_prefix);
    return PCLR_OK;
}
