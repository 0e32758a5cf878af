#include "runners/execute.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runners/execution.h"
#include "runners/noise.h"

const char *cb_outcome_name(enum cb_outcome o)
{
    static const char *const names[] = {"ok", "untrusted", "skipped", "failed"};
    return names[o];
}

struct cb_cost *cb_cost_of(struct cb_execution *x, unsigned arm, unsigned c)
{
    return &x->costs[arm * x->plan->ncases + c];
}

const struct cb_lifecycle *cb_case_lifecycle(const struct cb_case *c)
{
    return c->bench->needs & CB_NEED_LIFECYCLE ? cb_lifecycle_find(c->bench->name) : NULL;
}

void cb_execution_forget(struct cb_execution *x)
{
    x->nbatches = 0;
    cb_hist_reset(x->hist);
}

void cb_execution_keep(void *arg, const struct cb_batch *b)
{
    struct cb_execution *x = arg;
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

void cb_execution_deliver(struct cb_execution *x, const struct cb_case_result *r)
{
    x->sink->result(x->sink->arg, r);
    x->progress.done++;
}

void cb_execution_show(struct cb_execution *x, const char *bench)
{
    struct cb_progress *p = &x->progress;
    p->bench = bench;
    p->elapsed_ns = cb_now_ns() - x->begin_ns;
    x->sink->progress(x->sink->arg, p);
}

struct cb_wire_run cb_case_wire(const struct cb_execution *x, unsigned case_index)
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

uint64_t cb_case_expected_ns(struct cb_execution *x, unsigned arm, unsigned c)
{
    const struct cb_plan *plan = x->plan;
    const struct cb_cost *cost = cb_cost_of(x, arm, c);
    uint64_t batch = (uint64_t)(cost->iter_ns * (double)plan->cases[c].iters);
    uint64_t sampling =
        batch * (plan->samples_min + 1) > plan->time_ns ? batch * (plan->samples_min + 1) : plan->time_ns;
    return cost->setup_ns + plan->warm_ns + batch + sampling;
}

enum cb_outcome cb_outcome_of(const struct cb_err *err)
{
    return err->code == CB_EMISSING ? CB_OUTCOME_SKIPPED : CB_OUTCOME_FAILED;
}

/* ---- the run
 * ----------------------------------------------------------------------------------------------------- */

static uint64_t time_left(const struct cb_execution *x, unsigned blocks_to_come)
{
    uint64_t left = 0;
    for (unsigned a = 0; a < x->plan->narms; a++)
        if (x->arms[a].active)
            left += x->arms[a].instance_ns * blocks_to_come;
    return left;
}

/* Asks every arm whether it can run here; -1 when none can. */
static int probe_arms(struct cb_execution *x, struct cb_err *err)
{
    unsigned able = 0;
    for (unsigned a = 0; a < x->plan->narms; a++) {
        const struct cb_arm *arm = &x->plan->arms[a];
        x->arms[a].active = arm->runner->probe(arm, x->site, err) == 0;
        if (!x->arms[a].active)
            x->sink->arm_status(x->sink->arg, a, cb_outcome_of(err), err->msg);
        able += x->arms[a].active;
    }
    return able ? 0 : cb_fail(err, CB_EMISSING, "no arm can run here");
}

static int run_arms(struct cb_execution *x, unsigned block, struct cb_err *err)
{
    unsigned order[CB_ARMS_MAX];
    cb_plan_order(x->plan, x->schedule.rows[block], order);
    for (unsigned i = 0; i < x->plan->narms; i++) {
        if (x->arms[order[i]].active && cb_execution_instance(x, block, order[i], i, err) < 0)
            return -1;
        x->progress.left_ns = time_left(x, x->schedule.n - block - 1);
        for (unsigned k = i + 1; k < x->plan->narms; k++)
            if (x->arms[order[k]].active)
                x->progress.left_ns += x->arms[order[k]].instance_ns;
    }
    return x->out_of_memory ? cb_fail(err, CB_ESYS, "out of memory for samples") : 0;
}

static int run_block(struct cb_execution *x, unsigned block, struct cb_err *err)
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
static bool budget_spent(const struct cb_execution *x)
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

static void note_schedule(struct cb_execution *x)
{
    x->progress.blocks = x->schedule.n;
    x->progress.total = x->schedule.n * count_cases(x->plan);
}

static void schedule_plan(struct cb_execution *x)
{
    for (; x->schedule.n < x->plan->blocks; x->schedule.n++)
        x->schedule.rows[x->schedule.n] = x->schedule.n;
    note_schedule(x);
}

/* 1: there is a block to run. */
static int next_block(struct cb_execution *x, struct cb_err *err)
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

static int walk(struct cb_execution *x, struct cb_err *err)
{
    int more;
    schedule_plan(x);
    if (probe_arms(x, err) < 0 || cb_execution_calibrate(x, err) < 0)
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
    struct cb_execution x = {
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
