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
 *     ablation: true               # adds PhysioCLR without each of its terms
 *     set: {train.steps: 1000}     # settings of every run
 *
 * An entry of `objectives` is a name or a mapping {name, objective, set, methods, inputs}. "random" is an encoder without training
 * (probe), "supervised" the same network trained on the labels alone (finetune), "features" the physiological features (probe), "trees"
 * boosted trees on them.
 */
#ifndef PCLR_STUDY_PLAN_H
#define PCLR_STUDY_PLAN_H

#include <jansson.h>

#include "base/error.h"

typedef struct study_arm {
    const char *name;               /* in tables */
    const char *objective;          /* NULL: nothing is pretrained */
    const json_t *set;              /* own settings; NULL */
    const json_t *methods, *inputs; /* lists of names */
    bool seeded;                    /* results depend on the seed */
} study_arm;

typedef struct study_plan {
    json_t *root; /* owns every text below */
    study_arm *arm;
    size_t arms;
    const json_t *tasks, *encoders, *fractions, *seeds, *set; /* lists; set: a mapping or NULL */
    const char *split;                                        /* NULL: the dataset's first */
    const char *evaluate;                                     /* NULL: test where the split has one, else validation */
} study_plan;

pclr_status study_plan_read(study_plan *plan, const char *path, pclr_error *error);
void study_plan_free(study_plan *plan);

/* yaml_tree.c: a YAML file as a tree of texts, lists and mappings; numbers and truth values stay texts. */
pclr_status study_yaml(json_t **root, const char *path, pclr_error *error);

#endif
