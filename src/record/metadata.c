/* SPDX-License-Identifier: Apache-2.0 */
/* Units, and what comment lines tell of the patient: "Age: 80", "<age>: 28  <sex>: M", "Dx: 164889003,59118001", "69 M 1085 1629". */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "record/record.h"

bool unit_to_millivolt(const char *unit, double *millivolt)
{
    static const struct {
        const char *name;
        double millivolt;
    } known[] = {
        {"mv", 1},           {"millivolt", 1},    {"millivolts", 1},   {"uv", 1e-3}, {"microvolt", 1e-3}, {"microvolts", 1e-3},
        {"\xc2\xb5v", 1e-3}, {"\xce\xbcv", 1e-3}, {"\xb5v", 1e-3},     {"v", 1e3},   {"volt", 1e3},       {"volts", 1e3},
        {"nv", 1e-6},        {"nanovolt", 1e-6},  {"nanovolts", 1e-6},
    };
    if (!unit) return false;
    while (isspace((unsigned char)*unit)) unit++;
    char plain[24];
    size_t n = 0;
    for (; unit[n] && n + 1 < sizeof plain; n++)
        plain[n] = (char)((unsigned char)unit[n] < 128 ? tolower((unsigned char)unit[n]) : unit[n]);
    while (n > 0 && isspace((unsigned char)plain[n - 1])) n--;
    plain[n] = '\0';
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        if (strcmp(plain, known[k].name) == 0) {
            *millivolt = known[k].millivolt;
            return true;
        }
    }
    return false;
}

pclr_sex sex_from_text(const char *spelling)
{
    while (isspace((unsigned char)*spelling)) spelling++;
    switch (tolower((unsigned char)*spelling)) {
    case 'm':
        return text_compare_nocase(spelling, "masked") == 0 ? PCLR_SEX_UNKNOWN : PCLR_SEX_MALE;
    case 'f':
    case 'w':
        return PCLR_SEX_FEMALE;
    default:
        return PCLR_SEX_UNKNOWN;
    }
}

pclr_status record_set_age(pclr_record *record, double age, pclr_error *error)
{
    if (age >= 0 && age <= 130) {
        record->age = (float)age;
        return PCLR_OK;
    }
    record->age = -1;
    if (isnan(age)) return PCLR_OK;
    return record_warn(record, error, "age %g is not plausible and taken as unknown", age);
}

/* Value after `key` (with or without <>, any case) and a colon, or NULL. The key must begin a word. */
static const char *value_of(const char *line, const char *key)
{
    size_t n = strlen(key);
    for (const char *p = line; *p; p++) {
        if (p != line && (isalnum((unsigned char)p[-1]) || p[-1] == '_')) continue;
        size_t k = 0;
        while (k < n && tolower((unsigned char)p[k]) == key[k]) k++;
        if (k < n) continue;
        const char *after = p + n;
        if (*after == '>') after++;
        while (*after == ' ') after++;
        if (*after != ':') continue;
        after++;
        while (*after == ' ' || *after == '\t') after++;
        return after;
    }
    return NULL;
}

/* Codes of "a, b ,c" without blanks. */
static pclr_status set_diagnoses(pclr_record *record, const char *value, pclr_error *error)
{
    text t = {0};

    if (record->diagnoses) text_add(&t, "%s", record->diagnoses);
    for (const char *p = value; *p;) {
        size_t n = strcspn(p, ",");
        const char *next = p[n] ? p + n + 1 : p + n;
        while (n > 0 && isspace((unsigned char)*p)) p++, n--;
        while (n > 0 && isspace((unsigned char)p[n - 1])) n--;
        if (n > 0) {
            if (t.length) text_add(&t, ",");
            text_add_bytes(&t, p, n);
        }
        p = next;
    }
    pclr_status status = text_ok(&t, error);
    if (status == PCLR_OK && t.length) status = record_set_text(&record->diagnoses, t.data, error);
    text_free(&t);
    return status;
}

/* "69 M 1085 1629 x1": age and sex open the first comment of MIT-BIH records. */
static pclr_status read_bare_age_sex(pclr_record *record, const char *line, pclr_error *error)
{
    double age;
    const char *p = line;

    while (*p == ' ') p++;
    if (!scan_double(&p, &age) || *p != ' ') return PCLR_OK;
    while (*p == ' ') p++;
    if ((*p != 'M' && *p != 'F') || (p[1] != ' ' && p[1] != '\0')) return PCLR_OK;
    record->sex = *p == 'M' ? PCLR_SEX_MALE : PCLR_SEX_FEMALE;
    return record_set_age(record, age, error);
}

pclr_status record_read_comment(pclr_record *record, const char *line, pclr_error *error)
{
    static const char *const patient_key[] = {"patient", "patient id", "patient_id", "subject_id", "subject"};
    const char *value;
    double age;

    if ((value = value_of(line, "dx"))) TRY(set_diagnoses(record, value, error));
    if ((value = value_of(line, "age")) && record->age < 0 && scan_double(&value, &age)) TRY(record_set_age(record, age, error));
    if ((value = value_of(line, "sex")) && record->sex == PCLR_SEX_UNKNOWN) record->sex = sex_from_text(value);
    for (size_t k = 0; k < sizeof patient_key / sizeof *patient_key; k++) {
        if (record->patient || !(value = value_of(line, patient_key[k])) || !*value) continue;
        size_t n = strlen(value);
        while (n > 0 && isspace((unsigned char)value[n - 1])) n--;
        TRY(mem_strndup(&record->patient, value, n, error));
    }
    if (record->age < 0 && record->sex == PCLR_SEX_UNKNOWN) TRY(read_bare_age_sex(record, line, error));
    return PCLR_OK;
}
