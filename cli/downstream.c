/* SPDX-License-Identifier: Apache-2.0 */
#include "downstream.h"

int cli_downstream(cli_context *c, bool resume, cli_trainer trainer)
{
    pclr_error error = {0};
    pclr_config *config = NULL;
    pclr_train_summary summary = {0};
    const char *folder = cli_text(c, "output");
    pclr_downstream_options options = {.task = cli_text(c, "task"),
                                       .encoder = cli_text(c, "encoder"),
                                       .split = cli_text(c, "split"),
                                       .input = cli_text(c, "input"),
                                       .label_fraction = cli_real(c, "label-fraction"),
                                       .label_seed = (uint64_t)cli_int(c, "label-seed"),
                                       .resume = resume};
    if (options.label_fraction <= 0 || options.label_fraction > 1)
        return cli_usage(c, "--label-fraction %g: expected more than 0 and at most 1", options.label_fraction);
    int status = cli_configuration(c, NULL, &config);
    if (status != CLI_DONE) return status;
    pclr_callbacks callbacks = cli_callbacks(c);
    if (trainer(cli_argument(c, 0), &options, config, folder, &callbacks, &summary, &error) == PCLR_OK)
        cli_print_summary(c, folder, "model.safetensors", &summary);
    else
        status = cli_fail(c, &error);
    pclr_config_destroy(&config);
    return status;
}
