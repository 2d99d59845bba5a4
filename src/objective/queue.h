/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of the embeddings of earlier batches with their physiology (cross-batch memory; Wang et al. 2020, arXiv 1912.06798), so that
 * small batches see many candidates. Private to objective/. */
#ifndef PCLR_OBJECTIVE_QUEUE_H
#define PCLR_OBJECTIVE_QUEUE_H

#include "nn/nn.h"

typedef struct queue {
    int64_t places, width, components; /* Q, P, Z */
    float *embedding;                  /* [Q][P] */
    float *component;                  /* [Q][Z] */
    int64_t *record;                   /* [Q]; -1: empty */
    int64_t next;                      /* place that is written next; kept as an array of one for the checkpoint */
} queue;

pclr_status queue_create(queue *q, int64_t places, int64_t width, int64_t components, pclr_error *error);
void queue_destroy(queue *q);
/* Overwrites the oldest places. embedding [items][P], component [items][Z], record [items]. */
void queue_push(queue *q, const float *embedding, const float *component, const int64_t *record, int64_t items);
int64_t queue_filled(const queue *q);
/* Tensors "objective.queue.*". */
pclr_status queue_save(const queue *q, st_writer *w, pclr_error *error);
pclr_status queue_load(queue *q, const st_file *f, pclr_error *error);

#endif
