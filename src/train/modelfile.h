/* SPDX-License-Identifier: Apache-2.0 */
/* Writing encoder and classifier files (layout: model/classifier.h) and the model card beside them. */
#ifndef PCLR_TRAIN_MODELFILE_H
#define PCLR_TRAIN_MODELFILE_H

#include "model/classifier.h"
#include "physio/standardise.h"
#include "train/pool.h"

typedef struct modelfile {
    st_writer *writer;
    const pool *source;         /* preprocessing, feature layout, fingerprint */
    const feature_space *space; /* NULL: no features */
    const pclr_config *config;
    const char *format;    /* MODEL_FORMAT_* */
    const char *objective; /* "physioclr", "random", "supervised", "probe" ... */
} modelfile;

/* Starts a file with everything that encoder and classifier files share. */
pclr_status modelfile_begin(modelfile *m, pclr_error *error);
pclr_status modelfile_metadata(modelfile *m, const char *key, const char *value, pclr_error *error);
/* "[..]" of numbers / of strings. */
pclr_status modelfile_numbers(modelfile *m, const char *key, const double *values, size_t count, pclr_error *error);
pclr_status modelfile_strings(modelfile *m, const char *key, const char *const *values, size_t count, pclr_error *error);
pclr_status modelfile_write(modelfile *m, const char *folder, const char *name, pclr_error *error);
void modelfile_end(modelfile *m);

/* The model card, README.md: what it is, what it was made from, how to use it. `body` (Markdown) gives the figures. */
pclr_status modelfile_card(const modelfile *m, const char *folder, const char *title, const char *file_name, const char *body,
                           pclr_error *error);

/* What the encoder file tells of its input, for runs that start from it. */
pclr_status modelfile_read_encoder(const st_file *f, model_encoder_spec *encoder, preprocess_spec *preprocess, pclr_error *error);

#endif
