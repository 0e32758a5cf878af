#include "bench/kernels/cpus.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>

/* Those of the process before any of its threads was pinned. One case runs in a process. */
static const cpu_set_t *allowed(void)
{
    static cpu_set_t set;
    static bool known;
    if (!known)
        known = sched_getaffinity(0, sizeof set, &set) == 0;
    return &set;
}

unsigned cb_cpus_count(void)
{
    int n = CPU_COUNT(allowed());
    return n > 0 ? (unsigned)n : 1;
}

int cb_cpus_pin(unsigned index, struct cb_err *err)
{
    const cpu_set_t *set = allowed();
    cpu_set_t one;
    unsigned seen = 0;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, set) && seen++ == index)
            CPU_SET(cpu, &one);
    if (CPU_COUNT(&one) == 0)
        return cb_fail(err, CB_EMISSING, "needs %u CPUs, and this environment has %u", index + 1, seen);
    return sched_setaffinity(0, sizeof one, &one) < 0 ? cb_fail_sys(err, errno, "pin to a CPU") : 0;
}
