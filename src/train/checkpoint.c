/* SPDX-License-Identifier: Apache-2.0 */
#include "train/checkpoint.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

static pclr_status state_path(char **path, const char *run, pclr_error *error)
{
    char *folder = NULL;
    TRY(path_join(&folder, run, "checkpoint", error));
    pclr_status status = path_join(path, folder, "state.safetensors", error);
    mem_free(folder);
    return status;
}

static pclr_status put_counters(st_writer *w, const checkpoint_counters *c, pclr_error *error)
{
    json_t *root =
        json_pack("{s:I, s:I, s:I, s:o, s:f, s:s}", "step", (json_int_t)c->step, "bad_steps", (json_int_t)c->bad_steps, "metrics_offset",
                  (json_int_t)c->metrics_offset, "best", isnan(c->best) ? json_null() : json_real(c->best), "seconds", c->seconds,
                  "precision", c->precision);
    char *dump = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    pclr_status status = dump ? st_writer_metadata(w, "counters", dump, error) : error_memory(error, 0);
    free(dump);
    return status;
}

static pclr_status get_counters(const st_file *f, checkpoint_counters *c, pclr_error *error)
{
    const char *json = st_metadata(f, "counters");
    json_t *root = json ? json_loads(json, 0, NULL) : NULL, *best = NULL;
    json_int_t step = 0, bad = 0, offset = 0;
    const char *now = c->precision, *name = "fp32"; /* checkpoints that do not tell are of fp32 */
    char then[16];
    int failed = !root || json_unpack(root, "{s:I, s:I, s:I, s:o, s:F, s?s}", "step", &step, "bad_steps", &bad, "metrics_offset", &offset,
                                      "best", &best, "seconds", &c->seconds, "precision", &name) != 0;
    (void)snprintf(then, sizeof then, "%s", name);
    if (!failed) *c = (checkpoint_counters){step, bad, offset, json_is_number(best) ? json_number_value(best) : NAN, c->seconds, now};
    json_decref(root);
    if (failed || step < 0 || offset < 0)
        return error_set(error, PCLR_E_FORMAT,
                         "metadata \"counters\": missing or damaged; the checkpoint cannot be used, start the run anew");
    if (strcmp(now, then) != 0)
        return error_set(error, PCLR_E_ARGUMENT,
                         "train.precision: the run was begun in %s, here it would go on in %s; resume on a like processor with that precision, or start "
                         "another run",
                         then, now);
    return PCLR_OK;
}

pclr_status checkpoint_save(const char *run, nn_params *params, const nn_adamw *optimiser, const objective *o,
                            const checkpoint_counters *counters, const pclr_config *config, const char *fingerprint, pclr_error *error)
{
    st_writer *w = NULL;
    char *path = NULL, *folder = NULL, *yaml = NULL;
    pclr_status status;
    TRY_GOTO(state_path(&path, run, error));
    TRY_GOTO(path_folder(&folder, path, error));
    TRY_GOTO(file_make_folder(folder, error));
    TRY_GOTO(st_writer_create(&w, error));
    TRY_GOTO(config_to_yaml(config, &yaml, error));
    TRY_GOTO(st_writer_metadata(w, "format", "physioclr-checkpoint", error));
    TRY_GOTO(st_writer_metadata(w, "config", yaml, error));
    TRY_GOTO(st_writer_metadata(w, "dataset", fingerprint, error));
    TRY_GOTO(put_counters(w, counters, error));
    TRY_GOTO(nn_params_save(params, NULL, w, error));
    TRY_GOTO(nn_adamw_save(optimiser, w, error));
    if (o && objective_base_of((objective *)(uintptr_t)o)->type->save)
        TRY_GOTO(objective_base_of((objective *)(uintptr_t)o)->type->save(o, w, error));
    TRY_GOTO(st_writer_write(w, path, error));
done:
    st_writer_destroy(&w);
    mem_free(path);
    mem_free(folder);
    mem_free(yaml);
    return status;
}

/* Keys that may change between the parts of a run, because results do not depend on them. */
static bool may_change(const char *key)
{
    static const char *const free_keys[] = {
        "data.memory",  "train.loader_threads", "train.prefetch", "train.checkpoint_every",
        "train.profile", "train.recompute",      NULL};
    for (const char *const *k = free_keys; *k; k++)
        if (strcmp(*k, key) == 0) return true;
    return false;
}

static pclr_status same_config(const st_file *f, const pclr_config *config, pclr_error *error)
{
    pclr_config *then = NULL;
    const char *yaml = st_metadata(f, "config");
    pclr_status status;
    TRY_GOTO(pclr_config_create(&then, error));
    TRY_GOTO(config_from_yaml(then, "checkpoint", yaml ? yaml : "", yaml ? strlen(yaml) : 0, error));
    const char *key;
    for (size_t k = 0; (key = pclr_config_key(k, NULL, NULL)); k++) {
        const char *now = pclr_config_get(config, key), *before = pclr_config_get(then, key);
        if (may_change(key) || strcmp(now, before) == 0) continue;
        status =
            error_set(error, PCLR_E_ARGUMENT,
                      "%s: the run was begun with \"%s\", now it is \"%s\"; resume with the run's own config.yaml, or start another run",
                      key, before, now);
        break;
    }
done:
    pclr_config_destroy(&then);
    return status;
}

pclr_status checkpoint_load(const char *run, nn_params *params, nn_adamw *optimiser, objective *o, checkpoint_counters *counters,
                            const pclr_config *config, const char *fingerprint, pclr_error *error)
{
    char *path = NULL;
    st_file *f = NULL;
    pclr_status status;
    TRY_GOTO(state_path(&path, run, error));
    TRY_GOTO(st_open(&f, path, error));
    TRY_GOTO(same_config(f, config, error));
    const char *dataset = st_metadata(f, "dataset");
    if (!dataset || strcmp(dataset, fingerprint) != 0) {
        status = error_set(error, PCLR_E_DATA, "%s: the run was begun on another dataset (or it changed since); resume with the same file",
                           path);
        goto done;
    }
    TRY_GOTO(get_counters(f, counters, error));
    TRY_GOTO(nn_params_load(params, NULL, f, error));
    TRY_GOTO(nn_adamw_load(optimiser, f, error));
    if (o && objective_base_of(o)->type->load) TRY_GOTO(objective_base_of(o)->type->load(o, f, error));
done:
    st_close(&f);
    mem_free(path);
    return status;
}

bool checkpoint_exists(const char *run)
{
    char *path = NULL;
    bool found = state_path(&path, run, NULL) == PCLR_OK && file_exists(path);
    mem_free(path);
    return found;
}
