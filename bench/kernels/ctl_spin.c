/* A chain of dependent additions: no memory, no system call, no interrupt of its own. Its time is the
 * clock frequency and the share of the CPU; it must come out the same in all arms, or the others mean
 * nothing. */
#include "bench/bench.h"

#define ADDS 1000 /* an iteration: a third of a microsecond, long against the loop around it */

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    uint64_t x = run->sink, step = 3;
    (void)err;
    __asm__ volatile("" : "+r"(step));
    for (uint64_t i = 0; i < iters; i++) {
#pragma GCC unroll 50 /* so that the counter of this loop stays out of the way of the chain */
        for (int k = 0; k < ADDS; k++) {
            x += step;
            __asm__ volatile("" : "+r"(x)); /* the compiler may not fold the chain */
        }
    }
    run->sink = x;
    return 0;
}

static const struct cb_metric metrics[] = {
    {.quantity = "time", .unit = "ns", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1},
    {0},
};

const struct cb_bench cb_ctl_spin = {
    .name = "ctl.spin",
    .summary = "1000 dependent additions: the clock frequency",
    .revision = 1,
    .metrics = metrics,
    .loop = loop,
};
