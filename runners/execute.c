#include "runners/execute.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/units.h"
#include "runners/noise.h"

/* An arm that fails this often in a row is given up: a hung guest costs 30 s each time. */
#define FAILURES_MAX 2
/* Calibration aims at batches this long: long against the clock, short against a run. */
#define CALIBRATION_NS         (4 * CB_NS_PER_MS)
#define CALIBRATION_TIMEOUT_NS (40 * CB_NS_PER_S)
/* A case may take this much longer than calibration led to expect. */
#define CASE_SLACK_NS    (8 * CB_NS_PER_S)
#define CASE_SLACK_TIMES 5
/* The agent notices its own timeout first; the host waits this much longer. */
#define HOST_GRACE_NS (3 * CB_NS_PER_S)

/* What calibration found out for one case in one arm. */
struct cost {
    double iter_ns; /* 0: the case does not work there, for this reason: */
    enum cb_outcome outcome;
    char reason[256];
    uint64_t setup_ns; /* everything but batches */
};

struct arm_state {
    bool active;
    unsigned failures;    /* in a row */
    uint64_t instance_ns; /* mean time of an instance, all in; for time left */
    unsigned instances;
};

struct exec {
    struct cb_plan *plan;
    struct cb_site *site;
    const struct cb_sink *sink;
    const volatile int *stop;
    struct cb_run_totals *totals;
    uint64_t begin_ns;
    uint64_t resolution_ns; /* coarsest clock of all arms */
    struct arm_state arms[CB_ARMS_MAX];
    struct cost *costs; /* narms x ncases */
    struct cb_batch *batches;
    unsigned nbatches, cap;
    bool out_of_memory;
    struct cb_hist *hist;
    struct cb_schedule schedule;
    struct cb_progress progress;
};

const char *cb_outcome_name(enum cb_outcome o)
{
    static const char *const names[] = {"ok", "untrusted", "skipped", "failed"};
    return names[o];
}

static struct cost *cost_of(struct exec *x, unsigned arm, unsigned c)
{
    return &x->costs[arm * x->plan->ncases + c];
}

static bool is_lifecycle(const struct cb_case *c)
{
    return (c->bench->needs & CB_NEED_LIFECYCLE) != 0;
}

/* ---- progress
 * --------------------------------------------------------------------------------------------------- */

static uint64_t time_left(const struct exec *x, unsigned blocks_to_come)
{
    uint64_t left = 0;
    for (unsigned a = 0; a < x->plan->narms; a++)
        if (x->arms[a].active)
            left += x->arms[a].instance_ns * blocks_to_come;
    return left;
}

static void show(struct exec *x, const char *bench)
{
    struct cb_progress *p = &x->progress;
    p->bench = bench;
    p->elapsed_ns = cb_now_ns() - x->begin_ns;
    x->sink->progress(x->sink->arg, p);
}

/* ---- one case
 * --------------------------------------------------------------------------------------------------- */

static void keep_batch(void *arg, const struct cb_batch *b)
{
    struct exec *x = arg;
    if (x->nbatches == x->cap) {
        unsigned cap = x->cap ? 2 * x->cap : 256;
        struct cb_batch *more = realloc(x->batches, cap * sizeof *more);
        if (!more) {
            x->out_of_memory = true;
            return;
        }
        x->batches = more;
        x->cap = cap;
    }
    x->batches[x->nbatches++] = *b;
}

static struct cb_wire_run wire_run(const struct exec *x, unsigned case_index)
{
    const struct cb_plan *plan = x->plan;
    const struct cb_case *c = &plan->cases[case_index];
    struct cb_wire_run run = {
        .id = case_index + 1,
        .seed = c->seed,
        .iters = c->iters,
        .samples_min = plan->samples_min,
        .samples_max = plan->samples_max,
        .warm_ns = plan->warm_ns,
        .time_ns = plan->time_ns,
    };
    snprintf(run.bench, sizeof run.bench, "%s", c->bench->name);
    snprintf(run.params, sizeof run.params, "%s", c->params);
    return run;
}

static void deliver(struct exec *x, const struct cb_case_result *r)
{
    x->sink->result(x->sink->arg, r);
    x->progress.done++;
}

static enum cb_outcome outcome_of(const struct cb_err *err)
{
    return err->code == CB_EMISSING ? CB_OUTCOME_SKIPPED : CB_OUTCOME_FAILED;
}

/* How long the case should take in this arm, from calibration. */
static uint64_t expected_ns(struct exec *x, unsigned arm, unsigned c)
{
    const struct cb_plan *plan = x->plan;
    const struct cost *cost = cost_of(x, arm, c);
    uint64_t batch = (uint64_t)(cost->iter_ns * (double)plan->cases[c].iters);
    uint64_t sampling =
        batch * (plan->samples_min + 1) > plan->time_ns ? batch * (plan->samples_min + 1) : plan->time_ns;
    return cost->setup_ns + plan->warm_ns + batch + sampling;
}

/* Runs the case and delivers its result. -1 with CB_EINTR only; a lost agent shows in in->alive. */
static int run_case(struct exec *x, struct cb_instance *in, struct cb_case_result *r, struct cb_err *err)
{
    const struct cb_case *c = &x->plan->cases[r->case_index];
    const char *missing = cb_instance_lacks(in, c->bench);
    struct cb_case_sink sink = {keep_batch, x};
    struct cb_wire_run run = wire_run(x, r->case_index);
    int alive = 1;
    const struct cost *cost = cost_of(x, r->arm, r->case_index);
    r->outcome = missing ? CB_OUTCOME_SKIPPED : cost->outcome;
    r->reason = missing ? missing : cost->reason;
    if (!missing && cost->iter_ns > 0) {
        uint64_t begin = cb_now_ns();
        run.timeout_ns = CASE_SLACK_NS + CASE_SLACK_TIMES * expected_ns(x, r->arm, r->case_index);
        if (run.timeout_ns > CB_WIRE_NS_MAX)
            run.timeout_ns = CB_WIRE_NS_MAX;
        x->nbatches = 0;
        cb_hist_reset(x->hist);
        int got = cb_session_run(&in->session, &run, &sink, x->hist, &r->trusted,
                                 begin + run.timeout_ns + HOST_GRACE_NS, &alive, err);
        r->took_ns = cb_now_ns() - begin;
        x->totals->measuring_ns += r->took_ns;
        if (got < 0 && err->code == CB_EINTR)
            return -1;
        r->outcome = got == 0 ? CB_OUTCOME_OK : outcome_of(err);
        r->reason = got == 0 ? "" : err->msg;
        r->batches = x->batches;
        r->nbatches = x->nbatches;
        r->hist = x->hist->total ? x->hist : NULL;
    }
    in->alive = alive;
    deliver(x, r);
    return 0;
}

/* ---- one instance
 * ----------------------------------------------------------------------------------------------- */

/* The start itself as a case: one sample, stamped on the host's clock. */
static void deliver_start(struct exec *x, const struct cb_instance *in, struct cb_case_result *r)
{
    struct cb_batch b = {
        .sample = {.iters = 1, .wall_ns = in->start_ns},
        .agent_ns = in->start_ns,
        .host_ns = in->start_ns,
    };
    r->trusted = true; /* stamped by the host alone */
    r->outcome = in->start_ns ? CB_OUTCOME_OK : CB_OUTCOME_FAILED;
    r->reason = in->start_ns ? "" : "the agent never answered";
    r->batches = &b;
    r->nbatches = in->start_ns ? 1 : 0;
    deliver(x, r);
}

/* All cases of a running (or failed) instance, in the block's random order. Once the agent is lost the rest
 * fail. */
static int run_cases(struct exec *x, struct cb_instance *in, unsigned block, unsigned arm, struct cb_err *err)
{
    unsigned order[CB_CASES_MAX];
    char lost[600] = "";
    if (!in->alive)
        snprintf(lost, sizeof lost, "no instance: %s", err->msg);
    cb_plan_case_order(x->plan, block, arm, order);
    for (unsigned i = 0; i < x->plan->ncases; i++) {
        struct cb_case_result r = {.block = block, .arm = arm, .case_index = order[i], .position = i};
        const struct cb_case *c = &x->plan->cases[order[i]];
        if (!cb_plan_includes(x->plan, arm, order[i]))
            continue;
        show(x, c->bench->name);
        if (is_lifecycle(c)) {
            deliver_start(x, in, &r);
        } else if (!in->alive) {
            r.outcome = CB_OUTCOME_FAILED;
            r.reason = lost;
            deliver(x, &r);
        } else {
            if (run_case(x, in, &r, err) < 0)
                return -1;
            if (!in->alive)
                snprintf(lost, sizeof lost, "instance lost in %s: %s", c->bench->name, err->msg);
        }
    }
    return 0;
}

static void deliver_noise(struct exec *x, unsigned block, unsigned arm, struct cb_instance *in)
{
    struct cb_noise_result host = {
        .block = block, .arm = (int)arm, .before = &in->host[0], .after = &in->host[1]};
    struct cb_noise_result inside = host;
    cb_instance_end(in);
    inside.inside = true;
    inside.before = &in->inside[0];
    inside.after = &in->inside[1];
    x->sink->noise(x->sink->arg, &host);
    x->sink->noise(x->sink->arg, &inside);
}

static void note_instance(struct exec *x, unsigned arm, bool lost, const char *reason, uint64_t took)
{
    struct arm_state *s = &x->arms[arm];
    s->instance_ns = (s->instance_ns * s->instances + took) / (s->instances + 1);
    s->instances++;
    s->failures = lost ? s->failures + 1 : 0;
    if (s->failures == FAILURES_MAX) {
        s->active = false;
        x->sink->arm_status(x->sink->arg, arm, CB_OUTCOME_FAILED, reason);
    }
}

/* -1 only when the user stopped the run. */
static int run_instance(struct exec *x, unsigned block, unsigned arm, unsigned position, struct cb_err *err)
{
    struct cb_instance in;
    uint64_t begin = cb_now_ns();
    struct cb_instance_result r = {
        .block = block, .arm = arm, .position = position, .reason = "", .instance = &in};
    char reason[sizeof err->msg] = "";
    x->progress.arm = arm;
    show(x, "");
    int started = cb_instance_start(&in, &x->plan->arms[arm], x->site, arm, x->stop, err);
    int stopped = started < 0 && err->code == CB_EINTR;
    if (started < 0)
        snprintf(reason, sizeof reason, "%s", err->msg);
    if (!stopped)
        stopped = run_cases(x, &in, block, arm, err) < 0;
    bool lost = !in.alive;
    if (!lost && !stopped)
        deliver_noise(x, block, arm, &in);
    if (lost && !reason[0])
        snprintf(reason, sizeof reason, "%s", err->msg);
    cb_instance_stop(&in);
    if (stopped)
        return -1;
    r.outcome = lost ? CB_OUTCOME_FAILED : CB_OUTCOME_OK;
    r.reason = lost ? reason : "";
    x->sink->instance(x->sink->arg, &r);
    note_instance(x, arm, lost, reason, cb_now_ns() - begin);
    return 0;
}

/* ---- calibration
 * ------------------------------------------------------------------------------------------------ */

static void note_resolution(struct exec *x, const struct cb_instance *in)
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
static int calibrate_case(struct exec *x, struct cb_instance *in, unsigned arm, unsigned c,
                          struct cb_err *err)
{
    struct cb_wire_run run = wire_run(x, c);
    struct cost *cost = cost_of(x, arm, c);
    uint64_t iters, wall, begin = cb_now_ns();
    int alive = 1;
    run.iters = 0;
    run.time_ns = CALIBRATION_NS;
    run.timeout_ns = CALIBRATION_TIMEOUT_NS;
    if (cb_session_calibrate(&in->session, &run, &iters, &wall, begin + run.timeout_ns + HOST_GRACE_NS,
                             &alive, err) < 0) {
        in->alive = alive;
        cost->outcome = outcome_of(err);
        snprintf(cost->reason, sizeof cost->reason, "calibration: %.230s", err->msg);
        return err->code == CB_EINTR ? -1 : 0;
    }
    uint64_t took = cb_now_ns() - begin;
    cost->iter_ns = (double)wall / (double)iters;
    cost->setup_ns = took;
    return 0;
}

static int calibrate_arm(struct exec *x, unsigned arm, struct cb_err *err)
{
    struct cb_instance in;
    uint64_t begin = cb_now_ns();
    x->progress.arm = arm;
    show(x, "");
    int got = cb_instance_start(&in, &x->plan->arms[arm], x->site, arm, x->stop, err);
    bool stopped = got < 0 && err->code == CB_EINTR;
    note_resolution(x, &in);
    for (unsigned c = 0; c < x->plan->ncases && in.alive && !stopped; c++) {
        const struct cb_case *k = &x->plan->cases[c];
        if (is_lifecycle(k) || !cb_plan_includes(x->plan, arm, c) || cb_instance_lacks(&in, k->bench))
            continue;
        show(x, k->bench->name);
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

static void choose_iterations(struct exec *x)
{
    for (unsigned c = 0; c < x->plan->ncases; c++) {
        double fastest = 0, slowest = 0;
        for (unsigned a = 0; a < x->plan->narms; a++) {
            double ns = cost_of(x, a, c)->iter_ns;
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
static void expect_times(struct exec *x)
{
    for (unsigned a = 0; a < x->plan->narms; a++)
        for (unsigned c = 0; c < x->plan->ncases; c++)
            if (cost_of(x, a, c)->iter_ns > 0)
                x->arms[a].instance_ns += expected_ns(x, a, c) - cost_of(x, a, c)->setup_ns;
}

static int calibrate(struct exec *x, struct cb_err *err)
{
    x->progress.phase = "calibrate";
    for (unsigned a = 0; a < x->plan->narms; a++)
        if (x->arms[a].active && calibrate_arm(x, a, err) < 0)
            return -1;
    choose_iterations(x);
    expect_times(x);
    return x->sink->calibrated(x->sink->arg, x->plan, err);
}

/* ---- the run
 * ---------------------------------------------------------------------------------------------------- */

/* Asks every arm whether it can run here; -1 when none can. */
static int probe_arms(struct exec *x, struct cb_err *err)
{
    unsigned able = 0;
    for (unsigned a = 0; a < x->plan->narms; a++) {
        const struct cb_arm *arm = &x->plan->arms[a];
        x->arms[a].active = arm->runner->probe(arm, x->site, err) == 0;
        if (!x->arms[a].active)
            x->sink->arm_status(x->sink->arg, a, outcome_of(err), err->msg);
        able += x->arms[a].active;
    }
    return able ? 0 : cb_fail(err, CB_EMISSING, "no arm can run here");
}

static int run_arms(struct exec *x, unsigned block, struct cb_err *err)
{
    unsigned order[CB_ARMS_MAX];
    cb_plan_order(x->plan, x->schedule.rows[block], order);
    for (unsigned i = 0; i < x->plan->narms; i++) {
        if (x->arms[order[i]].active && run_instance(x, block, order[i], i, err) < 0)
            return -1;
        x->progress.left_ns = time_left(x, x->schedule.n - block - 1);
        for (unsigned k = i + 1; k < x->plan->narms; k++)
            if (x->arms[order[k]].active)
                x->progress.left_ns += x->arms[order[k]].instance_ns;
    }
    return x->out_of_memory ? cb_fail(err, CB_ESYS, "out of memory for samples") : 0;
}

static int run_block(struct exec *x, unsigned block, struct cb_err *err)
{
    struct cb_noise before, after;
    const struct cb_noise_result noise = {.block = block, .arm = -1, .before = &before, .after = &after};
    struct cb_block_result r = {.block = block, .row = x->schedule.rows[block], .begin_ns = cb_now_ns()};
    x->progress.block = block;
    cb_noise_host(x->site, NULL, &before);
    if (run_arms(x, block, err) < 0)
        return -1;
    cb_noise_host(x->site, NULL, &after);
    x->sink->noise(x->sink->arg, &noise);
    x->totals->blocks++;
    r.end_ns = cb_now_ns();
    return x->sink->block_end(x->sink->arg, &r, err);
}

/* The next block would end after the budget, and there are enough blocks for an interval. */
static bool budget_spent(const struct exec *x)
{
    uint64_t elapsed = cb_now_ns() - x->begin_ns;
    return x->totals->blocks >= CB_BLOCKS_MIN && elapsed + time_left(x, 1) > x->plan->budget_ns;
}

static unsigned count_cases(const struct cb_plan *plan)
{
    unsigned n = 0;
    for (unsigned a = 0; a < plan->narms; a++)
        for (unsigned c = 0; c < plan->ncases; c++)
            n += cb_plan_includes(plan, a, c);
    return n;
}

static void note_schedule(struct exec *x)
{
    x->progress.blocks = x->schedule.n;
    x->progress.total = x->schedule.n * count_cases(x->plan);
}

static void schedule_plan(struct exec *x)
{
    for (; x->schedule.n < x->plan->blocks; x->schedule.n++)
        x->schedule.rows[x->schedule.n] = x->schedule.n;
    note_schedule(x);
}

/* 1: there is a block to run. */
static int next_block(struct exec *x, struct cb_err *err)
{
    struct cb_schedule *s = &x->schedule;
    uint64_t elapsed = cb_now_ns() - x->begin_ns;
    if (x->totals->blocks == s->n && x->sink->more_blocks) {
        s->block_ns = time_left(x, 1);
        s->left_ns = elapsed < x->plan->budget_ns ? x->plan->budget_ns - elapsed : 0;
        if (x->sink->more_blocks(x->sink->arg, s, err) < 0)
            return -1;
        note_schedule(x);
    }
    x->totals->budget_hit = x->totals->blocks < s->n && budget_spent(x);
    return x->totals->blocks < s->n && !x->totals->budget_hit;
}

static int walk(struct exec *x, struct cb_err *err)
{
    int more;
    schedule_plan(x);
    if (probe_arms(x, err) < 0 || calibrate(x, err) < 0)
        return -1;
    x->progress.phase = "measure";
    x->progress.left_ns = time_left(x, x->schedule.n);
    while ((more = next_block(x, err)) > 0)
        if (run_block(x, x->totals->blocks, err) < 0)
            return -1;
    return more;
}

int cb_execute(struct cb_plan *plan, struct cb_site *site, const struct cb_sink *sink,
               const volatile int *stop, struct cb_run_totals *totals, struct cb_err *err)
{
    struct exec x = {
        .plan = plan,
        .site = site,
        .sink = sink,
        .stop = stop,
        .totals = totals,
        .begin_ns = cb_now_ns(),
        .resolution_ns = 1,
        .progress = {.bench = ""},
    };
    *totals = (struct cb_run_totals){0};
    x.costs = calloc((size_t)plan->narms * plan->ncases, sizeof *x.costs);
    x.hist = malloc(sizeof *x.hist);
    int got = x.costs && x.hist ? walk(&x, err) : cb_fail(err, CB_ESYS, "out of memory");
    totals->wall_ns = cb_now_ns() - x.begin_ns;
    totals->interrupted = got < 0 && err->code == CB_EINTR;
    free(x.costs);
    free(x.hist);
    free(x.batches);
    return got;
}
