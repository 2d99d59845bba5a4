/* SPDX-License-Identifier: Apache-2.0 */
#include "model/classifier.h"

#include <jansson.h>
#include <string.h>

#include "base/memory.h"

bool model_classifier_uses_signal(const model_classifier_spec *spec)
{
    return strcmp(spec->input, "features") != 0;
}

bool model_classifier_uses_features(const model_classifier_spec *spec)
{
    return strcmp(spec->input, "embedding") != 0;
}

static nn_id build_feature_side(nn_graph *g, nn_id features, const model_classifier_spec *spec)
{
    nn_id x = nn_dropout(g, features, spec->feature_dropout);
    if (spec->feature_hidden > 0) x = nn_gelu(g, model_project(g, x, "feature_layer", 0, spec->feature_hidden));
    return x;
}

nn_id model_classifier_build(nn_graph *g, nn_id x, nn_id features, const model_classifier_spec *spec)
{
    nn_id side[2];
    int sides = 0;
    if (model_classifier_uses_signal(spec)) side[sides++] = model_pool(g, model_encode(g, x, &spec->encoder), spec->pool);
    if (model_classifier_uses_features(spec)) side[sides++] = build_feature_side(g, features, spec);
    nn_id joined = sides == 2 ? nn_concat(g, side, 2, 1) : side[0];
    return model_classify(g, joined, spec->hidden, spec->classes, spec->dropout);
}

pclr_status model_classifier_to_json(const model_classifier_spec *spec, char **json, pclr_error *error)
{
    char *architecture = NULL;
    TRY(model_spec_to_json(&spec->encoder, &architecture, error));
    json_t *root = json_pack("{s:o?, s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:f}", "encoder", json_loads(architecture, 0, NULL), "input",
                             spec->input, "pool", spec->pool, "features", (json_int_t)spec->features, "classes", (json_int_t)spec->classes,
                             "hidden", (json_int_t)spec->hidden, "feature_hidden", (json_int_t)spec->feature_hidden, "dropout",
                             spec->dropout, "feature_dropout", spec->feature_dropout);
    mem_free(architecture);
    char *dump = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    if (!dump) return error_memory(error, 0);
    pclr_status status = mem_strdup(json, dump, error);
    free(dump);
    return status;
}

static bool copy_word(char *out, size_t size, const char *word, const char *const *known)
{
    for (; *known; known++) {
        if (strcmp(word, *known) == 0) {
            strncpy(out, word, size - 1);
            out[size - 1] = '\0';
            return true;
        }
    }
    return false;
}

/* The numbers of a classifier spec come from a file: each is checked before it shapes a network. */
static pclr_status check_classifier(const model_classifier_spec *spec, pclr_error *error)
{
    const int64_t limit = 1 << 20;
    if (spec->classes < 1 || spec->classes > limit || spec->features < 0 || spec->features > limit || spec->hidden < 0 ||
        spec->hidden > limit || spec->feature_hidden < 0 || spec->feature_hidden > limit)
        return error_set(error, PCLR_E_FORMAT,
                         "classifier metadata: a size is out of range (classes %lld, features %lld); the model file is damaged",
                         (long long)spec->classes, (long long)spec->features);
    if (model_classifier_uses_features(spec) && spec->features == 0)
        return error_set(error, PCLR_E_FORMAT, "classifier metadata: input \"%s\" needs features, found 0; the model file is damaged",
                         spec->input);
    return PCLR_OK;
}

pclr_status model_classifier_from_json(model_classifier_spec *spec, const char *json, pclr_error *error)
{
    static const char *const inputs[] = {"embedding", "features", "both", NULL};
    static const char *const pools[] = {"mean", "max_mean", "attention", NULL};
    json_t *root = json ? json_loads(json, 0, NULL) : NULL;
    const char *input = NULL, *pool = NULL;
    json_int_t features = 0, classes = 0, hidden = 0, feature_hidden = 0;
    json_t *encoder = NULL;
    pclr_status status = PCLR_OK;

    memset(spec, 0, sizeof *spec);
    if (!root ||
        json_unpack(root, "{s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:F, s:F}", "encoder", &encoder, "input", &input, "pool", &pool, "features",
                    &features, "classes", &classes, "hidden", &hidden, "feature_hidden", &feature_hidden, "dropout", &spec->dropout,
                    "feature_dropout", &spec->feature_dropout) != 0 ||
        !copy_word(spec->input, sizeof spec->input, input, inputs) || !copy_word(spec->pool, sizeof spec->pool, pool, pools)) {
        json_decref(root);
        return error_set(error, PCLR_E_FORMAT,
                         "classifier metadata: not the description of a classifier; expected encoder, input, pool and sizes; is this a "
                         "model file of this program?");
    }
    char *architecture = json_dumps(encoder, JSON_COMPACT | JSON_ENCODE_ANY);
    status = architecture ? model_spec_from_json(&spec->encoder, architecture, error) : error_memory(error, 0);
    free(architecture);
    json_decref(root);
    if (status != PCLR_OK) return status;
    spec->features = features;
    spec->classes = classes;
    spec->hidden = hidden;
    spec->feature_hidden = feature_hidden;
    return check_classifier(spec, error);
}

pclr_status model_weights_save(nn_params *params, const char *prefix, const char *file_prefix, st_writer *w, pclr_error *error)
{
    for (size_t k = 0; k < nn_params_count(params); k++) {
        const nn_parameter *p = nn_params_at(params, k);
        if (strncmp(p->name, prefix, strlen(prefix)) != 0) continue;
        char *name = NULL;
        TRY(mem_printf(&name, error, "%s%s", file_prefix, p->name));
        pclr_status status = st_writer_add(w, name, "F32", p->shape, nn_parameter_read(p), error);
        mem_free(name);
        if (status != PCLR_OK) return status;
    }
    return PCLR_OK;
}

static bool same_shape(nn_shape a, nn_shape b)
{
    if (a.rank != b.rank) return false;
    for (int k = 0; k < a.rank; k++)
        if (a.n[k] != b.n[k]) return false;
    return true;
}

static pclr_status load_one(nn_parameter *p, const char *name, const st_file *f, pclr_error *error)
{
    st_tensor t;
    if (!st_find(f, name, &t))
        return error_set(error, PCLR_E_FORMAT, "tensor %s: not in the file; expected it for this architecture", name);
    if (strcmp(t.dtype, "F32") != 0 || !same_shape(t.shape, p->shape))
        return error_set(error, PCLR_E_FORMAT,
                         "tensor %s: found %s with %lld values, expected F32 with %lld; the file's architecture differs", name, t.dtype,
                         (long long)nn_shape_size(t.shape), (long long)nn_shape_size(p->shape));
    memcpy(nn_parameter_write(p), t.data, t.bytes);
    return PCLR_OK;
}

pclr_status model_weights_load(nn_params *params, const char *prefix, const char *file_prefix, const st_file *f, pclr_error *error)
{
    for (size_t k = 0; k < nn_params_count(params); k++) {
        nn_parameter *p = nn_params_at(params, k);
        if (strncmp(p->name, prefix, strlen(prefix)) != 0) continue;
        char *name = NULL;
        TRY(mem_printf(&name, error, "%s%s", file_prefix, p->name));
        pclr_status status = load_one(p, name, f, error);
        mem_free(name);
        if (status != PCLR_OK) return status;
    }
    return PCLR_OK;
}
