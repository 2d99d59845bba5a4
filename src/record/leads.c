/* SPDX-License-Identifier: Apache-2.0 */
/* Names of leads, and the limb leads that follow from two others (Einthoven: I + III = II; Goldberger's augmented leads). */
#include <ctype.h>
#include <string.h>

#include "base/memory.h"
#include "record/record.h"

static const char *const standard_name[PCLR_LEAD_STANDARD] = {"I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"};

const char *pclr_lead_name(pclr_lead lead)
{
    return (unsigned)lead < PCLR_LEAD_STANDARD ? standard_name[lead] : NULL;
}

/* Spellings after letters and digits alone are left, in capitals, and prefixes such as "LEAD" are gone. ML* are the modified limb
 * leads of Holter recorders, C1..C6 the IEC names of V1..V6, D1..D3 the Latin American names of I..III. */
static const struct {
    const char *name;
    pclr_lead lead;
} alias[] = {
    {"I", PCLR_LEAD_I},     {"II", PCLR_LEAD_II},  {"III", PCLR_LEAD_III}, {"AVR", PCLR_LEAD_AVR}, {"AVL", PCLR_LEAD_AVL},
    {"AVF", PCLR_LEAD_AVF}, {"V1", PCLR_LEAD_V1},  {"V2", PCLR_LEAD_V2},   {"V3", PCLR_LEAD_V3},   {"V4", PCLR_LEAD_V4},
    {"V5", PCLR_LEAD_V5},   {"V6", PCLR_LEAD_V6},  {"DI", PCLR_LEAD_I},    {"DII", PCLR_LEAD_II},  {"DIII", PCLR_LEAD_III},
    {"D1", PCLR_LEAD_I},    {"D2", PCLR_LEAD_II},  {"D3", PCLR_LEAD_III},  {"L1", PCLR_LEAD_I},    {"L2", PCLR_LEAD_II},
    {"L3", PCLR_LEAD_III},  {"MLI", PCLR_LEAD_I},  {"MLII", PCLR_LEAD_II}, {"ML2", PCLR_LEAD_II},  {"MLIII", PCLR_LEAD_III},
    {"C1", PCLR_LEAD_V1},   {"C2", PCLR_LEAD_V2},  {"C3", PCLR_LEAD_V3},   {"C4", PCLR_LEAD_V4},   {"C5", PCLR_LEAD_V5},
    {"C6", PCLR_LEAD_V6},   {"VR", PCLR_LEAD_AVR}, {"VL", PCLR_LEAD_AVL},  {"VF", PCLR_LEAD_AVF},
};

static bool take_prefix(const char **name, const char *prefix)
{
    size_t n = strlen(prefix);
    if (strncmp(*name, prefix, n) != 0 || (*name)[n] == '\0') return false;
    *name += n;
    return true;
}

pclr_lead pclr_lead_from_name(const char *name)
{
    static const char *const prefix[] = {"MDCECGLEAD", "ECG", "EKG", "LEAD", "CHANNEL"};
    char plain[32];
    size_t n = 0;
    bool said_lead = false;

    while (name && isspace((unsigned char)*name)) name++;
    if (!name || *name == '-') return PCLR_LEAD_OTHER; /* "-aVR" is the inverted lead */
    for (; *name; name++) {
        if (!isalnum((unsigned char)*name)) continue;
        if (n + 1 == sizeof plain) return PCLR_LEAD_OTHER;
        plain[n++] = (char)toupper((unsigned char)*name);
    }
    plain[n] = '\0';
    char *einthoven = strstr(plain, "EINTHOVEN"); /* DICOM: "Lead I (Einthoven)" */
    if (einthoven && einthoven != plain) *einthoven = '\0';
    const char *rest = plain;
    for (size_t k = 0; k < sizeof prefix / sizeof *prefix; k++) {
        if (take_prefix(&rest, prefix[k])) said_lead |= strstr(prefix[k], "LEAD") != NULL;
    }
    for (size_t k = 0; k < sizeof alias / sizeof *alias; k++) {
        if (strcmp(rest, alias[k].name) == 0) return alias[k].lead;
    }
    /* "Lead 1" is I; a bare "ECG 1" is only a channel number. */
    if (said_lead && rest[0] >= '1' && rest[0] <= '3' && rest[1] == '\0') return (pclr_lead)(PCLR_LEAD_I + (rest[0] - '1'));
    return PCLR_LEAD_OTHER;
}

/* Row of I, II, III as a combination a * first + b * second of the two limb leads that are there. */
typedef struct limb_pair {
    int first, second;   /* channels */
    double weight[6][2]; /* I II III aVR aVL aVF */
} limb_pair;

static bool find_limb_pair(const pclr_record *record, limb_pair *pair)
{
    /* With (I, II): III = II - I, aVR = -(I + II)/2, aVL = I - II/2, aVF = II - I/2. The rows below put II = I + III or I = II - III in. */
    static const struct {
        pclr_lead first, second;
        double weight[6][2];
    } known[] = {
        {PCLR_LEAD_I, PCLR_LEAD_II, {{1, 0}, {0, 1}, {-1, 1}, {-0.5, -0.5}, {1, -0.5}, {-0.5, 1}}},
        {PCLR_LEAD_I, PCLR_LEAD_III, {{1, 0}, {1, 1}, {0, 1}, {-1, -0.5}, {0.5, -0.5}, {0.5, 1}}},
        {PCLR_LEAD_II, PCLR_LEAD_III, {{1, -1}, {1, 0}, {0, 1}, {-1, 0.5}, {0.5, -1}, {0.5, 0.5}}},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        pair->first = pclr_record_find_lead(record, known[k].first);
        pair->second = pclr_record_find_lead(record, known[k].second);
        if (pair->first < 0 || pair->second < 0) continue;
        memcpy(pair->weight, known[k].weight, sizeof pair->weight);
        return true;
    }
    return false;
}

/* Channel k, whose place is there already. */
static void fill_derived(pclr_record *r, const limb_pair *pair, size_t k, pclr_lead lead)
{
    size_t n = r->samples;
    double wa = pair->weight[lead][0], wb = pair->weight[lead][1];
    const float *a = r->signal + (size_t)pair->first * n, *b = r->signal + (size_t)pair->second * n;
    float *restrict out = r->signal + k * n;

    record_set_channel(r, k, pclr_lead_name(lead));
    r->channel[k].derived = true;
    for (size_t i = 0; i < n; i++) out[i] = (float)(wa * (double)a[i] + wb * (double)b[i]);
    for (size_t i = 0; r->valid && i < n; i++) {
        uint8_t both = r->valid[(size_t)pair->first * n + i] & r->valid[(size_t)pair->second * n + i];
        r->valid[k * n + i] = both;
        if (!both) out[i] = 0;
    }
}

pclr_status pclr_record_derive_leads(pclr_record *record, pclr_error *error)
{
    limb_pair pair;
    size_t n = record->samples, old = record->leads, missing = 0;

    if (!find_limb_pair(record, &pair)) return PCLR_OK;
    for (pclr_lead lead = PCLR_LEAD_I; lead <= PCLR_LEAD_AVF; lead++) missing += pclr_record_find_lead(record, lead) < 0;
    if (missing == 0) return PCLR_OK;
    TRY(mem_grow(&record->channel, old, old + missing, sizeof *record->channel, error));
    TRY(mem_grow(&record->signal, old * n, (old + missing) * n, sizeof *record->signal, error));
    if (record->valid) TRY(mem_grow(&record->valid, old * n, (old + missing) * n, 1, error));
    for (pclr_lead lead = PCLR_LEAD_I; lead <= PCLR_LEAD_AVF; lead++) {
        if (pclr_record_find_lead(record, lead) >= 0) continue;
        record->leads++;
        fill_derived(record, &pair, record->leads - 1, lead);
    }
    return PCLR_OK;
}
