#include "bench/kernels/ctl_pair.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>

#include "bench/base/clock.h"
#include "bench/kernels/cpus.h"

static long voluntary_switches(void)
{
    struct rusage use = {0};
    getrusage(RUSAGE_THREAD, &use);
    return use.ru_nvcsw;
}

static int ring(struct cb_pair *pair, int whom, struct cb_err *err)
{
    pair->rung_ns = cb_now_ns();
    return pair->kind->ring(pair->side[whom].bell, err);
}

static int await(struct cb_pair *pair, int who, uint64_t *latency_ns, struct cb_err *err)
{
    if (pair->kind->wait(pair->side[who].bell, err) < 0)
        return -1;
    uint64_t now = cb_now_ns();
    long switches = voluntary_switches();
    if (now < pair->rung_ns)
        return cb_fail(err, CB_EUNFIT, "it woke before it was woken: the clocks of two CPUs differ");
    *latency_ns = switches != pair->side[who].switches ? now - pair->rung_ns : 0;
    pair->side[who].switches = switches;
    return 0;
}

static void *answer(void *arg)
{
    struct cb_pair *pair = arg;
    struct cb_err late;
    pair->side[CB_PAIR_THERE].switches = voluntary_switches();
    while (await(pair, CB_PAIR_THERE, &pair->latency_ns, &pair->failure) == 0) {
        if (pair->stop || ring(pair, CB_PAIR_HERE, &pair->failure) < 0)
            return NULL;
    }
    ring(pair, CB_PAIR_HERE, &late); /* the other side finds the failure */
    return NULL;
}

int cb_pair_start(struct cb_pair *pair, const struct cb_run *run, struct cb_err *err)
{
    const struct sched_param none = {0};
    if (cb_cpus_pin((unsigned)cb_run_param(run, "cpus"), err) < 0)
        return -1;
    if (sched_setscheduler(0, SCHED_BATCH, &none) < 0) /* the partner inherits it */
        return cb_fail_sys(err, errno, "choose SCHED_BATCH");
    int failed = pthread_create(&pair->partner, NULL, answer, pair); /* begins on the CPU of its maker */
    if (failed)
        return cb_fail_sys(err, failed, "make a thread");
    pair->started = true;
    return cb_cpus_pin(0, err);
}

static void count(struct cb_hist *hist, uint64_t latency_ns)
{
    if (latency_ns)
        cb_hist_add(hist, latency_ns);
}

int cb_pair_loop(struct cb_pair *pair, struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    uint64_t back_ns;
    pair->side[CB_PAIR_HERE].switches = voluntary_switches(); /* this thread may have slept between batches */
    for (uint64_t i = 0; i < iters; i++) {
        if (ring(pair, CB_PAIR_THERE, err) < 0 || await(pair, CB_PAIR_HERE, &back_ns, err) < 0)
            return -1;
        if (pair->failure.code != CB_OK) {
            *err = pair->failure;
            return cb_wrap(err, "the second thread");
        }
        count(run->hist, pair->latency_ns);
        count(run->hist, back_ns);
    }
    run->work += iters;
    run->sink += iters;
    return 0;
}

void cb_pair_stop(struct cb_pair *pair)
{
    struct cb_err ignored;
    if (!pair->started)
        return;
    pair->stop = true;
    ring(pair, CB_PAIR_THERE, &ignored);
    pthread_join(pair->partner, NULL);
    pair->started = false;
}

const struct cb_metric cb_pair_metrics[] = {
    CB_QUANTILE_US("p50", 0.5),
    CB_QUANTILE_US("p99", 0.99),
    {.quantity = NULL},
};

const struct cb_param cb_pair_params[] = {CB_CPUS_PARAM, {.name = NULL}};

const struct cb_variant cb_pair_variants[] = {
    {"cpus=same", CB_SET_STANDARD},
    {"cpus=other", CB_SET_FULL},
    {.params = NULL},
};
