/* What it costs to leave a virtual machine and to come back: CPUID, which hardware virtualisation always
 * traps and which nothing else hinders. Natively it is a slow instruction; where the host is itself a virtual
 * machine, the host's processes pay for an exit too. It tells accelerators apart: emulation has no exits. */
#include "bench/bench.h"

#ifdef __x86_64__
#include <cpuid.h>

static const bool can_leave = true;

static uint64_t leave(void)
{
    unsigned a, b, c, d;
    __cpuid(0, a, b, c, d); /* the leaf that every CPU has; volatile, so that none is left out */
    return (uint64_t)a + b;
}

#else

static const bool can_leave = false;

static uint64_t leave(void)
{
    return 0;
}

#endif

static int setup(struct cb_run *run, struct cb_err *err)
{
    (void)run;
    if (can_leave)
        return 0;
    return cb_fail(err, CB_EMISSING, "no instruction for users always leaves a virtual machine of this CPU");
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    uint64_t sum = 0;
    (void)err;
    for (uint64_t i = 0; i < iters; i++)
        sum += leave();
    run->sink = run->sink + sum;
    return 0;
}

static const struct cb_metric metrics[] = {
    {.quantity = "time", .unit = "ns", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1},
    {0},
};

const struct cb_bench cb_ctl_exit = {
    .name = "ctl.exit",
    .summary = "one CPUID instruction: in a virtual machine an exit to the hypervisor",
    .revision = 1,
    .metrics = metrics,
    .variants = (const struct cb_variant[]){{"", CB_SET_STANDARD}, {.params = NULL}},
    .setup = setup,
    .loop = loop,
};
