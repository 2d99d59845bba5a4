/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: a model file: tensors, metadata, and what of it opening a model checks before a network is built. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nn/nn.h"

static volatile uint8_t seen; /* so that reading the tensors is not optimised away */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    st_file *file = NULL;
    pclr_model *model = NULL;
    int memory = memfd_create("fuzz", MFD_CLOEXEC);

    if (memory < 0 || write(memory, data, size) != (ssize_t)size) return 0;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
    if (st_open(&file, path, NULL) == PCLR_OK) {
        for (size_t k = 0; k < st_count(file); k++) {
            st_tensor t = st_at(file, k);
            if (t.bytes > 0) seen ^= ((const uint8_t *)t.data)[0] ^ ((const uint8_t *)t.data)[t.bytes - 1];
        }
        st_close(&file);
        if (pclr_model_open(&model, path, 1, NULL) == PCLR_OK) seen ^= (uint8_t)pclr_model_classes(model);
        pclr_model_destroy(&model);
    }
    (void)close(memory);
    return 0;
}
