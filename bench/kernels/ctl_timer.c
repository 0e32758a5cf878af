/* How late a process wakes from a sleep of a millisecond: the timer's interrupt, the way out of idle, the
 * scheduler. The largest value is stored with the histogram; it is no metric, as one sample decides it.
 *
 * The clock is the one that the sleep is counted in: MONOTONIC_RAW, which is not slewed, may run 0.5 us a
 * millisecond apart from it. */
#include <errno.h>
#include <sys/prctl.h>

#include "bench/base/clock.h"
#include "bench/bench.h"
#include "bench/kernels/cpus.h"

#define SLEEP_NS CB_NS_PER_MS
/* What a process is given by default is 50 us, in which the kernel may wait for another timer to expire with:
 * nearly all of what would be measured. It is inherited, so that arms could differ too. 1 is the least. */
#define SLACK_NS 1UL

static int setup(struct cb_run *run, struct cb_err *err)
{
    (void)run;
    if (prctl(PR_SET_TIMERSLACK, SLACK_NS) < 0)
        return cb_fail_sys(err, errno, "set the timer slack");
    return cb_cpus_pin(0, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct timespec duration = {.tv_nsec = SLEEP_NS};
    for (uint64_t i = 0; i < iters; i++) {
        uint64_t before = cb_clock_ns(CLOCK_MONOTONIC);
        int failed = clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, NULL);
        uint64_t slept = cb_clock_ns(CLOCK_MONOTONIC) - before;
        if (failed)
            return cb_fail_sys(err, failed, "sleep");
        if (slept < SLEEP_NS)
            return cb_fail(err, CB_EUNFIT, "a sleep of %llu ns took %llu", (unsigned long long)SLEEP_NS,
                           (unsigned long long)slept);
        cb_hist_add(run->hist, slept - SLEEP_NS);
    }
    run->work += iters;
    run->sink += iters;
    return 0;
}

const struct cb_bench cb_ctl_timer = {
    .name = "ctl.timer",
    .summary = "how late a sleep of 1 ms ends",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            CB_QUANTILE_US("p50", 0.5),
            CB_QUANTILE_US("p99", 0.99),
            {.quantity = NULL},
        },
    .variants = (const struct cb_variant[]){{"", CB_SET_STANDARD}, {.params = NULL}},
    .setup = setup,
    .loop = loop,
};
