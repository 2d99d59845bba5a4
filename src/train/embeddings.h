/* SPDX-License-Identifier: Apache-2.0 */
/* Embeddings of recordings by one frozen encoder, kept so that the probes of a study compute each of them once. */
#ifndef PCLR_TRAIN_EMBEDDINGS_H
#define PCLR_TRAIN_EMBEDDINGS_H

#include "train/runner.h"

typedef struct embeddings {
    char *key;      /* whose they are: a text that names encoder, input and dataset */
    size_t rows;    /* of the dataset */
    size_t width;   /* of an embedding; 0: none stored */
    float *value;   /* [rows][width] */
    uint8_t *known; /* [rows] */
} embeddings;

/* Makes room for those of `key`; what is stored under another key is forgotten. */
pclr_status embeddings_begin(embeddings *e, const char *key, size_t rows, pclr_error *error);
bool embeddings_known(const embeddings *e, size_t row);
/* Embeddings of the pool's records index[count] -> out[count][runner's width]; runs the encoder on those that are not known. */
pclr_status embeddings_get(embeddings *e, runner *r, const pool *p, const size_t *index, size_t count, float *out,
                           const pclr_callbacks *callbacks, const char *stage, pclr_error *error);
void embeddings_free(embeddings *e);

#endif
