/* SPDX-License-Identifier: Apache-2.0 */
#include <physioclr.h>

#include "reading.h"

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
    CLI_READING_OPTIONS,
    {.name = "codes",
     .type = CLI_TEXT,
     .argument = "CSV",
     .help =
         "map of diagnoses, code,name,class: a task of the file's name; codes of one class are one class, an empty class is passed over"},
    {.name = "shard", .type = CLI_TEXT, .argument = "K/N", .help = "import part K of N only; --merge joins the parts"},
    {.name = "merge", .type = CLI_FLAG, .help = "the sources are datasets imported with --shard: join them, in the order given"},
    {.name = "deidentify",
     .type = CLI_FLAG,
     .help = "ids become keyed hashes, dates move by the patient's own days, paths are dropped, ages end at 90"},
    {.name = "salt",
     .type = CLI_TEXT,
     .argument = "FILE",
     .help = "key of --deidentify, made where it is not there (default: physioclr.salt beside the dataset); keep it, and keep it secret"},
    {.name = "strict", .type = CLI_FLAG, .help = "any refused recording is a failure (exit status 3); headers must follow their standard"},
    {.name = NULL},
};

static void print_json(const pclr_import_summary *s, const char *path)
{
    printf("{\"dataset\": ");
    cli_json_string(stdout, path);
    printf(", \"found\": %zu, \"imported\": %zu, \"refused\": %zu, \"resumed\": %zu, \"signal_hours\": %.4f, \"seconds\": %.3f, "
           "\"bytes_read\": %llu}\n",
           s->found, s->imported, s->refused, s->resumed, s->signal_hours, s->seconds, (unsigned long long)s->bytes_read);
}

/* "2/8" */
static bool parse_shard(const char *words, pclr_import_options *options)
{
    char end;
    return !words || (sscanf(words, "%d/%d%c", &options->shard, &options->shards, &end) == 2 && options->shards > 0);
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
                                   .strict = cli_flag(c, "strict"),
                                   .codes = cli_text(c, "codes"),
                                   .deidentify = cli_flag(c, "deidentify"),
                                   .salt = cli_text(c, "salt")};
    options.read = cli_reading(c);
    options.read.strict = options.strict;
    pclr_callbacks callbacks = cli_callbacks(c);
    size_t count;
    const char *path = cli_argument(c, 0), *const *sources = cli_argument_array(c, 1, &count);

    if (!parse_shard(cli_text(c, "shard"), &options)) return cli_usage(c, "--shard %s: expected K/N, such as 2/8", cli_text(c, "shard"));
    pclr_status status = cli_flag(c, "merge") ? pclr_import_merge(path, sources, count, &options, &callbacks, &summary, &error)
                                              : pclr_import(path, sources, count, &options, &callbacks, &summary, &error);
    if (status != PCLR_OK) return cli_fail(c, &error);
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
        "with its reason in rejects.csv beside the dataset; the others are not affected (exit status 4). An import that was killed goes\n"
        "on when the same command is given again. codes.csv counts the codes of diagnoses, those without a class among them.",
    .examples = "physioclr import all.h5 ptbxl/ challenge/ cinc2017/\n"
                "physioclr import icu.h5 records/ --labels outcome.csv --split 'main=0.7/0.15/0.15'\n"
                "physioclr import ptbxl.h5 ptbxl/ --split 'folds=fold:1-7/8/9-10'\n"
                "physioclr import part2.h5 mimic/ --shard 2/8\n"
                "physioclr import --merge mimic.h5 part1.h5 part2.h5",
    .options = OPTIONS,
    .run = run,
};
