/* SPDX-License-Identifier: Apache-2.0 */
#include <physioclr.h>

#include "cli.h"

static const cli_option OPTIONS[] = {
    {.name = "layout",
     .type = CLI_TEXT,
     .argument = "NAME",
     .default_value = "auto",
     .help = "what tables the archive brings: auto (each folder by its own), ptbxl, ludb, cinc2017, cinc2011, code15, mimic-iv-ecg, "
             "labels, challenge, wfdb"},
    {.name = "labels",
     .letter = 'l',
     .type = CLI_TEXT,
     .argument = "CSV",
     .help = "labels: record_id and one column a label (also patient, age, sex, fold, split)"},
    {.name = "rate", .letter = 'r', .type = CLI_REAL, .argument = "HZ", .default_value = "500", .help = "sampling rate of the dataset"},
    {.name = "leads",
     .type = CLI_TEXT,
     .argument = "NAMES",
     .help = "leads to keep, e.g. I,II,V1 (default: the 12, or what the archive has)"},
    {.name = "split",
     .letter = 's',
     .type = CLI_TEXT,
     .argument = "RULES",
     .help = "a=0.8/0.1/0.1 (by patient); b=fold:1-8/9/10; c=source:ptbxl (held out); d=column; several with ';'"},
    {.name = "seed", .type = CLI_INT, .argument = "N", .default_value = "1", .help = "of random splits"},
    {.name = "unit", .letter = 'u', .type = CLI_TEXT, .argument = "UNIT", .help = "unit of recordings that name none: mV, uV, V, nV"},
    {.name = "fs",
     .type = CLI_REAL,
     .argument = "HZ",
     .default_value = "0",
     .help = "sampling rate of recordings that name none (CSV, NPY, MATLAB)"},
    {.name = "lead-names",
     .type = CLI_TEXT,
     .argument = "NAMES",
     .help = "leads of recordings that name none, in the order of their columns"},
    {.name = "strict", .type = CLI_FLAG, .help = "any refused recording is a failure (exit status 3); headers must follow their standard"},
    {.name = NULL},
};

static void print_json(const pclr_import_summary *s, const char *path)
{
    printf("{\"dataset\": ");
    cli_json_string(stdout, path);
    printf(", \"found\": %zu, \"imported\": %zu, \"refused\": %zu, \"signal_hours\": %.4f, \"seconds\": %.3f, \"bytes_read\": %llu}\n",
           s->found, s->imported, s->refused, s->signal_hours, s->seconds, (unsigned long long)s->bytes_read);
}

static int run(cli_context *c)
{
    pclr_error error = {0};
    pclr_import_summary summary = {0};
    pclr_import_options options = {.layout = cli_text(c, "layout"),
                                   .labels = cli_text(c, "labels"),
                                   .rate = cli_real(c, "rate"),
                                   .leads = cli_text(c, "leads"),
                                   .split = cli_text(c, "split"),
                                   .seed = (uint64_t)cli_int(c, "seed"),
                                   .threads = cli_threads(c),
                                   .strict = cli_flag(c, "strict")};
    options.read = (pclr_read_options){
        .unit = cli_text(c, "unit"), .rate = cli_real(c, "fs"), .leads = cli_text(c, "lead-names"), .strict = options.strict};
    pclr_callbacks callbacks = cli_callbacks(c);
    size_t count;
    const char *path = cli_argument(c, 0), *const *sources = cli_argument_array(c, 1, &count);

    if (pclr_import(path, sources, count, &options, &callbacks, &summary, &error) != PCLR_OK) return cli_fail(c, &error);
    if (cli_json(c)) {
        print_json(&summary, path);
    } else {
        printf("%s: %zu of %zu recordings, %.2f hours, in %.1f s (%.0f records/s)\n", path, summary.imported, summary.found,
               summary.signal_hours, summary.seconds, (double)summary.found / (summary.seconds > 0 ? summary.seconds : 1));
    }
    if (summary.refused == 0) return CLI_DONE;
    cli_note(c, "%zu recordings refused: see rejects.csv beside the dataset", summary.refused);
    return CLI_PARTIAL;
}

const cli_command cli_import_command = {
    .name = "import",
    .summary = "any folder or files of recordings into one dataset file",
    .arguments = "DATASET.h5 SOURCE...",
    .arguments_min = 2,
    .arguments_max = -1,
    .description =
        "Reads every recording under the sources (folders are searched to the bottom, formats are told by content), adds the limb\n"
        "leads that follow from others, brings all to one sampling rate and writes one HDF5 file with signal, patients, labels and\n"
        "splits. Labels come from the archives' own tables and headers and from --labels. A recording that cannot be used is listed\n"
        "with its reason in rejects.csv beside the dataset; the others are not affected (exit status 4).",
    .examples = "physioclr import all.h5 ptbxl/ challenge/ cinc2017/\n"
                "physioclr import icu.h5 records/ --labels outcome.csv --split 'main=0.7/0.15/0.15'\n"
                "physioclr import ptbxl.h5 ptbxl/ --split 'folds=fold:1-7/8/9-10'",
    .options = OPTIONS,
    .run = run,
};
