/* From the request until nothing is left of what the start made: processes reaped, control group, mounts and
 * network namespace gone, which the kernel takes down after the last process is. The runner measures it from
 * outside, once an instance. Provisioning (image, scratch directory) is not undone in it. */
#include "bench/bench.h"

static const struct cb_metric metrics[] = {
    {.quantity = "time", .unit = "ms", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-6},
    {0},
};

const struct cb_bench cb_stop_total = {
    .name = "stop.total",
    .summary = "time from the request to stop until nothing is left of the instance",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = metrics,
};
