/* SPDX-License-Identifier: Apache-2.0 */
/* Loading the module of a device. */
#include "nn/device.h"

#include <dlfcn.h>
#include <stdio.h>

static pclr_status refuse(void **module, pclr_error *error, const char *file, const char *why)
{
    char reason[512];
    snprintf(reason, sizeof reason, "%s", why ? why : "unknown reason"); /* dlclose may take the text away */
    if (*module) dlclose(*module);
    *module = NULL;
    return error_set(error, PCLR_E_UNSUPPORTED,
                     "%s: %s; the device's module must come from the same build as the program, and the driver and the libraries it needs must be "
                     "installed; otherwise run on the processor (--device cpu)",
                     file, reason);
}

pclr_status nn_device_load(const char *name, nn_device **device, nn_kernel kernel[NN_OPS], void **module, pclr_error *error)
{
    char file[128];
    snprintf(file, sizeof file, "libphysioclr-%s.so", name);
    *device = NULL;
    *module = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!*module) return refuse(module, error, file, dlerror());
    const nn_device_module *m = dlsym(*module, "pclr_device_module");
    if (!m) return refuse(module, error, file, "it is no module of a device");
    if (m->layout != NN_DEVICE_LAYOUT) return refuse(module, error, file, "it belongs to another build");
    pclr_status status = m->open(device, kernel, error);
    if (status != PCLR_OK) {
        dlclose(*module);
        *module = NULL;
    }
    return status;
}

void nn_device_unload(nn_device **device, void **module)
{
    if (*device) (*device)->close(*device);
    *device = NULL;
    *module = NULL; /* stays loaded: the driver's own clean-up at exit still calls into it */
}
