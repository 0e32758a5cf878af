/* From before the first call that makes the environment to the agent's first byte. The runner measures it
 * from outside, once an instance, the same way for every arm. */
#include "bench/bench.h"

static const struct cb_metric metrics[] = {
    {.quantity = "time", .unit = "ms", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-6},
    {0},
};

const struct cb_bench cb_start_total = {
    .name = "start.total",
    .summary = "time from nothing to the first byte of the agent inside",
    .revision = 2, /* 2: with the link to the peer also in runs that use it for nothing else */
    .needs = CB_NEED_LIFECYCLE,
    .metrics = metrics,
};
