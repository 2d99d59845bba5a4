/* SPDX-License-Identifier: Apache-2.0 */
/* GE MUSE XML (RestingECG): base64 of int16 a lead, eight leads as a rule (III and the augmented ones follow from I and II). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "record/formats/bytes.h"
#include "record/formats/common.h"
#include "record/formats/xml.h"

enum { SAMPLES_MAX = 1 << 24 };

static xmlNodePtr find_rhythm(xmlNodePtr root)
{
    char type[32];
    for (xmlNodePtr w = xml_child(root, "Waveform"); w; w = xml_next(w, "Waveform")) {
        xml_text(xml_child(w, "WaveformType"), type, sizeof type);
        if (strcmp(type, "Rhythm") == 0) return w;
    }
    return NULL;
}

static pclr_status waveform_rate(const format_input *input, xmlNodePtr waveform, double *rate, pclr_error *error)
{
    double base, exponent = 0;
    char word[32];

    xml_text(xml_child(waveform, "SampleBase"), word, sizeof word);
    if (!parse_double(word, &base))
        return error_set(error, PCLR_E_FORMAT, "%s: Waveform/SampleBase \"%s\"; expected the rate in Hz; the file is damaged", input->path,
                         word);
    xml_number(xml_child(waveform, "SampleExponent"), &exponent);
    *rate = base * pow(10, exponent);
    return PCLR_OK;
}

/* Fills lead k from its LeadData; the record is made with the first lead. */
static pclr_status read_lead(pclr_record **record, const format_input *input, xmlNodePtr lead, double rate, size_t k, size_t leads,
                             pclr_error *error)
{
    char unit[32], name[32], word[32];
    double step, millivolt;
    uint8_t *data = NULL;
    size_t size = 0;

    xml_text(xml_child(lead, "LeadID"), name, sizeof name);
    xml_text(xml_child(lead, "LeadAmplitudeUnits"), unit, sizeof unit);
    xml_text(xml_child(lead, "LeadAmplitudeUnitsPerBit"), word, sizeof word);
    if (!unit_to_millivolt(unit, &millivolt) || !parse_double(word, &step)) {
        return error_set(error, PCLR_E_DATA, "%s: lead %s: \"%s\" %s a bit; expected a number of MICROVOLTS; the file is damaged",
                         input->path, name, word, unit);
    }
    TRY(format_check_step(input->path, name, step, error));
    xmlChar *encoded = xmlNodeGetContent(xml_child(lead, "WaveFormData"));
    pclr_status status = base64_decode(input->path, encoded ? (const char *)encoded : "", 2 * SAMPLES_MAX, &data, &size, error);
    xmlFree(encoded);
    if (status == PCLR_OK && !*record) status = format_new_record(record, input, rate, leads, size / 2, error);
    if (status == PCLR_OK && size / 2 != (*record)->samples) {
        status = error_set(error, PCLR_E_FORMAT, "%s: lead %s has %zu samples; expected %zu as in the first; the file is damaged",
                           input->path, name, size / 2, (*record)->samples);
    }
    if (status == PCLR_OK) {
        record_set_channel(*record, k, name);
        float *out = (*record)->signal + k * (*record)->samples;
        for (size_t i = 0; i < (*record)->samples; i++) {
            int16_t raw = le_i16(data + 2 * i);
            out[i] = raw == INT16_MIN ? NAN : (float)(raw * step * millivolt);
        }
    }
    mem_free(data);
    return status;
}

static pclr_status read_demographics(pclr_record *r, xmlNodePtr root, pclr_error *error)
{
    xmlNodePtr patient = xml_child(root, "PatientDemographics"), test = xml_child(root, "TestDemographics");
    char word[128], date[32], time[32], unit[16];
    double age;
    int month, day, year;

    xml_text(xml_child(patient, "PatientID"), word, sizeof word);
    if (word[0]) TRY(mem_strdup(&r->patient, word, error));
    xml_text(xml_child(patient, "Gender"), word, sizeof word);
    r->sex = sex_from_text(word);
    xml_text(xml_child(patient, "AgeUnits"), unit, sizeof unit);
    if (xml_number(xml_child(patient, "PatientAge"), &age) && (!unit[0] || strcmp(unit, "YEARS") == 0)) TRY(record_set_age(r, age, error));
    xml_text(xml_child(test, "AcquisitionDate"), date, sizeof date);
    xml_text(xml_child(test, "AcquisitionTime"), time, sizeof time);
    if (sscanf(date, "%2d-%2d-%4d", &month, &day, &year) != 3) return PCLR_OK;
    return mem_printf(&r->start_time, error, "%04d-%02d-%02dT%s", year, month, day, strlen(time) == 8 ? time : "00:00:00");
}

static pclr_status read_document(pclr_record **record, const format_input *input, xmlNodePtr root, pclr_error *error)
{
    xmlNodePtr rhythm = find_rhythm(root);
    double rate = 0;
    size_t leads = 0, k = 0;

    if (!rhythm)
        return error_set(error, PCLR_E_DATA, "%s: no Waveform of type Rhythm; expected one; medians alone are no recording, leave it out",
                         input->path);
    TRY(waveform_rate(input, rhythm, &rate, error));
    for (xmlNodePtr l = xml_child(rhythm, "LeadData"); l; l = xml_next(l, "LeadData")) leads++;
    if (leads == 0) return error_set(error, PCLR_E_DATA, "%s: Waveform without LeadData; expected at least one lead", input->path);
    for (xmlNodePtr l = xml_child(rhythm, "LeadData"); l; l = xml_next(l, "LeadData"))
        TRY(read_lead(record, input, l, rate, k++, leads, error));
    TRY(read_demographics(*record, root, error));
    return record_settle(*record, error);
}

static pclr_status read_muse(pclr_record **record, const format_input *input, pclr_error *error)
{
    xmlDocPtr document;

    TRY(xml_open(&document, input, error));
    pclr_status status = read_document(record, input, xmlDocGetRootElement(document), error);
    xmlFreeDoc(document);
    return status;
}

static bool probe_muse(const format_input *input)
{
    return xml_begins_with(input, "RestingECG");
}

const record_format record_format_muse = {"muse", ".xml", probe_muse, read_muse, false, NULL, NULL};
