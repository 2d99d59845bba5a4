/* SPDX-License-Identifier: Apache-2.0 */
#include "objective/queue.h"

#include <string.h>

#include "base/memory.h"

pclr_status queue_create(queue *q, int64_t places, int64_t width, int64_t components, pclr_error *error)
{
    *q = (queue){.places = places, .width = width, .components = components};
    TRY(mem_alloc(&q->embedding, (size_t)(places * width), sizeof *q->embedding, error));
    TRY(mem_alloc(&q->component, (size_t)(places * components), sizeof *q->component, error));
    TRY(mem_alloc(&q->record, (size_t)places, sizeof *q->record, error));
    for (int64_t k = 0; k < places; k++) q->record[k] = -1;
    return PCLR_OK;
}

void queue_destroy(queue *q)
{
    mem_release(&q->embedding);
    mem_release(&q->component);
    mem_release(&q->record);
}

void queue_push(queue *q, const float *embedding, const float *component, const int64_t *record, int64_t items)
{
    for (int64_t i = 0; i < items && q->places > 0; i++) {
        memcpy(q->embedding + q->next * q->width, embedding + i * q->width, (size_t)q->width * sizeof(float));
        memcpy(q->component + q->next * q->components, component + i * q->components, (size_t)q->components * sizeof(float));
        q->record[q->next] = record[i];
        q->next = (q->next + 1) % q->places;
    }
}

int64_t queue_filled(const queue *q)
{
    int64_t filled = 0;
    for (int64_t k = 0; k < q->places; k++) filled += q->record[k] >= 0;
    return filled;
}

pclr_status queue_save(const queue *q, st_writer *w, pclr_error *error)
{
    if (q->places == 0) return PCLR_OK;
    TRY(st_writer_add(w, "objective.queue.embedding", "F32", nn_shape2(q->places, q->width), q->embedding, error));
    TRY(st_writer_add(w, "objective.queue.component", "F32", nn_shape2(q->places, q->components), q->component, error));
    TRY(st_writer_add(w, "objective.queue.record", "I64", nn_shape1(q->places), q->record, error));
    return st_writer_add(w, "objective.queue.next", "I64", nn_shape1(1), &q->next, error);
}

static pclr_status load_one(const st_file *f, const char *name, void *out, size_t bytes, pclr_error *error)
{
    st_tensor t;
    if (!st_find(f, name, &t) || t.bytes != bytes)
        return error_set(error, PCLR_E_FORMAT,
                         "checkpoint: tensor %s is missing or of another size; objective.queue must be as when the run was begun", name);
    memcpy(out, t.data, bytes);
    return PCLR_OK;
}

pclr_status queue_load(queue *q, const st_file *f, pclr_error *error)
{
    if (q->places == 0) return PCLR_OK;
    size_t places = (size_t)q->places;
    int64_t next = 0;
    TRY(load_one(f, "objective.queue.embedding", q->embedding, places * (size_t)q->width * sizeof(float), error));
    TRY(load_one(f, "objective.queue.component", q->component, places * (size_t)q->components * sizeof(float), error));
    TRY(load_one(f, "objective.queue.record", q->record, places * sizeof(int64_t), error));
    TRY(load_one(f, "objective.queue.next", &next, sizeof next, error));
    if (next < 0 || next >= q->places)
        return error_set(error, PCLR_E_FORMAT, "checkpoint: the queue's position %lld is outside of 0 to %lld", (long long)next,
                         (long long)q->places - 1);
    q->next = next;
    return PCLR_OK;
}
