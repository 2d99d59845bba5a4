/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/findings.h"

#include <stdio.h>

static const struct {
    const char *name, *meaning, *remedy;
} kinds[PCLR_FINDINGS] = {
    {"unreadable", "the recording cannot be read", "see the message; options of import such as --unit and --fs may help"},
    {"scale", "amplitudes no heart has", "check gain and unit in the header; --unit for files that name none"},
    {"flat", "a lead without signal", "leave the lead out, or the recording"},
    {"clipped", "a lead that runs into the limits of its recorder", "leave the recording out of amplitude measurements"},
    {"missing", "missing samples", "training marks them; leave the recording out where they are many"},
    {"mains", "hum of the power line", "import filters nothing; use input.low_pass or a notch before"},
    {"leads", "limb leads contradict Einthoven's or Goldberger's equations",
     "leads are mislabelled or exchanged: check their names and order"},
    {"gains", "limb leads fit Einthoven's or Goldberger's equations only with other gains",
     "check the gain of each lead in the header; compare no amplitudes between leads"},
    {"reversed", "lead I is upside down against the chest leads: arm electrodes exchanged, or dextrocardia",
     "look at the plot; leave the recording out"},
    {"short", "less than 5 s", "leave the recording out"},
    {"rate", "heart rate, QRS and T wave fit only another sampling rate, or no beat can be found at this one",
     "check the sampling rate; --fs for files that name none"},
    {"no_beats", "no heartbeat was found", "look at the plot: asystole, noise, or no ECG"},
    {"noise", "signal quality that an expert would reject", "leave the recording out"},
    {"artefact", "a lead drowned in noise, swinging with its baseline, or disturbed for a second or more",
     "leave the lead out, or the recording"},
    {"duplicate", "the same signal as another recording", "keep one of them, or splits leak"},
    {"patient", "the same signal under two patients, or a patient of two sexes", "merge or part the patients, or splits leak"},
    {"age", "an age nobody has", "import takes it as unknown (PTB-XL's 300 as 90); correct the table"},
    {"labels", "labels that exclude each other, the heart rate, or those of the same signal",
     "correct the labels, or leave the recording out"},
    {"header", "an oddity that the reader tolerated", "see the detail; --strict of import refuses such recordings"},
};

const char *pclr_finding_name(size_t k)
{
    return k < PCLR_FINDINGS ? kinds[k].name : NULL;
}

const char *pclr_finding_meaning(size_t k)
{
    return k < PCLR_FINDINGS ? kinds[k].meaning : NULL;
}

const char *pclr_finding_remedy(size_t k)
{
    return k < PCLR_FINDINGS ? kinds[k].remedy : NULL;
}

void findings_add(findings *f, finding_kind kind, const char *format, ...)
{
    char detail[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    text_add(&f->words, "%s%s", f->words.length ? ";" : "", kinds[kind].name);
    if (detail[0] != '\0') text_add(&f->words, "(%s)", detail);
    f->kinds |= 1u << kind;
}

void findings_free(findings *f)
{
    text_free(&f->words);
    *f = (findings){0};
}
