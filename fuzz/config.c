/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file that is accepted comes back the same after it was written. */
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/memory.h"

static void check_written(const pclr_config *config)
{
    pclr_config *again = NULL;
    char *first = NULL, *second = NULL;
    if (pclr_config_create(&again, NULL) != PCLR_OK || config_to_yaml(config, &first, NULL) != PCLR_OK) abort();
    if (config_from_yaml(again, "again", first, strlen(first), NULL) != PCLR_OK) abort();
    if (config_to_yaml(again, &second, NULL) != PCLR_OK || strcmp(first, second) != 0) abort();
    mem_free(first);
    mem_free(second);
    pclr_config_destroy(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pclr_config *config = NULL;
    pclr_error error = {0};
    if (size > 4096 || pclr_config_create(&config, NULL) != PCLR_OK) return 0;
    if (config_from_yaml(config, "fuzz.yaml", (const char *)data, size, &error) == PCLR_OK)
        check_written(config);
    else if (error.message[0] == '\0')
        abort();
    pclr_config_destroy(&config);
    return 0;
}
