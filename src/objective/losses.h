/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of objectives that stand on their own, for tests against other implementations. Private to objective/. */
#ifndef PCLR_OBJECTIVE_LOSSES_H
#define PCLR_OBJECTIVE_LOSSES_H

#include "nn/nn.h"

/* physioclr.c: first, second [B][P] the two views, queued [Q][P] or NN_NONE, all of unit length; weight, contrasted [B][1 + B + Q] by
 * pairs.h, their columns: own view, batch, queue. */
typedef enum physioclr_form {
    PHYSIOCLR_EACH,    /* each positive against what is contrasted */
    PHYSIOCLR_ALL,     /* what is contrasted includes the positives */
    PHYSIOCLR_OFFICIAL /* as released: mean of log sum of the contrasted - log sum of the positives */
} physioclr_form;
nn_id physioclr_contrast(nn_graph *g, physioclr_form form, nn_id first, nn_id second, nn_id queued, nn_id weight, nn_id contrasted,
                         double tau);

/* vicreg.c: the unweighted terms for projections a, b [B][P]. */
typedef struct vicreg_terms {
    nn_id invariance, variance, covariance;
} vicreg_terms;
vicreg_terms vicreg_build(nn_graph *g, nn_id a, nn_id b);

/* mae.c: (x - mean) / sqrt(variance + 1e-6) over `length` samples that lie `stride` apart. */
void mae_normalise(const float *x, int64_t length, int64_t stride, float *target);

/* wav2vec2.c: Gumbel quantiser with straight-through gradient. features [R][S], noise [R][G][V] Gumbel draws, temperature [1]. */
typedef struct quantised {
    nn_id code;      /* [R][G * 128] chosen codebook entries side by side */
    nn_id choice;    /* [R][G][V] one at the chosen entry */
    nn_id diversity; /* (G V - perplexity) / (G V), perplexity of the mean choice without noise */
} quantised;
quantised wav2vec2_quantise(nn_graph *g, nn_id features, nn_id noise, nn_id temperature);
/* Contrast of predictions with the quantised targets of the same item. context, target [B][M][P] unit length; choice [B][M][G V];
 * distractors [B][M][M] how often frame j was drawn for frame i. Distractors that equal the target do not count. */
nn_id wav2vec2_contrast(nn_graph *g, nn_id context, nn_id target, nn_id choice, nn_id distractors, double tau);

#endif
