/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/file.h"
#include "dataset/import.h"

pclr_status beside_path(char **path, const char *dataset_path, bool shard, const char *name, pclr_error *error)
{
    char *folder = NULL;

    if (shard) {
        size_t stem = (size_t)(path_extension(dataset_path) - dataset_path);
        return mem_printf(path, error, "%.*s.%s", (int)stem, dataset_path, name);
    }
    TRY(path_folder(&folder, dataset_path, error));
    pclr_status status = path_join(path, folder, name, error);
    mem_free(folder);
    return status;
}
