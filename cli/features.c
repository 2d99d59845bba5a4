/* SPDX-License-Identifier: Apache-2.0 */
#include <physioclr.h>

#include <string.h>

#include "reading.h"

static const cli_option OPTIONS[] = {
    {.name = "output", .letter = 'o', .type = CLI_TEXT, .argument = "FILE", .default_value = "-", .help = "CSV file for recordings; - is standard output"},
    {.name = "layout", .letter = 'l', .type = CLI_TEXT, .argument = "NAME", .default_value = "paper150", .help = "which features: paper150, rich"},
    {.name = "seconds", .letter = 's', .type = CLI_REAL, .argument = "S", .default_value = "5", .help = "length of a segment in s"},
    CLI_READING_OPTIONS,
    {.name = "strict", .type = CLI_FLAG, .help = "exit with status 3 when any recording is refused"},
    {.name = NULL},
};

static void print_coverage(const pclr_feature_layout *layout, const pclr_features_summary *s)
{
    printf("%-28s %-6s %9s\n", "feature", "unit", "valid");
    for (size_t k = 0; k < layout->count && k < sizeof s->coverage / sizeof s->coverage[0]; k++)
        printf("%-28s %-6s %7.1f %%\n", pclr_feature_name(layout, k), pclr_feature_unit(layout, k), 100 * (double)s->coverage[k]);
    printf("%zu segments of %zu records in %.1f s; %zu records could not be measured\n", s->segments, s->records, s->seconds, s->failed);
}

static void print_json(const pclr_feature_layout *layout, const pclr_features_summary *s)
{
    printf("{\"layout\": ");
    cli_json_string(stdout, layout->name);
    printf(", \"records\": %zu, \"segments\": %zu, \"failed\": %zu, \"seconds\": %.3f, \"coverage\": {", s->records, s->segments, s->failed, s->seconds);
    for (size_t k = 0; k < layout->count && k < sizeof s->coverage / sizeof s->coverage[0]; k++) {
        if (k > 0) fputs(", ", stdout);
        cli_json_string(stdout, pclr_feature_name(layout, k));
        printf(": %.4f", (double)s->coverage[k]);
    }
    puts("}}");
}

static int of_dataset(cli_context *c, const pclr_features_options *options)
{
    pclr_error error = {0};
    pclr_features_summary summary;
    pclr_callbacks callbacks = cli_callbacks(c);
    if (pclr_dataset_compute_features(cli_argument(c, 0), options, &callbacks, &summary, &error) != PCLR_OK) return cli_fail(c, &error);
    const pclr_feature_layout *layout = pclr_feature_layout_find(options->layout);
    if (cli_json(c))
        print_json(layout, &summary);
    else if (!cli_flag(c, "quiet"))
        print_coverage(layout, &summary);
    if (summary.failed == 0) return CLI_DONE;
    return summary.failed == summary.records || cli_flag(c, "strict") ? CLI_UNUSABLE : CLI_PARTIAL;
}

static int of_recordings(cli_context *c, const pclr_features_options *options)
{
    pclr_error error = {0};
    pclr_batch_summary summary;
    pclr_callbacks callbacks = cli_callbacks(c);
    pclr_features_export_options export = {.features = *options, .read = cli_reading(c)};
    size_t count;
    const char *const *inputs = cli_argument_array(c, 0, &count);
    if (pclr_features_export(inputs, count, cli_text(c, "output"), &export, &callbacks, &summary, &error) != PCLR_OK) return cli_fail(c, &error);
    return cli_batch_status(c, &summary);
}

static int run(cli_context *c)
{
    pclr_features_options options = {.layout = cli_text(c, "layout"), .segment_seconds = cli_real(c, "seconds"), .threads = cli_threads(c)};
    if (!(options.segment_seconds > 0)) return cli_usage(c, "--seconds must be above 0");
    if (!pclr_dataset_is(cli_argument(c, 0))) return of_recordings(c, &options);
    if (cli_arguments(c) > 1) return cli_usage(c, "a dataset goes alone; found '%s' behind it", cli_argument(c, 1));
    return of_dataset(c, &options);
}

const cli_command cli_features_command = {
    .name = "features",
    .summary = "the heart's physiology as numbers, per segment",
    .arguments = "DATASET.h5|RECORD|DIR...",
    .arguments_min = 1,
    .arguments_max = -1,
    .description = "For a dataset: computes marks and features of every record once, stores them in the dataset, and prints for each feature the\n"
                   "share of segments in which it could be measured. For recordings: writes CSV with the columns record, segment, start (s) and\n"
                   "one a feature, empty where it could not be measured. docs/features.md defines each feature.",
    .examples = "physioclr features archive.h5\n"
                "physioclr features recordings/ -o features.csv --seconds 10",
    .options = OPTIONS,
    .run = run,
};
