/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/rhythm.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static const double LEAD_IN = 4.0, LEAD_OUT = 2.0; /* s */
static const double SHORTEST_RR = 0.26;            /* s: refractory period of the atrioventricular node */

/* The choices that make one recording's rhythm, drawn once. */
typedef struct rhythm_plan {
    condition rhythm;
    double rr;                         /* s, mean */
    double respiratory, jitter, drift; /* relative changes of RR */
    double drift_rate;                 /* Hz */
    double spread;                     /* AF: coefficient of variation */
    int conduction;                    /* AFL: atrial beats a ventricular beat */
    double irregular;                  /* AFL: probability that this number changes by one */
    double p_atrial, p_ventricular;    /* probability that the next beat is premature */
    bool bigeminy;
    double coupling; /* of ventricular beats, share of RR */
    bool paced_p;    /* pacing follows the atria */
} rhythm_plan;

static double draw_rate(condition rhythm, const sim_patient *patient, rng *r)
{
    switch (rhythm) {
    case COND_SB:
        return fmin(rng_range(r, 40.0, 60.0), 59.5);
    case COND_STACH:
        return 100.5 + 14.0 * rng_gamma(r, 1.3);
    case COND_AF:
        return fmin(fmax(85.0 + 22.0 * rng_normal(r), 48.0), 160.0);
    case COND_PACED:
        return 60.0 + 5.0 * (double)rng_below(r, 5);
    case COND_SA:
        return fmin(fmax(patient->heart_rate - 4.0 + 4.0 * rng_normal(r), 50.0), 95.0);
    default:
        return fmin(fmax(patient->heart_rate + 4.0 * rng_normal(r), 60.0), 100.0);
    }
}

static rhythm_plan make_plan(const sim_patient *patient, condition_set set, rng *r)
{
    rhythm_plan plan = {.rhythm = COND_NSR};
    for (int k = 0; k < CONDITION_RHYTHMS; k++)
        if (has_condition(set, (condition)k)) plan.rhythm = (condition)k;
    plan.rr = 60.0 / fmin(draw_rate(plan.rhythm, patient, r), 190.0);
    plan.respiratory = plan.rhythm == COND_SA ? rng_range(r, 0.08, 0.22) : fmin(0.012 * rng_gamma(r, 2.0), 0.075);
    plan.respiratory *= fmin(fmax(1.6 - patient->age / 80.0, 0.4), 1.4) * (plan.rhythm == COND_SA ? 0.9 : 1.0);
    if (plan.rhythm == COND_STACH) plan.respiratory *= 0.3;
    plan.jitter = rng_range(r, 0.004, 0.015);
    plan.drift = rng_range(r, 0.0, 0.03);
    plan.drift_rate = rng_range(r, 0.03, 0.12);
    plan.spread = rng_range(r, 0.10, 0.28);
    plan.conduction = 2 + (int)rng_below(r, 3);
    plan.irregular = rng_uniform(r) < 0.35 ? rng_range(r, 0.2, 0.6) : 0.0;
    plan.p_atrial = has_condition(set, COND_PAC) ? rng_range(r, 0.06, 0.25) : 0.0;
    plan.p_ventricular = has_condition(set, COND_PVC) ? rng_range(r, 0.06, 0.25) : 0.0;
    plan.bigeminy = rng_uniform(r) < 0.12;
    plan.coupling = rng_range(r, 0.52, 0.78);
    plan.paced_p = rng_uniform(r) < 0.5;
    return plan;
}

static atrial_activity make_atria(condition rhythm, rng *r)
{
    atrial_activity atria = {.present = rhythm == COND_AF || rhythm == COND_AFL, .flutter = rhythm == COND_AFL};
    atria.rate = atria.flutter ? rng_range(r, 4.1, 5.5) : rng_range(r, 4.8, 8.5);
    atria.amplitude = atria.flutter ? rng_range(r, 0.08, 0.22) : 0.02 * exp(rng_range(r, 0.0, 1.7));
    atria.phase = rng_range(r, 0.0, 2.0 * M_PI);
    return atria;
}

/* The next interval of the leading pacemaker after `time`. */
static double next_interval(const rhythm_plan *plan, const sim_rhythm *rhythm, double time, rng *r)
{
    if (plan->rhythm == COND_AF) { /* gamma-distributed, independent: what a node bombarded at random lets through */
        double shape = 1.0 / (plan->spread * plan->spread);
        return fmax(plan->rr * rng_gamma(r, shape) / shape, SHORTEST_RR + 0.05 * rng_uniform(r));
    }
    if (plan->rhythm == COND_AFL) {
        int beats = plan->conduction;
        if (rng_uniform(r) < plan->irregular) beats += rng_uniform(r) < 0.5 && beats > 2 ? -1 : 1;
        return (double)beats / rhythm->atria.rate * (1.0 + 0.008 * rng_normal(r));
    }
    if (plan->rhythm == COND_PACED) return plan->rr * (1.0 + 0.001 * rng_normal(r));
    double breath = sin(2.0 * M_PI * rhythm->respiration * time + rhythm->respiration_phase);
    double drift = sin(2.0 * M_PI * plan->drift_rate * time);
    return plan->rr * (1.0 + plan->respiratory * breath + plan->drift * drift + plan->jitter * rng_normal(r));
}

static void add_beat(sim_rhythm *rhythm, double time, beat_origin origin, bool p_wave)
{
    if (rhythm->count == rhythm->capacity) return;
    double before = rhythm->count > 0 ? rhythm->beat[rhythm->count - 1].time : time - 0.8;
    rhythm->beat[rhythm->count++] = (sim_beat){.time = time, .rr = time - before, .origin = origin, .p_wave = p_wave};
}

static void fill_beats(sim_rhythm *rhythm, const rhythm_plan *plan, double seconds, rng *r)
{
    const bool fibrillating = rhythm->atria.present;
    const beat_origin usual = plan->rhythm == COND_PACED ? BEAT_PACED : fibrillating ? BEAT_CONDUCTED : BEAT_SINUS;
    const bool p_wave = usual == BEAT_SINUS || (usual == BEAT_PACED && plan->paced_p);
    double time = -LEAD_IN + rng_uniform(r) * plan->rr;
    bool premature = true; /* the first beat is not */
    while (time < seconds + LEAD_OUT && rhythm->count < rhythm->capacity) {
        double rr = next_interval(plan, rhythm, time, r);
        double u = rng_uniform(r), shift = rng_range(r, -0.03, 0.03), early = rng_range(r, 0.60, 0.84);
        bool twin = plan->bigeminy && !premature && plan->p_ventricular > 0.0;
        if (!premature && (u < plan->p_ventricular || twin)) {
            double at = time + fmax((plan->coupling + shift) * (fibrillating ? plan->rr : rr), SHORTEST_RR);
            add_beat(rhythm, at, BEAT_VENTRICULAR, false);
            time = fibrillating ? at + fmax(rr, 0.5) : time + 2.0 * rr; /* the sinus node keeps its step: a full pause */
            premature = true;
        } else if (!premature && u < plan->p_ventricular + plan->p_atrial) {
            time += fmax(early * rr, SHORTEST_RR);
            add_beat(rhythm, time, BEAT_ATRIAL, true);
            time += rr * rng_range(r, 0.98, 1.15); /* the sinus node is reset: no full pause */
            premature = true;
        } else {
            time += rr;
            premature = false;
        }
        add_beat(rhythm, time, usual, p_wave);
    }
}

pclr_status rhythm_make(sim_rhythm *rhythm, const sim_patient *patient, condition_set set, double seconds, rng *random, pclr_error *error)
{
    rhythm_plan plan = make_plan(patient, set, random);
    memset(rhythm, 0, sizeof *rhythm);
    rhythm->capacity = (size_t)((seconds + LEAD_IN + LEAD_OUT) * RHYTHM_MAX_RATE) + 4;
    rhythm->atria = make_atria(plan.rhythm, random);
    rhythm->respiration = rng_range(random, 0.17, 0.33);
    rhythm->respiration_phase = rng_range(random, 0.0, 2.0 * M_PI);
    TRY(mem_alloc(&rhythm->beat, rhythm->capacity, sizeof *rhythm->beat, error));
    fill_beats(rhythm, &plan, seconds, random);
    return PCLR_OK;
}

void rhythm_free(sim_rhythm *rhythm)
{
    mem_release(&rhythm->beat);
}
