#include "runners/doubling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"

/* Long against what starting a batch costs and against a stolen slice, short against patience. */
#define BATCH_NS (16 * CB_NS_PER_MS)
/* Batches of n and of 2n, each after one to warm up. Both come to 12n iterations: what changes with the work
 * done so far, a cache or a disk's allowance of bursts, is then the same for both. */
static const unsigned samples[2] = {11, 5};
#define SAMPLES_MAX 11
/* Pairs of n and 2n that are always run, and when their median is out of bounds: noise goes away with more,
 * a kernel that does not do its work stays. */
#define ROUNDS      5
#define ROUNDS_MORE 31
/* And no round of those begins later than this into a case: one that is not linear and has a slow set-up
 * would take minutes to say so. */
#define MORE_ROUNDS_NS (15 * CB_NS_PER_S)
/* The largest set-up writes or shuffles a few hundred MB; an emulated guest does that in half a minute. */
#define CASE_TIMEOUT_NS (60 * CB_NS_PER_S)
#define HOST_GRACE_NS   (3 * CB_NS_PER_S)

/* One case in progress. */
struct probe {
    struct cb_instance *in;
    const struct cb_case *c;
    struct cb_wire_run run;
    struct cb_hist *hist;
    double wall_ns[SAMPLES_MAX];
    unsigned n;
    uint64_t least_work, least_cpu_ns, least_peer_ns; /* of a batch */
    uint64_t checksum[2];                             /* at n and at 2n */
    double ratio[ROUNDS_MORE];
};

static void keep_batch(void *arg, const struct cb_batch *b)
{
    struct probe *p = arg;
    if (b->warm || p->n == SAMPLES_MAX)
        return;
    p->wall_ns[p->n++] = (double)b->sample.wall_ns;
    if (b->sample.work < p->least_work)
        p->least_work = b->sample.work;
    if (b->sample.cpu_ns < p->least_cpu_ns)
        p->least_cpu_ns = b->sample.cpu_ns;
    if (b->sample.peer_ns < p->least_peer_ns)
        p->least_peer_ns = b->sample.peer_ns;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of an odd number of values. */
static double middle(double *x, unsigned n)
{
    qsort(x, n, sizeof *x, compare_doubles);
    return x[n / 2];
}

/* Whatever a metric of the benchmark counts must have moved in every batch. */
static int check_counters(const struct probe *p, struct cb_err *err)
{
    for (const struct cb_metric *m = p->c->bench->metrics; m->quantity; m++) {
        bool peer = m->derive == CB_PEER_PER_WORK;
        bool work = m->derive == CB_WORK_PER_WALL || m->derive == CB_CPU_PER_WORK || peer;
        bool cpu = m->derive == CB_CPU_PER_ITER || m->derive == CB_CPU_PER_WORK;
        if (work && p->least_work == 0)
            return cb_fail(err, CB_EUNFIT, "%s: a batch did no work", m->quantity);
        if (cpu && p->least_cpu_ns == 0)
            return cb_fail(err, CB_EUNFIT, "%s: a batch took no CPU time", m->quantity);
        if (peer && p->least_peer_ns == 0)
            return cb_fail(err, CB_EUNFIT, "%s: a batch took no CPU time of the peer", m->quantity);
        if (m->derive == CB_HIST_QUANTILE && !(cb_hist_quantile(p->hist, m->q) > 0))
            return cb_fail(err, CB_EUNFIT, "%s: no latency above 0", m->quantity);
    }
    return 0;
}

/* The work is the same for the same seed and iterations, so what it leaves is too. */
static int check_sum(struct probe *p, unsigned which, struct cb_err *err)
{
    uint64_t sum = p->in->session.checksum;
    if (sum == 0)
        return cb_fail(err, CB_EUNFIT, "the checksum is 0");
    if (p->checksum[which] && p->checksum[which] != sum)
        return cb_fail(err, CB_EUNFIT, "the checksum of the same work is not the same");
    p->checksum[which] = sum;
    return 0;
}

/* Median time of a batch in a fresh process; `which` is 0 for n iterations, 1 for 2n. */
static int time_batches(struct probe *p, unsigned which, uint64_t iters, double *out, struct cb_err *err)
{
    struct cb_case_sink sink = {.batch = keep_batch, .arg = p};
    struct cb_wire_run run = p->run;
    int alive;
    bool trusted;
    run.iters = iters << which;
    run.samples_min = run.samples_max = samples[which];
    p->n = 0;
    p->least_work = p->least_cpu_ns = p->least_peer_ns = UINT64_MAX;
    cb_hist_reset(p->hist);
    int got = cb_session_run(&p->in->session, &run, &sink, p->hist, &trusted,
                             cb_deadline_in(run.timeout_ns + HOST_GRACE_NS), &alive, err);
    p->in->alive = alive;
    if (got < 0 || check_counters(p, err) < 0 || check_sum(p, which, err) < 0)
        return -1;
    *out = middle(p->wall_ns, p->n);
    return 0;
}

/* Which of the two comes first alternates, so that a drift favours neither. */
static int run_round(struct probe *p, struct cb_doubling *d, struct cb_err *err)
{
    double ns[2];
    for (unsigned i = 0; i < 2; i++) {
        unsigned which = (d->rounds + i) % 2;
        if (time_batches(p, which, d->iters, &ns[which], err) < 0)
            return -1;
    }
    p->ratio[d->rounds++] = ns[1] / ns[0];
    double sorted[ROUNDS_MORE];
    memcpy(sorted, p->ratio, d->rounds * sizeof *sorted);
    d->ratio = middle(sorted, d->rounds);
    return 0;
}

static bool doubles(const struct cb_doubling *d)
{
    return d->ratio >= CB_DOUBLING_MIN && d->ratio <= CB_DOUBLING_MAX;
}

/* A disturbance can let calibration end too early; the batch itself then says so. */
static int find_iterations(struct probe *p, struct cb_doubling *d, struct cb_err *err)
{
    uint64_t wall_ns;
    double batch_ns = 0;
    int alive;
    int got = cb_session_calibrate(&p->in->session, &p->run, &d->iters, &wall_ns,
                                   cb_deadline_in(p->run.timeout_ns + HOST_GRACE_NS), &alive, err);
    p->in->alive = alive;
    if (got < 0)
        return cb_wrap(err, "calibration");
    for (;; d->iters *= 2) {
        p->checksum[0] = 0; /* it is another one for other iterations */
        if (time_batches(p, 0, d->iters, &batch_ns, err) < 0)
            return -1;
        if (batch_ns >= BATCH_NS / 2.0 || d->iters > CB_WIRE_ITERS_MAX / 4)
            return 0;
    }
}

static int probe_case(struct probe *p, struct cb_doubling *d, struct cb_err *err)
{
    uint64_t patience = cb_deadline_in(MORE_ROUNDS_NS);
    if (find_iterations(p, d, err) < 0)
        return -1;
    while (d->rounds < ROUNDS ||
           (d->rounds < ROUNDS_MORE && !doubles(d) && cb_deadline_remaining_ns(patience) > 0))
        if (run_round(p, d, err) < 0)
            return -1;
    d->checksum = p->checksum[0];
    return doubles(d)
               ? 0
               : cb_fail(err, CB_EUNFIT, "twice the iterations take %.2f times as long, not %.1f to %.1f",
                         d->ratio, CB_DOUBLING_MIN, CB_DOUBLING_MAX);
}

/* -1 where the instance is lost or the user stopped. */
static int run_case(struct cb_instance *in, const struct cb_case *c, struct cb_hist *hist,
                    struct cb_doubling *d, struct cb_err *err)
{
    const char *missing = cb_instance_lacks(in, c->bench);
    struct probe p = {.in = in, .c = c, .hist = hist};
    p.run = (struct cb_wire_run){
        .id = d->case_index + 1, .seed = c->seed, .time_ns = BATCH_NS, .timeout_ns = CASE_TIMEOUT_NS};
    snprintf(p.run.bench, sizeof p.run.bench, "%s", c->bench->name);
    snprintf(p.run.params, sizeof p.run.params, "%s", c->params);
    if (missing) {
        d->outcome = CB_OUTCOME_SKIPPED;
        snprintf(d->reason, sizeof d->reason, "%s", missing);
    } else if (probe_case(&p, d, err) < 0) {
        d->outcome = err->code == CB_EMISSING ? CB_OUTCOME_SKIPPED : CB_OUTCOME_FAILED;
        snprintf(d->reason, sizeof d->reason, "%.255s", err->msg);
        return in->alive ? 0 : -1;
    }
    return 0;
}

static int run_cases(const struct cb_plan *plan, unsigned arm, struct cb_instance *in,
                     const struct cb_doubling_sink *sink, struct cb_err *err)
{
    CB_AUTOFREE struct cb_hist *hist = malloc(sizeof *hist);
    if (!hist)
        return cb_fail(err, CB_ESYS, "out of memory");
    for (unsigned c = 0; c < plan->ncases; c++) {
        struct cb_doubling d = {.arm = arm, .case_index = c};
        if (plan->cases[c].bench->needs & CB_NEED_LIFECYCLE)
            continue; /* the host times a start: there is no loop */
        sink->begin(sink->arg, arm, c);
        int got = run_case(in, &plan->cases[c], hist, &d, err);
        if (got < 0 && err->code == CB_EINTR)
            return -1;
        sink->end(sink->arg, &d);
        if (got < 0)
            return cb_wrap(err, "%s lost in %s", plan->arms[arm].name, plan->cases[c].bench->name);
    }
    return 0;
}

int cb_doubling_run(const struct cb_plan *plan, unsigned arm, struct cb_site *site, const volatile int *stop,
                    const struct cb_doubling_sink *sink, struct cb_err *err)
{
    struct cb_instance in;
    int got = plan->arms[arm].runner->probe(&plan->arms[arm], site, err);
    if (got < 0)
        return cb_wrap(err, "%s", plan->arms[arm].name);
    got = cb_instance_start(&in, &plan->arms[arm], site, arm, stop, err);
    if (got == 0)
        got = run_cases(plan, arm, &in, sink, err);
    cb_instance_stop(&in);
    return got;
}
