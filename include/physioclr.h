/* SPDX-License-Identifier: Apache-2.0 */
/*
 * physioclr.h: everything public of libphysioclr.
 *
 * From an archive of ECG recordings to a published AUROC: read records, find every wave, measure the
 * heart's physiology, pretrain an encoder that knows it, train a classifier from few labels, evaluate.
 *
 * A complete program (tests/example.c holds the same text and is built and run by `make test`):
 *
 *     #include <physioclr.h>
 *     #include <stdio.h>
 *
 *     int main(int argc, char **argv)
 *     {
 *         pclr_error error = {0};
 *         pclr_record *record = NULL;
 *         pclr_fiducials *marks = NULL;
 *         int status = 1;
 *
 *         if (argc != 2) {
 *             fprintf(stderr, "usage: %s RECORD\n", argv[0]);
 *             return 2;
 *         }
 *         if (pclr_record_read(&record, argv[1], NULL, &error) != PCLR_OK) goto done;
 *         if (pclr_fiducials_compute(&marks, record, NULL, &error) != PCLR_OK) goto done;
 *         for (size_t b = 0; b < marks->beats; b++) {
 *             const pclr_beat *beat = pclr_fiducials_beat(marks, PCLR_FUSED, b);
 *             printf("beat %zu: R at %.3f s\n", b + 1, beat->qrs.peak / marks->rate);
 *         }
 *         status = 0;
 *     done:
 *         if (status != 0) fprintf(stderr, "%s\n", error.message);
 *         pclr_fiducials_destroy(&marks);
 *         pclr_record_destroy(&record);
 *         return status;
 *     }
 *
 * Rules that hold for every function here:
 *  - A function that can fail returns pclr_status, which must be used. On failure the caller's pclr_error
 *    (may be NULL) says which file, where in it, what was found, what was expected and what to do.
 *  - The library never prints, never exits and keeps no hidden global state. Progress and log reach the
 *    caller through pclr_callbacks.
 *  - Whoever creates destroys. *_destroy takes the address of a pointer, accepts NULL and half-built
 *    objects, and leaves NULL behind.
 *  - An object may be used by one thread at a time; different objects by different threads at once.
 *  - Shapes are row-major with named axes, e.g. [lead][sample]. Signals are in millivolt unless said
 *    otherwise; positions in samples at the record's own rate, counted from 0, fractions allowed.
 *  - Missing data is told by flags beside the values, not by NaN. NaN appears in files only.
 *  - Options structs: NULL or all-zero members mean the documented defaults.
 */
#ifndef PHYSIOCLR_H
#define PHYSIOCLR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PCLR_API __attribute__((visibility("default")))
#define PCLR_MUST_USE __attribute__((warn_unused_result))
#else
#define PCLR_API
#define PCLR_MUST_USE
#endif

#define PCLR_VERSION_MAJOR 0
#define PCLR_VERSION_MINOR 1
#define PCLR_VERSION_PATCH 0
#define PCLR_VERSION "0.1.0"

/* ---- status and messages ------------------------------------------------------------------------- */

typedef enum pclr_status {
    PCLR_OK = 0,
    PCLR_E_ARGUMENT,    /* the call itself is wrong: a bad option, an impossible shape */
    PCLR_E_MEMORY,      /* no memory */
    PCLR_E_IO,          /* the operating system refused: create, read, write, rename */
    PCLR_E_FORMAT,      /* a file is damaged or not of its format */
    PCLR_E_UNSUPPORTED, /* the file is right, but this build or version cannot use it */
    PCLR_E_DATA,        /* the content is not usable: unknown unit, no such label, empty set */
    PCLR_E_NUMERIC,     /* a computation left the finite numbers */
    PCLR_E_INTERRUPTED, /* a callback asked to stop; what was finished is saved */
    PCLR_E_MISSING      /* a file or folder that was to be read is not there, or may not be opened */
} pclr_status;

/* Filled by the function that failed; owned by the caller. */
typedef struct pclr_error {
    pclr_status status;
    char message[1024]; /* one line: "PLACE: what was found; what was expected; what to do" */
} pclr_error;

/* English name of a status, e.g. "format". Never NULL. */
PCLR_API const char *pclr_status_name(pclr_status status);

/* "0.1.0", and the build: compiler, backends, libraries, one line. Static strings. */
PCLR_API const char *pclr_version(void);
PCLR_API const char *pclr_build_info(void);

/* ---- progress and log ------------------------------------------------------------------------------ */

typedef enum pclr_log_level { PCLR_LOG_DEBUG, PCLR_LOG_INFO, PCLR_LOG_WARNING } pclr_log_level;

typedef struct pclr_progress {
    const char *stage;   /* "import", "pretrain", ... */
    uint64_t done, total; /* units of `unit`; total 0: unknown */
    const char *unit;    /* "records", "steps", ... */
    double seconds;      /* since the stage began */
    double rate;         /* units per second, recent */
    const char *detail;  /* short free text, e.g. "loss 3.21"; may be NULL */
} pclr_progress;

/* Callbacks may be called from worker threads, one at a time. Every member may be NULL. */
typedef struct pclr_callbacks {
    void *user;
    void (*progress)(void *user, const pclr_progress *progress);
    void (*log)(void *user, pclr_log_level level, const char *message);
    bool (*stop)(void *user); /* true: finish cleanly, save, return PCLR_E_INTERRUPTED */
} pclr_callbacks;

/* What became of many recordings. */
typedef struct pclr_batch_summary {
    size_t found, done, refused;
    double seconds;
} pclr_batch_summary;

/* ---- record: one recording in memory ---------------------------------------------------------------- */

/* The standard leads, in the order used everywhere. Other leads keep their name and PCLR_LEAD_OTHER. */
typedef enum pclr_lead {
    PCLR_LEAD_I, PCLR_LEAD_II, PCLR_LEAD_III, PCLR_LEAD_AVR, PCLR_LEAD_AVL, PCLR_LEAD_AVF,
    PCLR_LEAD_V1, PCLR_LEAD_V2, PCLR_LEAD_V3, PCLR_LEAD_V4, PCLR_LEAD_V5, PCLR_LEAD_V6,
    PCLR_LEAD_STANDARD, /* the number of standard leads: 12 */
    PCLR_LEAD_OTHER = PCLR_LEAD_STANDARD
} pclr_lead;

/* "I".."V6" for standard leads, NULL otherwise. */
PCLR_API const char *pclr_lead_name(pclr_lead lead);
/* Lead of a name as files spell it (any case, "MLII", "avf", "MDC_ECG_LEAD_V1", "Lead II", ...). */
PCLR_API pclr_lead pclr_lead_from_name(const char *name);

typedef enum pclr_sex { PCLR_SEX_MALE = 0, PCLR_SEX_FEMALE = 1, PCLR_SEX_UNKNOWN = 255 } pclr_sex;

typedef struct pclr_channel {
    char name[32];   /* as the file spells it */
    pclr_lead lead;  /* PCLR_LEAD_OTHER when not a standard lead */
    bool derived;    /* computed from other leads, not in the file */
} pclr_channel;

/* One mark of an annotation file. */
typedef struct pclr_annotation {
    int64_t sample;  /* at the record's rate */
    int code;        /* WFDB annotation code (1 = N, 24 = p, 27 = t, 39 = '(', 40 = ')', ...) */
    int subtype, chan, num;
    char *aux;       /* text or NULL; owned by the record */
} pclr_annotation;

typedef struct pclr_record {
    char *id;             /* base name, without folder and extension */
    char *path;           /* the header or file it was read from; NULL for records made in memory */
    char *source_format;  /* "wfdb", "edf", ... */
    double rate;          /* Hz, > 0 */
    size_t leads, samples;
    pclr_channel *channel; /* [leads] */
    float *signal;        /* [leads][samples], mV; 0 where invalid */
    uint8_t *valid;       /* [leads][samples], 1 = measured, 0 = missing; NULL: everything valid */
    float age;            /* years; -1 unknown */
    pclr_sex sex;
    char *patient;        /* patient id or NULL */
    char *diagnoses;      /* codes of "#Dx:" separated by commas, or NULL */
    char *comments;       /* all comment lines, '\n' between them, or NULL */
    char *start_time;     /* ISO 8601 or NULL */
    pclr_annotation *annotation;
    size_t annotations;
    char **warning;       /* what the reader tolerated, in words */
    size_t warnings;
} pclr_record;

typedef struct pclr_read_options {
    const char *unit;       /* unit to assume where the file names none: "mV", "uV", "V", "nV"; NULL: refuse */
    double rate;            /* Hz to assume where the file has none (CSV, NPY); 0: refuse */
    const char *leads;      /* comma-separated lead names where the file has none; NULL */
    bool strict;            /* refuse what is usually tolerated (checksums, headers out of the standard) */
    bool derive_leads;      /* add III, aVR, aVL, aVF where two of I, II, III are there */
    const char *annotator;  /* extension of an annotation file to read, e.g. "atr"; NULL: none */
    int64_t first, count;   /* sample range; count 0: to the end */
} pclr_read_options;

/* Reads a recording of any known format; WFDB headers with or without ".hea". Out-of-range or hostile
 * content gives PCLR_E_FORMAT. On success *record is owned by the caller. */
PCLR_MUST_USE PCLR_API pclr_status pclr_record_read(pclr_record **record, const char *path, const pclr_read_options *options, pclr_error *error);
/* An empty record [leads][samples], signal zero, to be filled by the caller. */
PCLR_MUST_USE PCLR_API pclr_status pclr_record_create(pclr_record **record, const char *id, double rate, size_t leads, size_t samples, pclr_error *error);
PCLR_API void pclr_record_destroy(pclr_record **record);
/* Index of a standard lead in `record`, or -1. */
PCLR_API int pclr_record_find_lead(const pclr_record *record, pclr_lead lead);
/* Adds III, aVR, aVL, aVF computed from the two limb leads that are there; does nothing where they are not. */
PCLR_MUST_USE PCLR_API pclr_status pclr_record_derive_leads(pclr_record *record, pclr_error *error);
/* Writes WFDB: <folder>/<id>.hea and .dat (format 16, 1 uV a step) and, when there are annotations, <id>.<annotator>. */
PCLR_MUST_USE PCLR_API pclr_status pclr_record_write_wfdb(const pclr_record *record, const char *folder, const char *annotator, pclr_error *error);

/* For handing on: id and patient become keyed hashes, the start moves by the patient's own number of days, free text is dropped, age ends
 * at 90. The key file is made where it is not there; the same key gives the same pseudonyms. */
PCLR_MUST_USE PCLR_API pclr_status pclr_record_deidentify(pclr_record *record, const char *key_path, pclr_error *error);

/* All recordings under the given files and folders (searched to the bottom), sorted, each once. */
typedef struct pclr_record_list {
    char **path;
    size_t count;
} pclr_record_list;
PCLR_MUST_USE PCLR_API pclr_status pclr_record_find(pclr_record_list **list, const char *const *paths, size_t count, pclr_error *error);
PCLR_API void pclr_record_list_destroy(pclr_record_list **list);

/* ---- dataset: an archive in one HDF5 file ----------------------------------------------------------- */

#define PCLR_SAMPLE_MISSING INT16_MIN

typedef struct pclr_dataset pclr_dataset;

typedef struct pclr_dataset_row {
    const char *id, *source, *patient, *path; /* owned by the dataset */
    int64_t start, length;                    /* in /signal, samples */
    double source_rate;                       /* Hz */
    float age;                                /* years; -1 unknown */
    pclr_sex sex;
    uint32_t lead_mask;                       /* bit k: lead k of the dataset was in the file (or derivable) */
    int fold;                                 /* -1 none */
} pclr_dataset_row;

typedef enum pclr_split { PCLR_SPLIT_TRAIN = 0, PCLR_SPLIT_VALIDATION = 1, PCLR_SPLIT_TEST = 2, PCLR_SPLIT_NONE = 255 } pclr_split;

PCLR_MUST_USE PCLR_API pclr_status pclr_dataset_open(pclr_dataset **dataset, const char *path, pclr_error *error);
PCLR_API void pclr_dataset_destroy(pclr_dataset **dataset);
/* Is the file a dataset made by import (and not, say, recordings in HDF5)? Told by its content; false when it cannot be read. */
PCLR_API bool pclr_dataset_is(const char *path);
PCLR_API size_t pclr_dataset_records(const pclr_dataset *dataset);
PCLR_API double pclr_dataset_rate(const pclr_dataset *dataset);
PCLR_API size_t pclr_dataset_leads(const pclr_dataset *dataset);
PCLR_API const char *pclr_dataset_lead_name(const pclr_dataset *dataset, size_t lead);
PCLR_API pclr_dataset_row pclr_dataset_get_row(const pclr_dataset *dataset, size_t record);
/* Index of a record by id, or -1. */
PCLR_API int64_t pclr_dataset_find(const pclr_dataset *dataset, const char *id);
/* Reads out[length][leads] int16 (uV, PCLR_SAMPLE_MISSING = missing) of one record from `first`. Thread-safe. */
PCLR_MUST_USE PCLR_API pclr_status pclr_dataset_read(const pclr_dataset *dataset, size_t record, int64_t first, int64_t length, int16_t *out, pclr_error *error);
/* The same recording as a record in mV with validity; owned by the caller. */
PCLR_MUST_USE PCLR_API pclr_status pclr_dataset_record(const pclr_dataset *dataset, size_t record, pclr_record **out, pclr_error *error);

/* Labels of a task: values[records][classes] uint8 (255 unknown), class names. Owned by the caller. */
typedef struct pclr_labels {
    char *task;
    size_t records, classes;
    char **class_name;
    uint8_t *value; /* [records][classes]: 0, 1, 255 unknown */
} pclr_labels;
PCLR_API size_t pclr_dataset_tasks(const pclr_dataset *dataset);
PCLR_API const char *pclr_dataset_task_name(const pclr_dataset *dataset, size_t task);
PCLR_MUST_USE PCLR_API pclr_status pclr_dataset_labels(const pclr_dataset *dataset, const char *task, pclr_labels **labels, pclr_error *error);
PCLR_API void pclr_labels_destroy(pclr_labels **labels);
/* What the recorders measured, where an archive tells it: value[records][columns], NaN missing; columns 0 where none does. */
typedef struct pclr_measurements {
    size_t records, columns;
    char **name, **unit; /* [columns] */
    float *value;
} pclr_measurements;
PCLR_MUST_USE PCLR_API pclr_status pclr_dataset_measurements(const pclr_dataset *dataset, pclr_measurements **measurements, pclr_error *error);
PCLR_API void pclr_measurements_destroy(pclr_measurements **measurements);
/* Codes of diagnoses that the import met, sorted; codes 0 where it met none. known: 0 where no map of codes knew one. */
typedef struct pclr_codes {
    size_t codes;
    const char **code, **name, **class_name; /* [codes]; "" unknown */
    uint8_t *known;                          /* [codes] */
    uint64_t *records;                       /* [codes] recordings that have it */
    char *block[3];                          /* the texts' memory */
} pclr_codes;
PCLR_MUST_USE PCLR_API pclr_status pclr_dataset_codes(const pclr_dataset *dataset, pclr_codes **codes, pclr_error *error);
PCLR_API void pclr_codes_destroy(pclr_codes **codes);
PCLR_API size_t pclr_dataset_splits(const pclr_dataset *dataset);
PCLR_API const char *pclr_dataset_split_name(const pclr_dataset *dataset, size_t split);
/* out[records] of pclr_split values. */
PCLR_MUST_USE PCLR_API pclr_status pclr_dataset_split(const pclr_dataset *dataset, const char *name, uint8_t *out, pclr_error *error);

typedef struct pclr_import_options {
    const char *layout;        /* "auto", "ptbxl", "challenge", "cinc2017", "cinc2011", "code15", "wfdb", ... NULL: auto */
    const char *labels;        /* CSV with record_id and one column a label, or NULL */
    double rate;               /* Hz of the dataset; 0: 500 */
    const char *leads;         /* comma-separated leads to keep; NULL: the 12, or what the archive has when fewer */
    const char *split;         /* "name=0.8/0.1/0.1", "name=fold:1-7/8/9-10", "name=source:ptbxl" (hold-out), several with ';' */
    uint64_t seed;             /* of random splits */
    pclr_read_options read;
    int threads;               /* 0: all processors */
    bool strict;               /* any refused record is a failure */
    const char *codes;         /* CSV code,name,class: a task of its base name from the codes of diagnoses; NULL */
    int shard, shards;         /* import part 1..shards of the recordings only; shards 0: all. pclr_import_merge joins the parts */
    bool deidentify;           /* ids become keyed hashes, dates move, paths are dropped, ages end at 90 */
    const char *salt;          /* key file of deidentify, made where it is not there; NULL: physioclr.salt beside the dataset */
} pclr_import_options;

typedef struct pclr_import_summary {
    size_t found, imported, refused;
    double signal_hours, seconds;
    uint64_t bytes_read;
    size_t resumed; /* recordings that an import which was stopped had done before */
} pclr_import_summary;

/* Reads every recording under `sources` into one dataset file; refused ones are listed in rejects.csv beside it, codes of diagnoses
 * and how often they were met in codes.csv. An import that was killed or stopped goes on when it is called again the same way, and
 * gives the same bytes as one that was not. */
PCLR_MUST_USE PCLR_API pclr_status pclr_import(const char *dataset_path, const char *const *sources, size_t source_count, const pclr_import_options *options, const pclr_callbacks *callbacks, pclr_import_summary *summary, pclr_error *error);
/* Joins datasets imported in parts (shards), in the order given, into one as if imported at once. Of `options` only split and seed are
 * used, and only where split is set; NULL: those of the parts. Features are computed afterwards. */
PCLR_MUST_USE PCLR_API pclr_status pclr_import_merge(const char *dataset_path, const char *const *parts, size_t count, const pclr_import_options *options, const pclr_callbacks *callbacks, pclr_import_summary *summary, pclr_error *error);

/* ---- physiology: fiducial points and features -------------------------------------------------------- */

enum { PCLR_HAS_ONSET = 1, PCLR_HAS_PEAK = 2, PCLR_HAS_OFFSET = 4 };
#define PCLR_FUSED ((size_t)-1) /* lead index of the marks fused over all leads */

/* Positions in samples at the record's rate, fractions allowed; a member is meaningful when its bit is set. has == 0: absent wave. */
typedef struct pclr_wave {
    double onset, peak, offset;
    uint8_t has;
} pclr_wave;

typedef struct pclr_beat {
    pclr_wave p, qrs, t;   /* qrs.peak is the R position */
    uint8_t ventricular;   /* 1: wide premature beat or ventricular by shape */
    uint8_t paced;         /* 1: a pacing spike precedes the QRS */
} pclr_beat;

typedef struct pclr_fiducials {
    double rate;
    size_t leads, beats;
    pclr_beat *beat;       /* [leads + 1][beats]; row `leads` holds the fused marks. Every beat has its row in every lead. */
    float *lead_quality;   /* [leads] 0 (useless) to 1 (good) */
    float quality;         /* of the record, 0 to 1: probability that an expert would accept it */
} pclr_fiducials;

typedef struct pclr_fiducial_options {
    bool r_only;           /* R peaks only: fused row, no delineation, quality 0 */
    bool plain;            /* force the plain (unvectorised) routines */
    bool classical;        /* delineate by slopes and areas alone, without the trained networks */
    int threads;           /* 0 or 1: one */
} pclr_fiducial_options;

/* Finds every beat and its waves. A record without heartbeats gives beats == 0 and PCLR_OK. */
PCLR_MUST_USE PCLR_API pclr_status pclr_fiducials_compute(pclr_fiducials **fiducials, const pclr_record *record, const pclr_fiducial_options *options, pclr_error *error);
PCLR_API void pclr_fiducials_destroy(pclr_fiducials **fiducials);
/* lead: index in the record, or PCLR_FUSED. */
PCLR_API const pclr_beat *pclr_fiducials_beat(const pclr_fiducials *fiducials, size_t lead, size_t beat);

typedef struct pclr_marks_options {
    const char *leads;       /* "all": every lead of the file, "global": the fused marks, or a lead's name; NULL: all */
    const char *annotator;   /* also writes <record>.<annotator> WFDB annotation files; NULL: none */
    const char *folder;      /* where those go; NULL: beside the recording */
    pclr_read_options read;
    pclr_fiducial_options fiducials;
    int threads;             /* 0: all processors */
} pclr_marks_options;

/* Marks of many recordings (files or folders) as CSV `record,lead,wave,onset,peak,offset`, one row a wave that is there, positions
 * in samples from 0; csv_path "-" is standard output. A recording that cannot be read is told as a warning and counted in
 * `summary` (may be NULL); the others are not affected. The same bytes whatever the number of threads. */
PCLR_MUST_USE PCLR_API pclr_status pclr_fiducials_export(const char *const *inputs, size_t input_count, const char *csv_path, const pclr_marks_options *options, const pclr_callbacks *callbacks, pclr_batch_summary *summary, pclr_error *error);

/* A feature layout: names, units and plain definitions of its values. */
typedef struct pclr_feature_layout {
    const char *name; /* "paper150", "rich" */
    size_t count;
} pclr_feature_layout;
PCLR_API const pclr_feature_layout *pclr_feature_layout_find(const char *name); /* NULL name: paper150; unknown: NULL */
PCLR_API const char *pclr_feature_name(const pclr_feature_layout *layout, size_t k);
PCLR_API const char *pclr_feature_unit(const pclr_feature_layout *layout, size_t k);
PCLR_API const char *pclr_feature_definition(const pclr_feature_layout *layout, size_t k);

/* value[count], valid[count] of the segment [first, first + length) in samples; `amplitude_lead` (may be NULL)
 * receives the index of the lead that amplitudes were measured on, or -1. */
PCLR_MUST_USE PCLR_API pclr_status pclr_features_compute(const pclr_feature_layout *layout, const pclr_record *record, const pclr_fiducials *fiducials, double first, double length, float *value, uint8_t *valid, int *amplitude_lead, pclr_error *error);

typedef struct pclr_features_options {
    const char *layout;     /* NULL: paper150 */
    double segment_seconds; /* 0: 5 */
    int threads;            /* 0: all */
} pclr_features_options;

typedef struct pclr_features_summary {
    size_t records, segments, failed;
    double seconds;
    float coverage[512];    /* share of segments in which value k is valid */
} pclr_features_summary;

typedef struct pclr_features_export_options {
    pclr_features_options features;
    pclr_read_options read;
} pclr_features_export_options;
/* Features of many recordings (files or folders) as CSV `record,segment,start,<one column a feature>`, start in s, empty where a value
 * is invalid; csv_path "-" is standard output. A recording that cannot be read is told as a warning and counted in `summary` (may be
 * NULL); the others are not affected. The same bytes whatever the number of threads. */
PCLR_MUST_USE PCLR_API pclr_status pclr_features_export(const char *const *inputs, size_t input_count, const char *csv_path, const pclr_features_export_options *options, const pclr_callbacks *callbacks, pclr_batch_summary *summary, pclr_error *error);

/* Computes segments, R peaks and features of every record and stores them in the dataset (/segments, /physiology). */
PCLR_MUST_USE PCLR_API pclr_status pclr_dataset_compute_features(const char *dataset_path, const pclr_features_options *options, const pclr_callbacks *callbacks, pclr_features_summary *summary, pclr_error *error);

/* ---- simulate: records with a known truth ------------------------------------------------------------ */

typedef struct pclr_simulate_options {
    size_t records;       /* 0: 100 */
    uint64_t seed;
    double rate;          /* 0: 500 Hz */
    double seconds;       /* 0: 10 */
    double snr;           /* dB; NAN or 0 with snr_set false: drawn per record from 12 to 30 */
    bool snr_set;
    double records_per_patient; /* mean; 0: 1.5 */
    const char *conditions; /* comma-separated subset, NULL: all, by their prevalences */
    int threads;
} pclr_simulate_options;

/* Writes `records` WFDB records with exact marks into `folder`. Same seed, same bytes, whatever the threads. */
PCLR_MUST_USE PCLR_API pclr_status pclr_simulate(const char *folder, const pclr_simulate_options *options, const pclr_callbacks *callbacks, pclr_error *error);
/* The k-th record of a simulated archive, in memory, annotations included. */
PCLR_MUST_USE PCLR_API pclr_status pclr_simulate_record(pclr_record **record, size_t index, const pclr_simulate_options *options, pclr_error *error);

/* ---- configuration ------------------------------------------------------------------------------------ */

/* Every key of a run with its type, default, limits and help; the same table serves YAML, --set and the docs. */
typedef struct pclr_config pclr_config;

PCLR_MUST_USE PCLR_API pclr_status pclr_config_create(pclr_config **config, pclr_error *error); /* all defaults */
PCLR_API void pclr_config_destroy(pclr_config **config);
/* Unknown keys are errors that name the nearest known key. */
PCLR_MUST_USE PCLR_API pclr_status pclr_config_load(pclr_config *config, const char *yaml_path, pclr_error *error);
PCLR_MUST_USE PCLR_API pclr_status pclr_config_set(pclr_config *config, const char *key, const char *value, pclr_error *error);
PCLR_MUST_USE PCLR_API pclr_status pclr_config_save(const pclr_config *config, const char *yaml_path, pclr_error *error);
/* Value of a key as text, valid until the next change; NULL: no such key. */
PCLR_API const char *pclr_config_get(const pclr_config *config, const char *key);
/* The table of keys, for help texts: k-th key, or NULL past the end. */
PCLR_API const char *pclr_config_key(size_t k, const char **default_value, const char **help);

/* ---- train ---------------------------------------------------------------------------------------------- */

typedef struct pclr_train_summary {
    int64_t steps, epochs;
    double seconds, segments_per_second;
    double best_value;     /* validation loss (pretrain) or macro AUROC (probe, finetune) */
    char best_name[32];    /* what best_value is */
    uint64_t peak_bytes;   /* of planned memory */
} pclr_train_summary;

/* Pretrains by `objective.name`; writes the run folder (config.yaml, metrics.jsonl, checkpoint/, encoder.safetensors,
 * README.md). resume: go on from run/checkpoint bit for bit. */
PCLR_MUST_USE PCLR_API pclr_status pclr_pretrain(const char *dataset_path, const pclr_config *config, const char *run, bool resume, const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error);

/* The processes that mpirun started: they share the work of one pretraining (docs/training.md). A process that was started alone opens a
 * world of one. In a build with MPI, opening begins MPI where the program has not done so itself, and closing ends it then: one world
 * a process. Where the network has failed, closing ends all processes. Without MPI, one of several processes gets PCLR_E_UNSUPPORTED. */
typedef struct pclr_world pclr_world;
PCLR_MUST_USE PCLR_API pclr_status pclr_world_open(pclr_world **world, pclr_error *error);
PCLR_API void pclr_world_close(pclr_world **world);
PCLR_API int pclr_world_rank(const pclr_world *world); /* 0 to size - 1; NULL: 0 */
PCLR_API int pclr_world_size(const pclr_world *world); /* NULL: 1 */

/* pclr_pretrain by all processes of a world, each of which calls it with the same arguments; train.batch is the batch of all together.
 * The process of rank 0 writes the run folder and calls back; a stop asked for in any process stops all, and a failure of one is returned
 * by all. */
PCLR_MUST_USE PCLR_API pclr_status pclr_pretrain_together(pclr_world *world, const char *dataset_path, const pclr_config *config, const char *run, bool resume, const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error);

typedef struct pclr_downstream_options {
    const char *task;        /* required */
    const char *encoder;     /* encoder.safetensors; NULL: from scratch (finetune) or random (probe) */
    const char *split;       /* name of the split; NULL: the dataset's first */
    const char *input;       /* "embedding", "features", "both"; NULL: embedding */
    double label_fraction;   /* 0 or 1: all; nested subsets of patients, the same for every method */
    uint64_t label_seed;     /* of the subset; 0: 42 */
    bool resume;
} pclr_downstream_options;

/* Linear probe on the frozen encoder (L-BFGS to convergence, strength chosen on validation) -> run/model.safetensors. */
PCLR_MUST_USE PCLR_API pclr_status pclr_probe(const char *dataset_path, const pclr_downstream_options *options, const pclr_config *config, const char *run, const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error);
/* Trains encoder and head on the labels, early stopping on validation macro AUROC -> run/model.safetensors. */
PCLR_MUST_USE PCLR_API pclr_status pclr_finetune(const char *dataset_path, const pclr_downstream_options *options, const pclr_config *config, const char *run, const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error);
typedef struct pclr_study_options {
    const char *tasks; /* comma-separated, in place of the plan's; NULL: the plan's */
    const char *split; /* in place of the plan's; NULL: the plan's */
    bool ablation;     /* adds PhysioCLR without each of its terms to the plan */
    const char *const *set; /* [settings] of "KEY=VALUE" over the plan's `set`; an entry's own goes over both */
    size_t settings;
} pclr_study_options;

/* objectives x encoders x label fractions x seeds; resumable cell by cell; writes study.json, study.csv and report.html into `folder`.
 * options may be NULL. */
PCLR_MUST_USE PCLR_API pclr_status pclr_study(const char *dataset_path, const char *study_yaml, const char *folder, const pclr_study_options *options, const pclr_callbacks *callbacks, pclr_error *error);

/* ---- infer ------------------------------------------------------------------------------------------------ */

typedef struct pclr_model pclr_model;

/* Opens encoder.safetensors or model.safetensors; preprocessing, leads, rate and classes come from the file. */
PCLR_MUST_USE PCLR_API pclr_status pclr_model_open(pclr_model **model, const char *path, int threads, pclr_error *error);
PCLR_API void pclr_model_destroy(pclr_model **model);
PCLR_API size_t pclr_model_classes(const pclr_model *model); /* 0 for a bare encoder */
PCLR_API const char *pclr_model_class_name(const pclr_model *model, size_t k);
PCLR_API size_t pclr_model_dimensions(const pclr_model *model); /* of the embedding */
PCLR_API const char *pclr_model_metadata(const pclr_model *model, const char *key); /* NULL: none */
/* Probability from which class k is called present, chosen on the training run's validation records; NaN: the file stores none. */
PCLR_API double pclr_model_threshold(const pclr_model *model, size_t k);
/* By which the log odds of the model's probabilities are divided (predictions carry it already); 1 for a bare encoder. */
PCLR_API double pclr_model_temperature(const pclr_model *model);
/* probability[classes] / embedding[dimensions] of one recording, by the model file's own preprocessing. */
PCLR_MUST_USE PCLR_API pclr_status pclr_model_predict(pclr_model *model, const pclr_record *record, float *probability, pclr_error *error);
PCLR_MUST_USE PCLR_API pclr_status pclr_model_embed(pclr_model *model, const pclr_record *record, float *embedding, pclr_error *error);

typedef struct pclr_inference_options {
    const char *split;      /* "NAME:train", "NAME:validation" or "NAME:test" of a dataset; NULL: every record */
    pclr_read_options read; /* of recordings; leads that follow from others are always derived */
    int threads;            /* 0: all processors */
    double segment_seconds; /* of predictions: a row for each whole segment of so many seconds; 0: one for the recording */
} pclr_inference_options;

/* Many recordings (files and folders, or one dataset.h5) -> CSV `record_id,<one column a class>` of probabilities; csv_path "-" is
 * standard output. With segments the columns `segment` (from 0) and `start` (s) follow the record's id. A recording that cannot be used is told as a warning, left out, and counted in `summary` (may be NULL); PCLR_E_DATA
 * when none can. Results do not depend on the number of threads. options may be NULL. */
PCLR_MUST_USE PCLR_API pclr_status pclr_predict(const char *model_path, const char *const *inputs, size_t input_count, const char *csv_path, const pclr_inference_options *options, const pclr_callbacks *callbacks, pclr_batch_summary *summary, pclr_error *error);
/* The same -> NPY float32 [records][dimensions] and the id of each row, one a line, in <npy_path>.ids.txt. */
PCLR_MUST_USE PCLR_API pclr_status pclr_embed(const char *model_path, const char *const *inputs, size_t input_count, const char *npy_path, const pclr_inference_options *options, const pclr_callbacks *callbacks, pclr_batch_summary *summary, pclr_error *error);

/* ---- evaluate ----------------------------------------------------------------------------------------------- */

/* A value with its 95 % interval; defined false: the value does not exist for this input (e.g. a class without positives). */
typedef struct pclr_estimate {
    double value, low, high;
    bool defined;
} pclr_estimate;

typedef struct pclr_evaluation pclr_evaluation; /* all numbers of one prediction file; see pclr_evaluation_json */

/* What a classifier file brings along for its predictions: see pclr_model_threshold and pclr_model_temperature. */
typedef struct pclr_operating_points {
    const char *model;             /* name of the file, for the output */
    size_t classes;
    const char *const *class_name; /* [classes] */
    const double *threshold;       /* [classes], NaN: none */
    double temperature;            /* already in the probabilities */
    const char *details;           /* lines on the model for a report; NULL: none */
} pclr_operating_points;

typedef struct pclr_evaluate_options {
    const char *task;         /* of a dataset.h5 that serves as labels */
    const char *split;        /* "name:test", "name:validation"; NULL: every labelled record that was predicted */
    const char *classes;      /* comma-separated subset; NULL: all common ones */
    size_t bootstraps;        /* 0: 1000 */
    uint64_t seed;
    double sensitivity_at;    /* specificity at which sensitivity is reported; 0: 0.9 */
    int threads;
    double prevalence;        /* at which the positive predictive value is reported; 0: not */
    const char *interval;     /* "bca" or "percentile"; NULL: bca */
    bool stratified;          /* draw patients within the stratum of their rarest positive class */
    const char *thresholds;   /* "0.4" or "CLASS=0.4,CLASS=0.2"; NULL: by F1 on validation where there is one, else the model's, else 0.5 */
    const char *validation;   /* predictions on the validation records; NULL: the prediction file itself */
    const char *const *validations; /* the same, one a prediction file (NULL: none for this one), for a comparison; NULL: `validation` counts */
    const char *validation_split; /* like split; NULL: "name:validation" when split is "name:test" */
    bool allow_missing;       /* labelled records of the split without a prediction are a note, not an error */
    bool segments;            /* evaluate rows with a column `segment` one by one; false: mean over a record's segments */
    const char *const *name;  /* one name a prediction file; NULL: the files' base names */
    const pclr_operating_points *const *operating; /* one a prediction file, NULL for a file that no model file belongs to; NULL: none */
} pclr_evaluate_options;

/* AUROC with ties at 1/2; PCLR_E_DATA when one class is missing. score[n], label[n] (0, 1; others are skipped). */
PCLR_MUST_USE PCLR_API pclr_status pclr_auroc(const double *score, const uint8_t *label, size_t n, double *auroc, pclr_error *error);
PCLR_MUST_USE PCLR_API pclr_status pclr_evaluate(pclr_evaluation **evaluation, const char *predictions_csv, const char *labels_path, const pclr_evaluate_options *options, const pclr_callbacks *callbacks, pclr_error *error);
PCLR_API void pclr_evaluation_destroy(pclr_evaluation **evaluation);
PCLR_API pclr_estimate pclr_evaluation_macro_auroc(const pclr_evaluation *evaluation);
/* The whole evaluation as JSON / as a table for people / as CSV; the text belongs to the evaluation. */
PCLR_API const char *pclr_evaluation_json(const pclr_evaluation *evaluation);
PCLR_API const char *pclr_evaluation_text(const pclr_evaluation *evaluation);
PCLR_API const char *pclr_evaluation_csv(const pclr_evaluation *evaluation);
/* Paired comparison of prediction files on the records they share; first against each other. JSON and text owned by the result. */
typedef struct pclr_comparison pclr_comparison;
PCLR_MUST_USE PCLR_API pclr_status pclr_compare(pclr_comparison **comparison, const char *const *predictions_csv, size_t count, const char *labels_path, const pclr_evaluate_options *options, const pclr_callbacks *callbacks, pclr_error *error);
PCLR_API void pclr_comparison_destroy(pclr_comparison **comparison);
PCLR_API const char *pclr_comparison_json(const pclr_comparison *comparison);
PCLR_API const char *pclr_comparison_text(const pclr_comparison *comparison);
PCLR_API const char *pclr_comparison_csv(const pclr_comparison *comparison);
/* Evaluation k of the comparison, on the common records and classes and the same resamples; it belongs to the comparison. */
PCLR_API size_t pclr_comparison_count(const pclr_comparison *comparison);
PCLR_API const pclr_evaluation *pclr_comparison_evaluation(const pclr_comparison *comparison, size_t k);

/* ---- doctor: what is wrong with an archive ------------------------------------------------------------------- */

enum { PCLR_FINDINGS = 19 };
/* Name ("flat"), meaning and remedy of the k-th kind of finding, k < PCLR_FINDINGS; NULL past the end. */
PCLR_API const char *pclr_finding_name(size_t k);
PCLR_API const char *pclr_finding_meaning(size_t k);
PCLR_API const char *pclr_finding_remedy(size_t k);

typedef struct pclr_check_options {
    pclr_read_options read; /* leads are never derived while checking */
    int threads;            /* 0: all processors */
} pclr_check_options;

typedef struct pclr_check_summary {
    size_t found, readable, clean;     /* recordings; clean: without any finding */
    size_t records[PCLR_FINDINGS];     /* recordings with a finding of each kind */
    double seconds;
} pclr_check_summary;

/* Checks every recording under `sources`; writes record_id,quality,findings ("flat(V2 V4);mains(50 Hz)"; quality 0 to 1, 1 is good;
 * a recording that cannot be read has quality 0) to csv_path ("-": standard output; NULL: nothing). */
PCLR_MUST_USE PCLR_API pclr_status pclr_check(const char *const *sources, size_t source_count, const char *csv_path, const pclr_check_options *options, const pclr_callbacks *callbacks, pclr_check_summary *summary, pclr_error *error);

/* The whole of a check, for a page or for work of one's own. */
typedef struct pclr_checked {
    char *id, *path;
    char *findings; /* "flat(V2 V4);mains(50 Hz)"; NULL: none */
    uint32_t kinds; /* bit k: a finding of kind k */
    float quality;
} pclr_checked;

typedef struct pclr_checkup {
    size_t count;
    pclr_checked *record; /* [count], sorted by path */
    pclr_check_summary summary;
} pclr_checkup;

PCLR_MUST_USE PCLR_API pclr_status pclr_check_run(pclr_checkup **checkup, const char *const *sources, size_t source_count, const pclr_check_options *options, const pclr_callbacks *callbacks, pclr_error *error);
PCLR_API void pclr_checkup_destroy(pclr_checkup **checkup);
/* record_id,quality,findings, or with reasons one row a finding: record_id,finding,detail,meaning,remedy,path. */
PCLR_MUST_USE PCLR_API pclr_status pclr_checkup_csv(const pclr_checkup *checkup, const char *csv_path, bool reasons, pclr_error *error);

/* ---- report ---------------------------------------------------------------------------------------------------- */

typedef struct pclr_plot_options {
    const char *title;       /* NULL: id, age, sex */
    bool marks;              /* draw fiducials */
    double first, seconds;   /* part to draw; seconds 0: up to 10 s */
    const char *layout;      /* "paper": 3 rows of 4 leads and a rhythm strip; "rows": a row a lead; NULL: paper for 12 leads without marks */
} pclr_plot_options;

/* 12 leads on ECG paper, 25 mm/s, 10 mm/mV; SVG, PNG or PDF by the file's extension. fiducials may be NULL. */
PCLR_MUST_USE PCLR_API pclr_status pclr_plot_record(const char *path, const pclr_record *record, const pclr_fiducials *fiducials, const pclr_plot_options *options, pclr_error *error);

/* One self-contained HTML file: the evaluations side by side, curves, example records, training curves of run folders. */
typedef struct pclr_report_options {
    const char *title;
    const char *const *run;        /* run folders: metrics.jsonl is drawn, config.yaml and README.md are shown, whichever are there */
    size_t runs;
    const char *const *run_name;   /* [runs] headings; NULL: the folders' names */
    const char *const *name;       /* one name an evaluation; NULL: the file names */
    const char *dataset;           /* dataset.h5 for example plots; NULL: none */
    size_t examples;               /* plots of records, e.g. the worst errors; 0: 4 */
    const pclr_comparison *comparison; /* whose differences are told beside the evaluations; NULL: none */
} pclr_report_options;
PCLR_MUST_USE PCLR_API pclr_status pclr_report_write(const char *html_path, const pclr_evaluation *const *evaluations, size_t count, const pclr_report_options *options, pclr_error *error);
/* The doctor's page: each kind of finding with its remedy and some of its recordings drawn. `read` as the recordings were checked with;
 * examples: drawn recordings a kind, 0: 2. */
PCLR_MUST_USE PCLR_API pclr_status pclr_checkup_report(const pclr_checkup *checkup, const char *html_path, const char *title, const pclr_read_options *read, size_t examples, pclr_error *error);

#ifdef __cplusplus
}
#endif

#endif
