/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes that work on one run together, and what they tell each other. world_mpi.c speaks MPI; world_alone.c stands in for it
 * in a build without. All processes call these functions in the same order and with the same sizes, from the thread that opened the
 * world (world_costs is free). In a world of one process, or of none (NULL), sums stay as they are and nothing is waited for.
 *
 * A failure of the network is kept until world_agree tells it; what was to be received until then is undefined.
 */
#ifndef PCLR_BASE_WORLD_H
#define PCLR_BASE_WORLD_H

#include "base/error.h"

/* own[bytes] of every process, in order of rank, into all[size][bytes]; the two do not overlap. */
void world_gather(pclr_world *world, const void *own, size_t bytes, void *all);
/* Sums over the processes in place: the same bytes on all of them, and in every run with as many processes. */
void world_sum(pclr_world *world, double *value, size_t count);

/* A sum that goes on while its caller computes: value stays untouched until world_sum_wait, which waits for all sums that were begun,
 * has returned. world_sum_poll lets the network make progress. */
void world_sum_begin(pclr_world *world, float *value, size_t count);
void world_sum_poll(pclr_world *world);
void world_sum_wait(pclr_world *world);

/* One answer on all processes: `own` and its error where it is a failure; else the failure of the lowest rank that has one, its message
 * behind "process K: "; else PCLR_OK. *stop (may be NULL) becomes true where any process asks for it. */
pclr_status world_agree(pclr_world *world, pclr_status own, bool *stop, pclr_error *error);
/* PCLR_E_DATA unless all processes hold the same `value`, a hash of `what`. */
pclr_status world_same(pclr_world *world, uint64_t value, const char *what, pclr_error *error);

/* Of this process since the world was opened. */
typedef struct world_cost {
    double calls;   /* seconds in world_gather and world_sum, for the others and for the network */
    double sums;    /* seconds in world_sum_wait: what of the sums the computation did not hide */
    uint64_t bytes; /* given to gathers and sums */
} world_cost;
world_cost world_costs(const pclr_world *world);

/* Was this process started by mpirun (or srun) as one of several? */
bool world_launched(void);
/* PCLR_E_IO once a call of the network has failed. */
pclr_status world_network(const pclr_world *world, pclr_error *error);

#endif
