/* SPDX-License-Identifier: Apache-2.0 */
/* Features of the parts of a dataset as those of the whole. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "dataset/physiology.h"

/* What must be the same in all parts. */
typedef struct kind {
    char layout[32];
    int extractor;
    size_t features;
    int64_t segment; /* samples of the longest segment: that of every record which is not shorter */
} kind;

static kind kind_of(const dataset_physiology *p)
{
    kind k = {.extractor = p->extractor, .features = p->features};
    snprintf(k.layout, sizeof k.layout, "%s", p->layout);
    for (size_t s = 0; s < p->segments; s++) k.segment = p->segment_length[s] > k.segment ? p->segment_length[s] : k.segment;
    return k;
}

static bool same_kind(const kind *a, const kind *b)
{
    return strcmp(a->layout, b->layout) == 0 && a->extractor == b->extractor && a->features == b->features && a->segment == b->segment;
}

static bool has_features(const pclr_dataset *d, dataset_physiology *p)
{
    pclr_error ignored;
    return dataset_physiology_read(d, p, &ignored) == PCLR_OK;
}

/* Sizes of the whole in out->table; false, with `why`, when the parts do not go together. */
static bool survey(named_physiology *out, const pclr_dataset *const *part, size_t parts, size_t *beats, char *why, size_t why_size)
{
    kind first = {0};
    size_t with = 0;

    why[0] = '\0';
    for (size_t k = 0; k < parts; k++) {
        dataset_physiology p = {0};
        if (!has_features(part[k], &p)) continue;
        kind here = kind_of(&p);
        if (with++ == 0) first = here;
        if (!same_kind(&first, &here) && !why[0]) {
            snprintf(why, why_size,
                     "%s has features %s (version %d, %zu values, segments of %lld samples), a part before it %s (%d, %zu, %lld)",
                     dataset_path(part[k]), here.layout, here.extractor, here.features, (long long)here.segment, first.layout,
                     first.extractor, first.features, (long long)first.segment);
        }
        out->table.records += p.records;
        out->table.segments += p.segments;
        *beats += (size_t)p.beat_start[p.records];
        dataset_physiology_free(&p);
    }
    if (with > 0 && with < parts && !why[0]) {
        for (size_t k = 0; k < parts && !why[0]; k++) {
            dataset_physiology p = {0};
            if (!has_features(part[k], &p)) snprintf(why, why_size, "%s has none", dataset_path(part[k]));
            dataset_physiology_free(&p);
        }
    }
    snprintf(out->table.layout, sizeof out->table.layout, "%s", first.layout);
    out->table.extractor = first.extractor;
    out->table.features = first.features;
    return with == parts && !why[0];
}

static pclr_status make_room(dataset_physiology *t, size_t beats, pclr_error *error)
{
    TRY(mem_alloc(&t->segment_record, t->segments, sizeof *t->segment_record, error));
    TRY(mem_alloc(&t->segment_start, t->segments, sizeof *t->segment_start, error));
    TRY(mem_alloc(&t->segment_length, t->segments, sizeof *t->segment_length, error));
    TRY(mem_alloc(&t->feature, t->segments * t->features, sizeof *t->feature, error));
    TRY(mem_alloc(&t->beat_start, t->records + 1, sizeof *t->beat_start, error));
    float **column[] = {&t->r_peak, &t->p_onset, &t->p_peak, &t->t_peak, &t->t_offset};
    for (size_t k = 0; k < sizeof column / sizeof *column; k++) TRY(mem_alloc(column[k], beats, sizeof **column[k], error));
    return mem_alloc(&t->quality, t->records, sizeof *t->quality, error);
}

/* Behind the `segments` segments and `records` records that are there. */
static void append(dataset_physiology *t, size_t segments, size_t records, const dataset_physiology *p)
{
    size_t at = (size_t)t->beat_start[records], beats = (size_t)p->beat_start[p->records];

    for (size_t s = 0; s < p->segments; s++) t->segment_record[segments + s] = p->segment_record[s] + (int64_t)records;
    memcpy(t->segment_start + segments, p->segment_start, p->segments * sizeof *p->segment_start);
    memcpy(t->segment_length + segments, p->segment_length, p->segments * sizeof *p->segment_length);
    memcpy(t->feature + segments * t->features, p->feature, p->segments * p->features * sizeof *p->feature);
    for (size_t r = 1; r <= p->records; r++) t->beat_start[records + r] = (int64_t)at + p->beat_start[r];
    memcpy(t->r_peak + at, p->r_peak, beats * sizeof *p->r_peak);
    memcpy(t->p_onset + at, p->p_onset, beats * sizeof *p->p_onset);
    memcpy(t->p_peak + at, p->p_peak, beats * sizeof *p->p_peak);
    memcpy(t->t_peak + at, p->t_peak, beats * sizeof *p->t_peak);
    memcpy(t->t_offset + at, p->t_offset, beats * sizeof *p->t_offset);
    memcpy(t->quality + records, p->quality, p->records * sizeof *p->quality);
}

static pclr_status read_names(named_physiology *out, const pclr_dataset *d, pclr_error *error)
{
    hid_t file = -1;
    size_t names = 0, units = 0;

    TRY(h5_open(&file, dataset_path(d), false, error));
    pclr_status status = h5_get_texts(file, "/physiology", "names", &out->name, &names, error);
    if (status == PCLR_OK) status = h5_get_texts(file, "/physiology", "units", &out->unit, &units, error);
    if (status == PCLR_OK && (names != out->table.features || units != names)) {
        status = error_set(error, PCLR_E_FORMAT, "%s: /physiology has %zu names and %zu units; expected %zu; compute the features again",
                           dataset_path(d), names, units, out->table.features);
    }
    if (h5_close(&file, dataset_path(d), NULL) != PCLR_OK) file = -1; /* nothing was written */
    return status;
}

static pclr_status join(named_physiology *out, const pclr_dataset *const *part, size_t parts, size_t beats, pclr_error *error)
{
    size_t segments = 0, records = 0;

    TRY(make_room(&out->table, beats, error));
    for (size_t k = 0; k < parts; k++) {
        dataset_physiology p = {0};
        TRY(dataset_physiology_read(part[k], &p, error));
        append(&out->table, segments, records, &p);
        segments += p.segments;
        records += p.records;
        dataset_physiology_free(&p);
    }
    return read_names(out, part[0], error);
}

pclr_status physiology_join(named_physiology *out, const pclr_dataset *const *part, size_t parts, char *why, size_t why_size,
                            pclr_error *error)
{
    size_t beats = 0;

    *out = (named_physiology){0};
    bool together = survey(out, part, parts, &beats, why, why_size);
    pclr_status status = together ? join(out, part, parts, beats, error) : PCLR_OK;
    if (!together || status != PCLR_OK) named_physiology_free(out);
    return status;
}

void named_physiology_free(named_physiology *p)
{
    h5_free_texts(p->name, p->name ? p->table.features : 0);
    h5_free_texts(p->unit, p->unit ? p->table.features : 0);
    dataset_physiology_free(&p->table);
    *p = (named_physiology){0};
}
