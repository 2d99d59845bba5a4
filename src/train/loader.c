/* SPDX-License-Identifier: Apache-2.0 */
#include "train/loader.h"

#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "train/batch.h"

typedef struct slot {
    batch content;
    int64_t step; /* that `content` holds or is being made for; -1 free */
    bool ready;
    pclr_status status;
    pclr_error error;
} slot;

struct loader {
    loader_spec spec;
    slot *slot;
    int slots;
    int64_t next;   /* step that the next free worker makes */
    int64_t in_use; /* step whose batch the caller holds; -1 none */
    bool stop;
    batch_order own_order; /* without threads */
    pthread_t *thread;
    int threads;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    double stall;
    int64_t fallbacks;
};

/* Claims the next step and its slot; -1: the loader is closing. A slot is free again when the caller has gone beyond its step. */
static int64_t claim(loader *l)
{
    int64_t step = -1;
    pthread_mutex_lock(&l->lock);
    while (!l->stop && l->slot[l->next % l->slots].step >= 0) pthread_cond_wait(&l->changed, &l->lock);
    if (!l->stop) {
        step = l->next++;
        l->slot[step % l->slots].step = step;
    }
    pthread_mutex_unlock(&l->lock);
    return step;
}

static void *work(void *user)
{
    loader *l = user;
    batch_order order = {0};
    pclr_error error = {0};
    pclr_status ordered = batch_order_create(&order, &l->spec, &error);
    for (int64_t step = claim(l); step >= 0; step = claim(l)) {
        slot *s = &l->slot[step % l->slots];
        s->error = error;
        s->status = ordered == PCLR_OK ? batch_fill(&s->content, &order, &l->spec, step, &s->error) : ordered;
        pthread_mutex_lock(&l->lock);
        s->ready = true;
        pthread_cond_broadcast(&l->changed);
        pthread_mutex_unlock(&l->lock);
    }
    batch_order_free(&order);
    return NULL;
}

static pclr_status start_threads(loader *l, pclr_error *error)
{
    TRY(mem_alloc(&l->thread, (size_t)l->spec.threads, sizeof *l->thread, error));
    for (; l->threads < l->spec.threads; l->threads++) {
        int failed = pthread_create(&l->thread[l->threads], NULL, work, l);
        if (failed) return error_io(error, "loader", "start a thread", failed);
    }
    return PCLR_OK;
}

pclr_status loader_create(loader **out, const loader_spec *spec, pclr_error *error)
{
    loader *l = NULL;
    *out = NULL;
    TRY(mem_alloc(&l, 1, sizeof *l, error));
    *out = l;
    l->spec = *spec;
    l->next = spec->first_step;
    l->in_use = -1;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    l->slots = spec->threads > 0 ? spec->prefetch + 1 : 1;
    pclr_status status;
    TRY_GOTO(mem_alloc(&l->slot, (size_t)l->slots, sizeof *l->slot, error));
    for (int k = 0; k < l->slots; k++) {
        l->slot[k].step = -1;
        TRY_GOTO(batch_create(&l->slot[k].content, spec, error));
    }
    TRY_GOTO(spec->threads > 0 ? start_threads(l, error) : batch_order_create(&l->own_order, spec, error));
done:
    if (status != PCLR_OK) loader_destroy(out);
    return status;
}

void loader_destroy(loader **address)
{
    loader *l = *address;
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    for (int k = 0; k < l->threads; k++) pthread_join(l->thread[k], NULL);
    for (int k = 0; l->slot && k < l->slots; k++) batch_free(&l->slot[k].content);
    batch_order_free(&l->own_order);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    mem_release(&l->slot);
    mem_release(&l->thread);
    mem_release(address);
}

/* Hands the batch of the step before back to the workers. */
static void give_back(loader *l)
{
    if (l->in_use < 0) return;
    slot *s = &l->slot[l->in_use % l->slots];
    s->step = -1;
    s->ready = false;
    l->in_use = -1;
    pthread_cond_broadcast(&l->changed);
}

static pclr_status get_prefetched(loader *l, int64_t step, slot *s, pclr_error *error)
{
    double begin = clock_seconds();
    pthread_mutex_lock(&l->lock);
    give_back(l);
    while (!(s->step == step && s->ready)) pthread_cond_wait(&l->changed, &l->lock);
    l->in_use = step;
    pthread_mutex_unlock(&l->lock);
    l->stall += clock_seconds() - begin;
    if (s->status != PCLR_OK && error) *error = s->error;
    return s->status;
}

pclr_status loader_get(loader *l, int64_t step, const objective_batch **out, pclr_error *error)
{
    slot *s = &l->slot[step % l->slots];
    TRY(l->threads > 0 ? get_prefetched(l, step, s, error) : batch_fill(&s->content, &l->own_order, &l->spec, step, error));
    l->fallbacks += s->content.fallbacks;
    *out = &s->content.view;
    return PCLR_OK;
}

int64_t loader_epoch_steps(const loader_spec *spec)
{
    int64_t groups = spec->pairs ? spec->items / 2 : spec->items;
    int64_t steps = ((int64_t)spec->records + groups - 1) / groups;
    return steps > 0 ? steps : 1;
}

double loader_stall_seconds(const loader *l)
{
    return l->stall;
}

int64_t loader_fallbacks(const loader *l)
{
    return l->fallbacks;
}
