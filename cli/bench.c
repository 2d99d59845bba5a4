/* SPDX-License-Identifier: Apache-2.0 */
/* Speed of this machine along the way of the data, on simulated recordings, each figure the best of several runs. */
#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

enum { RECORDS = 400, RATE = 500, SECONDS = 10, PATH = 4096 };

typedef struct bench {
    cli_context *context;
    FILE *out;
    size_t printed;
    int threads;
    double seconds; /* an item is repeated for at least so long */
    char folder[PATH - 64];
    pclr_error error;
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One figure; `limit` is the value to reach, NAN where none is set. */
static void tell(bench *b, const char *name, double value, const char *unit, double limit)
{
    if (!cli_json(b->context)) {
        fprintf(b->out, "%-28s %12.4g %-12s", name, value, unit);
        fprintf(b->out, isnan(limit) ? "\n" : " limit %g\n", limit);
        return;
    }
    fputs(b->printed++ == 0 ? "[\n" : ",\n", b->out);
    fputs("  {\"name\": ", b->out);
    cli_json_string(b->out, name);
    fprintf(b->out, ", \"value\": %.6g, \"unit\": ", value);
    cli_json_string(b->out, unit);
    fprintf(b->out, isnan(limit) ? ", \"limit\": null}" : ", \"limit\": %g}", limit);
}

static pclr_simulate_options simulated(const bench *b)
{
    return (pclr_simulate_options){.records = RECORDS, .seed = 1, .rate = RATE, .seconds = SECONDS, .threads = b->threads};
}

static void inside(const bench *b, char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%s", b->folder, name);
}

/* ---- items ------------------------------------------------------------------------------------------------- */

/* Reads every simulated record (format 16) from the page cache: ms a 12 x 5000 record on one core. */
static pclr_status read_records(bench *b)
{
    char folder[PATH];
    inside(b, folder, sizeof folder, "records");
    const char *path = folder;
    pclr_record_list *list = NULL;
    pclr_status status = pclr_record_find(&list, &path, 1, &b->error);
    double best = INFINITY;
    for (double begin = now(); status == PCLR_OK && now() - begin < b->seconds;) {
        double start = now();
        for (size_t k = 0; k < list->count && status == PCLR_OK; k++) {
            pclr_record *record = NULL;
            status = pclr_record_read(&record, list->path[k], NULL, &b->error);
            pclr_record_destroy(&record);
        }
        best = fmin(best, (now() - start) / (double)list->count);
    }
    pclr_record_list_destroy(&list);
    if (status == PCLR_OK) tell(b, "read_wfdb16", 1e3 * best, "ms", NAN);
    return status;
}

static pclr_status import_at(bench *b, const char *name, const char *dataset, double rate, double limit)
{
    char folder[PATH], path[PATH];
    inside(b, folder, sizeof folder, "records");
    inside(b, path, sizeof path, dataset);
    const char *source = folder;
    pclr_import_options options = {.rate = rate, .split = "random=0.8/0.1/0.1", .threads = b->threads};
    double best = 0;
    for (double begin = now(); best == 0 || now() - begin < b->seconds;) {
        double start = now();
        pclr_import_summary summary = {0};
        pclr_status status = pclr_import(path, &source, 1, &options, NULL, &summary, &b->error);
        if (status != PCLR_OK) return status;
        best = fmax(best, (double)summary.imported / (now() - start));
    }
    tell(b, name, best, "records/s", limit);
    return PCLR_OK;
}

static pclr_status import_records(bench *b)
{
    pclr_status status = import_at(b, "import", "dataset.h5", RATE, 2000);
    return status == PCLR_OK ? import_at(b, "import_resampled", "resampled.h5", 400, 600) : status;
}

enum { TRACES = 32 };

static pclr_status mark_once(bench *b, pclr_record **record, const pclr_fiducial_options *options, bool features)
{
    float value[512];
    uint8_t valid[512];
    pclr_status status = PCLR_OK;
    for (size_t k = 0; k < TRACES && status == PCLR_OK; k++) {
        pclr_fiducials *marks = NULL;
        status = pclr_fiducials_compute(&marks, record[k], options, &b->error);
        for (int s = 0; features && s < 2 && status == PCLR_OK; s++)
            status = pclr_features_compute(pclr_feature_layout_find(NULL), record[k], marks, s * 5.0 * RATE, 5.0 * RATE, value, valid, NULL,
                                           &b->error);
        pclr_fiducials_destroy(&marks);
    }
    return status;
}

static pclr_status measure_marks(bench *b, pclr_record **record, const char *name, const pclr_fiducial_options *options, bool features,
                                 double limit)
{
    double best = INFINITY;
    for (double begin = now(); now() - begin < b->seconds;) {
        double start = now();
        pclr_status status = mark_once(b, record, options, features);
        if (status != PCLR_OK) return status;
        best = fmin(best, (now() - start) / TRACES);
    }
    tell(b, name, 1e3 * best, "ms", limit);
    return PCLR_OK;
}

/* Lead II alone. */
static pclr_status one_lead(pclr_record **single, const pclr_record *record, pclr_error *error)
{
    pclr_status status = pclr_record_create(single, record->id, record->rate, 1, record->samples, error);
    if (status != PCLR_OK) return status;
    (*single)->channel[0] = record->channel[PCLR_LEAD_II];
    memcpy((*single)->signal, record->signal + PCLR_LEAD_II * record->samples, record->samples * sizeof *record->signal);
    return PCLR_OK;
}

enum { HALF_HOURS = 48, HALF_HOUR = 1800 };

/* Seconds of `times` computations of all marks; the least of two rounds. */
static pclr_status seconds_of_marks(bench *b, const pclr_record *record, int times, double *seconds)
{
    const pclr_fiducial_options one_thread = {.threads = 1};
    *seconds = INFINITY;
    for (int round = 0; round < 2; round++) {
        double start = now();
        for (int k = 0; k < times; k++) {
            pclr_fiducials *marks = NULL;
            pclr_status status = pclr_fiducials_compute(&marks, record, &one_thread, &b->error);
            pclr_fiducials_destroy(&marks);
            if (status != PCLR_OK) return status;
        }
        *seconds = fmin(*seconds, now() - start);
    }
    return PCLR_OK;
}

/* Marks of a day in one lead at 250 Hz as a multiple of the time of its 48 half hours one by one. */
static pclr_status measure_day(bench *b)
{
    pclr_simulate_options options = {.seed = 1, .rate = 250, .seconds = HALF_HOUR};
    pclr_record *source = NULL, *part = NULL, *day = NULL;
    double whole = 0, parts = 0;
    pclr_status status = pclr_simulate_record(&source, 0, &options, &b->error);
    if (status == PCLR_OK) status = one_lead(&part, source, &b->error);
    if (status == PCLR_OK) status = pclr_record_create(&day, "day", part->rate, 1, HALF_HOURS * part->samples, &b->error);
    for (size_t k = 0; status == PCLR_OK && k < HALF_HOURS; k++)
        memcpy(day->signal + k * part->samples, part->signal, part->samples * sizeof *part->signal);
    if (status == PCLR_OK) status = seconds_of_marks(b, part, HALF_HOURS, &parts);
    if (status == PCLR_OK) status = seconds_of_marks(b, day, 1, &whole);
    if (status == PCLR_OK) tell(b, "fiducials_day", whole / parts, "x", 1.2);
    pclr_record_destroy(&day);
    pclr_record_destroy(&part);
    pclr_record_destroy(&source);
    return status;
}

/* Beats of one lead; marks and features of 12 x 5000 records in memory, on one core; marks of a day. */
static pclr_status physiology(bench *b)
{
    pclr_record *record[TRACES] = {NULL}, *single[TRACES] = {NULL};
    pclr_simulate_options options = simulated(b);
    pclr_status status = PCLR_OK;
    for (size_t k = 0; k < TRACES && status == PCLR_OK; k++) {
        status = pclr_simulate_record(&record[k], k, &options, &b->error);
        if (status == PCLR_OK) status = one_lead(&single[k], record[k], &b->error);
    }
    const pclr_fiducial_options all = {.threads = 1}, r_only = {.r_only = true, .threads = 1};
    if (status == PCLR_OK) status = measure_marks(b, single, "r_peaks", &r_only, false, NAN);
    if (status == PCLR_OK) status = measure_marks(b, record, "fiducials", &all, false, NAN);
    if (status == PCLR_OK) status = measure_marks(b, record, "features", &all, true, 1.0);
    if (status == PCLR_OK) status = measure_day(b);
    for (size_t k = 0; k < TRACES; k++) {
        pclr_record_destroy(&single[k]);
        pclr_record_destroy(&record[k]);
    }
    return status;
}

static pclr_status configure(bench *b, pclr_config **config, const char *encoder, const char *size, const char *batch)
{
    char threads[16];
    snprintf(threads, sizeof threads, "%d", b->threads);
    const char *set[][2] = {{"encoder.name", encoder},  {"encoder.size", size},           {"input.rate", "500"},
                            {"input.seconds", "5"},     {"train.batch", batch},           {"train.steps", "8"},
                            {"train.threads", threads}, {"train.validation_batches", "0"}};
    pclr_status status = pclr_config_create(config, &b->error);
    for (size_t k = 0; k < sizeof set / sizeof set[0] && status == PCLR_OK; k++)
        status = pclr_config_set(*config, set[k][0], set[k][1], &b->error);
    return status;
}

/* Embeds records with the encoder just trained, from millivolts to the vector. */
static pclr_status infer(bench *b, const char *run, const char *name)
{
    char path[PATH + 32];
    pclr_model *model = NULL;
    pclr_record *record = NULL;
    float *embedding = NULL;
    snprintf(path, sizeof path, "%s/encoder.safetensors", run);
    pclr_simulate_options options = simulated(b);
    pclr_status status = pclr_simulate_record(&record, 0, &options, &b->error);
    if (status == PCLR_OK) status = pclr_model_open(&model, path, b->threads, &b->error);
    if (status == PCLR_OK) embedding = calloc(pclr_model_dimensions(model), sizeof *embedding);
    double best = INFINITY;
    for (double begin = now(); embedding && status == PCLR_OK && now() - begin < b->seconds;) {
        double start = now();
        status = pclr_model_embed(model, record, embedding, &b->error);
        best = fmin(best, now() - start);
    }
    free(embedding);
    pclr_model_destroy(&model);
    pclr_record_destroy(&record);
    if (status == PCLR_OK) tell(b, name, 1e3 * best, "ms", NAN);
    return status;
}

static pclr_status train_encoder(bench *b, const char *encoder, const char *size, const char *batch)
{
    char dataset[PATH], run[PATH], name[64];
    inside(b, dataset, sizeof dataset, "dataset.h5");
    inside(b, run, sizeof run, encoder);
    pclr_config *config = NULL;
    pclr_train_summary summary = {0};
    pclr_status status = configure(b, &config, encoder, size, batch);
    if (status == PCLR_OK) status = pclr_pretrain(dataset, config, run, false, NULL, &summary, &b->error);
    pclr_config_destroy(&config);
    if (status != PCLR_OK) return status;
    snprintf(name, sizeof name, "train_%s_%s", encoder, size);
    tell(b, name, summary.segments_per_second, "segments/s", NAN);
    snprintf(name, sizeof name, "embed_%s_%s", encoder, size);
    return infer(b, run, name);
}

static pclr_status training(bench *b)
{
    char dataset[PATH];
    inside(b, dataset, sizeof dataset, "dataset.h5");
    double start = now();
    pclr_features_options options = {.threads = b->threads};
    pclr_features_summary summary = {0};
    pclr_status status = pclr_dataset_compute_features(dataset, &options, NULL, &summary, &b->error);
    if (status != PCLR_OK) return status;
    tell(b, "features_dataset", (double)summary.records / (now() - start), "records/s", NAN);
    status = train_encoder(b, "transformer", "small", "32");
    return status == PCLR_OK ? train_encoder(b, "xresnet1d", "18", "32") : status;
}

/* ---- command ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    pclr_status (*run)(bench *b);
} ITEMS[] = {
    {"read", read_records},
    {"import", import_records},
    {"physiology", physiology},
    {"training", training},
};

static bool wanted(const cli_context *c, const char *name)
{
    size_t count;
    const char *const *only = cli_list(c, "only", &count);
    for (size_t k = 0; k < count; k++)
        if (strcmp(only[k], name) == 0) return true;
    return count == 0;
}

/* The first name of --only that is no item, or NULL. */
static const char *unknown_item(const cli_context *c)
{
    size_t count;
    const char *const *only = cli_list(c, "only", &count);
    for (size_t k = 0; k < count; k++) {
        size_t i = 0;
        while (i < sizeof ITEMS / sizeof ITEMS[0] && strcmp(only[k], ITEMS[i].name) != 0) i++;
        if (i == sizeof ITEMS / sizeof ITEMS[0]) return only[k];
    }
    return NULL;
}

static pclr_status prepare(bench *b)
{
    char path[PATH];
    inside(b, path, sizeof path, "records");
    pclr_simulate_options options = simulated(b);
    double start = now();
    pclr_status status = pclr_simulate(path, &options, NULL, &b->error);
    if (status == PCLR_OK) tell(b, "simulate", RECORDS / (now() - start), "records/s", NAN);
    /* Training needs a dataset even where the import itself is not measured. */
    if (status == PCLR_OK && !wanted(b->context, "import") && wanted(b->context, "training")) {
        const char *source = path;
        char dataset[PATH];
        inside(b, dataset, sizeof dataset, "dataset.h5");
        pclr_import_options import = {.rate = RATE, .split = "random=0.8/0.1/0.1", .threads = b->threads};
        status = pclr_import(dataset, &source, 1, &import, NULL, NULL, &b->error);
    }
    return status;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static int run(cli_context *c)
{
    cli_output out;
    bench b = {.context = c, .threads = cli_threads(c), .seconds = cli_real(c, "seconds")};
    if (unknown_item(c)) return cli_usage(c, "--only %s: expected read, import, physiology or training", unknown_item(c));
    int exit_status = cli_output_open(c, &out, cli_text(c, "output"));
    if (exit_status != CLI_DONE) return exit_status;
    b.out = out.stream;
    snprintf(b.folder, sizeof b.folder, "%s/physioclr-bench-XXXXXX", cli_temporary_folder());
    if (!mkdtemp(b.folder)) {
        cli_output_close(c, &out, false);
        b.error.status = PCLR_E_IO;
        snprintf(b.error.message, sizeof b.error.message, "%.200s: cannot make a folder; set TMPDIR to one with room", b.folder);
        return cli_fail(c, &b.error);
    }
    pclr_callbacks callbacks = cli_callbacks(c);
    pclr_status status = prepare(&b);
    for (size_t k = 0; k < sizeof ITEMS / sizeof ITEMS[0] && status == PCLR_OK; k++) {
        if (callbacks.stop(callbacks.user)) status = PCLR_E_INTERRUPTED;
        if (status == PCLR_OK && wanted(c, ITEMS[k].name)) status = ITEMS[k].run(&b);
        fflush(b.out);
    }
    if (cli_json(c) && b.printed > 0) fputs("\n]\n", b.out);
    if (nftw(b.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) cli_note(c, "cannot remove %s", b.folder);
    if (status == PCLR_E_INTERRUPTED && b.error.status == PCLR_OK) b.error = (pclr_error){.status = status, .message = "interrupted"};
    exit_status = cli_output_close(c, &out, status == PCLR_OK);
    return status == PCLR_OK ? exit_status : cli_fail(c, &b.error);
}

static const cli_option OPTIONS[] = {
    {.name = "output",
     .letter = 'o',
     .type = CLI_TEXT,
     .argument = "FILE",
     .default_value = "-",
     .help = "where the figures go; - is standard output"},
    {.name = "only", .type = CLI_LIST, .argument = "ITEM", .help = "read, import, physiology or training; may be given several times"},
    {.name = "seconds",
     .type = CLI_REAL,
     .argument = "S",
     .default_value = "1",
     .help = "an item is repeated for so long; the best run counts"},
    {.name = NULL},
};

const cli_command cli_bench_command = {
    .name = "bench",
    .summary = "speed of reading, import, fiducials, features, training and inference here",
    .arguments = "",
    .description = "Measures each stage on simulated 12-lead recordings of 10 s at 500 Hz and prints name, value, unit and, where one is\n"
                   "set, the limit to reach. Times are of one core for a single record, of all threads for an archive.",
    .examples = "physioclr bench\n"
                "physioclr bench --only physiology --json",
    .options = OPTIONS,
    .run = run,
};
