/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a study share: the plan with what it resolves to, and one position in its loops. */
#ifndef PCLR_STUDY_STUDY_H
#define PCLR_STUDY_STUDY_H

#include "base/config.h"
#include "base/parallel.h"
#include "study/cell.h"
#include "study/plan.h"
#include "train/probe.h"

typedef struct study {
    const char *dataset_path, *folder;
    const pclr_callbacks *callbacks;
    study_plan plan;
    char fingerprint[65];
    char *evaluate;  /* "SPLIT:PART" */
    json_t *cells;   /* results so far */
    embeddings kept; /* of the encoder at work: its probes follow each other */
    size_t total, seen, busy;
} study;

/* What one pass of the loops is about. */
typedef struct position {
    const study_arm *arm;
    const char *encoder, *task, *method, *input, *fraction, *seed;
} position;

/* The pretrained encoder of a position. */
typedef struct study_encoder {
    char *path;           /* encoder.safetensors; NULL: the arm has none */
    char hash[65];        /* of all that pretraining depends on; empty: the arm has none */
    bool ready;           /* false: another process is at it */
    double seconds;       /* of pretraining, those of the arms it goes on from included; NAN: none */
    double planned_bytes; /* largest of pretraining */
} study_encoder;

/* configure.c: settings of the plan, the encoder and the arm, in this order. */
pclr_status study_config(const study *s, const position *at, pclr_config **config, pclr_error *error);

/* pretraining.c */

/* Which encoder it is (path, hash), without training anything. */
pclr_status study_encoder_find(const study *s, const position *at, study_encoder *e, pclr_error *error);
/* The same, trained first where it is not there. */
pclr_status study_encoder_get(const study *s, const position *at, study_encoder *e, pclr_error *error);
void study_encoder_free(study_encoder *e);

#endif
