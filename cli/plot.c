/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"

static const cli_option OPTIONS[] = {
    {.name = "output", .letter = 'o', .type = CLI_TEXT, .argument = "FILE", .required = true, .help = "FILE.svg, FILE.png or FILE.pdf"},
    {.name = "marks", .letter = 'm', .type = CLI_FLAG, .help = "draw onset, peak and end of P, QRS and T"},
    {.name = "layout", .type = CLI_TEXT, .argument = "NAME", .help = "paper: 3 rows of 4 leads and a rhythm strip; rows: a row a lead"},
    {.name = "first", .type = CLI_REAL, .argument = "SECONDS", .default_value = "0", .help = "begin of the part that is drawn"},
    {.name = "seconds", .type = CLI_REAL, .argument = "SECONDS", .default_value = "0", .help = "its length; 0: up to 10"},
    {.name = "title", .type = CLI_TEXT, .argument = "TEXT", .help = "heading (default: id, age and sex)"},
    CLI_READING_OPTIONS,
    {.name = NULL},
};

static int run(cli_context *c)
{
    pclr_error error = {0};
    pclr_record *record = NULL;
    pclr_fiducials *fiducials = NULL;
    pclr_read_options reading = cli_reading(c);
    reading.derive_leads = true;
    pclr_plot_options options = {.title = cli_text(c, "title"),
                                 .marks = cli_flag(c, "marks"),
                                 .first = cli_real(c, "first"),
                                 .seconds = cli_real(c, "seconds"),
                                 .layout = cli_text(c, "layout")};
    pclr_status status = pclr_record_read(&record, cli_argument(c, 0), &reading, &error);
    if (status == PCLR_OK && options.marks) status = pclr_fiducials_compute(&fiducials, record, NULL, &error);
    if (status == PCLR_OK) status = pclr_plot_record(cli_text(c, "output"), record, fiducials, &options, &error);
    pclr_fiducials_destroy(&fiducials);
    pclr_record_destroy(&record);
    return status == PCLR_OK ? CLI_DONE : cli_fail(c, &error);
}

const cli_command cli_plot_command = {
    .name = "plot",
    .summary = "a recording on ECG paper, with marks",
    .arguments = "RECORD",
    .arguments_min = 1,
    .arguments_max = 1,
    .description =
        "Draws a recording on ECG paper, 25 mm/s and 10 mm/mV in true size, as SVG, PNG or PDF. III, aVR, aVL and aVF are computed\n"
        "where the recording has I and II alone. With --marks every lead has a row of its own and P, QRS and T are shaded from onset\n"
        "to end with a dot on the peak.",
    .examples = "physioclr plot records500/00000/00001_hr -o ecg.pdf\n"
                "physioclr plot 100 --marks --first 300 --seconds 10 -o marks.png",
    .options = OPTIONS,
    .run = run,
};
