/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AdamW (Loshchilov & Hutter 2019), with gradient clipping by the global norm:
 *     g <- g min(1, clip / |g|);  m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2
 *     p <- p - rate decay p - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "nn/device.h"
#include "nn/params.h"

#define CHUNK 16384 /* elements a task; fixed, so that sums do not depend on the number of threads */

typedef struct moments {
    nn_parameter *parameter;
    float *m, *v;
    char *name_m, *name_v; /* in files */
} moments;

typedef struct chunk {
    size_t item;
    int64_t begin, end;
} chunk;

/* What a device needs for an update: both moments of all items in one block, parts with their addresses, squares. */
typedef struct there {
    nn_device *device;
    float *moment;
    nn_adamw_part *part;  /* on the device */
    double *square;       /* there */
    size_t parts;         /* those that are updated */
    bool device_newer;    /* than the host's moments */
} there;

struct nn_adamw {
    nn_adamw_args args;
    moments *item;
    size_t items;
    chunk *part;
    size_t parts;
    double *square; /* [parts] */
    int64_t steps;
    there *on;      /* the device that updates; NULL: the host does */
};

static pclr_status add_item(nn_adamw *opt, nn_parameter *p, pclr_error *error)
{
    moments *m = &opt->item[opt->items++];
    size_t n = (size_t)nn_shape_size(p->shape);
    m->parameter = p;
    TRY(mem_alloc(&m->m, n, sizeof *m->m, error));
    TRY(mem_alloc(&m->v, n, sizeof *m->v, error));
    TRY(mem_printf(&m->name_m, error, "adamw.m.%s", p->name));
    return mem_printf(&m->name_v, error, "adamw.v.%s", p->name);
}

static pclr_status cut(nn_adamw *opt, pclr_error *error)
{
    for (size_t k = 0; k < opt->items; k++) opt->parts += (size_t)((nn_shape_size(opt->item[k].parameter->shape) + CHUNK - 1) / CHUNK);
    TRY(mem_alloc(&opt->part, opt->parts, sizeof *opt->part, error));
    TRY(mem_alloc(&opt->square, opt->parts, sizeof *opt->square, error));
    size_t at = 0;
    for (size_t k = 0; k < opt->items; k++) {
        int64_t n = nn_shape_size(opt->item[k].parameter->shape);
        for (int64_t begin = 0; begin < n; begin += CHUNK) opt->part[at++] = (chunk){k, begin, begin + CHUNK < n ? begin + CHUNK : n};
    }
    return PCLR_OK;
}

pclr_status nn_adamw_create(nn_adamw **out, nn_params *params, nn_adamw_args args, pclr_error *error)
{
    nn_adamw *opt = NULL;
    pclr_status status = PCLR_OK;
    *out = NULL;
    if (!(args.beta1 >= 0 && args.beta1 < 1 && args.beta2 >= 0 && args.beta2 < 1 && args.eps > 0 && args.weight_decay >= 0 && args.clip_norm >= 0))
        return error_set(error, PCLR_E_ARGUMENT, "AdamW: betas must lie in [0, 1), eps above 0, weight decay and clipping at 0 or above");
    TRY(mem_alloc(&opt, 1, sizeof *opt, error));
    opt->args = args;
    status = mem_alloc(&opt->item, nn_params_count(params), sizeof *opt->item, error);
    for (size_t k = 0; status == PCLR_OK && k < nn_params_count(params); k++)
        if (!params->item[k]->init.buffer) status = add_item(opt, params->item[k], error);
    if (status == PCLR_OK) status = cut(opt, error);
    if (status != PCLR_OK) nn_adamw_destroy(&opt);
    *out = opt;
    return status;
}

static bool updates(const nn_parameter *p)
{
    return p->grad && !p->frozen;
}

/* ---- on a device ---- */

static int64_t values_of(const nn_adamw *opt)
{
    int64_t values = 0;
    for (size_t k = 0; k < opt->items; k++) values += nn_shape_size(opt->item[k].parameter->shape);
    return values;
}

/* Copies all moments: to the device, or from it. On the device m of all items comes first, then v. */
static pclr_status move_moments(const nn_adamw *opt, bool to_device, pclr_error *error)
{
    const there *on = opt->on;
    float *m = on->moment, *v = on->moment + values_of(opt);
    for (size_t k = 0; k < opt->items; k++) {
        const int64_t n = nn_shape_size(opt->item[k].parameter->shape);
        const size_t bytes = (size_t)n * sizeof(float);
        if (to_device) {
            on->device->upload(on->device, m, opt->item[k].m, bytes);
            on->device->upload(on->device, v, opt->item[k].v, bytes);
        } else {
            on->device->download(on->device, opt->item[k].m, m, bytes);
            on->device->download(on->device, opt->item[k].v, v, bytes);
        }
        m += n;
        v += n;
    }
    return on->device->finish(on->device, error);
}

static void leave(nn_adamw *opt)
{
    if (!opt->on) return;
    nn_device *d = opt->on->device;
    d->release(d, opt->on->moment);
    d->release(d, opt->on->part);
    d->release(d, opt->on->square);
    mem_release(&opt->on);
}

/* The parts of what is updated, with addresses on the device. */
static pclr_status upload_parts(nn_adamw *opt, pclr_error *error)
{
    there *on = opt->on;
    nn_adamw_part *part = NULL;
    TRY(mem_alloc(&part, opt->parts, sizeof *part, error));
    const int64_t values = values_of(opt);
    int64_t before = 0;
    size_t item = 0;
    for (size_t k = 0; k < opt->parts; k++) {
        const chunk *c = &opt->part[k];
        for (; item < c->item; item++) before += nn_shape_size(opt->item[item].parameter->shape);
        const nn_parameter *p = opt->item[c->item].parameter;
        if (!updates(p) || !p->there || !p->there->grad) continue;
        float *m = on->moment + before + c->begin;
        part[on->parts++] = (nn_adamw_part){p->there->value + c->begin, p->there->grad + c->begin, m, m + values, c->end - c->begin,
                                            p->init.lr_scale > 0 ? p->init.lr_scale : 1, p->init.no_decay ? 0 : opt->args.weight_decay};
    }
    on->device->upload(on->device, on->part, part, on->parts * sizeof *part);
    pclr_status status = on->device->finish(on->device, error);
    mem_free(part);
    return status;
}

static pclr_status fill_there(nn_adamw *opt, pclr_error *error)
{
    nn_device *d = opt->on->device;
    TRY(d->allocate(d, (void **)&opt->on->moment, (size_t)(2 * values_of(opt)) * sizeof(float), error));
    TRY(d->allocate(d, (void **)&opt->on->part, opt->parts * sizeof(nn_adamw_part), error));
    TRY(d->allocate(d, (void **)&opt->on->square, opt->parts * sizeof(double), error));
    TRY(upload_parts(opt, error));
    return move_moments(opt, true, error);
}

static pclr_status enter(nn_adamw *opt, nn_device *d, pclr_error *error)
{
    if (opt->on) return PCLR_OK;
    TRY(mem_alloc(&opt->on, 1, sizeof *opt->on, error));
    opt->on->device = d;
    pclr_status status = fill_there(opt, error);
    if (status != PCLR_OK) leave(opt); /* a later step begins anew */
    return status;
}

/* The moments on the host, as new as the device's. */
static pclr_status fetch_moments(const nn_adamw *opt, pclr_error *error)
{
    if (!opt->on || !opt->on->device_newer) return PCLR_OK;
    TRY(move_moments(opt, false, error));
    opt->on->device_newer = false;
    return PCLR_OK;
}

void nn_adamw_destroy(nn_adamw **out)
{
    nn_adamw *opt = out ? *out : NULL;
    if (!opt) return;
    for (size_t k = 0; k < opt->items; k++) {
        mem_free(opt->item[k].m);
        mem_free(opt->item[k].v);
        mem_free(opt->item[k].name_m);
        mem_free(opt->item[k].name_v);
    }
    leave(opt);
    mem_free(opt->item);
    mem_free(opt->part);
    mem_free(opt->square);
    mem_free(opt);
    *out = NULL;
}

/* |g| over everything that is updated, chunk by chunk in a fixed order. */
static double gradient_norm(nn_adamw *opt, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t k = 0; k < opt->parts; k++) {
        const chunk *c = &opt->part[k];
        const nn_parameter *p = opt->item[c->item].parameter;
        double sum = 0;
        if (updates(p))
            for (int64_t i = c->begin; i < c->end; i++) sum += (double)p->grad[i] * (double)p->grad[i];
        opt->square[k] = sum;
    }
    double total = 0;
    for (size_t k = 0; k < opt->parts; k++) total += opt->square[k];
    return sqrt(total);
}

/* One chunk; m, v, p and g are different arrays. Written so that compilers vectorise it. */
static void update(const nn_adamw_update *u, int64_t n, float *restrict p, float *restrict g, float *restrict m, float *restrict v)
{
    const float b1 = (float)u->beta1, b2 = (float)u->beta2, c1 = (float)(1 - u->beta1), c2 = (float)(1 - u->beta2), scale = (float)u->gradient_scale;
    const float keep = (float)(1 - u->rate * u->decay), step = (float)(u->rate / u->correction1), root = (float)(1 / u->correction2), eps = (float)u->eps;
    for (int64_t i = 0; i < n; i++) {
        float gi = g[i] * scale;
        m[i] = b1 * m[i] + c1 * gi;
        v[i] = b2 * v[i] + c2 * gi * gi;
        p[i] = p[i] * keep - step * m[i] / (sqrtf(v[i] * root) + eps);
        g[i] = 0;
    }
}

static pclr_status not_finite(pclr_error *error)
{
    return error_set(error, PCLR_E_NUMERIC, "the gradient is not finite; the step was left out");
}

/* Factors of the next update; counts it. */
static nn_adamw_update next_update(nn_adamw *opt, double learning_rate, double norm)
{
    opt->steps++;
    return (nn_adamw_update){.rate = learning_rate, .beta1 = opt->args.beta1, .beta2 = opt->args.beta2, .eps = opt->args.eps,
                             .correction1 = 1 - pow(opt->args.beta1, (double)opt->steps), .correction2 = 1 - pow(opt->args.beta2, (double)opt->steps),
                             .gradient_scale = opt->args.clip_norm > 0 && norm > opt->args.clip_norm ? opt->args.clip_norm / norm : 1};
}

static pclr_status step_there(nn_adamw *opt, nn_device *d, double learning_rate, double *grad_norm, pclr_error *error)
{
    TRY(enter(opt, d, error));
    there *on = opt->on;
    double total = 0;
    d->adamw_squares(d, on->part, on->parts, on->square);
    d->download(d, opt->square, on->square, on->parts * sizeof *on->square);
    TRY(d->finish(d, error));
    for (size_t k = 0; k < on->parts; k++) total += opt->square[k];
    const double norm = sqrt(total);
    if (grad_norm) *grad_norm = norm;
    if (!isfinite(norm)) {
        for (size_t k = 0; k < opt->items; k++) {
            const nn_parameter *p = opt->item[k].parameter;
            if (p->there && p->there->grad) d->clear(d, p->there->grad, (size_t)nn_shape_size(p->shape) * sizeof(float));
        }
        return not_finite(error);
    }
    for (size_t k = 0; k < opt->items; k++) nn_parameter_upload(opt->item[k].parameter);
    const nn_adamw_update u = next_update(opt, learning_rate, norm);
    d->adamw_update(d, on->part, on->parts, &u);
    on->device_newer = true;
    for (size_t k = 0; k < opt->items; k++)
        if (updates(opt->item[k].parameter)) nn_parameter_changed_there(opt->item[k].parameter);
    return PCLR_OK;
}

pclr_status nn_adamw_step(nn_adamw *opt, nn_backend *backend, double learning_rate, double *grad_norm, pclr_error *error)
{
    if (backend->device) return step_there(opt, backend->device, learning_rate, grad_norm, error);
    int threads = nn_backend_threads(backend);
    double norm = gradient_norm(opt, threads);
    if (grad_norm) *grad_norm = norm;
    if (!isfinite(norm)) {
        for (size_t k = 0; k < opt->items; k++) {
            nn_parameter *p = opt->item[k].parameter;
            if (p->grad) memset(p->grad, 0, (size_t)nn_shape_size(p->shape) * sizeof(float));
        }
        return not_finite(error);
    }
    const nn_adamw_update common = next_update(opt, learning_rate, norm);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t k = 0; k < opt->parts; k++) {
        const chunk *c = &opt->part[k];
        const moments *s = &opt->item[c->item];
        nn_parameter *p = s->parameter;
        if (!updates(p)) continue;
        double factor = p->init.lr_scale > 0 ? p->init.lr_scale : 1;
        nn_adamw_update u = common;
        u.rate = learning_rate * factor;
        u.decay = p->init.no_decay ? 0 : opt->args.weight_decay;
        update(&u, c->end - c->begin, p->value + c->begin, p->grad + c->begin, s->m + c->begin, s->v + c->begin);
    }
    return PCLR_OK;
}

int64_t nn_adamw_steps(const nn_adamw *opt)
{
    return opt->steps;
}

pclr_status nn_adamw_save(const nn_adamw *opt, st_writer *w, pclr_error *error)
{
    TRY(fetch_moments(opt, error));
    for (size_t k = 0; k < opt->items; k++) {
        const moments *s = &opt->item[k];
        TRY(st_writer_add(w, s->name_m, "F32", s->parameter->shape, s->m, error));
        TRY(st_writer_add(w, s->name_v, "F32", s->parameter->shape, s->v, error));
    }
    return st_writer_add(w, "adamw.steps", "I64", nn_shape1(1), &opt->steps, error);
}

static pclr_status load_moment(const st_file *f, const char *name, const nn_parameter *p, float *out, pclr_error *error)
{
    st_tensor t;
    size_t bytes = (size_t)nn_shape_size(p->shape) * sizeof(float);
    if (!st_find(f, name, &t) || strcmp(t.dtype, "F32") != 0 || t.bytes != bytes)
        return error_set(error, PCLR_E_FORMAT, "optimiser state: \"%s\" is missing or of another size; the checkpoint belongs to another model", name);
    memcpy(out, t.data, bytes);
    return PCLR_OK;
}

pclr_status nn_adamw_load(nn_adamw *opt, const st_file *f, pclr_error *error)
{
    st_tensor t;
    for (size_t k = 0; k < opt->items; k++) {
        TRY(load_moment(f, opt->item[k].name_m, opt->item[k].parameter, opt->item[k].m, error));
        TRY(load_moment(f, opt->item[k].name_v, opt->item[k].parameter, opt->item[k].v, error));
    }
    if (!st_find(f, "adamw.steps", &t) || strcmp(t.dtype, "I64") != 0 || t.bytes != sizeof opt->steps)
        return error_set(error, PCLR_E_FORMAT, "optimiser state: \"adamw.steps\" is missing; the file is no checkpoint");
    memcpy(&opt->steps, t.data, sizeof opt->steps);
    return opt->on ? move_moments(opt, true, error) : PCLR_OK;
}
