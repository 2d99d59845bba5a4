/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "study/study.h"

static pclr_status set_all(pclr_config *config, const json_t *set, pclr_error *error)
{
    void *at = json_object_iter((json_t *)(uintptr_t)set);
    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)set, at)) {
        const char *value = json_string_value(json_object_iter_value(at));
        if (!value) return error_set(error, PCLR_E_ARGUMENT, "set: %s: expected one plain value", json_object_iter_key(at));
        TRY(pclr_config_set(config, json_object_iter_key(at), value, error));
    }
    return PCLR_OK;
}

/* "xresnet1d/18" or "xresnet1d"; "default" leaves the configuration's own. */
static pclr_status set_encoder(pclr_config *config, const char *encoder, pclr_error *error)
{
    char name[64];
    const char *slash = strchr(encoder, '/');
    if (strcmp(encoder, "default") == 0) return PCLR_OK;
    (void)snprintf(name, sizeof name, "%.*s", slash ? (int)(slash - encoder) : 63, encoder);
    TRY(pclr_config_set(config, "encoder.name", name, error));
    return slash ? pclr_config_set(config, "encoder.size", slash + 1, error) : PCLR_OK;
}

pclr_status study_config(const study *s, const position *at, pclr_config **config, pclr_error *error)
{
    pclr_status status;
    TRY(pclr_config_create(config, error));
    TRY_GOTO(set_all(*config, s->plan.set, error));
    TRY_GOTO(set_encoder(*config, at->encoder, error));
    if (at->arm->objective) TRY_GOTO(pclr_config_set(*config, "objective.name", at->arm->objective, error));
    TRY_GOTO(set_all(*config, at->arm->set, error));
    TRY_GOTO(pclr_config_set(*config, "seed", at->seed, error));
done:
    if (status != PCLR_OK) pclr_config_destroy(config);
    return status;
}
