/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/rhythm_measures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const double EARLY = 0.82;    /* of the median RR: a premature beat */
static const float ABERRANT = 0.75F; /* correlation with the typical QRS below which a beat is of another shape */
enum { ENTROPY_MOST = 512 };         /* intervals used by measures whose cost grows with the square */

typedef struct intervals {
    double *rr, *sorted; /* [n] ms, in order and by size */
    size_t *beat;        /* [n] beat of the segment that ends the interval */
    size_t n;
} intervals;

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static pclr_status intervals_make(intervals *v, const feature_input *in, pclr_error *error)
{
    size_t beats = in->beat_end - in->beat_first;
    memset(v, 0, sizeof *v);
    TRY(mem_alloc(&v->rr, beats, sizeof *v->rr, error));
    TRY(mem_alloc(&v->sorted, beats, sizeof *v->sorted, error));
    TRY(mem_alloc(&v->beat, beats, sizeof *v->beat, error));
    for (size_t b = 0; b < beats; b++) {
        size_t at = in->beat_first + b;
        if (at == 0) continue;
        double gap =
            pclr_fiducials_beat(in->marks, PCLR_FUSED, at)->qrs.peak - pclr_fiducials_beat(in->marks, PCLR_FUSED, at - 1)->qrs.peak;
        v->rr[v->n] = v->sorted[v->n] = gap * 1000.0 / in->record->rate;
        v->beat[v->n++] = b;
    }
    qsort(v->sorted, v->n, sizeof *v->sorted, compare);
    return PCLR_OK;
}

static void intervals_free(intervals *v)
{
    mem_release(&v->rr);
    mem_release(&v->sorted);
    mem_release(&v->beat);
}

static double quantile(const intervals *v, double share)
{
    double at = share * (double)(v->n - 1);
    size_t low = (size_t)at, high = low + 1 < v->n ? low + 1 : low;
    return v->sorted[low] + (at - (double)low) * (v->sorted[high] - v->sorted[low]);
}

static void put(float *value, uint8_t *valid, int k, double v)
{
    value[k] = (float)v;
    valid[k] = isfinite(v) != 0;
}

static void moments(const intervals *v, float *value, uint8_t *valid)
{
    double mean = 0.0, m2 = 0.0, m3 = 0.0, lag = 0.0;
    for (size_t k = 0; k < v->n; k++) mean += v->rr[k] / (double)v->n;
    for (size_t k = 0; k < v->n; k++) {
        double d = v->rr[k] - mean;
        m2 += d * d;
        m3 += d * d * d;
        if (k > 0) lag += d * (v->rr[k - 1] - mean);
    }
    double sd = sqrt(m2 / (double)v->n);
    put(value, valid, RHYTHM_RATE, 60000.0 / quantile(v, 0.5));
    put(value, valid, RHYTHM_RR_MEAN, mean);
    put(value, valid, RHYTHM_RR_MEDIAN, quantile(v, 0.5));
    put(value, valid, RHYTHM_RR_MIN, v->sorted[0]);
    put(value, valid, RHYTHM_RR_MAX, v->sorted[v->n - 1]);
    put(value, valid, RHYTHM_PAUSE, v->sorted[v->n - 1] / quantile(v, 0.5));
    put(value, valid, RHYTHM_EARLIEST, v->sorted[0] / quantile(v, 0.5));
    put(value, valid, RHYTHM_QUARTILE_RATIO, (quantile(v, 0.75) - quantile(v, 0.25)) / quantile(v, 0.5));
    if (v->n < 2) return;
    put(value, valid, RHYTHM_RR_SD, sd);
    put(value, valid, RHYTHM_CV, sd / mean);
    if (v->n >= 3) put(value, valid, RHYTHM_SKEWNESS, cbrt(m3 / (double)v->n) / mean);
    if (v->n >= 4 && m2 > 0.0) put(value, valid, RHYTHM_AUTOCORRELATION, lag / m2);
}

static void differences(const intervals *v, double *work, float *value, uint8_t *valid)
{
    double squares = 0.0, sums = 0.0, near = 0.0, over = 0.0, turns = 0.0, mean = (double)value[RHYTHM_RR_MEAN];
    size_t n = 0;
    for (size_t k = 1; k < v->n; k++) {
        double d = v->rr[k] - v->rr[k - 1], s = v->rr[k] + v->rr[k - 1] - 2.0 * mean;
        squares += d * d;
        sums += s * s;
        near += fabs(d) < 0.05 * mean;
        over += fabs(d) > 50.0;
        if (k + 1 < v->n) turns += d * (v->rr[k + 1] - v->rr[k]) < 0.0;
        work[n++] = fabs(d);
    }
    if (n == 0) return;
    qsort(work, n, sizeof *work, compare);
    double rmssd = sqrt(squares / (double)n);
    put(value, valid, RHYTHM_RMSSD, rmssd);
    put(value, valid, RHYTHM_RMSSD_RATIO, rmssd / mean);
    put(value, valid, RHYTHM_MAD_RATIO, work[n / 2] / mean);
    put(value, valid, RHYTHM_PNN50, 100.0 * over / (double)n);
    put(value, valid, RHYTHM_NEAR_EQUAL, 100.0 * near / (double)n);
    put(value, valid, RHYTHM_SD1_SD2, sums > 0.0 ? fmin(sqrt(squares / sums), 20.0) : 0.0);
    if (n >= 3) put(value, valid, RHYTHM_TURNING, turns / (double)(n - 1));
}

/* Shannon entropy (bits) of the differences of successive RR in steps of 4 % of the mean. */
static double difference_entropy(const intervals *v, double mean)
{
    enum { BINS = 21 };
    double count[BINS] = {0}, entropy = 0.0, n = (double)(v->n - 1);
    for (size_t k = 1; k < v->n; k++) {
        double bin = round((v->rr[k] - v->rr[k - 1]) / (0.04 * mean)) + (BINS / 2);
        count[(size_t)fmin(fmax(bin, 0.0), BINS - 1)] += 1.0;
    }
    for (size_t k = 0; k < BINS; k++)
        if (count[k] > 0.0) entropy -= count[k] / n * log2(count[k] / n);
    return entropy;
}

/* Sample entropy with m = 1 and r = 30 ms, counts started at 1/2 so that short series have a value; and its form that is corrected
 * for r and for the rate (Lake and Moorman, Am J Physiol Heart Circ Physiol 300:H319, 2011). */
static void entropies(const intervals *v, float *value, uint8_t *valid)
{
    const double R = 30.0;
    double one = 0.5, two = 0.5, mean = (double)value[RHYTHM_RR_MEAN];
    size_t n = v->n < ENTROPY_MOST ? v->n : ENTROPY_MOST;
    if (n < 4) return;
    for (size_t i = 0; i + 1 < n; i++)
        for (size_t j = i + 1; j + 1 < n; j++) {
            if (fabs(v->rr[i] - v->rr[j]) > R) continue;
            one += 1.0;
            two += fabs(v->rr[i + 1] - v->rr[j + 1]) <= R;
        }
    put(value, valid, RHYTHM_SAMPLE_ENTROPY, log(one / two));
    put(value, valid, RHYTHM_COSEN, log(one / two) + log(2.0 * R / mean));
    put(value, valid, RHYTHM_ENTROPY, difference_entropy(v, mean));
}

/* Premature beats by shape; RMSSD once they and the intervals that follow them are left out. */
static void ectopy(const intervals *v, const average_beat *a, float *value, uint8_t *valid)
{
    double atrial = 0.0, ventricular = 0.0, squares = 0.0, pairs = 0.0, median = quantile(v, 0.5);
    bool before_clean = false;
    for (size_t k = 0; k < v->n; k++) {
        bool other = a->correlation[v->beat[k]] < ABERRANT, early = v->rr[k] < EARLY * median;
        ventricular += other && v->rr[k] < 0.95 * median;
        atrial += early && !other;
        bool clean = !other && !early && v->rr[k] < 1.25 * median;
        if (clean && before_clean) {
            squares += (v->rr[k] - v->rr[k - 1]) * (v->rr[k] - v->rr[k - 1]);
            pairs += 1.0;
        }
        before_clean = clean;
    }
    put(value, valid, RHYTHM_PREMATURE_ATRIAL, 100.0 * atrial / (double)v->n);
    put(value, valid, RHYTHM_PREMATURE_VENTRICULAR, 100.0 * ventricular / (double)v->n);
    if (pairs > 0.0) put(value, valid, RHYTHM_NORMAL_RMSSD, sqrt(squares / pairs) / median);
}

static void shapes(const average_beat *a, float *value, uint8_t *valid)
{
    double other = 0.0, mean = 0.0, least = 1.0;
    for (size_t b = 0; b < a->beats; b++) {
        double c = (double)a->correlation[b];
        other += c < (double)ABERRANT;
        mean += c / (double)a->beats;
        least = fmin(least, c);
    }
    put(value, valid, RHYTHM_ABERRANT, 100.0 * other / (double)a->beats);
    put(value, valid, RHYTHM_CORRELATION_MEAN, mean);
    put(value, valid, RHYTHM_CORRELATION_MIN, least);
}

pclr_status rhythm_measures(const feature_input *in, const average_beat *average, float *value, uint8_t *valid, pclr_error *error)
{
    intervals v = {0};
    double *work = NULL;
    pclr_status status;
    TRY_GOTO(intervals_make(&v, in, error));
    TRY_GOTO(mem_alloc(&work, v.n, sizeof *work, error));
    if (average->beats > 0) shapes(average, value, valid);
    if (v.n == 0 || v.sorted[0] <= 0.0) goto done;
    moments(&v, value, valid);
    differences(&v, work, value, valid);
    entropies(&v, value, valid);
    ectopy(&v, average, value, valid);
done:
    mem_free(work);
    intervals_free(&v);
    return status;
}
