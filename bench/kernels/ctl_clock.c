/* Reading a clock as every program does, through libc: from a page that the kernel shares with all processes
 * (vdso) where the machine's clock source can be read without the kernel, by a system call elsewhere. A guest
 * whose source is an emulated device (hpet, acpi_pm) leaves the virtual machine for every reading; the arm's
 * fact clock.source names it. MONOTONIC_RAW is what samples are timed with, here as everywhere. */
#include <errno.h>
#include <time.h>

#include "bench/bench.h"

static const clockid_t ids[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_MONOTONIC_RAW};

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const clockid_t id = ids[cb_run_param(run, "clock")];
    struct timespec ts;
    int failed = 0;
    for (uint64_t i = 0; i < iters; i++)
        failed |= clock_gettime(id, &ts); /* one that fails would be a quick one */
    if (failed)
        return cb_fail_sys(err, errno, "read the clock");
    run->sink += iters;
    return 0;
}

const struct cb_bench cb_ctl_clock = {
    .name = "ctl.clock",
    .summary = "reading a clock",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "time", .unit = "ns", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "clock",
             .help = "which one; raw is CLOCK_MONOTONIC_RAW",
             .type = CB_PARAM_ENUM,
             .def = "monotonic",
             .choices = "monotonic|realtime|raw"},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"clock=monotonic", CB_SET_STANDARD},
            {"clock=realtime", CB_SET_FULL},
            {"clock=raw", CB_SET_FULL},
            {.params = NULL},
        },
    .loop = loop,
};
