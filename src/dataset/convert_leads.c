/* SPDX-License-Identifier: Apache-2.0 */
/* The leads of a dataset: those asked for, or those that its recordings have. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "dataset/import.h"
#include "record/record.h"

enum { LEADS_MAX = 12 };

static pclr_status add_lead(convert_target *t, const char *name, pclr_error *error)
{
    for (size_t k = 0; k < t->leads; k++) {
        if (strcmp(t->lead_name[k], name) == 0) return PCLR_OK;
    }
    if (t->leads == LEADS_MAX)
        return error_set(error, PCLR_E_ARGUMENT, "more than %d leads; expected at most %d; choose them with --leads", LEADS_MAX, LEADS_MAX);
    snprintf(t->lead_name[t->leads++], sizeof t->lead_name[0], "%.15s", name);
    return PCLR_OK;
}

static pclr_status named_leads(convert_target *target, const char *wanted, pclr_error *error)
{
    char **name = NULL;
    size_t count = 0;

    TRY(text_split(wanted, ',', &name, &count, error));
    pclr_status status = PCLR_OK;
    for (size_t k = 0; status == PCLR_OK && k < count; k++) {
        const char *standard = pclr_lead_name(pclr_lead_from_name(name[k]));
        if (name[k][0]) status = add_lead(target, standard ? standard : name[k], error);
    }
    mem_free(name);
    if (status == PCLR_OK && target->leads == 0)
        status = error_set(error, PCLR_E_ARGUMENT, "--leads \"%s\"; expected names such as I,II,V1", wanted);
    return status;
}

/* A look at up to 256 recordings, evenly spread: their first sample is enough to know their leads. */
pclr_status convert_choose_leads(convert_target *target, const char *wanted, const pclr_record_list *list, const archive_set *archives,
                                 const size_t *archive_of, const pclr_read_options *read, pclr_error *error)
{
    enum { LOOKS = 256 };
    bool seen[PCLR_LEAD_STANDARD] = {false};
    char other[LEADS_MAX][16];
    size_t others = 0, standard = 0, looks = list->count < LOOKS ? list->count : LOOKS;

    target->leads = 0;
    if (wanted) return named_leads(target, wanted, error);
    for (size_t k = 0; k < looks && standard < PCLR_LEAD_STANDARD; k++) {
        size_t at = k * list->count / looks;
        pclr_record *r = NULL;
        pclr_read_options look = *read;
        const archive *a = &archives->archive[archive_of[at]];
        look.count = 1;
        look.derive_leads = true;
        if (pclr_record_read(&r, list->path[at], &look, NULL) != PCLR_OK) continue; /* it will be told when its turn comes */
        layout_facts facts = {0};
        if (a->layout) a->layout->facts(a->state, list->path[at], &facts);
        convert_name_single_lead(r, facts.lead);
        for (size_t c = 0; c < r->leads; c++) {
            pclr_lead lead = r->channel[c].lead;
            if (lead != PCLR_LEAD_OTHER) {
                standard += !seen[lead];
                seen[lead] = true;
            } else if (others < LEADS_MAX) {
                size_t o = 0;
                while (o < others && strncmp(other[o], r->channel[c].name, 15) != 0) o++;
                if (o == others) snprintf(other[others++], sizeof other[0], "%.15s", r->channel[c].name);
            }
        }
        pclr_record_destroy(&r);
    }
    for (int lead = 0; lead < PCLR_LEAD_STANDARD; lead++) {
        if (seen[lead]) TRY(add_lead(target, pclr_lead_name((pclr_lead)lead), error));
    }
    for (size_t o = 0; standard == 0 && o < others; o++) TRY(add_lead(target, other[o], error));
    if (target->leads > 0) return PCLR_OK;
    for (int lead = 0; lead < PCLR_LEAD_STANDARD; lead++) TRY(add_lead(target, pclr_lead_name((pclr_lead)lead), error));
    return PCLR_OK;
}
