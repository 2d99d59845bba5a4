/* SPDX-License-Identifier: Apache-2.0 */
#include "configuration.h"

static const cli_option OPTIONS[] = {
    {.name = "output", .letter = 'o', .type = CLI_TEXT, .argument = "RUN", .help = "run folder (needed unless --keys)"},
    CLI_CONFIGURATION_OPTIONS,
    {.name = "resume", .type = CLI_FLAG, .help = "go on from RUN/checkpoint, bit for bit, with RUN/config.yaml"},
    {.name = "keys", .type = CLI_FLAG, .help = "list every setting with its default, and do nothing else"},
    {.name = NULL},
};

static int run(cli_context *c)
{
    pclr_error error = {0};
    pclr_config *config = NULL;
    pclr_train_summary summary = {0};
    const char *folder = cli_text(c, "output");
    char saved[4096];
    if (cli_flag(c, "keys")) return cli_print_keys();
    if (cli_arguments(c) != 1) return cli_usage(c, "expected one DATASET.h5, found %zu arguments", cli_arguments(c));
    if (!folder) return cli_usage(c, "--output RUN is missing");
    snprintf(saved, sizeof saved, "%s/config.yaml", folder);
    int status = cli_configuration(c, cli_flag(c, "resume") ? saved : NULL, &config);
    if (status != CLI_DONE) return status;
    pclr_world *world = NULL;
    pclr_callbacks callbacks = cli_callbacks(c);
    pclr_status trained = pclr_world_open(&world, &error);
    if (trained == PCLR_OK)
        trained = pclr_pretrain_together(world, cli_argument(c, 0), config, folder, cli_flag(c, "resume"), &callbacks, &summary, &error);
    bool speaks = pclr_world_rank(world) == 0; /* what one process has to say, all have */
    if (trained != PCLR_OK)
        status = speaks ? cli_fail(c, &error) : cli_status(&error);
    else if (speaks)
        cli_print_summary(c, folder, "encoder.safetensors", &summary);
    pclr_world_close(&world);
    pclr_config_destroy(&config);
    return status;
}

const cli_command cli_pretrain_command = {
    .name = "pretrain",
    .summary = "train an encoder without labels",
    .arguments = "DATASET.h5",
    .arguments_min = 0,
    .arguments_max = 1,
    .description =
        "Trains an encoder by objective.name (physioclr and its rivals) on the dataset's recordings; labels are not used. The run\n"
        "folder gets config.yaml, metrics.jsonl, checkpoint/, encoder.safetensors and README.md. An interrupt (Ctrl-C) saves a\n"
        "checkpoint and exits with 130; --resume goes on as if nothing had happened. `physioclr features DATASET.h5` must have\n"
        "been run before for objectives that use physiology.\n"
        "\n"
        "Under mpirun, processes share the work: train.batch is the batch of all together, and the first process writes RUN. A process that\n"
        "dies ends the run; --resume goes on, with any number of processes.",
    .examples = "physioclr pretrain archive.h5 -o runs/physioclr\n"
                "physioclr pretrain archive.h5 -o runs/simclr --set objective.name=simclr --set train.steps=2000\n"
                "physioclr pretrain archive.h5 -o runs/physioclr --resume\n"
                "mpirun -n 4 physioclr pretrain archive.h5 -o runs/physioclr --threads 8",
    .options = OPTIONS,
    .run = run,
};
