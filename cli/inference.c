/* SPDX-License-Identifier: Apache-2.0 */
#include "inference.h"

int cli_inference(cli_context *c, cli_runner runner)
{
    pclr_error error = {0};
    pclr_batch_summary summary = {0};
    pclr_callbacks callbacks = cli_callbacks(c);
    pclr_inference_options options = {.split = cli_text(c, "split"), .read = cli_reading(c), .threads = cli_threads(c)};
    if (runner == pclr_predict) options.segment_seconds = cli_real(c, "segment-seconds");
    size_t count = 0;
    const char *const *inputs = cli_argument_array(c, 1, &count);
    if (runner(cli_argument(c, 0), inputs, count, cli_text(c, "output"), &options, &callbacks, &summary, &error) != PCLR_OK)
        return cli_fail(c, &error);
    cli_note(c, "%zu of %zu recordings in %.2f s", summary.done, summary.found, summary.seconds);
    return cli_batch_status(c, &summary);
}
