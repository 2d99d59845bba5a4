/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "cli.h"

static const cli_option OPTIONS[] = {
    {.name = "records", .letter = 'n', .type = CLI_INT, .argument = "N", .default_value = "100", .help = "number of recordings"},
    {.name = "seed",
     .letter = 's',
     .type = CLI_INT,
     .argument = "S",
     .default_value = "1",
     .help = "same seed, same bytes, whatever the threads"},
    {.name = "rate", .type = CLI_REAL, .argument = "HZ", .default_value = "500", .help = "sampling rate"},
    {.name = "seconds", .type = CLI_REAL, .argument = "SECONDS", .default_value = "10", .help = "length of a recording"},
    {.name = "snr",
     .type = CLI_TEXT,
     .argument = "DB|none",
     .help = "signal-to-noise ratio in dB, or none: no noise (default: 12 to 30, drawn per recording)"},
    {.name = "per-patient", .type = CLI_REAL, .argument = "MEAN", .default_value = "1.5", .help = "mean number of recordings of a patient"},
    {.name = "conditions",
     .type = CLI_TEXT,
     .argument = "LIST",
     .help = "only these, e.g. AF,LBBB=0.5 (default: all, by their prevalence)"},
    {.name = NULL},
};

/* "none" is infinite; false: not a number. */
static bool parse_snr(const char *text, double *snr)
{
    char rest;
    if (strcmp(text, "none") == 0) {
        *snr = INFINITY;
        return true;
    }
    return sscanf(text, "%lf%c", snr, &rest) == 1 && isfinite(*snr);
}

static int run(cli_context *c)
{
    pclr_error error = {0};
    pclr_callbacks callbacks = cli_callbacks(c);
    pclr_simulate_options options = {.seed = (uint64_t)cli_int(c, "seed"),
                                     .rate = cli_real(c, "rate"),
                                     .seconds = cli_real(c, "seconds"),
                                     .records_per_patient = cli_real(c, "per-patient"),
                                     .conditions = cli_text(c, "conditions"),
                                     .threads = cli_threads(c)};
    if (cli_int(c, "records") < 1) return cli_usage(c, "--records %lld: expected 1 or more", (long long)cli_int(c, "records"));
    options.records = (size_t)cli_int(c, "records");
    const char *snr = cli_text(c, "snr");
    options.snr_set = snr != NULL;
    if (snr && !parse_snr(snr, &options.snr)) return cli_usage(c, "--snr %s: expected a number of decibels or none", snr);
    if (pclr_simulate(cli_argument(c, 0), &options, &callbacks, &error) != PCLR_OK) return cli_fail(c, &error);
    cli_note(c, "%zu recordings in %s", options.records, cli_argument(c, 0));
    return CLI_DONE;
}

const cli_command cli_simulate_command = {
    .name = "simulate",
    .summary = "12-lead recordings of simulated hearts, with exact marks and diagnoses",
    .arguments = "DIR",
    .arguments_min = 1,
    .arguments_max = 1,
    .description =
        "Writes WFDB recordings of a moving dipole in a chest: age, sex, patient and diagnoses (SNOMED codes) in the header, exact\n"
        "onset, peak and end of every P, QRS and T in the annotation file .atr.\n"
        "Rhythms: NSR, SB, STach, SA (sinus arrhythmia), AF, AFL, PR (pacing). Conditions, alone or together: PAC, PVC, IAVB, LBBB,\n"
        "RBBB, LAnFB, LAD, RAD, LQT, TInv, STE, STD, LQRSV. Noise: wander, muscle, mains, electrode motion.",
    .examples = "physioclr simulate archive --records 2000 --seed 7\n"
                "physioclr simulate fibrillation --records 100 --conditions AF=1 --snr 12",
    .options = OPTIONS,
    .run = run,
};
