/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/scoring.h"

#include <math.h>

static bool all_probabilities(const eval_set *set)
{
    for (size_t i = 0; i < set->records * set->classes; i++) {
        if (set->score[i] < 0 || set->score[i] > 1) return false;
    }
    return true;
}

static pclr_status prepare_errors(scoring *s, pclr_error *error)
{
    const eval_set *set = s->set;
    TRY(mem_alloc(&s->squared_error, set->records * set->classes, sizeof *s->squared_error, error));
    for (size_t r = 0; r < set->records; r++) {
        for (size_t c = 0; c < set->classes; c++) {
            uint8_t label = set->label[r * set->classes + c];
            double difference = label <= 1 ? set->score[r * set->classes + c] - label : 0;
            s->squared_error[c * set->records + r] = difference * difference;
        }
    }
    return PCLR_OK;
}

/* Only when every class is one of the Challenge's, sinus rhythm among them, and every class has a threshold. */
static pclr_status prepare_challenge(scoring *s, pclr_error *error)
{
    const eval_set *set = s->set;
    int *place = NULL;
    uint8_t *call = NULL;
    bool sinus = false, complete = true;
    pclr_status status = PCLR_OK;

    TRY_GOTO(mem_alloc(&place, set->classes, sizeof *place, error));
    for (size_t c = 0; c < set->classes; c++) {
        place[c] = challenge_find(set->class_name[c]);
        complete &= place[c] >= 0 && !isnan(s->threshold[c]);
        sinus |= place[c] == challenge_find("NSR");
    }
    if (!sinus || !complete) goto done;
    TRY_GOTO(mem_alloc(&call, set->records * set->classes, 1, error));
    for (size_t i = 0; i < set->records * set->classes; i++) call[i] = set->score[i] >= s->threshold[i % set->classes];
    TRY_GOTO(challenge_create(&s->challenge, set->label, call, set->records, set->classes, place, error));
done:
    mem_free(place);
    mem_free(call);
    return status;
}

static pclr_status prepare(scoring *s, pclr_error *error)
{
    const eval_set *set = s->set;
    TRY(mem_alloc(&s->threshold, set->classes, sizeof *s->threshold, error));
    TRY(mem_alloc(&s->rank, set->classes, sizeof *s->rank, error));
    TRY(mem_alloc(&s->cut, set->classes, sizeof *s->cut, error));
    for (size_t c = 0; c < set->classes; c++) {
        s->threshold[c] = s->choices.threshold ? s->choices.threshold[c] : NAN;
        TRY(ranking_create(&s->rank[c], set->score + c, set->label + c, set->records, set->classes, 1, error));
        s->cut[c] = isnan(s->threshold[c]) ? 0 : ranking_cut(&s->rank[c], s->threshold[c]);
    }
    TRY(ranking_create(&s->micro, set->score, set->label, set->records * set->classes, 1, set->classes, error));
    s->probabilities = all_probabilities(set);
    if (s->choices.areas_only) return PCLR_OK;
    TRY(prepare_challenge(s, error));
    if (!s->probabilities) return PCLR_OK;
    TRY(prepare_errors(s, error));
    return fmax_create(&s->fmax, set, error);
}

pclr_status scoring_create(scoring *s, const eval_set *set, const eval_choices *choices, pclr_error *error)
{
    *s = (scoring){.set = set, .choices = *choices};
    pclr_status status = prepare(s, error);
    s->choices.threshold = s->threshold;
    if (status != PCLR_OK) scoring_free(s);
    return status;
}

void scoring_free(scoring *s)
{
    for (size_t c = 0; s->rank && c < s->set->classes; c++) ranking_free(&s->rank[c]);
    ranking_free(&s->micro);
    mem_free(s->threshold);
    mem_free(s->rank);
    mem_free(s->cut);
    mem_free(s->squared_error);
    fmax_free(&s->fmax);
    challenge_free(&s->challenge);
    *s = (scoring){0};
}

pclr_status scoring_sums_create(scoring_sums *sums, const scoring *s, pclr_error *error)
{
    *sums = (scoring_sums){0};
    pclr_status status = PCLR_OK;
    TRY_GOTO(mem_alloc(&sums->area, s->set->classes, sizeof *sums->area, error));
    TRY_GOTO(mem_alloc(&sums->sensitivity_at, s->set->classes, sizeof *sums->sensitivity_at, error));
    TRY_GOTO(mem_alloc(&sums->squared_error, s->set->classes, sizeof *sums->squared_error, error));
    TRY_GOTO(mem_alloc(&sums->scratch, FMAX_SCRATCH, sizeof *sums->scratch, error));
done:
    if (status != PCLR_OK) scoring_sums_free(sums);
    return status;
}

void scoring_sums_free(scoring_sums *sums)
{
    mem_free(sums->area);
    mem_free(sums->sensitivity_at);
    mem_free(sums->squared_error);
    mem_free(sums->scratch);
    *sums = (scoring_sums){0};
}

static double weighted_sum(const double *value, const uint16_t *weight, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += value[i] * (weight ? weight[i] : 1);
    return sum;
}

void scoring_measure(const scoring *s, const uint16_t *weight, scoring_sums *sums)
{
    const eval_set *set = s->set;
    sums->fmax = sums->challenge = NAN;
    for (size_t c = 0; c < set->classes; c++) {
        sums->area[c] = ranking_measure(&s->rank[c], weight, s->cut[c]);
        if (s->choices.areas_only) continue;
        sums->sensitivity_at[c] = ranking_sensitivity_at(&s->rank[c], weight, &sums->area[c], s->choices.specificity);
        if (s->squared_error) sums->squared_error[c] = weighted_sum(s->squared_error + c * set->records, weight, set->records);
    }
    sums->micro = ranking_measure(&s->micro, weight, 0);
    if (s->fmax.step) sums->fmax = fmax_value(&s->fmax, weight, sums->scratch, NULL);
    if (s->challenge.observed) sums->challenge = challenge_value(&s->challenge, weight);
}
