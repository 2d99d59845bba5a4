/* SPDX-License-Identifier: Apache-2.0 */
/* The pretraining cells of a study. An arm may go on from another arm's encoder, and may be pretrained on another dataset. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "study/study.h"

/* Settings that pretraining does not look at. */
static const char *const downstream[] = {"probe", "finetune", "trees"};

static const char *pretraining_data(const study *s, const position *at)
{
    return at->arm->pretrain ? at->arm->pretrain : s->dataset_path;
}

/* Hash over dataset, settings and the encoder it goes on from (base; NULL: none). */
static pclr_status open_cell(const study *s, const position *at, const char *base, cell *c, pclr_error *error)
{
    pclr_config *config = NULL;
    char *yaml = NULL, *identity = NULL;
    const char *fingerprint = at->arm->pretrain ? at->arm->fingerprint : s->fingerprint;
    pclr_status status;
    TRY_GOTO(study_config(s, at, &config, error));
    TRY_GOTO(config_to_yaml(config, &yaml, error));
    for (size_t k = 0; k < sizeof downstream / sizeof *downstream; k++) config_drop_section(yaml, downstream[k]);
    TRY_GOTO(mem_printf(&identity, error, "%s\n%s%s%s", fingerprint, yaml, base ? "\n" : "", base ? base : ""));
    TRY_GOTO(cell_open(c, s->folder, "pretrain", identity, error));
done:
    pclr_config_destroy(&config);
    mem_free(yaml);
    mem_free(identity);
    return status;
}

/* Position of the arm that this one goes on from. */
static position base_position(const study *s, const position *at)
{
    position base = *at;
    base.arm = &s->plan.arm[at->arm->after];
    return base;
}

static pclr_status describe(const cell *c, study_encoder *e, pclr_error *error)
{
    memcpy(e->hash, c->hash, sizeof e->hash);
    return cell_path(c, "encoder.safetensors", &e->path, error);
}

pclr_status study_encoder_find(const study *s, const position *at, study_encoder *e, pclr_error *error)
{
    study_encoder base = {.path = NULL};
    cell c = {0};
    pclr_status status;
    *e = (study_encoder){.seconds = NAN};
    if (!at->arm->objective) return PCLR_OK;
    if (at->arm->after >= 0) {
        position before = base_position(s, at);
        TRY_GOTO(study_encoder_find(s, &before, &base, error));
    }
    TRY_GOTO(open_cell(s, at, base.path ? base.hash : NULL, &c, error));
    TRY_GOTO(describe(&c, e, error));
done:
    study_encoder_free(&base);
    cell_close(&c);
    return status;
}

static pclr_status train(const study *s, const position *at, const study_encoder *base, const cell *c, pclr_error *error)
{
    pclr_train_summary summary = {0};
    pclr_config *config = NULL;
    char *state = NULL;
    pclr_status status;
    TRY_GOTO(study_config(s, at, &config, error));
    if (base->path) TRY_GOTO(pclr_config_set(config, "train.initial", base->path, error));
    TRY_GOTO(cell_path(c, "checkpoint/state.safetensors", &state, error));
    callbacks_log(s->callbacks, PCLR_LOG_INFO, "study: pretrain %s on %s, seed %s", at->arm->name, at->encoder, at->seed);
    TRY_GOTO(pclr_pretrain(pretraining_data(s, at), config, c->folder, file_exists(state), s->callbacks, &summary, error));
    double seconds = summary.seconds + (base->path ? base->seconds : 0.0), bytes = (double)summary.peak_bytes;
    TRY_GOTO(cell_finish(c,
                         json_pack("{s:s, s:s, s:s, s:s, s:I, s:f, s:f, s:f}", "kind", "pretrain", "arm", at->arm->name, "encoder",
                                   at->encoder, "seed", at->seed, "steps", (json_int_t)summary.steps, "seconds", seconds,
                                   "segments_per_second", summary.segments_per_second, "planned_bytes", fmax(bytes, base->planned_bytes)),
                         error));
done:
    pclr_config_destroy(&config);
    mem_free(state);
    return status;
}

/* Time and memory that the finished cell tells. */
static void read_costs(const cell *c, study_encoder *e)
{
    json_t *result = cell_result(c);
    if (!result) return;
    e->seconds = json_number_value(json_object_get(result, "seconds"));
    e->planned_bytes = json_number_value(json_object_get(result, "planned_bytes"));
    json_decref(result);
}

pclr_status study_encoder_get(const study *s, const position *at, study_encoder *e, pclr_error *error)
{
    study_encoder base = {.ready = true};
    cell c = {0};
    cell_state state = CELL_DONE;
    pclr_status status;
    *e = (study_encoder){.ready = true, .seconds = NAN};
    if (!at->arm->objective) return PCLR_OK;
    if (at->arm->after >= 0) {
        position before = base_position(s, at);
        TRY_GOTO(study_encoder_get(s, &before, &base, error));
    }
    TRY_GOTO(open_cell(s, at, base.path ? base.hash : NULL, &c, error));
    TRY_GOTO(describe(&c, e, error));
    if (base.ready) TRY_GOTO(cell_claim(&c, &state, error));
    e->ready = base.ready && state != CELL_BUSY;
    if (state == CELL_MINE) {
        status = train(s, at, &base, &c, error);
        if (status != PCLR_OK) cell_release(&c);
        if (status != PCLR_OK) goto done;
    }
    read_costs(&c, e);
done:
    study_encoder_free(&base);
    cell_close(&c);
    return status;
}

void study_encoder_free(study_encoder *e)
{
    mem_release(&e->path);
}
