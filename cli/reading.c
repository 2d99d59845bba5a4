/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"

pclr_read_options cli_reading(const cli_context *c)
{
    return (pclr_read_options){.unit = cli_text(c, "unit"), .rate = cli_real(c, "fs"), .leads = cli_text(c, "lead-names")};
}

int cli_batch_status(cli_context *c, const pclr_batch_summary *summary)
{
    if (summary->found == 0) {
        cli_note(c, "no recordings found");
        return CLI_UNUSABLE;
    }
    if (summary->refused == 0) return CLI_DONE;
    cli_note(c, "%zu of %zu recordings refused", summary->refused, summary->found);
    return summary->done == 0 || cli_flag(c, "strict") ? CLI_UNUSABLE : CLI_PARTIAL;
}
