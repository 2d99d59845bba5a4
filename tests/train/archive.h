/* SPDX-License-Identifier: Apache-2.0 */
/* A small archive for tests: two-lead recordings of 10 s, half of them fast, of which a model can learn to tell the fast ones. */
#ifndef PCLR_TESTS_TRAIN_ARCHIVE_H
#define PCLR_TESTS_TRAIN_ARCHIVE_H

#include <physioclr.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"

enum { ARCHIVE_RECORDS = 60 };

static inline bool archive_fast(int k)
{
    return k % 2 == 1;
}

/* Sum of Gaussians a beat: P, QRS, T. Two records a patient. */
static inline pclr_status archive_record(const char *folder, int k, pclr_error *error)
{
    static const double wave[][3] = {
        {-0.16, 0.025, 0.12}, {-0.02, 0.008, -0.1}, {0, 0.01, 1.0}, {0.02, 0.008, -0.2}, {0.24, 0.05, 0.3}}; /* s, s, mV */
    pclr_record *r = NULL;
    char id[16];
    rng random = rng_make(7, "archive", (uint64_t)k);
    (void)snprintf(id, sizeof id, "r%03d", k);
    pclr_status status = pclr_record_create(&r, id, 100.0, 2, 1000, error);
    if (status != PCLR_OK) return status;
    double period = (archive_fast(k) ? 0.5 : 0.9) * rng_range(&random, 0.95, 1.05), first = rng_range(&random, 0.2, 0.8);
    for (int c = 0; c < 2; c++) {
        (void)snprintf(r->channel[c].name, sizeof r->channel[c].name, "%s", c ? "II" : "I");
        r->channel[c].lead = c ? PCLR_LEAD_II : PCLR_LEAD_I;
        for (int t = 0; t < 1000; t++) {
            double x = 0.01 * rng_normal(&random);
            for (double beat = first; beat < 10.5; beat += period)
                for (int w = 0; w < 5; w++) {
                    double scale = period < 0.7 && w == 4 ? 0.8 : 1.0, z = (0.01 * t - beat - wave[w][0] * scale) / wave[w][1];
                    x += (c ? 1.0 : 0.6) * wave[w][2] * exp(-0.5 * z * z);
                }
            r->signal[c * 1000 + t] = (float)x;
        }
    }
    status = pclr_record_write_wfdb(r, folder, NULL, error);
    pclr_record_destroy(&r);
    return status;
}

static inline pclr_status archive_labels(const char *folder, char *path, size_t size, pclr_error *error)
{
    (void)snprintf(path, size, "%s/labels.csv", folder);
    FILE *f = fopen(path, "w");
    if (!f) {
        if (error) (void)snprintf(error->message, sizeof error->message, "%.1000s: cannot be written", path);
        return PCLR_E_IO;
    }
    (void)fprintf(f, "record_id,patient_id,fast\n");
    for (int k = 0; k < ARCHIVE_RECORDS; k++) (void)fprintf(f, "r%03d,%d,%d\n", k, k / 2, archive_fast(k));
    (void)fclose(f);
    return PCLR_OK;
}

/* Writes the archive, imports it (split "default", 60/20/20), computes features. dataset[size] gets the dataset's path. */
static inline pclr_status archive_make(const char *folder, char *dataset, size_t size, pclr_error *error)
{
    char labels[4096];
    const char *source[1] = {folder};
    pclr_import_options options = {.labels = labels, .rate = 100.0, .split = "default=0.6/0.2/0.2", .seed = 1, .threads = 1};
    pclr_features_options features = {.threads = 1};
    pclr_status status = PCLR_OK;
    for (int k = 0; k < ARCHIVE_RECORDS && status == PCLR_OK; k++) status = archive_record(folder, k, error);
    if (status == PCLR_OK) status = archive_labels(folder, labels, sizeof labels, error);
    (void)snprintf(dataset, size, "%s/archive.h5", folder);
    if (status == PCLR_OK) status = pclr_import(dataset, source, 1, &options, NULL, NULL, error);
    if (status == PCLR_OK) status = pclr_dataset_compute_features(dataset, &features, NULL, NULL, error);
    return status;
}

#endif
