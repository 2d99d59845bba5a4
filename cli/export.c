/* SPDX-License-Identifier: Apache-2.0 */
#include <physioclr.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"

static const cli_option OPTIONS[] = {
    {.name = "output",
     .letter = 'o',
     .type = CLI_TEXT,
     .argument = "FILE|DIR",
     .required = true,
     .help = "FILE.csv, FILE.npy, - (CSV to standard output), or a folder for WFDB"},
    {.name = "record", .type = CLI_TEXT, .argument = "ID", .help = "which record of a dataset"},
    {.name = "start", .type = CLI_REAL, .argument = "SECONDS", .default_value = "0", .help = "where the part begins"},
    {.name = "seconds", .type = CLI_REAL, .argument = "SECONDS", .default_value = "0", .help = "its length; 0: to the end"},
    {.name = "derive", .type = CLI_FLAG, .help = "add the limb leads that follow from two others"},
    {.name = "deidentify",
     .type = CLI_TEXT,
     .argument = "KEY",
     .help = "id and patient as hashes keyed by this file (made where it is not there), dates moved, free text dropped, age at most 90"},
    CLI_READING_OPTIONS,
    {.name = NULL},
};

static pclr_status load(cli_context *c, pclr_record **record, pclr_error *error)
{
    const char *path = cli_argument(c, 0), *id = cli_text(c, "record");
    pclr_read_options options = cli_reading(c);
    pclr_dataset *d = NULL;

    options.derive_leads = cli_flag(c, "derive");
    if (!id && pclr_dataset_is(path)) {
        snprintf(error->message, sizeof error->message, "%s: a dataset; expected --record ID, to choose one of its records", path);
        return error->status = PCLR_E_ARGUMENT;
    }
    if (!id) return pclr_record_read(record, path, &options, error);
    pclr_status status = pclr_dataset_open(&d, path, error);
    if (status != PCLR_OK) return status;
    int64_t k = pclr_dataset_find(d, id);
    if (k < 0) {
        snprintf(error->message, sizeof error->message, "%s: no record \"%s\"; expected an id of /records/id; see them with h5dump or h5py",
                 path, id);
        status = error->status = PCLR_E_DATA;
    } else {
        status = pclr_dataset_record(d, (size_t)k, record, error);
    }
    pclr_dataset_destroy(&d);
    return status;
}

/* Keeps [first, first + count) of every lead. */
static bool cut(pclr_record *r, double start, double seconds)
{
    size_t first = start > 0 ? (size_t)llround(start * r->rate) : 0;
    if (first >= r->samples) return false;
    size_t count = r->samples - first;
    if (seconds > 0 && seconds * r->rate < (double)count) count = (size_t)llround(seconds * r->rate);
    if (count == 0) return false;
    for (size_t k = 0; k < r->leads; k++) {
        memmove(r->signal + k * count, r->signal + k * r->samples + first, count * sizeof *r->signal);
        if (r->valid) memmove(r->valid + k * count, r->valid + k * r->samples + first, count);
    }
    size_t to = 0;
    for (size_t k = 0; k < r->annotations; k++) {
        pclr_annotation a = r->annotation[k];
        if (a.sample < (int64_t)first || a.sample >= (int64_t)(first + count)) continue;
        char *spare = r->annotation[to].aux; /* swapped, so that every text is still freed once */
        a.sample -= (int64_t)first;
        r->annotation[to] = a;
        if (to != k) r->annotation[k].aux = spare;
        to++;
    }
    for (size_t k = to; k < r->annotations; k++) r->annotation[k].sample = (int64_t)count;
    r->samples = count;
    return true;
}

static bool is_missing(const pclr_record *r, size_t lead, size_t i)
{
    return r->valid && !r->valid[lead * r->samples + i];
}

static void write_csv(const pclr_record *r, FILE *out)
{
    fprintf(out, "time");
    for (size_t k = 0; k < r->leads; k++) fprintf(out, ",%s", r->channel[k].name);
    fprintf(out, "\n");
    for (size_t i = 0; i < r->samples; i++) {
        fprintf(out, "%.9g", (double)i / r->rate);
        for (size_t k = 0; k < r->leads; k++) {
            fprintf(out, ",");
            if (!is_missing(r, k, i)) fprintf(out, "%.9g", (double)r->signal[k * r->samples + i]);
        }
        fprintf(out, "\n");
    }
}

/* NPY 1.0: magic, version, length of a text header padded to 64 bytes, data. float32 [samples][leads], mV, NaN = missing. */
static void write_npy(const pclr_record *r, FILE *out)
{
    char header[128];
    int n = snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", r->samples, r->leads);
    while ((n + 11) % 64 != 0) header[n++] = ' ';
    header[n++] = '\n';
    fwrite("\x93NUMPY\x01", 1, 7, out);
    fputc(0, out);
    fputc(n & 0xff, out);
    fputc(n >> 8, out);
    fwrite(header, 1, (size_t)n, out);
    for (size_t i = 0; i < r->samples; i++) {
        for (size_t k = 0; k < r->leads; k++) {
            float v = is_missing(r, k, i) ? NAN : r->signal[k * r->samples + i];
            fwrite(&v, sizeof v, 1, out);
        }
    }
}

static int write_file(cli_context *c, const pclr_record *r, const char *path)
{
    cli_output out;
    int status = cli_output_open(c, &out, path);

    if (status != CLI_DONE) return status;
    if (cli_ends_with(path, ".npy")) {
        write_npy(r, out.stream);
    } else {
        write_csv(r, out.stream);
    }
    return cli_output_close(c, &out, true);
}

static int run(cli_context *c)
{
    const char *path = cli_text(c, "output"), *key = cli_text(c, "deidentify");
    pclr_error error = {0};
    pclr_record *r = NULL;
    int result = CLI_DONE;

    if (load(c, &r, &error) != PCLR_OK) return cli_fail(c, &error);
    if (key && pclr_record_deidentify(r, key, &error) != PCLR_OK) {
        pclr_record_destroy(&r);
        return cli_fail(c, &error);
    }
    if (!cut(r, cli_real(c, "start"), cli_real(c, "seconds"))) {
        result = cli_usage(c, "--start %g --seconds %g: nothing left of %g s", cli_real(c, "start"), cli_real(c, "seconds"),
                           (double)r->samples / r->rate);
    } else if (strcmp(path, "-") == 0 || cli_ends_with(path, ".csv") || cli_ends_with(path, ".npy")) {
        result = write_file(c, r, path);
    } else if (pclr_record_write_wfdb(r, path, NULL, &error) != PCLR_OK) {
        result = cli_fail(c, &error);
    }
    pclr_record_destroy(&r);
    return result;
}

const cli_command cli_export_command = {
    .name = "export",
    .summary = "a recording or a part of it as WFDB, CSV or NPY",
    .arguments = "RECORD|DATASET.h5",
    .arguments_min = 1,
    .arguments_max = 1,
    .description =
        "Values are millivolts; missing samples are empty in CSV, NaN in NPY and the format's own mark in WFDB. CSV begins with the time\n"
        "in seconds; NPY is float32 [samples][leads].",
    .examples = "physioclr export scan.xml -o wfdb/\n"
                "physioclr export ptbxl.h5 --record 00001_hr --start 2 --seconds 5 -o part.csv",
    .options = OPTIONS,
    .run = run,
};
