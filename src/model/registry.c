/* SPDX-License-Identifier: Apache-2.0 */
/* The list of encoders, their configuration keys and their description in model files. */
#include <jansson.h>
#include <string.h>

#include "base/memory.h"
#include "model/encoders.h"
#include "model/layers.h"

static const model_encoder *const encoders[] = {&model_xresnet1d, &model_transformer, &model_s4};

enum { ENCODERS = sizeof encoders / sizeof *encoders, WIDEST = 4096, MOST_LEADS = 1024, LONGEST_STRIDE = 1024 };

size_t model_encoder_count(void)
{
    return ENCODERS;
}

const model_encoder *model_encoder_at(size_t k)
{
    return k < ENCODERS ? encoders[k] : NULL;
}

const model_encoder *model_encoder_find(const char *name)
{
    for (size_t k = 0; k < ENCODERS; k++)
        if (strcmp(encoders[k]->name, name) == 0) return encoders[k];
    return NULL;
}

const config_key model_config_keys[] = {
    {"encoder.name", CONFIG_CHOICE, "xresnet1d", 0, 0, "xresnet1d|transformer|s4", "the network"},
    {"encoder.size", CONFIG_TEXT, "default", 0, 0, NULL,
     "xresnet1d: 18, 34, 50, 101; transformer and s4: tiny, small, base; default: 18 or small"},
    {"encoder.width", CONFIG_INT, "0", 0, WIDEST, NULL, "channels (xresnet1d: of the first stage); 0: the size's own"},
    {"encoder.dropout", CONFIG_REAL, "0.1", 0, 0.95, NULL, "inside transformer and s4 blocks; xresnet1d has none"},
    {"encoder.stem_stride", CONFIG_INT, "0", 0, LONGEST_STRIDE, NULL,
     "samples per frame after the stem, a power of two; 0: the encoder's own (transformer 16, s4 4, xresnet1d 4)"},
    {"encoder.causal", CONFIG_BOOL, "false", 0, 0, NULL, "s4: look only into the past (needed by cpc)"},
};
const size_t model_config_keys_count = sizeof model_config_keys / sizeof *model_config_keys;

/* Every encoder spec, from a configuration or a file, passes here before it shapes a network. */
static pclr_status check_spec(const model_encoder_spec *spec, pclr_status status, const char *place, pclr_error *error)
{
    const model_encoder *e = model_encoder_find(spec->name);
    if (!e) return error_set(error, status, "%s name: found \"%s\"; expected xresnet1d, transformer or s4", place, spec->name);
    if (e->dimensions(spec) <= 0) return error_set(error, status, "%s size: found \"%s\"; %s has %s", place, spec->size, e->name, e->sizes);
    if (spec->leads < 1 || spec->leads > MOST_LEADS)
        return error_set(error, status, "%s leads: found %lld; expected 1 to %d", place, (long long)spec->leads, MOST_LEADS);
    if (spec->width < 0 || spec->width > WIDEST)
        return error_set(error, status, "%s width: found %lld; expected 0 to %d", place, (long long)spec->width, WIDEST);
    if (!(spec->dropout >= 0 && spec->dropout < 1))
        return error_set(error, status, "%s dropout: found %g; expected 0 to below 1", place, spec->dropout);
    if (spec->stem_stride != 0 && (spec->stem_stride > LONGEST_STRIDE || layer_log2(spec->stem_stride) < 0))
        return error_set(error, status, "%s stem_stride: found %lld; expected a power of two up to %d, or 0", place,
                         (long long)spec->stem_stride, LONGEST_STRIDE);
    if (spec->causal && !e->may_be_causal)
        return error_set(error, status, "%s causal: %s looks both ways; use s4 or leave the key false", place, e->name);
    return PCLR_OK;
}

static void copy_text(char *out, size_t size, const char *word)
{
    strncpy(out, word, size - 1);
    out[size - 1] = '\0';
}

pclr_status model_spec_from_config(model_encoder_spec *spec, const pclr_config *config, int64_t leads, pclr_error *error)
{
    *spec = (model_encoder_spec){.leads = leads,
                                 .width = config_int(config, "encoder.width"),
                                 .dropout = config_real(config, "encoder.dropout"),
                                 .stem_stride = config_int(config, "encoder.stem_stride"),
                                 .causal = config_bool(config, "encoder.causal")};
    copy_text(spec->name, sizeof spec->name, config_text(config, "encoder.name"));
    copy_text(spec->size, sizeof spec->size, config_text(config, "encoder.size"));
    const model_encoder *e = model_encoder_find(spec->name);
    if (e && strcmp(spec->size, "default") == 0) copy_text(spec->size, sizeof spec->size, e->default_size);
    return check_spec(spec, PCLR_E_ARGUMENT, "configuration: encoder", error);
}

pclr_status model_spec_to_json(const model_encoder_spec *spec, char **json, pclr_error *error)
{
    json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:f, s:I, s:b}", "name", spec->name, "size", spec->size, "leads",
                             (json_int_t)spec->leads, "width", (json_int_t)spec->width, "dropout", spec->dropout, "stem_stride",
                             (json_int_t)spec->stem_stride, "causal", (int)spec->causal);
    char *dump = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    if (!dump) return error_memory(error, 0);
    pclr_status status = mem_strdup(json, dump, error);
    free(dump);
    return status;
}

pclr_status model_spec_from_json(model_encoder_spec *spec, const char *json, pclr_error *error)
{
    const char *name = NULL, *size = NULL;
    json_int_t leads = 0, width = 0, stem_stride = 0;
    double dropout = 0;
    int causal = 0;
    json_t *root = json ? json_loads(json, 0, NULL) : NULL;
    memset(spec, 0, sizeof *spec);
    if (!root || json_unpack(root, "{s:s, s:s, s:I, s:I, s:F, s:I, s:b}", "name", &name, "size", &size, "leads", &leads, "width", &width,
                             "dropout", &dropout, "stem_stride", &stem_stride, "causal", &causal) != 0) {
        json_decref(root);
        return error_set(error, PCLR_E_FORMAT,
                         "architecture metadata: not the description of an encoder; expected name, size, leads, width, dropout, "
                         "stem_stride, causal; is this a model file of this program?");
    }
    *spec = (model_encoder_spec){.leads = leads, .width = width, .dropout = dropout, .stem_stride = stem_stride, .causal = causal != 0};
    copy_text(spec->name, sizeof spec->name, name);
    copy_text(spec->size, sizeof spec->size, size);
    json_decref(root);
    return check_spec(spec, PCLR_E_FORMAT, "architecture metadata:", error);
}

int64_t model_dimensions(const model_encoder_spec *spec)
{
    const model_encoder *e = model_encoder_find(spec->name);
    return e ? e->dimensions(spec) : 0;
}

int64_t model_stride(const model_encoder_spec *spec)
{
    const model_encoder *e = model_encoder_find(spec->name);
    return e ? e->stride(spec) : 0;
}

nn_id model_encode_stem(nn_graph *g, nn_id x, const model_encoder_spec *spec)
{
    const model_encoder *e = model_encoder_find(spec->name);
    if (!e) return nn_fail(g, "encoder.name \"%s\": no such encoder", spec->name);
    nn_scope_push(g, "encoder");
    nn_layer_begin(g);
    nn_id z = e->stem(g, x, spec);
    nn_layer_end(g);
    nn_scope_pop(g);
    return z;
}

nn_id model_encode_context(nn_graph *g, nn_id z, nn_id visible, const model_encoder_spec *spec)
{
    const model_encoder *e = model_encoder_find(spec->name);
    if (!e) return NN_NONE; /* told by the stem */
    nn_scope_push(g, "encoder");
    nn_id h = e->context(g, z, visible, spec);
    nn_scope_pop(g);
    return h;
}

nn_id model_encode(nn_graph *g, nn_id x, const model_encoder_spec *spec)
{
    return model_encode_context(g, model_encode_stem(g, x, spec), NN_NONE, spec);
}
