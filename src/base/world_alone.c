/* SPDX-License-Identifier: Apache-2.0 */
/* The world of a build without MPI: one process. */
#include "base/memory.h"
#include "base/world.h"

#include <string.h>

struct pclr_world {
    char nothing;
};

pclr_status pclr_world_open(pclr_world **world, pclr_error *error)
{
    *world = NULL;
    if (world_launched())
        return error_set(
            error, PCLR_E_UNSUPPORTED,
            "mpirun: this process is one of several, but the program was built without Open MPI; install libopenmpi-dev and build "
            "again, or start it alone");
    return mem_alloc(world, 1, sizeof **world, error);
}

void pclr_world_close(pclr_world **world)
{
    mem_release(world);
}

int pclr_world_rank(const pclr_world *world)
{
    (void)world;
    return 0;
}

int pclr_world_size(const pclr_world *world)
{
    (void)world;
    return 1;
}

void world_gather(pclr_world *world, const void *own, size_t bytes, void *all)
{
    (void)world;
    memcpy(all, own, bytes);
}

void world_sum(pclr_world *world, double *value, size_t count)
{
    (void)world, (void)value, (void)count;
}

void world_sum_begin(pclr_world *world, float *value, size_t count)
{
    (void)world, (void)value, (void)count;
}

void world_sum_poll(pclr_world *world)
{
    (void)world;
}

void world_sum_wait(pclr_world *world)
{
    (void)world;
}

world_cost world_costs(const pclr_world *world)
{
    (void)world;
    return (world_cost){0};
}

pclr_status world_network(const pclr_world *world, pclr_error *error)
{
    (void)world, (void)error;
    return PCLR_OK;
}
