#include "bench/kernels/chain.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/base/cleanup.h"

/* Sattolo's shuffle of the identity leaves one cycle through all. */
static void make_cycle(uint32_t *next, uint64_t n, struct cb_rng *rng)
{
    for (uint64_t i = 0; i < n; i++)
        next[i] = (uint32_t)i;
    for (uint64_t i = n - 1; i > 0; i--) {
        uint64_t j = cb_rng_below(rng, i);
        uint32_t t = next[i];
        next[i] = next[j];
        next[j] = t;
    }
}

/* A cycle in each group, and one of groups: the link that would close a group's cycle at its first link goes
 * to the next group's first one instead. It is numbers that are shuffled, which are sixteen times smaller
 * than lines: swapping the links themselves would miss every cache, and take longer than the measurement
 * where memory is emulated. */
int cb_chain_make(const struct cb_chain *c, struct cb_rng *rng, struct cb_err *err)
{
    uint64_t size = c->group && c->group < c->links ? c->group : c->links;
    uint64_t groups = (c->links + size - 1) / size;
    CB_AUTOFREE uint32_t *next_group = malloc(groups * sizeof *next_group);
    CB_AUTOFREE uint32_t *next = malloc(size * sizeof *next);
    if (!next_group || !next)
        return cb_fail_sys(err, ENOMEM, "shuffle");
    make_cycle(next_group, groups, rng);
    for (uint64_t g = 0; g < groups; g++) {
        uint64_t first = g * size, n = g + 1 < groups ? size : c->links - first;
        make_cycle(next, n, rng);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t to = next[i] ? first + next[i] : next_group[g] * size;
            cb_chain_at(c, first + i)->next = cb_chain_at(c, to);
        }
    }
    return 0;
}
