/* What an instance costs that does nothing: CPU time and wake-ups of its processes, as the host counts them.
 * Nothing of it is the agent's, which waits for a line. */
#include "bench/base/clock.h"
#include "runners/lifecycle/fleet.h"
#include "runners/processes.h"

#define PROCESSES_MAX 64
/* What the last case left is over by then. */
#define SETTLE_NS (100 * CB_NS_PER_MS)

struct usage {
    uint64_t at_ns, cpu_ns, waits;
};

static struct usage usage_of(const pid_t *pids, unsigned n)
{
    struct usage u = {.at_ns = cb_now_ns()};
    for (unsigned i = 0; i < n; i++) {
        u.cpu_ns += cb_process_cpu_ns(pids[i]);
        u.waits += cb_process_waits(pids[i]);
    }
    return u;
}

int cb_life_idle(struct cb_life *l, const struct cb_case *c, struct cb_err *err)
{
    pid_t pids[PROCESSES_MAX];
    unsigned n = cb_processes(&l->in->env, pids, PROCESSES_MAX);
    if (n == 0)
        return cb_fail(err, CB_EMISSING, "the instance has no control group to find its processes in");
    if (cb_life_sleep(l, SETTLE_NS, err) < 0)
        return -1;
    struct usage before = usage_of(pids, n);
    if (cb_life_sleep(l, cb_life_param(c, "seconds") * CB_NS_PER_S, err) < 0)
        return -1;
    struct usage after = usage_of(pids, n);
    uint64_t wall_ns = after.at_ns - before.at_ns;
    if (after.cpu_ns <= before.cpu_ns || after.waits <= before.waits)
        return cb_fail(err, CB_EMISSING, "it costs nothing: no CPU time in %.1f s",
                       (double)wall_ns / (double)CB_NS_PER_S);
    /* Iterations are the nanoseconds of the wait, so that CPU time has something to be a share of. */
    cb_life_sample(l, &(struct cb_sample){.iters = wall_ns,
                                          .work = after.waits - before.waits,
                                          .wall_ns = wall_ns,
                                          .cpu_ns = after.cpu_ns - before.cpu_ns});
    return 0;
}
