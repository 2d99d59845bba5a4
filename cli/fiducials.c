/* SPDX-License-Identifier: Apache-2.0 */
#include <physioclr.h>

#include "reading.h"

static const cli_option OPTIONS[] = {
    {.name = "leads", .letter = 'l', .type = CLI_TEXT, .argument = "all|global|NAME", .default_value = "all",
     .help = "marks of every lead, of all leads fused, or of one lead"},
    {.name = "output", .letter = 'o', .type = CLI_TEXT, .argument = "FILE", .default_value = "-", .help = "CSV file; - is standard output"},
    {.name = "atr", .type = CLI_TEXT, .argument = "EXTENSION", .help = "also write WFDB annotation files RECORD.EXTENSION of the fused marks"},
    {.name = "folder", .type = CLI_TEXT, .argument = "DIR", .help = "where annotation files go (default: beside the recordings)"},
    CLI_READING_OPTIONS,
    {.name = "classical", .type = CLI_FLAG, .help = "delineate by slopes and areas alone, without the trained networks"},
    {.name = "strict", .type = CLI_FLAG, .help = "exit with status 3 when any recording is refused"},
    {.name = NULL},
};

static int run(cli_context *c)
{
    pclr_error error = {0};
    pclr_batch_summary summary;
    pclr_marks_options options = {.leads = cli_text(c, "leads"), .annotator = cli_text(c, "atr"), .folder = cli_text(c, "folder"), .threads = cli_threads(c)};
    options.fiducials.classical = cli_flag(c, "classical");
    options.read = cli_reading(c);
    pclr_callbacks callbacks = cli_callbacks(c);
    size_t count;
    const char *const *inputs = cli_argument_array(c, 0, &count);
    if (pclr_fiducials_export(inputs, count, cli_text(c, "output"), &options, &callbacks, &summary, &error) != PCLR_OK) return cli_fail(c, &error);
    return cli_batch_status(c, &summary);
}

const cli_command cli_fiducials_command = {
    .name = "fiducials",
    .summary = "onset, peak and end of P, QRS and T of every beat",
    .arguments = "RECORD|DIR...",
    .arguments_min = 1,
    .arguments_max = -1,
    .description = "Finds every heartbeat and the waves of each, in every lead on its own and fused over the leads, and writes\n"
                   "record,lead,wave,onset,peak,offset: one row a wave that is there, positions in samples at the recording's own rate,\n"
                   "counted from 0. The peak of QRS is the R position. A folder is searched to the bottom; a recording that cannot be read\n"
                   "is reported and left out (exit status 4).",
    .examples = "physioclr fiducials archive/ --leads all -o marks.csv\n"
                "physioclr fiducials 100 --leads global --atr qrs",
    .options = OPTIONS,
    .run = run,
};
