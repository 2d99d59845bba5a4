/* SPDX-License-Identifier: Apache-2.0 */
/* From a record to its beats and waves: working signals, R peaks, every lead on its own, all leads together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "physio/delineate.h"
#include "physio/fuse.h"
#include "physio/learned.h"
#include "physio/quality.h"
#include "physio/rpeaks.h"
#include "physio/working.h"

static const double MIN_RATE = 50.0, MAX_RATE = 20000.0; /* Hz: below, a QRS complex is two samples */

static pclr_status check_record(const pclr_record *record, pclr_error *error)
{
    const char *id = record->id ? record->id : "record";
    if (!isfinite(record->rate) || record->rate < MIN_RATE || record->rate > MAX_RATE)
        return error_set(error, PCLR_E_DATA, "%s: sampling rate %g Hz; expected %g to %g Hz; resample the recording or correct its header",
                         id, record->rate, MIN_RATE, MAX_RATE);
    if (record->leads == 0) return error_set(error, PCLR_E_DATA, "%s: no leads; expected at least one; choose another recording", id);
    if (record->samples > 0 && !record->signal)
        return error_set(error, PCLR_E_ARGUMENT, "%s: signal is NULL; expected [%zu][%zu] values; fill the record first", id, record->leads,
                         record->samples);
    return PCLR_OK;
}

/* The lead whose R waves stand out most, lead II before equals: the one that R positions are read from. */
static size_t choose_r_lead(const pclr_record *record, const working *w, const beat_list *beats)
{
    const double PREFER_II = 1.5;
    if (w->leads == 1) return 0;
    size_t best = 0;
    double best_height = -1.0;
    for (size_t l = 0; l < w->leads; l++) {
        const float *x = working_lead(w, l);
        double height = 0.0;
        for (size_t k = 0; k < beats->count; k++) {
            size_t before = beats->centre[k] > 30 ? beats->centre[k] - 30 : 0;
            size_t r = (size_t)rpeaks_position(x, w->samples, beats->centre[k]);
            height += fmin(fabs((double)x[r] - (double)x[before]), 5.0) * (double)beat_list_trust(beats, l, beats->centre[k]);
        }
        height *= (record->channel && record->channel[l].lead == PCLR_LEAD_II ? PREFER_II : 1.0);
        if (height > best_height) {
            best_height = height;
            best = l;
        }
    }
    return best;
}

static float mean_trust(const beat_list *beats, size_t lead)
{
    float sum = 0.0F;
    for (size_t b = 0; b < beats->blocks; b++) sum += beats->trust[lead * beats->blocks + b];
    return beats->blocks > 0 ? sum / (float)beats->blocks : 0.0F;
}

/* Working samples to samples of the record. */
static void scale_wave(pclr_wave *wave, double step)
{
    wave->onset *= step;
    wave->peak *= step;
    wave->offset *= step;
}

static void scale_beats(pclr_beat *beat, size_t count, double step)
{
    for (size_t k = 0; k < count; k++) {
        scale_wave(&beat[k].p, step);
        scale_wave(&beat[k].qrs, step);
        scale_wave(&beat[k].t, step);
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Middle value; v is sorted. */
static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, compare_doubles);
    return v[n / 2];
}

/*
 * Ventricular: a complex without P wave that is at least 120 ms wide, at least 25 ms wider than the recording's usual one, and comes
 * early (under 88 % of the usual interval) or is followed by a pause. A guess for want of a trained classifier: it marks beats to be
 * left out of averages, not diagnoses.
 */
static pclr_status mark_ventricular(pclr_fiducials *f, pclr_error *error)
{
    const double MIN_WIDTH = 0.120 * WORKING_RATE, MIN_EXCESS = 0.025 * WORKING_RATE, EARLY = 0.88, PAUSE = 1.12;
    pclr_beat *beat = f->beat + f->leads * f->beats;
    double *work = NULL;
    if (f->beats < 3) return PCLR_OK;
    TRY(mem_alloc(&work, f->beats, sizeof *work, error));
    for (size_t k = 0; k < f->beats; k++) work[k] = beat[k].qrs.offset - beat[k].qrs.onset;
    double width = median(work, f->beats);
    for (size_t k = 1; k < f->beats; k++) work[k - 1] = beat[k].qrs.peak - beat[k - 1].qrs.peak;
    double interval = median(work, f->beats - 1);
    for (size_t k = 1; k < f->beats; k++) {
        double own = beat[k].qrs.offset - beat[k].qrs.onset, before = beat[k].qrs.peak - beat[k - 1].qrs.peak;
        double after = k + 1 < f->beats ? beat[k + 1].qrs.peak - beat[k].qrs.peak : 0.0;
        bool early = before < EARLY * interval || (before < interval && after > PAUSE * interval);
        bool wide = own >= MIN_WIDTH && own >= width + MIN_EXCESS;
        for (size_t l = 0; l <= f->leads; l++) f->beat[l * f->beats + k].ventricular = early && wide && !beat[k].p.has;
    }
    mem_free(work);
    return PCLR_OK;
}

/* The R positions alone, in the fused row. */
static void fill_r_only(pclr_fiducials *f, const working *w, const beat_list *beats, size_t r_lead)
{
    for (size_t k = 0; k < f->beats; k++) {
        pclr_wave *qrs = &f->beat[f->leads * f->beats + k].qrs;
        qrs->peak = rpeaks_position(working_lead(w, r_lead), w->samples, beats->centre[k]);
        qrs->has = PCLR_HAS_PEAK;
    }
}

static pclr_status fill_beats(pclr_fiducials *f, const pclr_record *record, const working *w, const beat_list *beats,
                              const pclr_fiducial_options *options, pclr_error *error)
{
    f->beats = beats->count;
    TRY(mem_alloc(&f->beat, (f->leads + 1) * f->beats, sizeof *f->beat, error));
    if (f->beats == 0) return PCLR_OK;
    size_t r_lead = choose_r_lead(record, w, beats);
    if (options->r_only) {
        fill_r_only(f, w, beats, r_lead);
    } else {
        if (options->classical)
            for (size_t l = 0; l < f->leads; l++) TRY(delineate_lead(w, l, beats, f->beat + l * f->beats, error));
        else
            TRY(learned_delineate(w, beats, options->plain, f->beat, error));
        TRY(fuse_beats(f->beat, f->leads, beats, r_lead, error));
        TRY(mark_ventricular(f, error));
    }
    scale_beats(f->beat, (f->leads + 1) * f->beats, w->step);
    return PCLR_OK;
}

static pclr_status judge_quality(pclr_fiducials *f, const working *w, pclr_error *error)
{
    double measure[QUALITY_MEASURES];
    TRY(quality_measure(w, measure, error));
    f->quality = (float)quality_score(measure);
    return PCLR_OK;
}

pclr_status pclr_fiducials_compute(pclr_fiducials **fiducials, const pclr_record *record, const pclr_fiducial_options *options,
                                   pclr_error *error)
{
    static const pclr_fiducial_options defaults;
    working w = {0};
    beat_list beats = {0};
    pclr_fiducials *f = NULL;
    pclr_status status = PCLR_OK;
    *fiducials = NULL;
    TRY(check_record(record, error));
    TRY_GOTO(mem_alloc(&f, 1, sizeof *f, error));
    f->rate = record->rate;
    f->leads = record->leads;
    TRY_GOTO(mem_alloc(&f->lead_quality, f->leads, sizeof *f->lead_quality, error));
    TRY_GOTO(working_create(&w, record, error));
    TRY_GOTO(rpeaks_detect(&w, &beats, error));
    for (size_t l = 0; l < f->leads; l++) f->lead_quality[l] = mean_trust(&beats, l);
    TRY_GOTO(fill_beats(f, record, &w, &beats, options ? options : &defaults, error));
    if (!options || !options->r_only) TRY_GOTO(judge_quality(f, &w, error));
    *fiducials = f;
    f = NULL;
done:
    pclr_fiducials_destroy(&f);
    beat_list_free(&beats);
    working_free(&w);
    return status;
}

void pclr_fiducials_destroy(pclr_fiducials **fiducials)
{
    if (!fiducials || !*fiducials) return;
    mem_free((*fiducials)->beat);
    mem_free((*fiducials)->lead_quality);
    mem_free(*fiducials);
    *fiducials = NULL;
}

const pclr_beat *pclr_fiducials_beat(const pclr_fiducials *fiducials, size_t lead, size_t beat)
{
    size_t row = lead == PCLR_FUSED ? fiducials->leads : lead;
    return row <= fiducials->leads && beat < fiducials->beats ? &fiducials->beat[row * fiducials->beats + beat] : NULL;
}
