/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of a world decide together; the same for every kind of world. */
#include "base/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

bool world_launched(void)
{
    const char *open_mpi = getenv("OMPI_COMM_WORLD_SIZE"), *pmi = getenv("PMI_SIZE");
    if (open_mpi || pmi) return strcmp(open_mpi ? open_mpi : pmi, "1") != 0;
    return getenv("PMIX_RANK") != NULL;
}

typedef struct report {
    int32_t status;
    char message[1000];
} report;

/* Every process tells its failure, or that it has none; the lowest rank's is the answer of those that have none. */
static pclr_status tell_failures(pclr_world *world, pclr_status own, pclr_error *error)
{
    int processes = pclr_world_size(world), first = 0;
    report mine = {.status = (int32_t)own}, *all = NULL;
    if (error && own != PCLR_OK) memcpy(mine.message, error->message, sizeof mine.message - 1);
    TRY(mem_alloc(&all, (size_t)processes, sizeof *all, error));
    world_gather(world, &mine, sizeof mine, all);
    while (first < processes - 1 && all[first].status == PCLR_OK) first++;
    pclr_status status = own;
    if (own == PCLR_OK) status = error_set(error, (pclr_status)all[first].status, "process %d: %s", first, all[first].message);
    mem_free(all);
    return status;
}

pclr_status world_agree(pclr_world *world, pclr_status own, bool *stop, pclr_error *error)
{
    if (pclr_world_size(world) == 1) return own;
    double sum[2] = {own != PCLR_OK, stop && *stop};
    world_sum(world, sum, 2);
    TRY(world_network(world, error));
    if (stop) *stop = sum[1] > 0;
    return sum[0] > 0 ? tell_failures(world, own, error) : PCLR_OK;
}

pclr_status world_same(pclr_world *world, uint64_t value, const char *what, pclr_error *error)
{
    int processes = pclr_world_size(world), other = 0;
    uint64_t *all = NULL;
    if (processes == 1) return PCLR_OK;
    TRY(mem_alloc(&all, (size_t)processes, sizeof *all, error));
    world_gather(world, &value, sizeof value, all);
    pclr_status status = world_network(world, error);
    while (other < processes && all[other] == all[0]) other++;
    if (status == PCLR_OK && other < processes)
        status = error_set(error, PCLR_E_DATA,
                           "process %d: %s differs from that of process 0; all must see the same files and run the same program on "
                           "processors of one kind",
                           other, what);
    mem_free(all);
    return status;
}
