/* SPDX-License-Identifier: Apache-2.0 */
/* Feature layouts: one file each; features.c names them all. */
#ifndef PCLR_PHYSIO_FEATURES_H
#define PCLR_PHYSIO_FEATURES_H

#include <physioclr.h>

/* Version of what marks and features come out as. A model, the dataset it was trained on and the features it is given must agree in
 * it; raise it with every change of a value (tests/physio/test_extractor.c notices changes). 0 means "not known". */
enum { FEATURE_EXTRACTOR = 4 };

typedef struct feature_definition {
    const char *name, *unit, *definition;
} feature_definition;

typedef struct feature_input {
    const pclr_record *record;
    const pclr_fiducials *marks;
    size_t beat_first, beat_end; /* beats of the segment */
    double first, length;        /* the segment, samples */
} feature_input;

typedef struct feature_layout {
    pclr_feature_layout open; /* first member: the public part */
    const feature_definition *definition;
    /* Fills value and valid [open.count]; values that cannot be measured stay 0 and invalid. */
    pclr_status (*compute)(const feature_input *in, float *value, uint8_t *valid, int *amplitude_lead, pclr_error *error);
} feature_layout;

extern const feature_layout feature_layout_paper150, feature_layout_rich;

/* Parts of physiology (feature_groups.c). */
typedef enum feature_group {
    FEATURE_RHYTHM,
    FEATURE_INTERVALS,
    FEATURE_ATRIA,
    FEATURE_QRS,
    FEATURE_REPOLARISATION,
    FEATURE_GROUPS
} feature_group;

feature_group feature_group_of(const char *name);
/* Factors [count] on standardised features with which each group has the same share of the sum of squares; their mean square is 1. */
void feature_balance(const pclr_feature_layout *layout, float *weight);

/* Lead II, or the lead of best quality where II is missing or useless; -1 when every lead is useless. */
int feature_amplitude_lead(const feature_input *in);

/* Mean, population standard deviation, median and interquartile range (linear percentiles) of v[n], n >= 1; v is sorted. */
void feature_statistics(double *v, size_t n, double out[4]);

#endif
