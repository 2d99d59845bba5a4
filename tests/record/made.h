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
    memcpy(out,
           "\xff"
           "BIOSEMI",
           8);
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

/* ---- DICOM: explicit VR little endian; sequences and items have lengths ---- */

static inline uint8_t *put_element(uint8_t *p, unsigned group, unsigned element, const char *vr, const void *value, size_t size)
{
    const uint16_t tag[2] = {(uint16_t)group, (uint16_t)element}, length = (uint16_t)size;
    const uint32_t long_length = (uint32_t)size;
    memcpy(p, tag, 4);
    memcpy(p + 4, vr, 2);
    if (strcmp(vr, "SQ") == 0 || strcmp(vr, "OW") == 0) {
        memset(p + 6, 0, 2);
        memcpy(p + 8, &long_length, 4);
        p += 12;
    } else {
        memcpy(p + 6, &length, 2);
        p += 8;
    }
    if (size) memcpy(p, value, size);
    return p + size;
}

/* A sequence of items, each as it stands in item[k]. */
static inline uint8_t *put_sequence(uint8_t *p, unsigned group, unsigned element, const uint8_t *const *item, const size_t *size,
                                    size_t items)
{
    uint8_t body[2048];
    size_t n = 0;
    for (size_t k = 0; k < items; k++) {
        const uint32_t length = (uint32_t)size[k];
        memcpy(body + n, "\xfe\xff\x00\xe0", 4);
        memcpy(body + n + 4, &length, 4);
        memcpy(body + n + 8, item[k], size[k]);
        n += 8 + size[k];
    }
    return put_element(p, group, element, "SQ", body, n);
}

static inline size_t put_dicom_channel(uint8_t *out, const char *name)
{
    uint8_t source[64], units[64], *p = out;
    const uint8_t *one[1] = {source}, *unit[1] = {units};
    size_t size = (size_t)(put_element(source, 0x0008, 0x0104, "LO", name, 2) - source);
    p = put_sequence(p, 0x003a, 0x0208, one, &size, 1);
    p = put_element(p, 0x003a, 0x0210, "DS", "1.00", 4);
    size = (size_t)(put_element(units, 0x0008, 0x0100, "SH", "uV", 2) - units);
    p = put_sequence(p, 0x003a, 0x0211, unit, &size, 1);
    p = put_element(p, 0x003a, 0x0212, "DS", "1.00", 4);
    return (size_t)(put_element(p, 0x003a, 0x0213, "DS", "0 ", 2) - out);
}

static inline size_t make_dicom(uint8_t *out)
{
    const uint16_t channels = 2, bits = 16;
    const uint32_t samples = 3;
    const int16_t value[6] = {1, -1, 2, -2, 3, -3};
    uint8_t first[256], second[256], group[1024], *p = group;
    const uint8_t *channel[2] = {first, second}, *whole[1] = {group};
    const size_t size[2] = {put_dicom_channel(first, "I "), put_dicom_channel(second, "II")};

    p = put_element(p, 0x003a, 0x0005, "US", &channels, 2);
    p = put_element(p, 0x003a, 0x0010, "UL", &samples, 4);
    p = put_element(p, 0x003a, 0x001a, "DS", "250 ", 4);
    p = put_sequence(p, 0x003a, 0x0200, channel, size, 2);
    p = put_element(p, 0x5400, 0x1004, "US", &bits, 2);
    p = put_element(p, 0x5400, 0x1006, "CS", "SS", 2);
    p = put_element(p, 0x5400, 0x1010, "OW", value, sizeof value);
    const size_t group_size = (size_t)(p - group);
    memset(out, 0, 128);
    memcpy(out + 128, "DICM", 4);
    p = put_element(out + 132, 0x0002, 0x0010, "UI", "1.2.840.10008.1.2.1", 20);
    p = put_element(p, 0x0010, 0x0040, "CS", "F ", 2);
    p = put_sequence(p, 0x5400, 0x0100, whole, &group_size, 1);
    return (size_t)(p - out);
}

/* ---- SCP-ECG: sections 0, 3 and 6, plain samples of 1 uV ---- */

enum { SCP_POINTERS = 22, SCP_LEADS = 158, SCP_RHYTHM = 194 }; /* bytes at which the list of sections, sections 3 and 6 begin */

static inline void put_scp_section(uint8_t *out, unsigned id, uint32_t at, uint32_t length)
{
    const uint16_t number = (uint16_t)id;
    const uint32_t index = at + 1;
    uint8_t *pointer = out + SCP_POINTERS + 10 * id;
    memcpy(pointer, &number, 2);
    memcpy(pointer + 2, &length, 4);
    memcpy(pointer + 6, &index, 4);
    memcpy(out + at + 2, &number, 2);
    memcpy(out + at + 4, &length, 4);
}

static inline size_t make_scp(uint8_t *out)
{
    enum { HEAD = 16, LEADS = HEAD + 2 + 2 * 9, RHYTHM = HEAD + 6 + 4 + 12, SIZE = SCP_RHYTHM + RHYTHM };
    const uint32_t size = SIZE, span[2] = {1, 3};
    const uint16_t scale[2] = {1000, 4000}, flags = 0, bytes[2] = {6, 6}; /* nanovolts, microseconds */
    const int16_t value[6] = {1, 2, 3, -1, -2, -3};
    uint8_t *leads = out + SCP_LEADS + HEAD, *rhythm = out + SCP_RHYTHM + HEAD;

    memset(out, 0, SIZE);
    memcpy(out + 2, &size, 4);
    put_scp_section(out, 0, 6, 152);
    memcpy(out + 16, "SCPECG", 6);
    put_scp_section(out, 3, SCP_LEADS, LEADS);
    put_scp_section(out, 6, SCP_RHYTHM, RHYTHM);
    leads[0] = 2;
    for (int k = 0; k < 2; k++) {
        memcpy(leads + 2 + 9 * k, span, 8);
        leads[2 + 9 * k + 8] = (uint8_t)(k + 1); /* I, II */
    }
    memcpy(rhythm, scale, 4);
    memcpy(rhythm + 4, &flags, 2);
    memcpy(rhythm + 6, bytes, 4);
    memcpy(rhythm + 10, value, sizeof value);
    return SIZE;
}

#endif
