/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters whose newest values may lie on a device. */
#include "nn/device.h"
#include "nn/graph.h"
#include "nn/params.h"

static size_t bytes_of(const nn_parameter *p)
{
    return (size_t)nn_shape_size(p->shape) * sizeof(float);
}

/* A fault is kept by the device and told by the next pass or the next reading of moments. */
static void fetch(const nn_parameter *p, float *to, const float *from)
{
    p->there->device->download(p->there->device, to, from, bytes_of(p));
    (void)p->there->device->finish(p->there->device, NULL);
}

const float *nn_parameter_read(const nn_parameter *p)
{
    if (p->there && p->there->device_newer) {
        fetch(p, p->value, p->there->value);
        p->there->device_newer = false;
    }
    return p->value;
}

float *nn_parameter_write(nn_parameter *p)
{
    nn_parameter_read(p);
    if (p->there) p->there->host_newer = true;
    return p->value;
}

const float *nn_parameter_gradient(const nn_parameter *p)
{
    if (p->there && p->there->grad && p->grad) fetch(p, p->grad, p->there->grad);
    return p->grad;
}

void nn_parameter_upload(nn_parameter *p)
{
    nn_parameter_there *t = p->there;
    if (!t || !t->host_newer) return;
    t->device->upload(t->device, t->value, p->value, bytes_of(p));
    t->host_newer = false;
}

void nn_parameter_changed_there(nn_parameter *p)
{
    if (p->there) p->there->device_newer = true;
}

pclr_status nn_parameter_to_device(nn_parameter *p, nn_device *device, bool gradient, pclr_error *error)
{
    if (p->there && p->there->device != device) nn_parameter_leave(p);
    if (!p->there) {
        TRY(mem_alloc(&p->there, 1, sizeof *p->there, error));
        p->there->device = device;
        p->there->host_newer = true;
    }
    nn_parameter_there *t = p->there;
    if (!t->value) TRY(device->allocate(device, (void **)&t->value, bytes_of(p), error));
    if (gradient && !t->grad) TRY(device->allocate(device, (void **)&t->grad, bytes_of(p), error));
    return PCLR_OK;
}

void nn_parameter_leave(nn_parameter *p)
{
    if (!p->there) return;
    nn_parameter_read(p);
    p->there->device->release(p->there->device, p->there->value);
    p->there->device->release(p->there->device, p->there->grad);
    p->there->device->release(p->there->device, p->there->half);
    mem_release(&p->there);
}
