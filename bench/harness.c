#include "bench/harness.h"

#include <stdbool.h>

#include "bench/base/clock.h"

/* The positive control: spins until a batch that began at `begin` and took until `end` has taken the share
 * longer that was asked for. A slowdown of known size, made inside of what is measured, proves that the run
 * could see one. */
static uint64_t prolong(uint64_t begin, uint64_t end, uint32_t slow_ppm)
{
    uint64_t until = end + (uint64_t)((double)(end - begin) * slow_ppm / 1e6);
    while (end < until)
        end = cb_now_ns();
    return end;
}

/* Calls the loop once. The wall clock is read last before and first after it; the CPU clock costs about 15
 * times as much and stays outside. What reading the clock costs is part of wall_ns: it is reported as a fact,
 * and batches are long enough for it not to matter. */
static int run_batch(struct cb_run *run, uint64_t iters, struct cb_sample *s, struct cb_err *err)
{
    run->work = run->peer_ns = 0;
    uint64_t cpu = cb_cpu_ns();
    uint64_t begin = cb_now_ns();
    int failed = run->bench->loop(run, iters, err);
    uint64_t end = cb_now_ns();
    if (run->slow_ppm)
        end = prolong(begin, end, run->slow_ppm);
    *s = (struct cb_sample){.iters = iters,
                            .work = run->work,
                            .wall_ns = end - begin,
                            .cpu_ns = cb_cpu_ns() - cpu,
                            .peer_ns = run->peer_ns};
    return failed;
}

/* What a batch uses up or needs fresh is made anew before it, outside the clocks and outside the host's
 * bracket. */
static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    if (run->bench->reset && run->bench->reset(run, iters, err) < 0)
        return cb_wrap(err, "reset");
    return 0;
}

static int fresh_batch(struct cb_run *run, uint64_t iters, struct cb_sample *s, struct cb_err *err)
{
    return reset(run, iters, err) < 0 ? -1 : run_batch(run, iters, s, err);
}

int cb_harness_calibrate(struct cb_run *run, uint64_t target_ns, uint64_t *iters, uint64_t *wall_ns,
                         struct cb_err *err)
{
    struct cb_sample first, again;
    for (uint64_t n = 1; n <= CB_WIRE_ITERS_MAX; n *= 2) {
        if (fresh_batch(run, n, &first, err) < 0)
            return -1;
        if (first.wall_ns < target_ns)
            continue;
        /* A cold cache or a stolen slice can end the search too early; hardly twice in a row. */
        if (fresh_batch(run, n, &again, err) < 0)
            return -1;
        if (again.wall_ns < target_ns / 2)
            continue;
        *iters = n;
        *wall_ns = first.wall_ns < again.wall_ns ? first.wall_ns : again.wall_ns;
        return 0;
    }
    return cb_fail(err, CB_EUNFIT, "more iterations do not take longer");
}

/* One batch with its brackets to the host. */
static int report_batch(struct cb_run *run, uint64_t iters, uint32_t seq, bool warm,
                        const struct cb_harness_out *out, struct cb_err *err)
{
    struct cb_sample s;
    if (reset(run, iters, err) < 0 || out->begin(out->arg, seq, err) < 0 ||
        run_batch(run, iters, &s, err) < 0)
        return -1;
    if (s.wall_ns == 0)
        return cb_fail(err, CB_EUNFIT, "a batch of %llu iterations took no time by this clock",
                       (unsigned long long)iters);
    s.seq = seq;
    return out->end(out->arg, &s, warm, err);
}

int cb_harness_sample(struct cb_run *run, const struct cb_wire_run *plan, const struct cb_harness_out *out,
                      struct cb_err *err)
{
    uint32_t seq = 0;
    uint64_t begin = cb_now_ns();
    do {
        if (report_batch(run, plan->iters, seq++, true, out, err) < 0)
            return -1;
    } while (cb_now_ns() - begin < plan->warm_ns);

    cb_hist_reset(run->hist);
    begin = cb_now_ns();
    for (uint32_t n = 0; n < plan->samples_max; n++) {
        if (n >= plan->samples_min && cb_now_ns() - begin >= plan->time_ns)
            break;
        if (report_batch(run, plan->iters, seq++, false, out, err) < 0)
            return -1;
    }
    return 0;
}
