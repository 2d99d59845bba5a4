/* SPDX-License-Identifier: Apache-2.0 */
#include "train/modelfile.h"

#include <jansson.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

/* Takes the JSON value and stores its text. */
static pclr_status put_json(modelfile *m, const char *key, json_t *value, pclr_error *error)
{
    char *dump = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17) | JSON_ENCODE_ANY) : NULL;
    json_decref(value);
    pclr_status status = dump ? st_writer_metadata(m->writer, key, dump, error) : error_memory(error, 0);
    free(dump);
    return status;
}

pclr_status modelfile_metadata(modelfile *m, const char *key, const char *value, pclr_error *error)
{
    return st_writer_metadata(m->writer, key, value, error);
}

pclr_status modelfile_numbers(modelfile *m, const char *key, const double *values, size_t count, pclr_error *error)
{
    json_t *list = json_array();
    for (size_t k = 0; k < count; k++) json_array_append_new(list, json_real(values[k]));
    return put_json(m, key, list, error);
}

pclr_status modelfile_strings(modelfile *m, const char *key, const char *const *values, size_t count, pclr_error *error)
{
    json_t *list = json_array();
    for (size_t k = 0; k < count; k++) json_array_append_new(list, json_string(values[k]));
    return put_json(m, key, list, error);
}

/* The segments' length; only those of records shorter than it are shorter. */
static int64_t longest_segment(const dataset_physiology *y)
{
    int64_t longest = 0;
    for (size_t s = 0; s < y->segments; s++)
        if (y->segment_length[s] > longest) longest = y->segment_length[s];
    return longest;
}

/* Rate and leads of the dataset: prediction brings a recording to the same form first. */
static pclr_status put_dataset_form(modelfile *m, pclr_error *error)
{
    const pclr_dataset *d = m->source->dataset;
    json_t *leads = json_array();
    for (size_t k = 0; k < pclr_dataset_leads(d); k++) json_array_append_new(leads, json_string(pclr_dataset_lead_name(d, k)));
    return put_json(m, "dataset_form", json_pack("{s:f, s:o}", "rate", pclr_dataset_rate(d), "leads", leads), error);
}

/* Layout, extractor and segment length: enough to compute the same features from a raw recording. */
static pclr_status put_feature_space(modelfile *m, pclr_error *error)
{
    const feature_space *s = m->space;
    const pool *p = m->source;
    double seconds = (double)longest_segment(&p->physiology) / pclr_dataset_rate(p->dataset);
    int64_t features = (int64_t)s->features, components = (int64_t)s->components;
    TRY(put_json(m, "features",
                 json_pack("{s:s, s:i, s:f, s:f}", "layout", p->physiology.layout, "extractor", p->physiology.extractor, "segment_seconds",
                           seconds, "limit", (double)s->limit),
                 error));
    TRY(st_writer_add(m->writer, "features.mean", "F32", nn_shape1(features), s->mean, error));
    TRY(st_writer_add(m->writer, "features.scale", "F32", nn_shape1(features), s->scale, error));
    TRY(st_writer_add(m->writer, "features.axis", "F32", nn_shape2(components, features), s->axis, error));
    return st_writer_add(m->writer, "features.variance", "F32", nn_shape1(components), s->variance, error);
}

pclr_status modelfile_begin(modelfile *m, pclr_error *error)
{
    char *preprocessing = NULL, *yaml = NULL;
    pclr_status status;
    TRY(st_writer_create(&m->writer, error));
    TRY_GOTO(preprocess_to_json(&m->source->preprocess, &preprocessing, error));
    TRY_GOTO(config_to_yaml(m->config, &yaml, error));
    TRY_GOTO(modelfile_metadata(m, "format", m->format, error));
    TRY_GOTO(modelfile_metadata(m, "version", MODEL_FORMAT_VERSION, error));
    TRY_GOTO(modelfile_metadata(m, "program", pclr_version(), error));
    TRY_GOTO(modelfile_metadata(m, "preprocessing", preprocessing, error));
    TRY_GOTO(modelfile_metadata(m, "objective", m->objective, error));
    TRY_GOTO(modelfile_metadata(m, "config", yaml, error));
    TRY_GOTO(modelfile_metadata(m, "dataset", m->source->fingerprint, error));
    TRY_GOTO(put_dataset_form(m, error));
    if (m->space) TRY_GOTO(put_feature_space(m, error));
done:
    mem_free(preprocessing);
    mem_free(yaml);
    return status;
}

pclr_status modelfile_write(modelfile *m, const char *folder, const char *name, pclr_error *error)
{
    char *path = NULL;
    TRY(path_join(&path, folder, name, error));
    pclr_status status = st_writer_write(m->writer, path, error);
    mem_free(path);
    return status;
}

void modelfile_end(modelfile *m)
{
    st_writer_destroy(&m->writer);
}

pclr_status modelfile_card(const modelfile *m, const char *folder, const char *title, const char *file_name, const char *body,
                           pclr_error *error)
{
    const preprocess_spec *in = &m->source->preprocess;
    char *path = NULL;
    text t = {0};
    text_add(&t, "# %s\n\n%s\n", title, body);
    text_add(&t, "## Input\n\n%lld lead%s (", (long long)in->leads, in->leads == 1 ? "" : "s");
    for (int64_t k = 0; k < in->leads; k++) text_add(&t, "%s%s", k ? ", " : "", in->lead_name[k]);
    text_add(&t, ") at %g Hz, windows of %g s; recordings of any rate and length are brought to that by the file's own preprocessing.\n\n",
             in->rate, in->seconds);
    text_add(&t,
             "## Made from\n\nDataset fingerprint `%s` (%zu records used), physioclr %s; every setting is in `config.yaml` and in the "
             "file's metadata.\n\n",
             m->source->fingerprint, m->source->records, pclr_version());
    text_add(&t, "## Use\n\n```\nphysioclr %s %s RECORDS... -o FILE\n```\n\nFor research. Not a medical device.\n",
             strcmp(m->format, MODEL_FORMAT_CLASSIFIER) == 0 ? "predict" : "embed", file_name);
    pclr_status status = text_ok(&t, error);
    if (status == PCLR_OK) status = path_join(&path, folder, "README.md", error);
    if (status == PCLR_OK) status = file_write(path, t.data, t.length, error);
    mem_free(path);
    text_free(&t);
    return status;
}

pclr_status modelfile_read_encoder(const st_file *f, model_encoder_spec *encoder, preprocess_spec *preprocess, pclr_error *error)
{
    const char *format = st_metadata(f, "format");
    if (!format || strcmp(format, MODEL_FORMAT_ENCODER) != 0)
        return error_set(error, PCLR_E_FORMAT,
                         "metadata \"format\": found \"%s\", expected \"%s\"; give the encoder.safetensors of a pretraining run",
                         format ? format : "none", MODEL_FORMAT_ENCODER);
    TRY(model_spec_from_json(encoder, st_metadata(f, "architecture"), error));
    return preprocess_from_json(preprocess, st_metadata(f, "preprocessing"), error);
}
