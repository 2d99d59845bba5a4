/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/challenge.h"

#include <string.h>

enum { SINUS_RHYTHM = 14 }; /* place of 426783006 in the table */

static bool has_piece(const char *list, const char *piece, size_t length)
{
    for (const char *p = list; *p != '\0';) {
        size_t here = strcspn(p, "|");
        if (here == length && memcmp(p, piece, length) == 0) return true;
        p += here + (p[here] == '|');
    }
    return false;
}

int challenge_find(const char *name)
{
    for (int c = 0; c < CHALLENGE_CLASSES; c++) {
        for (const char *p = name; *p != '\0';) {
            size_t length = strcspn(p, "|");
            if (has_piece(challenge_classes[c].codes, p, length) || has_piece(challenge_classes[c].abbreviations, p, length)) return c;
            p += length + (p[length] == '|');
        }
    }
    return -1;
}

/* Sum over labels j and calls k of weight[j][k] / (classes that are labelled or called). */
static double reward(const bool *label, const bool *call)
{
    unsigned sum = 0, either = 0;
    for (int j = 0; j < CHALLENGE_CLASSES; j++) {
        either += label[j] || call[j];
        for (int k = 0; k < CHALLENGE_CLASSES; k++) sum += label[j] && call[k] ? challenge_weights[j][k] : 0u;
    }
    return (double)sum / 80 / (either ? either : 1);
}

pclr_status challenge_create(challenge_table *table, const uint8_t *label, const uint8_t *call, size_t records, size_t classes,
                             const int *place, pclr_error *error)
{
    static const bool sinus[CHALLENGE_CLASSES] = {[SINUS_RHYTHM] = true};
    *table = (challenge_table){.records = records};
    TRY(mem_alloc(&table->observed, records, sizeof *table->observed, error));
    TRY(mem_alloc(&table->correct, records, sizeof *table->correct, error));
    TRY(mem_alloc(&table->inactive, records, sizeof *table->inactive, error));
    for (size_t r = 0; r < records; r++) {
        bool labelled[CHALLENGE_CLASSES] = {false}, called[CHALLENGE_CLASSES] = {false};
        for (size_t c = 0; c < classes; c++) {
            labelled[place[c]] |= label[r * classes + c] == 1;
            called[place[c]] |= call[r * classes + c] == 1;
        }
        table->observed[r] = reward(labelled, called);
        table->correct[r] = reward(labelled, labelled);
        table->inactive[r] = reward(labelled, sinus);
    }
    return PCLR_OK;
}

void challenge_free(challenge_table *table)
{
    mem_free(table->observed);
    mem_free(table->correct);
    mem_free(table->inactive);
    *table = (challenge_table){0};
}

double challenge_value(const challenge_table *table, const uint16_t *weight)
{
    double observed = 0, correct = 0, inactive = 0;
    for (size_t r = 0; r < table->records; r++) {
        double w = weight ? weight[r] : 1;
        observed += w * table->observed[r];
        correct += w * table->correct[r];
        inactive += w * table->inactive[r];
    }
    return correct == inactive ? 0 : (observed - inactive) / (correct - inactive);
}
