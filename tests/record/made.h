/* SPDX-License-Identifier: Apache-2.0 */
/* Files made by hand, one a format; every one holds I = 1, 2, 3 and II = -1, -2, -3 microvolts at 250 Hz. */
#ifndef PCLR_TESTS_RECORD_MADE_H
#define PCLR_TESTS_RECORD_MADE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline size_t make_edf(uint8_t *out)
{
    char head[768];
    memset(head, ' ', sizeof head);
    const struct {
        size_t at;
        const char *word;
    } field[] = {{0, "0"},          {8, "id7 F 02-MAR-1950 X"},
                 {168, "01.03.20"}, {176, "10.20.30"},
                 {184, "768"},      {192, "EDF+C"},
                 {236, "1"},        {244, "0.012"},
                 {252, "2"},        {256, "ECG I"},
                 {272, "ECG II"},   {448, "uV"},
                 {456, "uV"},       {464, "-32768"},
                 {472, "-3276.8"},  {480, "32767"},
                 {488, "3276.7"},   {496, "-32768"},
                 {504, "-32768"},   {512, "32767"},
                 {520, "32767"},    {688, "3"},
                 {696, "3"}};
    for (size_t k = 0; k < sizeof field / sizeof *field; k++) memcpy(head + field[k].at, field[k].word, strlen(field[k].word));
    memcpy(out, head, sizeof head);
    const int16_t value[6] = {1, 2, 3, -10, -20, -30}; /* II has 0.1 uV a step */
    memcpy(out + sizeof head, value, sizeof value);
    return sizeof head + sizeof value;
}

/* The same two leads with 24 bits a sample. */
static inline size_t make_bdf(uint8_t *out)
{
    enum { HEAD = 768 };
    make_edf(out);
    memcpy(out, "\xff" "BIOSEMI", 8);
    memcpy(out + 192, "24BIT", 5);
    for (size_t k = 0; k < 6; k++) { /* 1, 2, 3, -10, -20, -30 */
        int32_t value = k < 3 ? (int32_t)k + 1 : -10 * ((int32_t)k - 2);
        for (int byte = 0; byte < 3; byte++) out[HEAD + 3 * k + (size_t)byte] = (uint8_t)((uint32_t)value >> 8 * byte);
    }
    return HEAD + 18;
}

static inline size_t make_npy(uint8_t *out)
{
    char head[118];
    memset(head, ' ', sizeof head);
    const char dict[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
    memcpy(head, dict, sizeof dict - 1);
    head[sizeof head - 1] = '\n';
    const float value[6] = {1, -1, 2, -2, 3, -3};
    memcpy(out, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(out + 10, head, sizeof head);
    memcpy(out + 10 + sizeof head, value, sizeof value);
    return 10 + sizeof head + sizeof value;
}

static inline size_t make_matlab4(uint8_t *out)
{
    const uint32_t head[5] = {30, 2, 3, 0, 4};
    const int16_t value[6] = {1, -1, 2, -2, 3, -3};
    memcpy(out, head, 20);
    memcpy(out + 20, "val", 4);
    memcpy(out + 24, value, sizeof value);
    return 24 + sizeof value;
}

static inline size_t make_csv(uint8_t *out)
{
    const char text[] = "\xef\xbb\xbftime;\"I\";II\r\n0;1;-1\r\n0.004;2;-2\r\n0.008;3;-3\r\n0.012;;\r\n";
    memcpy(out, text, sizeof text - 1);
    return sizeof text - 1;
}

static inline size_t make_ishne(uint8_t *out)
{
    memset(out, 0, 522);
    memcpy(out, "ISHNE1.0", 8);
    const int32_t numbers[4] = {0, 3, 522, 522};
    memcpy(out + 10, numbers, 16);
    const int16_t date[3] = {1, 3, 2020}, birth[3] = {2, 3, 1950}, leads = 2, spec[2] = {5, 6}, resolution[2] = {1000, 100}, rate = 250,
                  sex = 2;
    memcpy(out + 128, &sex, 2);
    memcpy(out + 132, birth, 6);
    memcpy(out + 138, date, 6);
    memcpy(out + 156, &leads, 2);
    memcpy(out + 158, spec, 4);
    memcpy(out + 206, resolution, 4);
    memcpy(out + 272, &rate, 2);
    const int16_t value[6] = {1, -10, 2, -20, 3, -30};
    memcpy(out + 522, value, sizeof value);
    return 522 + sizeof value;
}

static inline size_t make_muse(uint8_t *out)
{
    /* base64 of 1, 2, 3 and of -1, -2, -3 as little-endian int16 */
    const char text[] = "<?xml "
                        "version=\"1.0\"?>\n<RestingECG><PatientDemographics><PatientAge>69</PatientAge><AgeUnits>YEARS</"
                        "AgeUnits><Gender>FEMALE</Gender></PatientDemographics>"
                        "<Waveform><WaveformType>Median</WaveformType></Waveform><Waveform><WaveformType>Rhythm</"
                        "WaveformType><SampleBase>250</SampleBase><SampleExponent>0</SampleExponent>"
                        "<LeadData><LeadAmplitudeUnitsPerBit>1</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>MICROVOLTS</"
                        "LeadAmplitudeUnits><LeadID>I</LeadID><WaveFormData>AQACA\nAMA</WaveFormData></LeadData>"
                        "<LeadData><LeadAmplitudeUnitsPerBit>1</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>MICROVOLTS</"
                        "LeadAmplitudeUnits><LeadID>II</LeadID><WaveFormData>///+//3/</WaveFormData></LeadData>"
                        "</Waveform></RestingECG>";
    memcpy(out, text, sizeof text - 1);
    return sizeof text - 1;
}

static inline size_t make_aecg(uint8_t *out)
{
    const char text[] = "<!-- <x> --><AnnotatedECG xmlns=\"urn:hl7-org:v3\"><effectiveTime><low "
                        "value=\"20200301\"/></effectiveTime><component><series><component><sequenceSet>"
                        "<component><sequence><code code=\"TIME_ABSOLUTE\"/><value><head value=\"20200301\"/><increment value=\"4\" "
                        "unit=\"ms\"/></value></sequence></component>"
                        "<component><sequence><code code=\"MDC_ECG_LEAD_I\"/><value><origin value=\"0\" unit=\"uV\"/><scale value=\"0.5\" "
                        "unit=\"uV\"/><digits>2 4\n6</digits></value></sequence></component>"
                        "<component><sequence><code code=\"MDC_ECG_LEAD_II\"/><value><origin value=\"1\" unit=\"uV\"/><scale value=\"1\" "
                        "unit=\"uV\"/><digits>-2 -3 -4</digits></value></sequence></component>"
                        "</sequenceSet></component></series></component></AnnotatedECG>";
    memcpy(out, text, sizeof text - 1);
    return sizeof text - 1;
}

#endif
