/* SPDX-License-Identifier: Apache-2.0 */
#include "record/formats/common.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

pclr_status format_new_record(pclr_record **record, const format_input *input, double rate, uint64_t leads, uint64_t samples,
                              pclr_error *error)
{
    char id[512];

    TRY(record_check_size(input->path, leads, samples, error));
    if (!(rate > 0) || !isfinite(rate) || rate > 1e6) {
        return error_set(error, PCLR_E_FORMAT, "%s: sampling rate %g Hz; expected a positive number up to 1e6; the file is damaged",
                         input->path, rate);
    }
    const char *base = path_base(input->path);
    if (input->member) {
        snprintf(id, sizeof id, "%.*s", (int)sizeof id - 1, input->member);
    } else {
        snprintf(id, sizeof id, "%.*s", (int)(path_extension(input->path) - base), base);
    }
    return pclr_record_create(record, id, rate, (size_t)leads, (size_t)samples, error);
}

pclr_status format_check_step(const char *path, const char *what, double step, pclr_error *error)
{
    if (isfinite(step) && step != 0) return PCLR_OK;
    return error_set(error, PCLR_E_FORMAT, "%s: %s: gain of %g a step; expected a number other than 0; the file is damaged", path, what,
                     step);
}

pclr_status base64_decode(const char *path, const char *encoded, size_t limit, uint8_t **data, size_t *size, pclr_error *error)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(encoded);
    uint32_t bits = 0;
    int held = 0;

    *size = 0;
    if (length / 4 > limit / 3 + 1)
        return error_set(error, PCLR_E_FORMAT, "%s: %zu characters of base64; expected at most %zu bytes; the file is damaged", path,
                         length, limit);
    TRY(mem_alloc(data, length / 4 * 3 + 3, 1, error));
    for (const char *p = encoded; *p && *p != '='; p++) {
        if (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') continue;
        const char *found = strchr(alphabet, *p);
        if (!found) {
            mem_release(data);
            return error_set(error, PCLR_E_FORMAT, "%s: character 0x%02x in base64; expected letters, digits, + and /; the file is damaged",
                             path, (unsigned char)*p);
        }
        bits = bits << 6 | (uint32_t)(found - alphabet);
        held += 6;
        if (held >= 8) {
            held -= 8;
            (*data)[(*size)++] = (uint8_t)(bits >> held & 0xff);
        }
    }
    return PCLR_OK;
}

double age_between(int birth_year, int birth_month, int birth_day, int year, int month, int day)
{
    if (birth_year <= 0 || year <= 0 || year < birth_year) return -1;
    return year - birth_year - (month < birth_month || (month == birth_month && day < birth_day) ? 1 : 0);
}

static pclr_status name_channels(pclr_record *r, const format_input *input, const array_source *a, pclr_error *error)
{
    char **name = NULL;
    size_t count = 0;
    pclr_status status = PCLR_OK;

    if (!a->name && input->options->leads) TRY(text_split(input->options->leads, ',', &name, &count, error));
    if (!a->name && !name && a->leads > 1) {
        status = error_set(error, PCLR_E_DATA,
                           "%s: %zu leads without names; expected names, leads are never told by place; give them with --lead-names",
                           input->path, a->leads);
    } else if (name && count != a->leads) {
        status = error_set(error, PCLR_E_ARGUMENT, "%s: %zu names for %zu leads; expected as many; correct --lead-names", input->path,
                           count, a->leads);
    }
    for (size_t k = 0; status == PCLR_OK && k < a->leads; k++) record_set_channel(r, k, a->name ? a->name[k] : name ? name[k] : "ECG");
    mem_free(name);
    return status;
}

pclr_status array_to_record(pclr_record **record, const format_input *input, const array_source *a, pclr_error *error)
{
    const char *unit = a->unit ? a->unit : input->options->unit;
    double rate = a->rate > 0 ? a->rate : input->options->rate, millivolt;

    if (!(rate > 0)) return error_set(error, PCLR_E_DATA, "%s: no sampling rate in the file; expected one; give it with --fs", input->path);
    if (!unit) return error_set(error, PCLR_E_DATA, "%s: no unit in the file; expected mV, uV, V or nV; give it with --unit", input->path);
    if (!unit_to_millivolt(unit, &millivolt))
        return error_set(error, PCLR_E_ARGUMENT, "%s: unit \"%s\"; expected mV, uV, V or nV; correct --unit", input->path, unit);
    TRY(format_new_record(record, input, rate, a->leads, a->samples, error));
    TRY(name_channels(*record, input, a, error));
    for (size_t k = 0; k < a->leads; k++) {
        float *out = (*record)->signal + k * a->samples;
        for (size_t i = 0; i < a->samples; i++) out[i] = (float)(a->value[k * a->lead_stride + i * a->sample_stride] * millivolt);
    }
    return record_settle(*record, error);
}
