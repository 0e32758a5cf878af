/* The cheapest way into the kernel and back. What is between: mitigations, a seccomp filter, nothing in a
 * virtual machine with hardware support. */
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/bench.h"

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    uint64_t sum = 0;
    (void)err;
    for (uint64_t i = 0; i < iters; i++)
        sum += (uint64_t)syscall(SYS_getppid); /* raw: a libc may answer from memory */
    run->sink = run->sink + sum;
    return 0;
}

static const struct cb_metric metrics[] = {
    {.quantity = "time", .unit = "ns", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1},
    {0},
};

const struct cb_bench cb_ctl_syscall = {
    .name = "ctl.syscall",
    .summary = "one getppid system call",
    .revision = 1,
    .metrics = metrics,
    .loop = loop,
};
