#include "results/plausible.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* In the metric's unit. Generous: several times what the fastest parts that can be bought do. */
static const struct bound {
    const char *metric;
    double least, most;
    const char *unit, *why;
} bounds[] = {
    {"ctl.spin.time", 0.05, INFINITY, "ns", "an addition that waits for the last one takes a cycle"},
    {"ctl.syscall.time", 10, INFINITY, "ns", "entering and leaving a kernel takes a hundred cycles"},
    {"ctl.switch.time", 0.2, INFINITY, "us", "two switches of context and four system calls"},
    {"mem.chase.latency", 0.5, INFINITY, "ns", "a load from the first cache takes three cycles and more"},
    {"mem.stream.rate", 0, 20e3, "GB/s", "first caches of a large machine together"},
    {"mem.fault.time", 20, INFINITY, "ns", "entering a kernel and zeroing a page"},
    {"fs.seq.rate", 0, 200e3, "MB/s", "a dozen of the fastest drives"},
    {"fs.rand.iops", 0, 20e6, "op/s", "a dozen of the fastest drives"},
    {"fs.commit.p50", 1, INFINITY, "us", "a device that keeps what it was given"},
    {"net.rr.p50", 1, INFINITY, "us", "four system calls and two wakeups"},
    {"net.crr.time", 2, INFINITY, "us", "three round trips"},
    {"net.stream.rate", 0, 5e3, "Gb/s", "copying from cache to cache"},
    {"start.rate.rate", 0, 1e6, "op/s", "a thousand CPUs that make a process in a millisecond"},
    {"exec.total.time", 0.05, INFINITY, "ms", "a process is made and speaks"},
    {"instance.memory.size", 0.016, 1e6, "MiB", "page tables and a stack; a terabyte"},
    {"start.total.time", 0.05, INFINITY, "ms", "a process is made and speaks"},
};

bool cb_implausible(const char *metric, double value, char *reason, size_t cap)
{
    for (const struct bound *b = bounds; b < bounds + sizeof bounds / sizeof *bounds; b++) {
        if (strcmp(b->metric, metric) != 0 || !(value < b->least || value > b->most))
            continue;
        snprintf(reason, cap, "implausible: %g %s, the bound is %g %s (%s)", value, b->unit,
                 value < b->least ? b->least : b->most, b->unit, b->why);
        return true;
    }
    return false;
}
