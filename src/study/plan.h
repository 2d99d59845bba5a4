/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of a study, read from YAML:
 *
 *     tasks: [superclass, rhythm]
 *     split: default               # of the dataset; its first where absent
 *     evaluate: test               # part that is scored: test, or validation
 *     objectives: [physioclr, simclr, random, supervised, features]
 *     encoders: [xresnet1d/18, s4] # NAME or NAME/SIZE; the configuration's own where absent
 *     methods: [probe, finetune]
 *     inputs: [embedding, both]
 *     fractions: [0.01, 0.1, 1]
 *     seeds: [1, 2, 3]
 *     ablation: true               # adds the first PhysioCLR entry without each of its terms
 *     pretrain: other.h5           # dataset to pretrain on; the study's own where absent
 *     set: {train.steps: 1000}     # settings of every run
 *
 * An entry of `objectives` is a name or a mapping {name, objective, set, methods, inputs, pretrain, after}; after: NAME of an earlier
 * entry whose encoder this one's pretraining goes on from. "random" is an encoder without training
 * (probe), "supervised" the same network trained on the labels alone (finetune), "features" the physiological features (probe), "trees"
 * boosted trees on them.
 */
#ifndef PCLR_STUDY_PLAN_H
#define PCLR_STUDY_PLAN_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

typedef struct study_arm {
    const char *name;               /* in tables */
    const char *objective;          /* NULL: nothing is pretrained */
    const json_t *set;              /* own settings; NULL */
    const json_t *methods, *inputs; /* lists of names */
    bool seeded;                    /* results depend on the seed */
    const char *pretrain;           /* dataset it is pretrained on; NULL: the study's */
    char fingerprint[65];           /* of that dataset, where it is another one */
    ptrdiff_t after;                /* number of the arm it goes on from; -1: none */
} study_arm;

typedef struct study_plan {
    json_t *root; /* owns every text below */
    study_arm *arm;
    size_t arms;
    const json_t *tasks, *encoders, *fractions, *seeds, *set; /* lists; set: a mapping or NULL */
    const char *split;                                        /* NULL: the dataset's first */
    const char *evaluate;                                     /* NULL: test where the split has one, else validation */
} study_plan;

/* What `options` say stands before what the file says. */
pclr_status study_plan_read(study_plan *plan, const char *path, const pclr_study_options *options, pclr_error *error);
void study_plan_free(study_plan *plan);

/* yaml_tree.c: a YAML file as a tree of texts, lists and mappings; numbers and truth values stay texts. */
pclr_status study_yaml(json_t **root, const char *path, pclr_error *error);

#endif
