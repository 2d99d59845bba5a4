/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is whose positive and negative, from the physiology of a batch. Arrays in, arrays out. Private to objective/.
 *
 * Candidates of an anchor i, in the columns of a row of 1 + B + Q: its own second view; the batch's items j; a queue of Q earlier
 * items. Anchors are all items of the batch, or those of one of the processes that share it. Kinds of positives: the own view, the pair
 * partner (and queued segments of the same record), neighbours by physiology. Items of a kind that is switched off are negatives like any
 * other (the own view is then no candidate); i itself never is one.
 */
#ifndef PCLR_OBJECTIVE_PAIRS_H
#define PCLR_OBJECTIVE_PAIRS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum pairs_rule {
    PAIRS_THRESHOLD, /* similarity >= delta */
    PAIRS_QUANTILE,  /* similarity >= the value that a share of all pairs of the batch reaches */
    PAIRS_TOP_K,     /* each anchor's nearest share of the candidates (ties included) */
    PAIRS_SOFT       /* every candidate, weighted by exp((similarity - 1) / temperature); there are no negatives but all contrast */
} pairs_rule;

typedef struct pairs_options {
    pairs_rule rule;
    double delta, share, temperature;
    bool own_view, partner, neighbours;
    bool against_all; /* a positive is contrasted with the other positives too (always so for PAIRS_SOFT) */
} pairs_options;

typedef struct pairs_batch {
    int64_t items, queue;        /* B, Q */
    const float *similarity;     /* [R][B + Q] cosines of the physiology */
    const int32_t *pair;         /* [B] index of the partner, -1 none */
    const int64_t *record;       /* [B] */
    const int64_t *queue_record; /* [Q]; negative: the place is empty */
    int64_t first, anchors;      /* anchors are items first .. first + R - 1; anchors 0: all, R = B */
} pairs_batch;

typedef struct pairs_counts {
    double positives, negatives; /* per anchor that is not left out; for PAIRS_SOFT the effective number 1 / sum w^2 */
    int64_t left_out;            /* anchors without positives or without negatives */
    int64_t anchors;             /* the others */
} pairs_counts;

/* cos between rows of a [rows][columns] and b [others][columns] into out[r * out_stride + k]; 0 with a zero vector. */
void pairs_cosines(const float *a, int64_t rows, const float *b, int64_t others, int64_t columns, float *out, int64_t out_stride);
/* weight: 1 / (|P(i)| anchors) on positives, so that all sum to 1; contrasted: 1 on what a positive is contrasted with, the negatives
 * or all candidates. Both [R][1 + B + Q]; scratch[R * (B + Q)]. The quantile is that of the anchors' pairs. */
void pairs_make(const pairs_options *options, const pairs_batch *batch, float *weight, float *contrasted, float *scratch,
                pairs_counts *counts);
/* The masks of the released code (contrastive: official), [R][1 + B]: the own view, the next item of the batch as "adjacent" and
 * every item with similarity >= delta, the anchor itself included, are positives; similarity < delta negatives. */
void pairs_make_official(const pairs_batch *batch, double delta, float *positive, float *negative, pairs_counts *counts);
/* k-th largest of n values (k from 1); reorders them. */
float pairs_kth_largest(float *values, int64_t n, int64_t k);

#endif
