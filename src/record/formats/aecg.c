/* SPDX-License-Identifier: Apache-2.0 */
/* HL7 annotated ECG (aECG, FDA): the first series, whose sequences tell time (GLIST) and leads (SLIST of origin, scale, digits). */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "record/formats/common.h"
#include "record/formats/xml.h"

/* xs:pq of a node: attribute value in the unit of attribute unit. */
static bool quantity(xmlNodePtr node, double *value, char *unit, size_t unit_size)
{
    char word[64];
    xml_attribute(node, "value", word, sizeof word);
    xml_attribute(node, "unit", unit, unit_size);
    return parse_double(word, value);
}

static void sequence_code(xmlNodePtr sequence, char *code, size_t size)
{
    xml_attribute(xml_child(sequence, "code"), "code", code, size);
}

/* Sequences are reached by component elements of a sequenceSet. */
static xmlNodePtr next_sequence(xmlNodePtr set, xmlNodePtr *component)
{
    do {
        *component = *component ? xml_next(*component, "component") : xml_child(set, "component");
    } while (*component && !xml_child(*component, "sequence"));
    return *component ? xml_child(*component, "sequence") : NULL;
}

static pclr_status find_rate(const format_input *input, xmlNodePtr set, double *rate, size_t *leads, pclr_error *error)
{
    xmlNodePtr component = NULL, s;
    char code[64], unit[16];
    double step = 0;

    *leads = 0;
    while ((s = next_sequence(set, &component))) {
        sequence_code(s, code, sizeof code);
        if (strncmp(code, "TIME_", 5) == 0) {
            bool told = quantity(xml_path(s, "value/increment"), &step, unit, sizeof unit);
            if (told && strcmp(unit, "ms") == 0) step *= 1e-3;
            if (told && strcmp(unit, "us") == 0) step *= 1e-6;
            if (!told || !(step > 0)) {
                char word[32];
                xml_attribute(xml_path(s, "value/increment"), "value", word, sizeof word);
                return error_set(error, PCLR_E_FORMAT, "%s: sequence %s: increment \"%s\"; expected a time above 0; the file is damaged",
                                 input->path, code, word);
            }
        } else if (xml_path(s, "value/digits")) {
            (*leads)++;
        }
    }
    if (!(step > 0))
        return error_set(error, PCLR_E_DATA, "%s: no TIME sequence; expected one with the sampling step; the document holds no rate",
                         input->path);
    *rate = round(1 / step * 1e6) / 1e6;
    return *leads ? PCLR_OK
                  : error_set(error, PCLR_E_DATA, "%s: no lead sequences; expected at least one; leave the document out", input->path);
}

static pclr_status parse_digits(const char *digits, double **value, size_t *count, pclr_error *error)
{
    size_t capacity = 0;
    *count = 0;
    for (const char *p = digits; *p;) {
        double v;
        while (isspace((unsigned char)*p)) p++;
        if (!*p) break;
        if (!scan_double(&p, &v)) {
            v = NAN;
            while (*p && !isspace((unsigned char)*p)) p++;
        }
        if (*count == capacity) {
            size_t larger = capacity ? 2 * capacity : 8192;
            TRY(mem_grow(value, capacity, larger, sizeof **value, error));
            capacity = larger;
        }
        (*value)[(*count)++] = v;
    }
    return PCLR_OK;
}

static pclr_status read_lead(pclr_record **record, const format_input *input, xmlNodePtr sequence, double rate, size_t k, size_t leads,
                             pclr_error *error)
{
    char code[64], unit[16], origin_unit[16];
    double scale, origin = 0, millivolt, origin_millivolt = 0, *value = NULL;
    size_t count = 0;

    sequence_code(sequence, code, sizeof code);
    if (!quantity(xml_path(sequence, "value/scale"), &scale, unit, sizeof unit) || !unit_to_millivolt(unit, &millivolt)) {
        return error_set(error, PCLR_E_DATA, "%s: %s: scale in \"%s\"; expected a voltage such as uV; correct the unit", input->path, code,
                         unit);
    }
    if (quantity(xml_path(sequence, "value/origin"), &origin, origin_unit, sizeof origin_unit))
        unit_to_millivolt(origin_unit, &origin_millivolt);
    TRY(format_check_step(input->path, code, scale, error));
    xmlChar *digits = xmlNodeGetContent(xml_path(sequence, "value/digits"));
    pclr_status status = parse_digits(digits ? (const char *)digits : "", &value, &count, error);
    xmlFree(digits);
    if (status == PCLR_OK && !*record) status = format_new_record(record, input, rate, leads, count, error);
    if (status == PCLR_OK && count != (*record)->samples) {
        status = error_set(error, PCLR_E_FORMAT, "%s: %s has %zu samples; expected %zu as in the first lead; the file is damaged",
                           input->path, code, count, (*record)->samples);
    }
    if (status == PCLR_OK) {
        float *out = (*record)->signal + k * count;
        for (size_t i = 0; i < count; i++) out[i] = (float)(value[i] * scale * millivolt + origin * origin_millivolt);
        record_set_channel(*record, k, strncmp(code, "MDC_ECG_LEAD_", 13) == 0 ? code + 13 : code);
    }
    mem_free(value);
    return status;
}

static pclr_status read_subject(pclr_record *r, xmlNodePtr root, pclr_error *error)
{
    xmlNodePtr subject = xml_find(root, "trialSubject"), person = xml_find(subject, "subjectDemographicPerson");
    char word[128], birth[32], start[32];
    int year = 0, month = 0, day = 0, birth_year = 0, birth_month = 1, birth_day = 1, hour = 0, minute = 0, second = 0;

    xml_attribute(xml_child(subject, "id"), "extension", word, sizeof word);
    if (word[0]) TRY(mem_strdup(&r->patient, word, error));
    xml_attribute(xml_child(person, "administrativeGenderCode"), "code", word, sizeof word);
    r->sex = sex_from_text(word);
    xml_attribute(xml_child(person, "birthTime"), "value", birth, sizeof birth);
    xml_attribute(xml_path(root, "effectiveTime/low"), "value", start, sizeof start);
    if (!start[0]) xml_attribute(xml_path(root, "effectiveTime/center"), "value", start, sizeof start);
    if (sscanf(start, "%4d%2d%2d%2d%2d%2d", &year, &month, &day, &hour, &minute, &second) < 3) return PCLR_OK;
    TRY(mem_printf(&r->start_time, error, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, hour % 24, minute % 60, second % 61));
    if (sscanf(birth, "%4d%2d%2d", &birth_year, &birth_month, &birth_day) < 1) return PCLR_OK;
    double age = age_between(birth_year, birth_month, birth_day, year, month, day);
    return age >= 0 ? record_set_age(r, age, error) : PCLR_OK;
}

static pclr_status read_document(pclr_record **record, const format_input *input, xmlNodePtr root, pclr_error *error)
{
    xmlNodePtr series = xml_find(root, "series"), set = xml_find(series, "sequenceSet"), component = NULL, s;
    double rate = 0;
    size_t leads = 0, k = 0;

    if (!set)
        return error_set(error, PCLR_E_DATA, "%s: no series with a sequenceSet; expected recorded leads; the document holds none",
                         input->path);
    TRY(find_rate(input, set, &rate, &leads, error));
    while ((s = next_sequence(set, &component))) {
        if (xml_path(s, "value/digits")) TRY(read_lead(record, input, s, rate, k++, leads, error));
    }
    if (xml_next(xml_child(series, "component"), "component"))
        TRY(record_warn(*record, error, "only the first of several parts of the series is read"));
    TRY(read_subject(*record, root, error));
    return record_settle(*record, error);
}

static pclr_status read_aecg(pclr_record **record, const format_input *input, pclr_error *error)
{
    xmlDocPtr document;

    TRY(xml_open(&document, input, error));
    pclr_status status = read_document(record, input, xmlDocGetRootElement(document), error);
    xmlFreeDoc(document);
    return status;
}

static bool probe_aecg(const format_input *input)
{
    return xml_begins_with(input, "AnnotatedECG");
}

const record_format record_format_aecg = {"aecg", ".xml", probe_aecg, read_aecg, false, NULL, NULL};
