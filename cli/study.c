/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

static const cli_option OPTIONS[] = {
    {.name = "config", .letter = 'c', .type = CLI_TEXT, .argument = "STUDY.yaml", .required = true, .help = "the plan"},
    {.name = "output", .letter = 'o', .type = CLI_TEXT, .argument = "DIR", .required = true, .help = "study folder; run again to go on"},
    {.name = "tasks", .type = CLI_TEXT, .argument = "LIST", .help = "tasks of the dataset, comma-separated [the plan's]"},
    {.name = "split", .type = CLI_TEXT, .argument = "NAME", .help = "split of the dataset [the plan's]"},
    {.name = "set",
     .letter = 's',
     .type = CLI_LIST,
     .argument = "KEY=VALUE",
     .help = "one setting of all entries, over the plan's; may be given several times"},
    {.name = "ablation", .type = CLI_FLAG, .help = "add the plan's first PhysioCLR entry without each of its terms"},
    {.name = NULL},
};

/* Copies a finished table to standard output. */
static int print_file(cli_context *c, const char *folder, const char *name)
{
    char path[4096], block[65536];
    size_t size;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        cli_note(c, "%s cannot be read", path);
        return CLI_FAILED;
    }
    while ((size = fread(block, 1, sizeof block, f)) > 0) fwrite(block, 1, size, stdout);
    fclose(f);
    return CLI_DONE;
}

static int run(cli_context *c)
{
    pclr_error error = {0};
    pclr_callbacks callbacks = cli_callbacks(c);
    pclr_study_options options = {.tasks = cli_text(c, "tasks"), .split = cli_text(c, "split"), .ablation = cli_flag(c, "ablation")};
    options.set = cli_list(c, "set", &options.settings);
    if (pclr_study(cli_argument(c, 0), cli_text(c, "config"), cli_text(c, "output"), &options, &callbacks, &error) != PCLR_OK)
        return cli_fail(c, &error);
    return print_file(c, cli_text(c, "output"), cli_json(c) ? "study.json" : "study.csv");
}

const cli_command cli_study_command = {
    .name = "study",
    .summary = "compare objectives, encoders and label fractions",
    .arguments = "DATASET.h5",
    .arguments_min = 1,
    .arguments_max = 1,
    .description =
        "Runs every combination that the plan names: objectives (physioclr, its rivals, random, supervised, features), encoders,\n"
        "inputs, label fractions (nested subsets of patients), seeds, and methods (probe, finetune), and scores each on the split's\n"
        "test part (or validation: evaluate). Finished cells are kept by the hash of all they depend on: a study that was stopped\n"
        "goes on, a plan that grew computes only what is new, and several processes may work in one folder. Writes study.json,\n"
        "study.csv and report.html.",
    .examples = "physioclr study archive.h5 -c configs/study.yaml -o studies/first\n"
                "physioclr study icu.h5 -c configs/study.yaml --tasks sepsis --split default -o studies/sepsis\n"
                "physioclr study icu.h5 -c configs/study.yaml --tasks sepsis --split default --set train.steps=1000 -o studies/longer",
    .options = OPTIONS,
    .run = run,
};
