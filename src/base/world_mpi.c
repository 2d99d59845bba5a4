/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world of MPI processes. Blocking calls and sums in the background have a communicator each, so that neither waits in the other's
 * queue. Sums are made by the algorithm that the MPI library chooses by size alone: the same order of additions in every run.
 */
#include "base/world.h"

#include <limits.h>
#include <mpi.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"

enum { MOST_PENDING = 4096 };

struct pclr_world {
    int rank, size;
    bool began;  /* MPI was begun here and is ended here */
    int failure; /* first code of MPI that was no success */
    MPI_Comm calls, sums;
    MPI_Request pending[MOST_PENDING];
    int pendings;
    world_cost cost;
};

/* ---- life ---- */

static pclr_status mpi_error(pclr_error *error, int code)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    return error_set(error, PCLR_E_IO, "MPI: %s; look at the other processes and at the network", text);
}

static void keep_failure(pclr_world *w, int code)
{
    if (code != MPI_SUCCESS && w->failure == MPI_SUCCESS) w->failure = code;
}

static pclr_status begin_mpi(pclr_world *w, pclr_error *error)
{
    int begun = 0, ended = 0, level = 0;
    MPI_Initialized(&begun);
    MPI_Finalized(&ended);
    if (ended)
        return error_set(error, PCLR_E_ARGUMENT, "MPI: it has ended in this process and cannot begin again; open one world a process");
    if (!begun) {
        int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
        if (code != MPI_SUCCESS) return mpi_error(error, code);
        w->began = true;
    }
    MPI_Comm *communicator[2] = {&w->calls, &w->sums};
    for (int k = 0; k < 2; k++) {
        int code = MPI_Comm_dup(MPI_COMM_WORLD, communicator[k]);
        if (code != MPI_SUCCESS) return mpi_error(error, code);
        MPI_Comm_set_errhandler(*communicator[k], MPI_ERRORS_RETURN);
    }
    MPI_Comm_rank(w->calls, &w->rank);
    MPI_Comm_size(w->calls, &w->size);
    return PCLR_OK;
}

pclr_status pclr_world_open(pclr_world **world, pclr_error *error)
{
    int begun = 0;
    *world = NULL;
    TRY(mem_alloc(world, 1, sizeof **world, error));
    pclr_world *w = *world;
    w->size = 1;
    w->calls = w->sums = MPI_COMM_NULL;
    MPI_Initialized(&begun);
    if (!begun && !world_launched()) return PCLR_OK; /* one process needs no MPI */
    pclr_status status = begin_mpi(w, error);
    if (status != PCLR_OK) pclr_world_close(world);
    return status;
}

void pclr_world_close(pclr_world **world)
{
    pclr_world *w = *world;
    if (!w) return;
    if (w->failure != MPI_SUCCESS) MPI_Abort(w->calls, 1); /* the others may wait for what never comes */
    if (w->calls != MPI_COMM_NULL) MPI_Comm_free(&w->calls);
    if (w->sums != MPI_COMM_NULL) MPI_Comm_free(&w->sums);
    if (w->began) MPI_Finalize();
    mem_release(world);
}

int pclr_world_rank(const pclr_world *world)
{
    return world ? world->rank : 0;
}

int pclr_world_size(const pclr_world *world)
{
    return world ? world->size : 1;
}

pclr_status world_network(const pclr_world *world, pclr_error *error)
{
    return world && world->failure != MPI_SUCCESS ? mpi_error(error, world->failure) : PCLR_OK;
}

world_cost world_costs(const pclr_world *world)
{
    return world ? world->cost : (world_cost){0};
}

/* ---- calls that wait ---- */

/* MPI counts in int. */
static bool countable(pclr_world *w, size_t count)
{
    if (count > INT_MAX) keep_failure(w, MPI_ERR_COUNT);
    return count <= INT_MAX;
}

void world_gather(pclr_world *world, const void *own, size_t bytes, void *all)
{
    if (pclr_world_size(world) == 1) {
        memcpy(all, own, bytes);
        return;
    }
    if (!countable(world, bytes)) return;
    double begin = clock_seconds();
    keep_failure(world, MPI_Allgather(own, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, world->calls));
    world->cost.calls += clock_seconds() - begin;
    world->cost.bytes += bytes;
}

void world_sum(pclr_world *world, double *value, size_t count)
{
    if (pclr_world_size(world) == 1 || !countable(world, count)) return;
    double begin = clock_seconds();
    keep_failure(world, MPI_Allreduce(MPI_IN_PLACE, value, (int)count, MPI_DOUBLE, MPI_SUM, world->calls));
    world->cost.calls += clock_seconds() - begin;
    world->cost.bytes += count * sizeof *value;
}

/* ---- sums in the background ---- */

void world_sum_begin(pclr_world *world, float *value, size_t count)
{
    if (pclr_world_size(world) == 1 || !countable(world, count)) return;
    if (world->pendings == MOST_PENDING) world_sum_wait(world);
    keep_failure(world,
                 MPI_Iallreduce(MPI_IN_PLACE, value, (int)count, MPI_FLOAT, MPI_SUM, world->sums, &world->pending[world->pendings++]));
    world->cost.bytes += count * sizeof *value;
}

void world_sum_poll(pclr_world *world)
{
    int done = 0;
    if (pclr_world_size(world) == 1 || world->pendings == 0) return;
    keep_failure(world, MPI_Testall(world->pendings, world->pending, &done, MPI_STATUSES_IGNORE));
    if (done) world->pendings = 0;
}

void world_sum_wait(pclr_world *world)
{
    if (pclr_world_size(world) == 1 || world->pendings == 0) return;
    double begin = clock_seconds();
    keep_failure(world, MPI_Waitall(world->pendings, world->pending, MPI_STATUSES_IGNORE));
    world->pendings = 0;
    world->cost.sums += clock_seconds() - begin;
}
