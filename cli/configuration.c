/* SPDX-License-Identifier: Apache-2.0 */
#include "configuration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "key=value" into the configuration. */
static int set_one(cli_context *c, pclr_config *config, const char *setting)
{
    char key[256];
    pclr_error error = {0};
    const char *equals = strchr(setting, '=');
    if (!equals || (size_t)(equals - setting) >= sizeof key) return cli_usage(c, "--set %s: expected KEY=VALUE", setting);
    snprintf(key, sizeof key, "%.*s", (int)(equals - setting), setting);
    return pclr_config_set(config, key, equals + 1, &error) == PCLR_OK ? CLI_DONE : cli_fail(c, &error);
}

static int fill(cli_context *c, const char *before, pclr_config *config)
{
    pclr_error error = {0};
    size_t count = 0;
    const char *const *setting = cli_list(c, "set", &count);
    if (before && pclr_config_load(config, before, &error) != PCLR_OK) return cli_fail(c, &error);
    if (cli_text(c, "config") && pclr_config_load(config, cli_text(c, "config"), &error) != PCLR_OK) return cli_fail(c, &error);
    for (size_t k = 0; k < count; k++) {
        int status = set_one(c, config, setting[k]);
        if (status != CLI_DONE) return status;
    }
    const char *device = cli_text(c, "device");
    const bool gpu = device && strcmp(device, "cuda") == 0;
    if (device && !gpu && strcmp(device, "cpu") != 0) return cli_usage(c, "--device %s: expected cpu or cuda", device);
    if (device && pclr_config_set(config, "train.backend", gpu ? "cuda" : "auto", &error) != PCLR_OK) return cli_fail(c, &error);
    if (cli_threads(c) > 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", cli_threads(c));
        if (pclr_config_set(config, "train.threads", number, &error) != PCLR_OK) return cli_fail(c, &error);
    }
    return CLI_DONE;
}

int cli_configuration(cli_context *c, const char *before, pclr_config **config)
{
    pclr_error error = {0};
    *config = NULL;
    if (pclr_config_create(config, &error) != PCLR_OK) return cli_fail(c, &error);
    int status = fill(c, before, *config);
    if (status != CLI_DONE) pclr_config_destroy(config);
    return status;
}

int cli_print_keys(void)
{
    const char *key, *value, *help;
    for (size_t k = 0; (key = pclr_config_key(k, &value, &help)); k++) printf("%-32s %-14s %s\n", key, value[0] ? value : "\"\"", help);
    return CLI_DONE;
}

static void print_number(double value)
{
    if (isfinite(value))
        printf("%.10g", value);
    else
        printf("null");
}

void cli_print_summary(const cli_context *c, const char *run, const char *file, const pclr_train_summary *s)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", run, file);
    if (!cli_json(c)) {
        printf("%s: ", path);
        if (s->steps > 0) printf("%lld steps in ", (long long)s->steps);
        printf("%.1f s", s->seconds);
        if (s->segments_per_second > 0) printf(" (%.1f segments/s)", s->segments_per_second);
        if (isfinite(s->best_value)) printf(", %s %.4f", s->best_name, s->best_value);
        printf("\n");
        return;
    }
    printf("{\"file\":");
    cli_json_string(stdout, path);
    printf(",\"steps\":%lld,\"seconds\":", (long long)s->steps);
    print_number(s->seconds);
    printf(",\"segments_per_second\":");
    print_number(s->segments_per_second);
    printf(",\"best_name\":");
    cli_json_string(stdout, s->best_name);
    printf(",\"best_value\":");
    print_number(s->best_value);
    printf(",\"planned_bytes\":%llu}\n", (unsigned long long)s->peak_bytes);
}
