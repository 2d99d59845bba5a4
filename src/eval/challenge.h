/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The score of the PhysioNet/CinC Challenge 2021 (Reyna et al. 2021): calls are rewarded by a table that gives part of the reward for
 * a neighbouring diagnosis; 1 is always right, 0 is always answering sinus rhythm. Semantics of the published evaluator: a record's
 * reward is divided by the number of its classes that are labelled or called.
 */
#ifndef PCLR_EVAL_CHALLENGE_H
#define PCLR_EVAL_CHALLENGE_H

#include "eval/set.h"

enum { CHALLENGE_CLASSES = 26 };

typedef struct challenge_class {
    const char *codes;         /* SNOMED CT, equivalent ones separated by '|' */
    const char *abbreviations; /* likewise */
    const char *diagnosis;
} challenge_class;
extern const challenge_class challenge_classes[CHALLENGE_CLASSES];
extern const uint8_t challenge_weights[CHALLENGE_CLASSES][CHALLENGE_CLASSES]; /* in 1/80; [label][call] */

/* Place of a class by any of its codes or abbreviations ("CRBBB", "713427006|59118001"), or -1. */
int challenge_find(const char *name);

/* Rewards of each record for what was called, for calling rightly, for calling sinus rhythm: the score is linear in these. */
typedef struct challenge_table {
    double *observed, *correct, *inactive; /* [records]; NULL: not a Challenge task */
    size_t records;
} challenge_table;

/* label[records][classes] and call[records][classes] of 0/1 (255 counts as 0); place[classes]: class of the table, several may share one
 * (equivalent classes: any of them counts). */
pclr_status challenge_create(challenge_table *table, const uint8_t *label, const uint8_t *call, size_t records, size_t classes,
                             const int *place, pclr_error *error);
void challenge_free(challenge_table *table);
/* weight[records] or NULL. 0 where right answers earn no more than sinus rhythm, as the published evaluator has it. */
double challenge_value(const challenge_table *table, const uint16_t *weight);

#endif
