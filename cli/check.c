/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"

static const cli_option OPTIONS[] = {
    {.name = "csv", .type = CLI_TEXT, .argument = "FILE", .help = "write record_id,quality,findings; - is standard output"},
    CLI_READING_OPTIONS,
    {.name = "strict", .type = CLI_FLAG, .help = "exit with status 3 when any recording has a finding"},
    {.name = NULL},
};

static void print_json(const pclr_check_summary *s)
{
    printf("{\"found\": %zu, \"readable\": %zu, \"clean\": %zu, \"seconds\": %.2f, \"findings\": {", s->found, s->readable, s->clean, s->seconds);
    for (size_t k = 0; k < PCLR_FINDINGS; k++) printf("%s\"%s\": %zu", k ? ", " : "", pclr_finding_name(k), s->records[k]);
    printf("}}\n");
}

static void print_table(const pclr_check_summary *s)
{
    printf("%zu recordings, %zu readable, %zu without findings (%.1f s)\n", s->found, s->readable, s->clean, s->seconds);
    for (size_t k = 0; k < PCLR_FINDINGS; k++) {
        if (s->records[k] == 0) continue;
        printf("%8zu %-11s %s\n%20s -> %s\n", s->records[k], pclr_finding_name(k), pclr_finding_meaning(k), "", pclr_finding_remedy(k));
    }
}

static int run(cli_context *c)
{
    pclr_error error = {0};
    pclr_check_summary summary = {0};
    pclr_check_options options = {.read = cli_reading(c), .threads = cli_threads(c)};
    pclr_callbacks callbacks = cli_callbacks(c);
    const char *csv = cli_text(c, "csv");
    size_t count;
    const char *const *sources = cli_argument_array(c, 0, &count);

    if (pclr_check(sources, count, csv, &options, &callbacks, &summary, &error) != PCLR_OK) return cli_fail(c, &error);
    if (cli_json(c)) print_json(&summary);
    else if (csv == NULL || csv[0] != '-' || csv[1] != '\0') print_table(&summary);
    if (summary.readable == 0) {
        cli_note(c, "no readable recording found");
        return CLI_UNUSABLE;
    }
    if (cli_flag(c, "strict") && summary.clean < summary.found) return CLI_UNUSABLE;
    return summary.readable < summary.found ? CLI_PARTIAL : CLI_DONE;
}

const cli_command cli_check_command = {
    .name = "check",
    .summary = "what is wrong with an archive, and what to do about it",
    .arguments = "SOURCE...",
    .arguments_min = 1,
    .arguments_max = -1,
    .description = "Reads every recording under the sources and reports what would harm measurements or training: unreadable files,\n"
                   "implausible scale or sampling rate, flat and clipped leads, missing samples, mains hum, limb leads that contradict each\n"
                   "other, exchanged arm electrodes, duplicates, one signal under two patients, impossible ages, noise. Each kind names its\n"
                   "remedy. --csv lists every recording with its quality (0 to 1, 1 is good) and its findings.",
    .examples = "physioclr check archive/ --csv findings.csv\n"
                "physioclr check a.hea b.hea --json",
    .options = OPTIONS,
    .run = run,
};
