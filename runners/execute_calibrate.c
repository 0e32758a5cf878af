#include <stdio.h>
#include <string.h>

#include "bench/base/units.h"
#include "runners/execution.h"

/* Calibration aims at batches this long: long against the clock, short against a run. */
#define CALIBRATION_NS         (4 * CB_NS_PER_MS)
#define CALIBRATION_TIMEOUT_NS (40 * CB_NS_PER_S)
static void note_resolution(struct cb_execution *x, const struct cb_instance *in)
{
    struct cb_err ignored;
    uint64_t ns;
    for (unsigned i = 0; i < in->nfacts; i++)
        if (strcmp(in->facts[i].key, "clock.resolution_ns") == 0 &&
            cb_parse_u64(in->facts[i].value, 1, CB_NS_PER_MS, &ns, &ignored) == 0 && ns > x->resolution_ns)
            x->resolution_ns = ns;
}

/* What an iteration costs in this arm. A case that fails here keeps cost 0 and is delivered as such in every
 * block. */
static int calibrate_case(struct cb_execution *x, struct cb_instance *in, unsigned arm, unsigned c,
                          struct cb_err *err)
{
    struct cb_wire_run run = cb_case_wire(x, c);
    struct cb_cost *cost = cb_cost_of(x, arm, c);
    uint64_t iters, wall, begin = cb_now_ns();
    int alive = 1;
    run.iters = 0;
    run.time_ns = CALIBRATION_NS;
    run.timeout_ns = CALIBRATION_TIMEOUT_NS;
    if (cb_session_calibrate(&in->session, &run, &iters, &wall, begin + run.timeout_ns + CB_HOST_GRACE_NS,
                             &alive, err) < 0) {
        in->alive = alive;
        if (!alive)
            cb_instance_last_words(in, err);
        cost->outcome = cb_outcome_of(err);
        snprintf(cost->reason, sizeof cost->reason, "calibration: %.230s", err->msg);
        return err->code == CB_EINTR ? -1 : 0;
    }
    uint64_t took = cb_now_ns() - begin;
    cost->iter_ns = (double)wall / (double)iters;
    cost->setup_ns = took;
    return 0;
}

static int calibrate_arm(struct cb_execution *x, unsigned arm, struct cb_err *err)
{
    struct cb_instance in;
    uint64_t begin = cb_now_ns();
    x->progress.arm = arm;
    cb_execution_show(x, "");
    int got = cb_instance_start(&in, &x->plan->arms[arm], x->site, arm, x->stop, err);
    bool stopped = got < 0 && err->code == CB_EINTR;
    note_resolution(x, &in);
    for (unsigned c = 0; c < x->plan->ncases && in.alive && !stopped; c++) {
        const struct cb_case *k = &x->plan->cases[c];
        if (cb_case_lifecycle(k) || !cb_plan_includes(x->plan, arm, c) || cb_instance_lacks(&in, k->bench))
            continue;
        cb_execution_show(x, k->bench->name);
        stopped = calibrate_case(x, &in, arm, c, err) < 0;
    }
    bool lost = !in.alive;
    cb_instance_stop(&in);
    if (stopped)
        return -1;
    if (lost) {
        x->arms[arm].active = false;
        x->sink->arm_status(x->sink->arg, arm, CB_OUTCOME_FAILED, err->msg);
    }
    x->arms[arm].instance_ns = cb_now_ns() - begin;
    return 0;
}

static void choose_iterations(struct cb_execution *x)
{
    for (unsigned c = 0; c < x->plan->ncases; c++) {
        double fastest = 0, slowest = 0;
        for (unsigned a = 0; a < x->plan->narms; a++) {
            double ns = cb_cost_of(x, a, c)->iter_ns;
            if (!x->arms[a].active || ns <= 0)
                continue;
            fastest = fastest == 0 || ns < fastest ? ns : fastest;
            slowest = ns > slowest ? ns : slowest;
        }
        if (fastest > 0)
            x->plan->cases[c].iters =
                cb_plan_iters(x->plan, x->plan->cases[c].bench, fastest, slowest, x->resolution_ns);
    }
}

/* Before any block has run, an instance is expected to take its start and what calibration says of its cases.
 */
static void expect_times(struct cb_execution *x)
{
    for (unsigned a = 0; a < x->plan->narms; a++)
        for (unsigned c = 0; c < x->plan->ncases; c++)
            if (cb_cost_of(x, a, c)->iter_ns > 0)
                x->arms[a].instance_ns += cb_case_expected_ns(x, a, c) - cb_cost_of(x, a, c)->setup_ns;
}

int cb_execution_calibrate(struct cb_execution *x, struct cb_err *err)
{
    x->progress.phase = "calibrate";
    for (unsigned a = 0; a < x->plan->narms; a++)
        if (x->arms[a].active && calibrate_arm(x, a, err) < 0)
            return -1;
    choose_iterations(x);
    expect_times(x);
    return x->sink->calibrated(x->sink->arg, x->plan, err);
}
