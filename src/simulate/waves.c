/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/waves.h"

#include <math.h>

static void add(beat_shape *s, wave_kind wave, double ms, double sigma_ms, double x, double y, double z)
{
    if (s->parts < BEAT_GAUSSIANS) s->part[s->parts++] = (gaussian){1e-3 * ms, 1e-3 * sigma_ms, {x, y, z}, wave};
}

/* ---- the recording's own choices -------------------------------------------------------------------- */

sim_state state_make(const sim_patient *patient, condition_set set, rng *r)
{
    sim_state s = {.set = set, .axis = patient->axis + 3.0 * rng_normal(r), .territory = patient->territory};
    if (has_condition(set, COND_LAD)) s.axis = rng_range(r, -68.0, -31.0);
    if (has_condition(set, COND_LAFB)) s.axis = rng_range(r, -75.0, -46.0);
    if (has_condition(set, COND_RAD)) s.axis = rng_range(r, 96.0, 140.0);
    s.pr = has_condition(set, COND_IAVB) ? fmin(0.205 + 0.025 * rng_gamma(r, 1.5), 0.36) : patient->pr + 0.004 * rng_normal(r);
    s.qtc = has_condition(set, COND_LQT) ? fmin(0.468 + 0.018 * rng_gamma(r, 2.0), 0.60) : patient->qtc + 0.006 * rng_normal(r);
    s.block_width = rng_range(r, 0.90, 1.25);
    s.inversion = has_condition(set, COND_TINV) ? rng_range(r, 0.35, 1.0) : 0.0;
    s.st = 0.015 * rng_normal(r); /* nobody's ST segment is exactly level */
    if (has_condition(set, COND_STE)) s.st = 0.09 + 0.05 * rng_gamma(r, 2.0);
    if (has_condition(set, COND_STD)) s.st = -(0.06 + 0.03 * rng_gamma(r, 2.0));
    s.qrs_scale = has_condition(set, COND_LOWV) ? rng_range(r, 0.28, 0.42) / patient->amplitude : 1.0;
    s.spike = rng_range(r, 0.4, 2.5);
    return s;
}

/* ---- QRS ------------------------------------------------------------------------------------------------ */

static void qrs_normal(beat_shape *s, const sim_patient *p, const sim_state *state)
{
    add(s, WAVE_QRS, -24, 7.0, -0.14, 0.05, -0.26); /* septum, to the right and front */
    add(s, WAVE_QRS, -9, 7.5, 0.28, 0.26, -0.24);   /* apex */
    add(s, WAVE_QRS, 1, 8.5, 0.95, 0.85, 0.32);     /* left ventricle's wall */
    add(s, WAVE_QRS, 22, 9.0, 0.04, -0.02, 0.52);   /* its base, to the back */
    if (p->terminal > 0.0) add(s, WAVE_QRS, 33, 7.0, -0.45 * p->terminal, 0.0, -0.35 * p->terminal);
    if (has_condition(state->set, COND_RBBB)) { /* right ventricle late, to the right and front */
        double w = state->block_width;
        add(s, WAVE_QRS, 44 * w, 14.0 * w, -0.42, -0.05, -0.55);
        add(s, WAVE_QRS, 66 * w, 12.0 * w, -0.22, -0.02, -0.25);
    }
}

static void qrs_left_fascicle(beat_shape *s)
{
    add(s, WAVE_QRS, -26, 7.0, -0.16, -0.32, -0.22); /* first downwards once the axis is turned up: q in aVL, r in II, III, aVF */
    add(s, WAVE_QRS, -6, 9.0, 0.50, 0.42, 0.05);
    add(s, WAVE_QRS, 10, 10.0, 0.78, 0.75, 0.34);
    add(s, WAVE_QRS, 30, 10.0, 0.05, 0.10, 0.48);
}

static void qrs_left_block(beat_shape *s, double w)
{
    add(s, WAVE_QRS, -40 * w, 13.0 * w, 0.22, 0.18, 0.02); /* no septal q: from right to left at once */
    add(s, WAVE_QRS, -14 * w, 14.0 * w, 0.62, 0.42, 0.58);
    add(s, WAVE_QRS, 20 * w, 15.0 * w, 0.72, 0.35, 0.62); /* second hump of the notched plateau */
    add(s, WAVE_QRS, 48 * w, 12.0 * w, 0.22, 0.02, 0.32);
}

static void qrs_paced(beat_shape *s, double w) /* from the apex of the right ventricle */
{
    add(s, WAVE_QRS, -40 * w, 15.0 * w, 0.35, -0.35, 0.15);
    add(s, WAVE_QRS, -5 * w, 18.0 * w, 0.55, -0.85, 0.65);
    add(s, WAVE_QRS, 38 * w, 18.0 * w, 0.20, -0.55, 0.45);
}

static void qrs_ventricular(beat_shape *s, double site)
{
    double c = cos(site), d = sin(site);
    add(s, WAVE_QRS, -38, 16.0, 0.35 * c, 0.45 * d, 0.30 * cos(2.0 * site));
    add(s, WAVE_QRS, 2, 20.0, 1.15 * c, 1.20 * d, 0.85 * cos(2.0 * site + 0.4));
    add(s, WAVE_QRS, 46, 18.0, -0.30 * d, 0.45 * d, 0.45 * cos(site + 0.8));
}

/* Turns the QRS about the z axis so that leads I and aVF show the frontal axis `degrees`, and about y by `rotation`. */
static void turn_qrs(beat_shape *s, double degrees, double rotation)
{
    /* Mean fields of I and aVF in the frontal plane (Dower): I = .632 x - .235 y, aVF = -.081 x + 1.184 y. */
    double axis = degrees * M_PI / 180.0, lead_i = cos(axis), avf = sin(axis) * sqrt(0.75);
    double det = 0.632 * 1.184 - 0.235 * 0.081;
    double x = (1.184 * lead_i + 0.235 * avf) / det, y = (0.081 * lead_i + 0.632 * avf) / det;
    double turn = atan2(y, x) - atan2(0.85, 0.95), side = rotation * M_PI / 180.0;
    for (int k = 0; k < s->parts; k++) {
        vec3 *v = &s->part[k].dipole;
        vec3 a = {v->x * cos(turn) - v->y * sin(turn), v->x * sin(turn) + v->y * cos(turn), v->z};
        *v = (vec3){a.x * cos(side) + a.z * sin(side), a.y, a.z * cos(side) - a.x * sin(side)};
    }
}

static void make_qrs(beat_shape *s, const sim_patient *p, const sim_state *state, beat_origin origin)
{
    double scale = p->amplitude * state->qrs_scale, width = p->width;
    if (origin == BEAT_VENTRICULAR) {
        qrs_ventricular(s, p->ventricular_site);
        scale = fmax(scale, 0.5);
        width = 1.0;
    } else if (origin == BEAT_PACED) {
        qrs_paced(s, state->block_width);
    } else if (has_condition(state->set, COND_LBBB)) {
        qrs_left_block(s, state->block_width);
        turn_qrs(s, fmin(fmax(state->axis - 20.0, -28.0), 75.0), p->rotation);
    } else {
        if (has_condition(state->set, COND_LAFB))
            qrs_left_fascicle(s);
        else
            qrs_normal(s, p, state);
        turn_qrs(s, state->axis, p->rotation);
    }
    for (int k = 0; k < s->parts; k++) {
        gaussian *g = &s->part[k];
        g->centre *= width;
        g->sigma *= width;
        g->dipole = (vec3){g->dipole.x * scale, g->dipole.y * scale, g->dipole.z * scale};
    }
}

/* ---- P, ST and T, each about its own time 0 --------------------------------------------------------------- */

static void make_p(beat_shape *s, const sim_patient *p, beat_origin origin)
{
    double a = p->p_amplitude;
    if (origin == BEAT_ATRIAL) { /* from elsewhere in the atria */
        add(s, WAVE_P, -8, 14.0, 0.07 * a, -0.03 * a, 0.02 * a);
        add(s, WAVE_P, 14, 15.0, -0.02 * a, 0.06 * a, -0.05 * a);
    } else {
        add(s, WAVE_P, -14, 16.0, 0.025 * a, 0.085 * a, -0.055 * a);
        add(s, WAVE_P, 18, 17.0, 0.075 * a, 0.065 * a, 0.045 * a);
    }
}

static vec3 t_direction(const sim_patient *p, const sim_state *state, beat_origin origin)
{
    vec3 qrs = {0};
    double a = p->t_amplitude;
    if (origin == BEAT_VENTRICULAR || origin == BEAT_PACED || has_condition(state->set, COND_LBBB)) {
        return origin == BEAT_VENTRICULAR ? (vec3){-0.38 * cos(p->ventricular_site), -0.40 * sin(p->ventricular_site),
                                                   -0.30 * cos(2.0 * p->ventricular_site + 0.4)}
               : origin == BEAT_PACED     ? (vec3){-0.25, 0.42, -0.30}
                                          : (vec3){-0.26, -0.08, -0.28}; /* against the QRS */
    }
    vec3 t = {0.29 * a, 0.24 * a, -0.15 * a};
    if (has_condition(state->set, COND_RBBB)) qrs = (vec3){0.06, 0.0, 0.12};
    double i = state->inversion, anterior = state->territory; /* 1: anterior and lateral, 0: inferior */
    t = (vec3){t.x * (1.0 - 1.9 * i * anterior), t.y * (1.0 - 1.9 * i * (1.0 - 0.6 * anterior)), t.z * (1.0 - 2.2 * i * anterior)};
    double weak = has_condition(state->set, COND_LOWV) ? 0.6 : 1.0;
    return (vec3){(t.x + qrs.x) * weak, (t.y + qrs.y) * weak, (t.z + qrs.z) * weak};
}

static void make_t(beat_shape *s, vec3 t, double stretch)
{
    add(s, WAVE_T, -46 * stretch, 40 * stretch, 0.40 * t.x, 0.36 * t.y, 0.44 * t.z); /* slow rise */
    add(s, WAVE_T, 0, 30 * stretch, 0.85 * t.x, 0.88 * t.y, 0.80 * t.z);             /* faster fall */
}

/* Two broad bumps from the end of QRS into T, in the direction of the wall that suffers. */
static void make_st(beat_shape *s, const sim_state *state, double j_ms, double stretch)
{
    double u = 2.0 * M_PI * state->territory, a = state->st;
    vec3 wall = {0.75 * cos(u), 0.75 * sin(u), -0.8 * cos(u - 0.6)};
    if (a < 0.0) wall = (vec3){0.75, 0.45, -0.35}; /* depression under the whole inner layer points away from V4 to V6 and II */
    add(s, WAVE_OTHER, j_ms + 45 * stretch, 26 * stretch, a * wall.x, a * wall.y, a * wall.z);
    add(s, WAVE_OTHER, j_ms + 105 * stretch, 34 * stretch, a * wall.x, a * wall.y, a * wall.z);
}

/* ---- marks and timing ---------------------------------------------------------------------------------------- */

static double wave_size(const beat_shape *s, wave_kind wave, double t)
{
    vec3 v = {0};
    for (int k = 0; k < s->parts; k++) {
        const gaussian *g = &s->part[k];
        if (g->wave != wave) continue;
        double u = (t - g->centre) / g->sigma, e = exp(-0.5 * u * u);
        v.x += g->dipole.x * e;
        v.y += g->dipole.y * e;
        v.z += g->dipole.z * e;
    }
    return sqrt(v.x * v.x + v.y * v.y + v.z * v.z);
}

/* The instant between `outside` and `inside` at which the wave has the size `level`. */
static double crossing(const beat_shape *s, wave_kind wave, double outside, double inside, double level)
{
    for (int k = 0; k < 30; k++) {
        double middle = 0.5 * (outside + inside);
        if (wave_size(s, wave, middle) < level)
            outside = middle;
        else
            inside = middle;
    }
    return inside;
}

static wave_mark mark_wave(const beat_shape *s, wave_kind wave, double share)
{
    const double STEP = 1e-3;
    wave_mark m = {0};
    double first = 1e9, last = -1e9, largest = 0.0;
    for (int k = 0; k < s->parts; k++) {
        if (s->part[k].wave != wave) continue;
        first = fmin(first, s->part[k].centre - 5.0 * s->part[k].sigma);
        last = fmax(last, s->part[k].centre + 5.0 * s->part[k].sigma);
    }
    int steps = last > first ? (int)((last - first) / STEP) : 0;
    for (int k = 0; k <= steps; k++) {
        double size = wave_size(s, wave, first + k * STEP);
        if (size > largest) {
            largest = size;
            m.peak = first + k * STEP;
        }
    }
    if (steps == 0 || largest < 1e-6) return m;
    double level = share * largest;
    int low = 0, high = steps;
    while (low < steps && wave_size(s, wave, first + low * STEP) < level) low++;
    while (high > 0 && wave_size(s, wave, first + high * STEP) < level) high--;
    m.onset = crossing(s, wave, first + (low - 1) * STEP, first + low * STEP, level);
    m.offset = crossing(s, wave, first + (high + 1) * STEP, first + high * STEP, level);
    m.present = true;
    return m;
}

static void shift_wave(beat_shape *s, int from, wave_mark *mark, double by)
{
    for (int k = from; k < s->parts; k++) s->part[k].centre += by;
    mark->onset += by;
    mark->peak += by;
    mark->offset += by;
}

/* Slow turning and scaling with the breath, and what no two beats have in common. */
static void breathe(beat_shape *s, double breath, rng *r)
{
    double turn = 0.04 * breath + 0.01 * rng_normal(r), scale = 1.0 + 0.04 * breath + 0.012 * rng_normal(r);
    for (int k = 0; k < s->parts; k++) {
        vec3 *v = &s->part[k].dipole;
        *v = (vec3){scale * (v->x * cos(turn) - v->y * sin(turn)), scale * (v->x * sin(turn) + v->y * cos(turn)), scale * v->z};
    }
}

void beat_make(beat_shape *s, const sim_patient *p, const sim_state *state, const sim_beat *beat, double breath, rng *r)
{
    *s = (beat_shape){.parts = 0};
    make_qrs(s, p, state, beat->origin);
    s->mark[WAVE_QRS] = mark_wave(s, WAVE_QRS, MARK_QRS);
    double onset = s->mark[WAVE_QRS].onset, j = s->mark[WAVE_QRS].offset, rr = fmax(beat->rr, 0.3);

    if (beat->origin == BEAT_PACED) add(s, WAVE_OTHER, 1e3 * onset - 8.0, 0.8, 0.5 * state->spike, 0.6 * state->spike, 0.2 * state->spike);

    double wide = beat->origin == BEAT_VENTRICULAR || beat->origin == BEAT_PACED ? 0.045 : 0.6 * fmax(j - onset - 0.10, 0.0);
    double qt = fmin((state->qtc + wide) * cbrt(rr), 0.86 * rr), stretch = fmin(fmax((qt - (j - onset)) / 0.29, 0.45), 1.5);
    if (beat->origin == BEAT_SINUS || beat->origin == BEAT_CONDUCTED) make_st(s, state, 1e3 * j, stretch);
    int from = s->parts;
    make_t(s, t_direction(p, state, beat->origin), stretch);
    s->mark[WAVE_T] = mark_wave(s, WAVE_T, MARK_T);
    shift_wave(s, from, &s->mark[WAVE_T], onset + qt - s->mark[WAVE_T].offset);

    if (beat->p_wave) {
        double pr = beat->origin == BEAT_PACED ? 0.17 : state->pr;
        if (beat->origin == BEAT_ATRIAL) pr = fmax(pr * 0.9, 0.11);
        pr = fmin(pr * (1.0 - 0.12 * fmax(1.0 - rr / 0.8, 0.0)), 0.6 * rr); /* shorter at high rates */
        from = s->parts;
        make_p(s, p, beat->origin);
        s->mark[WAVE_P] = mark_wave(s, WAVE_P, MARK_P);
        shift_wave(s, from, &s->mark[WAVE_P], onset - pr - s->mark[WAVE_P].onset);
    }
    breathe(s, breath, r);
    for (int w = 0; w < WAVES; w++) {
        s->mark[w].onset += beat->time;
        s->mark[w].peak += beat->time;
        s->mark[w].offset += beat->time;
    }
    for (int k = 0; k < s->parts; k++) s->part[k].centre += beat->time;
}
