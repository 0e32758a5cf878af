#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runners/counted.h"
#include "runners/execution.h"
#include "runners/noise.h"

/* An arm that fails this often in a row is given up: a hung guest costs 30 s each time. */
#define FAILURES_MAX 2
/* A case may take this much longer than calibration led to expect. */
#define CASE_SLACK_NS    (8 * CB_NS_PER_S)
#define CASE_SLACK_TIMES 5
/* ---- one case
 * ----------------------------------------------------------------------------------------------------- */

/* What a case in progress leaves. */
struct catch
{
    struct cb_execution *x;
    struct cb_counting counting;
};

static void first_batch_begins(void *arg)
{
    struct catch *c = arg;
    cb_counting_before(&c->counting);
}

static void keep_batch(void *arg, const struct cb_batch *b)
{
    cb_execution_keep(((struct catch *)arg)->x, b);
}

static void deliver_counting(struct cb_execution *x, const struct cb_case_result *r,
                             const struct cb_counting *c)
{
    const struct cb_noise_result counted = {
        .block = r->block, .arm = (int)r->arm, .before = &c->before, .after = &c->after};
    if (c->before.n && r->outcome == CB_OUTCOME_OK)
        x->sink->noise(x->sink->arg, &counted);
}

/* Runs the case and delivers its result. -1 with CB_EINTR only; a lost agent shows in in->alive. */
static int run_case(struct cb_execution *x, struct cb_instance *in, struct cb_case_result *r,
                    struct cb_err *err)
{
    const struct cb_case *c = &x->plan->cases[r->case_index];
    const char *missing = cb_instance_lacks(in, c->bench);
    struct catch caught = {.x = x};
    const struct cb_case_sink sink = {.batch = keep_batch, .begin = first_batch_begins, .arg = &caught};
    struct cb_wire_run run = cb_case_wire(x, r->case_index);
    int alive = 1;
    const struct cb_cost *cost = cb_cost_of(x, r->arm, r->case_index);
    r->outcome = missing ? CB_OUTCOME_SKIPPED : cost->outcome;
    r->reason = missing ? missing : cost->reason;
    if (!missing && cost->iter_ns > 0) {
        uint64_t begin = cb_now_ns();
        run.timeout_ns = CASE_SLACK_NS + CASE_SLACK_TIMES * cb_case_expected_ns(x, r->arm, r->case_index);
        if (run.timeout_ns > CB_WIRE_NS_MAX)
            run.timeout_ns = CB_WIRE_NS_MAX;
        cb_execution_forget(x);
        cb_counting_init(&caught.counting, &in->env, c, r->case_index);
        int got = cb_session_run(&in->session, &run, &sink, x->hist, &r->trusted,
                                 begin + run.timeout_ns + CB_HOST_GRACE_NS, &alive, err);
        r->took_ns = cb_now_ns() - begin;
        if (!alive)
            cb_instance_last_words(in, err);
        cb_counting_after(&caught.counting);
        x->totals->measuring_ns += r->took_ns;
        if (got < 0 && err->code == CB_EINTR)
            return -1;
        r->outcome = got == 0 ? CB_OUTCOME_OK : cb_outcome_of(err);
        r->reason = got == 0 ? "" : err->msg;
        r->batches = x->batches;
        r->nbatches = x->nbatches;
        r->hist = x->hist->total ? x->hist : NULL;
    }
    in->alive = alive;
    cb_execution_deliver(x, r);
    deliver_counting(x, r, &caught.counting);
    return 0;
}

/* ---- one instance
 * ----------------------------------------------------------------------------------------------- */

/* The cases of an instance, or rather those of one phase of it. */
struct phase {
    unsigned block, arm;
    char lost[600]; /* why the instance is no more; "" while it is */
};

static enum cb_life_when when_of(const struct cb_case *c)
{
    const struct cb_lifecycle *l = cb_case_lifecycle(c);
    return l ? l->when : CB_LIFE_RUNNING;
}

static int run_or_measure(struct cb_execution *x, struct cb_instance *in, struct phase *p,
                          struct cb_case_result *r, struct cb_err *err)
{
    const struct cb_case *c = &x->plan->cases[r->case_index];
    if (p->lost[0] && when_of(c) != CB_LIFE_ENDED) {
        r->outcome = CB_OUTCOME_FAILED;
        r->reason = p->lost;
        cb_execution_deliver(x, r);
        return 0;
    }
    if ((cb_case_lifecycle(c) ? cb_execution_lifecycle : run_case)(x, in, r, err) < 0)
        return -1;
    if (!in->alive && when_of(c) == CB_LIFE_RUNNING)
        snprintf(p->lost, sizeof p->lost, "instance lost in %s: %s", c->bench->name, err->msg);
    return 0;
}

/* All cases of a phase, in the block's random order. Once the agent is lost the rest fail. */
static int run_phase(struct cb_execution *x, struct cb_instance *in, enum cb_life_when when, struct phase *p,
                     struct cb_err *err)
{
    unsigned order[CB_CASES_MAX];
    cb_plan_case_order(x->plan, p->block, p->arm, order);
    for (unsigned i = 0; i < x->plan->ncases; i++) {
        struct cb_case_result r = {.block = p->block, .arm = p->arm, .case_index = order[i], .position = i};
        const struct cb_case *c = &x->plan->cases[order[i]];
        if (when_of(c) != when || !cb_plan_includes(x->plan, p->arm, order[i]))
            continue;
        cb_execution_show(x, c->bench->name);
        if (run_or_measure(x, in, p, &r, err) < 0)
            return -1;
    }
    return 0;
}

/* Also of an instance that was lost: that the kernel killed it for want of memory is read in its group, which
 * goes with it. Nothing of one that never said what it was like before its cases. */
static void deliver_noise(struct cb_execution *x, unsigned block, unsigned arm, struct cb_instance *in)
{
    struct cb_noise_result host = {
        .block = block, .arm = (int)arm, .before = &in->host[0], .after = &in->host[1]};
    struct cb_noise_result inside = host;
    if (!in->host[0].n)
        return;
    cb_instance_end(in);
    inside.inside = true;
    inside.before = &in->inside[0];
    inside.after = &in->inside[1];
    x->sink->noise(x->sink->arg, &host);
    if (in->alive)
        x->sink->noise(x->sink->arg, &inside);
}

static void note_instance(struct cb_execution *x, unsigned arm, bool lost, const char *reason, uint64_t took)
{
    struct cb_arm_state *s = &x->arms[arm];
    s->instance_ns = (s->instance_ns * s->instances + took) / (s->instances + 1);
    s->instances++;
    s->failures = lost ? s->failures + 1 : 0;
    if (s->failures == FAILURES_MAX) {
        s->active = false;
        x->sink->arm_status(x->sink->arg, arm, CB_OUTCOME_FAILED, reason);
    }
}

int cb_execution_instance(struct cb_execution *x, unsigned block, unsigned arm, unsigned position,
                          struct cb_err *err)
{
    struct cb_instance in;
    uint64_t begin = cb_now_ns();
    struct cb_instance_result r = {
        .block = block, .arm = arm, .position = position, .reason = "", .instance = &in};
    struct phase phase = {.block = block, .arm = arm};
    char reason[sizeof err->msg] = "";
    x->progress.arm = arm;
    cb_execution_show(x, "");
    int started = cb_instance_start(&in, &x->plan->arms[arm], x->site, arm, x->stop, err);
    int stopped = started < 0 && err->code == CB_EINTR;
    if (started < 0) {
        snprintf(reason, sizeof reason, "%s", err->msg);
        snprintf(phase.lost, sizeof phase.lost, "no instance: %s", err->msg);
    }
    if (!stopped)
        stopped = run_phase(x, &in, CB_LIFE_RUNNING, &phase, err) < 0;
    bool lost = !in.alive;
    if (!stopped)
        deliver_noise(x, block, arm, &in);
    if (lost && !reason[0])
        snprintf(reason, sizeof reason, "%s", err->msg);
    cb_instance_stop(&in);
    if (stopped || run_phase(x, &in, CB_LIFE_ENDED, &phase, err) < 0 ||
        run_phase(x, &in, CB_LIFE_FURTHER, &phase, err) < 0)
        return -1;
    r.outcome = lost ? CB_OUTCOME_FAILED : CB_OUTCOME_OK;
    r.reason = lost ? reason : "";
    x->sink->instance(x->sink->arg, &r);
    note_instance(x, arm, lost, reason, cb_now_ns() - begin);
    return 0;
}
