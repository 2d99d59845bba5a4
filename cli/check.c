/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"

static const cli_option OPTIONS[] = {
    {.name = "csv", .type = CLI_TEXT, .argument = "FILE", .help = "write record_id,quality,findings; - is standard output"},
    {.name = "reasons", .type = CLI_TEXT, .argument = "FILE", .help = "write one row a finding: recording, detail, meaning, remedy, path"},
    {.name = "html", .type = CLI_TEXT, .argument = "FILE", .help = "write a page: each kind of finding, its remedy, and recordings drawn"},
    {.name = "examples", .type = CLI_INT, .argument = "N", .default_value = "2", .help = "recordings drawn for each kind of finding"},
    CLI_READING_OPTIONS,
    {.name = "strict", .type = CLI_FLAG, .help = "exit with status 3 when any recording has a finding"},
    {.name = NULL},
};

static void print_json(const pclr_check_summary *s)
{
    printf("{\"found\": %zu, \"readable\": %zu, \"clean\": %zu, \"seconds\": %.2f, \"findings\": {", s->found, s->readable, s->clean,
           s->seconds);
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

static pclr_status write_files(cli_context *c, const pclr_checkup *found, const pclr_read_options *reading, pclr_error *error)
{
    const char *csv = cli_text(c, "csv"), *reasons = cli_text(c, "reasons"), *html = cli_text(c, "html");
    pclr_status status = PCLR_OK;

    if (csv) status = pclr_checkup_csv(found, csv, false, error);
    if (status == PCLR_OK && reasons) status = pclr_checkup_csv(found, reasons, true, error);
    if (status == PCLR_OK && html) status = pclr_checkup_report(found, html, NULL, reading, (size_t)cli_int(c, "examples"), error);
    return status;
}

static bool writes_to_stdout(cli_context *c)
{
    const char *path[] = {cli_text(c, "csv"), cli_text(c, "reasons")};
    for (int k = 0; k < 2; k++) {
        if (path[k] && path[k][0] == '-' && path[k][1] == '\0') return true;
    }
    return false;
}

static int run(cli_context *c)
{
    pclr_error error = {0};
    pclr_checkup *found = NULL;
    pclr_check_options options = {.read = cli_reading(c), .threads = cli_threads(c)};
    pclr_callbacks callbacks = cli_callbacks(c);
    size_t count;
    const char *const *sources = cli_argument_array(c, 0, &count);

    pclr_status status = pclr_check_run(&found, sources, count, &options, &callbacks, &error);
    if (status == PCLR_OK) status = write_files(c, found, &options.read, &error);
    pclr_check_summary summary = found ? found->summary : (pclr_check_summary){0};
    pclr_checkup_destroy(&found);
    if (status != PCLR_OK) return cli_fail(c, &error);
    if (cli_json(c))
        print_json(&summary);
    else if (!writes_to_stdout(c))
        print_table(&summary);
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
    .description =
        "Reads every recording under the sources and reports what would harm measurements or training: unreadable files,\n"
        "implausible scale or sampling rate, flat and clipped leads, missing samples, mains hum, limb leads that contradict each\n"
        "other, exchanged arm electrodes, duplicates, one signal under two patients, impossible ages, labels that exclude each other\n"
        "or the heart rate, noise. Each kind names its remedy. --csv lists every recording with its quality (0 to 1, 1 is good)\n"
        "and its findings, --reasons every finding with its remedy; --html draws examples.",
    .examples = "physioclr check archive/ --csv findings.csv --html findings.html\n"
                "physioclr check a.hea b.hea --json",
    .options = OPTIONS,
    .run = run,
};
