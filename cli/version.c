/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

static int run(cli_context *c)
{
    if (!cli_json(c)) {
        printf("physioclr %s\n%s\n", pclr_version(), pclr_build_info());
        return CLI_DONE;
    }
    fputs("{\"version\":", stdout);
    cli_json_string(stdout, pclr_version());
    fputs(",\"build\":", stdout);
    cli_json_string(stdout, pclr_build_info());
    puts("}");
    return CLI_DONE;
}

static const cli_option options[] = {{NULL, 0, CLI_FLAG, NULL, NULL, false, NULL}};

const cli_command cli_version_command = {
    .name = "version",
    .summary = "version, compiler, libraries and back ends of this build",
    .arguments = "",
    .description = "Prints the version on the first line and how the program was built on the second.",
    .examples = "  physioclr version --json",
    .options = options,
    .run = run,
};
