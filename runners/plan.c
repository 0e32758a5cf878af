#include "runners/plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/clock.h"
#include "bench/base/units.h"
#include "bench/base/williams.h"
#include "runners/cases.h"

/* A batch of the fastest arm, so that clock reads and marks vanish in it, and of the slowest, so that a run
 * ends. */
#define BATCH_MIN_NS      (2 * CB_NS_PER_MS)
#define BATCH_MAX_NS      (500 * CB_NS_PER_MS)
#define BATCH_RESOLUTIONS 1000
#define QUANTILE_OBS      10 /* a quantile q needs n(1-q) of these */

struct preset {
    unsigned blocks;
    uint64_t budget_ns, warm_ns, time_ns;
    uint32_t samples_min, samples_max;
};
/* Chosen so that ten blocks of the default set take about thirteen minutes (quick: under four) on two
 * CPUs with an emulated VM.
 */
static const struct preset standard_preset = {
    .blocks = 10,
    .budget_ns = 900 * CB_NS_PER_S,
    .warm_ns = 10 * CB_NS_PER_MS,
    .time_ns = 150 * CB_NS_PER_MS,
    .samples_min = 10,
    .samples_max = 40,
};
static const struct preset quick_preset = {
    .blocks = CB_BLOCKS_MIN,
    .budget_ns = 225 * CB_NS_PER_S,
    .warm_ns = 5 * CB_NS_PER_MS,
    .time_ns = 80 * CB_NS_PER_MS,
    .samples_min = 5,
    .samples_max = 20,
};

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- arms
 * ------------------------------------------------------------------------------------------------------- */

static int add_arm(struct cb_plan *plan, const char *text, struct cb_err *err)
{
    if (plan->narms == CB_ARMS_MAX)
        return cb_fail(err, CB_EUSAGE, "more than %d arms", CB_ARMS_MAX);
    struct cb_arm *arm = &plan->arms[plan->narms];
    if (cb_arm_parse(text, arm, err) < 0)
        return -1;
    for (unsigned i = 0; i < plan->narms; i++) {
        if (strcmp(plan->arms[i].name, arm->name) == 0)
            return cb_fail(err, CB_EUSAGE, "arm %s is there twice", arm->name);
        if (cb_arm_is_control(arm) && cb_arm_is_control(&plan->arms[i]))
            return cb_fail(err, CB_EUSAGE, "arm %s: a run has one positive control", arm->name);
    }
    plan->narms++;
    return 0;
}

/* Index of the arm, which is added where it is not there yet; -1: error. */
static int take_arm(struct cb_plan *plan, const char *text, struct cb_err *err)
{
    for (unsigned i = 0; i < plan->narms; i++)
        if (strcmp(plan->arms[i].name, text) == 0)
            return (int)i;
    return add_arm(plan, text, err) < 0 ? -1 : (int)plan->narms - 1;
}

static int add_ladder(struct cb_plan *plan, const char *name, struct cb_err *err)
{
    struct cb_rung rung;
    size_t at = 0;
    for (; cb_rung_next(name, &at, &rung); plan->nsteps++) {
        int base = take_arm(plan, rung.base, err), arm = base < 0 ? -1 : take_arm(plan, rung.arm, err);
        if (arm < 0)
            return cb_wrap(err, "ladder %s", name);
        if (plan->nsteps == CB_ARMS_MAX)
            return cb_fail(err, CB_EUSAGE, "ladder %s: more than %d steps", name, CB_ARMS_MAX);
        plan->steps[plan->nsteps] = (struct cb_plan_step){rung, (unsigned)arm, (unsigned)base};
    }
    return at ? 0 : cb_fail(err, CB_EUSAGE, "there is no ladder \"%s\": see cbench list ladders", name);
}

/* The hosts, the rungs, and what was asked for by name unless it is a rung. */
static int add_ladders(struct cb_plan *plan, const struct cb_plan_request *req, struct cb_err *err)
{
    static const char *const nothing[] = {NULL};
    if (add_arm(plan, "host", err) < 0 || add_arm(plan, "host2", err) < 0)
        return -1;
    for (const char *const *l = req->ladders; *l; l++)
        if (add_ladder(plan, *l, err) < 0)
            return -1;
    for (const char *const *n = req->arms ? req->arms : nothing; *n; n++)
        if (take_arm(plan, *n, err) < 0)
            return -1;
    return 0;
}

static int add_named(struct cb_plan *plan, const struct cb_plan_request *req, struct cb_err *err)
{
    static const char *const defaults[] = {"host", "host2", "container", "vm", NULL};
    for (const char *const *n = req->arms ? req->arms : defaults; *n; n++)
        if (add_arm(plan, *n, err) < 0)
            return -1;
    return !req->arms && req->control ? add_arm(plan, CB_CONTROL_ARM, err) : 0;
}

static int add_arms(struct cb_plan *plan, const struct cb_plan_request *req, struct cb_err *err)
{
    if ((req->ladders ? add_ladders : add_named)(plan, req, err) < 0)
        return -1;
    for (plan->baseline = 0; plan->baseline < plan->narms; plan->baseline++)
        if (strcmp(plan->arms[plan->baseline].name, "host") == 0)
            return 0;
    return cb_fail(err, CB_EUSAGE, "no arm \"host\": every cost is a ratio to it");
}

/* A part of the cases that has every kind in it, processor, memory, storage, network and the kernel's own
 * paths: all of them would cost a fifth of a run's time and prove the same. */
static const char control_benches[] = "ctl.s*,mem.chase,fs.rand,net.crr";

bool cb_plan_includes(const struct cb_plan *plan, unsigned arm, unsigned case_index)
{
    return plan->chosen || !cb_arm_is_control(&plan->arms[arm]) ||
           cb_cases_match(control_benches, plan->cases[case_index].bench->name);
}

/* A run of few cases has time for longer ones. A virtual CPU may be a quarter slower for a tenth of a second:
 * a case of 80 ms can fall into that as a whole, the median of one of 250 ms does not notice. A quarter of
 * the budget goes into samples, as it does with all cases; the rest is starts and set-up. */
#define CASE_NS_MAX (250 * CB_NS_PER_MS)

static uint64_t case_share(const struct cb_plan *plan, const struct preset *p, unsigned blocks)
{
    return p->budget_ns / 4 / ((uint64_t)blocks * plan->narms * plan->ncases);
}

static uint64_t case_time(const struct cb_plan *plan, const struct preset *p)
{
    uint64_t share = case_share(plan, p, p->blocks);
    if (share > CASE_NS_MAX)
        share = CASE_NS_MAX;
    return max_u64(share, p->time_ns);
}

/* And a quick run of few cases has time for more blocks. With six of them an interval excludes 1 only when
 * all six do: one disturbed block hides an effect. With sixteen it takes four. */
#define FEW_CASES_BLOCKS 16

static unsigned default_blocks(const struct cb_plan *plan, const struct preset *p)
{
    bool few = case_share(plan, p, FEW_CASES_BLOCKS) >= CASE_NS_MAX;
    return plan->quick && few ? FEW_CASES_BLOCKS : p->blocks;
}

int cb_plan_make(const struct cb_plan_request *req, const struct cb_topology *topo, struct cb_plan *plan,
                 struct cb_err *err)
{
    const struct preset *p = req->quick ? &quick_preset : &standard_preset;
    *plan = (struct cb_plan){
        .blocks = req->blocks,
        .seed = req->seed,
        .quick = req->quick,
        .chosen = req->benches != NULL,
        .target = req->target,
        .budget_ns = req->budget_ns ? req->budget_ns : p->budget_ns,
        .samples_min = p->samples_min,
        .samples_max = p->samples_max,
        .warm_ns = p->warm_ns,
        .memory = cb_cases_memory(topo),
    };
    if (plan->blocks > CB_BLOCKS_MAX)
        return cb_fail(err, CB_EUSAGE, "--blocks %u: at most %d", plan->blocks, CB_BLOCKS_MAX);
    if (add_arms(plan, req, err) < 0 || cb_cases_select(plan, req->benches, topo, err) < 0) {
        cb_plan_free(plan);
        return -1;
    }
    plan->time_ns = case_time(plan, p);
    if (!plan->blocks)
        plan->blocks = default_blocks(plan, p);
    return 0;
}

void cb_plan_free(struct cb_plan *plan)
{
    free(plan->cases);
    plan->cases = NULL;
    plan->ncases = 0;
}

/* A start and an end include the link, whatever else the run measures. */
bool cb_plan_needs_network(const struct cb_plan *plan)
{
    for (unsigned i = 0; i < plan->ncases; i++)
        if (plan->cases[i].bench->needs & (CB_NEED_PEER | CB_NEED_LIFECYCLE))
            return true;
    return false;
}

/* ---- orders
 * ----------------------------------------------------------------------------------------------------- */

static void identity(unsigned *a, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        a[i] = i;
}

static void shuffled(unsigned *a, unsigned n, uint64_t seed)
{
    struct cb_rng rng;
    identity(a, n);
    cb_rng_seed(&rng, seed);
    cb_rng_shuffle(&rng, a, n, sizeof *a);
}

void cb_plan_order(const struct cb_plan *plan, unsigned block, unsigned order[CB_ARMS_MAX])
{
    unsigned n = plan->narms, nrows = cb_williams_rows(n);
    unsigned rows[2 * CB_ARMS_MAX], labels[CB_ARMS_MAX], row[CB_ARMS_MAX];
    char cycle[16];
    snprintf(cycle, sizeof cycle, "%u", block / nrows);
    shuffled(rows, nrows, cb_seed_from(plan->seed, "rows", cycle));
    shuffled(labels, n, cb_seed_from(plan->seed, "labels", ""));
    cb_williams_row(n, rows[block % nrows], row);
    for (unsigned i = 0; i < n; i++)
        order[i] = labels[row[i]];
}

void cb_plan_case_order(const struct cb_plan *plan, unsigned block, unsigned arm, unsigned *order)
{
    char where[32];
    snprintf(where, sizeof where, "%u/%u", block, arm);
    shuffled(order, plan->ncases, cb_seed_from(plan->seed, "cases", where));
}

/* ---- iterations
 * -------------------------------------------------------------------------------------------------- */

/* Iterations that the fewest samples together must hold for the outermost quantile of the benchmark. */
static uint64_t observations_needed(const struct cb_bench *bench)
{
    double most = 0;
    for (const struct cb_metric *m = bench->metrics; m->quantity; m++)
        if (m->derive == CB_HIST_QUANTILE && QUANTILE_OBS / (1 - m->q) > most)
            most = QUANTILE_OBS / (1 - m->q);
    return (uint64_t)ceil(most - 1e-6);
}

uint64_t cb_plan_iters(const struct cb_plan *plan, const struct cb_bench *bench, double fastest_ns,
                       double slowest_ns, uint64_t resolution_ns)
{
    uint64_t floor_ns = max_u64(BATCH_MIN_NS, BATCH_RESOLUTIONS * resolution_ns);
    uint64_t least = (uint64_t)ceil((double)floor_ns / fastest_ns);
    uint64_t obs = (observations_needed(bench) + plan->samples_min - 1) / plan->samples_min;
    /* Aim at a batch of which samples_max fill the case's time in the slowest arm, as far as the floor
     * allows. */
    uint64_t wanted = (uint64_t)((double)plan->time_ns / plan->samples_max / slowest_ns);
    uint64_t most = (uint64_t)((double)BATCH_MAX_NS / slowest_ns);
    if (wanted > most)
        wanted = most;
    uint64_t iters = max_u64(max_u64(least, wanted), max_u64(obs, 1));
    return iters < CB_WIRE_ITERS_MAX ? iters : CB_WIRE_ITERS_MAX;
}

/* ---- printing
 * ---------------------------------------------------------------------------------------------------- */

static void print_order(const struct cb_plan *plan, unsigned block, struct cb_buf *out)
{
    unsigned order[CB_ARMS_MAX] = {0};
    cb_plan_order(plan, block, order);
    cb_buf_printf(out, "block %3u ", block);
    for (unsigned i = 0; i < plan->narms; i++)
        cb_buf_printf(out, " %s", plan->arms[order[i]].name);
    cb_buf_puts(out, "\n");
}

void cb_plan_print(const struct cb_plan *plan, struct cb_buf *out)
{
    char memory[32], budget[32] = "none";
    if (plan->budget_ns != CB_NO_BUDGET)
        cb_format_time(plan->budget_ns, budget, sizeof budget);
    cb_buf_printf(out, "seed %" PRIu64 ", %u blocks, %u arms, %u cases, %s an arm, budget %s\n", plan->seed,
                  plan->blocks, plan->narms, plan->ncases,
                  cb_format_size(plan->memory, memory, sizeof memory), budget);
    if (plan->target > 0)
        cb_buf_printf(out, "more      within the budget, until every 95 %% interval is within %g %%\n",
                      100 * plan->target);
    for (unsigned i = 0; i < plan->narms; i++)
        cb_buf_printf(out, "arm       %s%s\n", plan->arms[i].name,
                      i == plan->baseline                 ? " (baseline)"
                      : cb_arm_is_control(&plan->arms[i]) ? " (positive control)"
                                                          : "");
    for (const struct cb_plan_step *s = plan->steps; s < plan->steps + plan->nsteps; s++)
        cb_buf_printf(out, "%s %s against %s: %s\n", s->rung.side ? "side     " : "step     ", s->rung.arm,
                      s->rung.base, s->rung.label);
    for (unsigned i = 0; i < plan->ncases; i++)
        cb_buf_printf(out, "case      %s %s\n", plan->cases[i].bench->name, plan->cases[i].params);
    for (unsigned b = 0; b < plan->blocks; b++)
        print_order(plan, b, out);
}
