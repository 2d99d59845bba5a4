/* SPDX-License-Identifier: Apache-2.0 */
/* What a model file says of itself. It comes from outside: every value is checked. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "infer/model.h"
#include "physio/features.h"

static pclr_status read_format(pclr_model *m, pclr_error *error)
{
    const char *format = st_metadata(m->file, "format"), *version = st_metadata(m->file, "version");
    if (!format || (strcmp(format, MODEL_FORMAT_ENCODER) != 0 && strcmp(format, MODEL_FORMAT_CLASSIFIER) != 0))
        return error_set(error, PCLR_E_FORMAT,
                         "metadata \"format\": found \"%s\", expected \"%s\" or \"%s\"; is this a model made by physioclr?",
                         format ? format : "none", MODEL_FORMAT_ENCODER, MODEL_FORMAT_CLASSIFIER);
    if (!version || strcmp(version, MODEL_FORMAT_VERSION) != 0)
        return error_set(
            error, PCLR_E_UNSUPPORTED,
            "metadata \"version\": found \"%s\", this program reads version %s; use the program that wrote the file, or a newer one",
            version ? version : "none", MODEL_FORMAT_VERSION);
    m->classifier = strcmp(format, MODEL_FORMAT_CLASSIFIER) == 0;
    return PCLR_OK;
}

static pclr_status read_classes(pclr_model *m, pclr_error *error)
{
    const char *text_value = st_metadata(m->file, "classes");
    json_t *list = text_value ? json_loads(text_value, 0, NULL) : NULL;
    size_t classes = (size_t)m->spec.classes;
    pclr_status status = PCLR_OK;
    if (!json_is_array(list) || json_array_size(list) != classes) {
        json_decref(list);
        return error_set(error, PCLR_E_FORMAT, "metadata \"classes\": expected a list of %zu names; the model file is damaged", classes);
    }
    TRY_GOTO(mem_alloc(&m->class_name, classes, sizeof *m->class_name, error));
    for (size_t k = 0; k < classes; k++) {
        const char *name = json_string_value(json_array_get(list, k));
        TRY_GOTO(name ? mem_strdup(&m->class_name[k], name, error)
                      : error_set(error, PCLR_E_FORMAT, "metadata \"classes\": entry %zu is no text", k));
    }
done:
    json_decref(list);
    return status;
}

static pclr_status read_numbers(pclr_model *m, pclr_error *error)
{
    const char *temperature = st_metadata(m->file, "temperature"), *members = st_metadata(m->file, "members");
    json_t *list = temperature ? json_loads(temperature, 0, NULL) : NULL;
    double value = json_number_value(json_array_get(list, 0));
    int64_t count = 0;
    json_decref(list);
    if (!(value > 0.0) || !isfinite(value))
        return error_set(error, PCLR_E_FORMAT, "metadata \"temperature\": expected a positive number; the model file is damaged");
    if (!members || !parse_int(members, &count) || count < 1 || count > INFER_MAX_MEMBERS)
        return error_set(error, PCLR_E_FORMAT, "metadata \"members\": found \"%s\", expected 1 to %d; the model file is damaged",
                         members ? members : "none", INFER_MAX_MEMBERS);
    m->temperature = value;
    m->members = (size_t)count;
    return PCLR_OK;
}

static pclr_status read_tensor(const st_file *f, const char *name, size_t count, float **out, pclr_error *error)
{
    st_tensor t;
    if (!st_find(f, name, &t) || strcmp(t.dtype, "F32") != 0 || t.bytes != count * sizeof(float))
        return error_set(error, PCLR_E_FORMAT, "tensor %s: expected %zu values F32; the model file is damaged", name, count);
    TRY(mem_alloc(out, count, sizeof **out, error));
    memcpy(*out, t.data, t.bytes);
    return PCLR_OK;
}

static pclr_status read_form_leads(convert_target *form, const json_t *leads, pclr_error *error)
{
    size_t count = json_array_size(leads);
    if (count < 1 || count > 12) return error_set(error, PCLR_E_FORMAT, "metadata \"dataset_form\": %zu leads, expected 1 to 12", count);
    for (size_t k = 0; k < count; k++) {
        const char *name = json_string_value(json_array_get(leads, k));
        if (!name) return error_set(error, PCLR_E_FORMAT, "metadata \"dataset_form\": lead %zu has no name", k);
        snprintf(form->lead_name[k], sizeof form->lead_name[k], "%s", name);
    }
    form->leads = count;
    return PCLR_OK;
}

/* Rate and leads of the training dataset. Files without "dataset_form" tell them among "features", or not at all. */
static pclr_status read_form(pclr_model *m, pclr_error *error)
{
    const char *form = st_metadata(m->file, "dataset_form"), *features = st_metadata(m->file, "features");
    json_t *root = form || features ? json_loads(form ? form : features, 0, NULL) : NULL, *leads = NULL;
    pclr_status status = PCLR_OK;
    if (!form && !json_object_get(root, "leads")) {
        json_decref(root);
        return PCLR_OK;
    }
    if (json_unpack(root, "{s:F, s:o}", "rate", &m->form.rate, "leads", &leads) != 0 || !(m->form.rate >= 10 && m->form.rate <= 1e5))
        status = error_set(error, PCLR_E_FORMAT,
                           "metadata \"dataset_form\": expected a rate of 10 to 100000 Hz and leads; the model file is damaged");
    else
        status = read_form_leads(&m->form, leads, error);
    json_decref(root);
    return status;
}

static pclr_status check_features(const pclr_model *m, const char *layout, pclr_error *error)
{
    const infer_features *f = &m->features;
    if (!f->layout)
        return error_set(error, PCLR_E_UNSUPPORTED, "metadata \"features\": layout \"%s\" is not known to this program", layout);
    if (f->layout->count != (size_t)m->spec.features)
        return error_set(error, PCLR_E_UNSUPPORTED,
                         "metadata \"features\": layout \"%s\" has %zu features here, the model was trained with %lld", layout,
                         f->layout->count, (long long)m->spec.features);
    if (f->extractor != 0 && f->extractor != FEATURE_EXTRACTOR)
        return error_set(
            error, PCLR_E_UNSUPPORTED,
            "metadata \"features\": the model was trained on features of extractor %d, this program has extractor %d; compute the "
            "dataset's features again and retrain (`physioclr features`, then `probe` or `finetune`), or use the program that made it",
            f->extractor, FEATURE_EXTRACTOR);
    if (!(f->segment_seconds > 0.1 && f->segment_seconds < 1e5))
        return error_set(error, PCLR_E_FORMAT, "metadata \"features\": segments of %g s; the model file is damaged", f->segment_seconds);
    if (m->form.leads == 0)
        return error_set(error, PCLR_E_FORMAT, "metadata \"dataset_form\": missing, although the classifier takes features");
    return PCLR_OK;
}

static pclr_status read_features(pclr_model *m, pclr_error *error)
{
    infer_features *f = &m->features;
    const char *text_value = st_metadata(m->file, "features"), *layout = NULL;
    json_t *root = text_value ? json_loads(text_value, 0, NULL) : NULL;
    double limit = 0.0;
    if (!root || json_unpack(root, "{s:s, s?i, s:F, s:F}", "layout", &layout, "extractor", &f->extractor, "segment_seconds",
                             &f->segment_seconds, "limit", &limit) != 0) {
        json_decref(root);
        return error_set(error, PCLR_E_FORMAT, "metadata \"features\": missing or damaged, although the classifier takes features");
    }
    f->layout = pclr_feature_layout_find(layout);
    pclr_status status = check_features(m, layout, error);
    json_decref(root);
    if (status != PCLR_OK) return status;
    f->space.features = f->layout->count;
    f->space.limit = (float)limit;
    TRY(read_tensor(m->file, "features.mean", f->layout->count, &f->space.mean, error));
    return read_tensor(m->file, "features.scale", f->layout->count, &f->space.scale, error);
}

/* Boosted trees on the features and their share in the probability, where the file has them. */
static pclr_status read_trees(pclr_model *m, pclr_error *error)
{
    const char *share = st_metadata(m->file, "trees");
    json_t *list = share ? json_loads(share, 0, NULL) : NULL;
    double weight = json_number_value(json_array_get(list, 0));
    json_decref(list);
    if (!share) return PCLR_OK;
    if (!(weight > 0.0) || !(weight <= 1.0))
        return error_set(error, PCLR_E_FORMAT, "metadata \"trees\": found \"%s\", expected a share above 0 and up to 1", share);
    m->trees_weight = weight;
    return model_trees_load(&m->trees, m->file, (size_t)m->spec.classes, (size_t)m->spec.features, error);
}

pclr_status infer_read_metadata(pclr_model *m, pclr_error *error)
{
    const char *preprocessing = st_metadata(m->file, "preprocessing"), *architecture = st_metadata(m->file, "architecture");
    TRY(read_format(m, error));
    if (!preprocessing || !architecture)
        return error_set(error, PCLR_E_FORMAT, "metadata: \"preprocessing\" or \"architecture\" is missing; the model file is damaged");
    TRY(preprocess_from_json(&m->preprocess, preprocessing, error));
    TRY(read_form(m, error));
    m->members = 1;
    if (!m->classifier) {
        TRY(model_spec_from_json(&m->spec.encoder, architecture, error));
        snprintf(m->spec.pool, sizeof m->spec.pool, "mean");
        snprintf(m->spec.input, sizeof m->spec.input, "embedding");
        return PCLR_OK;
    }
    TRY(model_classifier_from_json(&m->spec, st_metadata(m->file, "classifier"), error));
    TRY(read_classes(m, error));
    TRY(read_numbers(m, error));
    if (model_classifier_uses_features(&m->spec)) {
        TRY(read_features(m, error));
        TRY(read_trees(m, error));
    }
    if (m->spec.encoder.leads != m->preprocess.leads && model_classifier_uses_signal(&m->spec))
        return error_set(error, PCLR_E_FORMAT,
                         "metadata: the encoder takes %lld leads, the preprocessing gives %lld; the model file is damaged",
                         (long long)m->spec.encoder.leads, (long long)m->preprocess.leads);
    return PCLR_OK;
}
