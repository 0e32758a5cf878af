#include "bench/kernels/workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bench/kernels/cpus.h"

struct worker {
    struct cb_workers *all;
    pthread_t thread;
    unsigned index;
    int failed;
    struct cb_err err;
};

/* A thread sleeps until `round` says that a batch is near, then spins until `begun` says so too. What stands
 * between the two is written by the caller before `begun`, which publishes it. */
struct cb_workers {
    pthread_mutex_t lock; /* of round, for those asleep */
    pthread_cond_t wake;
    unsigned round;
    atomic_uint awake, begun, busy;
    unsigned n;    /* with the caller */
    bool armed;    /* the threads are awake */
    bool ending;   /* the batch that begins is the end */
    cb_work *work; /* of the batch */
    void *arg;
    uint64_t iters;
    struct worker worker[]; /* [0], the caller, has no thread */
};

static void sleep_until(struct cb_workers *w, unsigned round)
{
    pthread_mutex_lock(&w->lock);
    while (w->round != round)
        pthread_cond_wait(&w->wake, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

static void *worker_main(void *arg)
{
    struct worker *me = arg;
    struct cb_workers *w = me->all;
    for (unsigned round = 1;; round++) {
        sleep_until(w, round);
        atomic_fetch_add(&w->awake, 1);
        while (atomic_load_explicit(&w->begun, memory_order_acquire) != round)
            cb_relax();
        if (w->ending)
            return NULL;
        me->failed = w->work(w->arg, me->index, w->iters, &me->err);
        atomic_fetch_sub_explicit(&w->busy, 1, memory_order_release);
    }
}

void cb_workers_arm(struct cb_workers *w)
{
    if (w->armed)
        return;
    atomic_store(&w->awake, 0);
    pthread_mutex_lock(&w->lock);
    w->round++;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    while (atomic_load(&w->awake) != w->n - 1)
        cb_relax();
    w->armed = true;
}

static void begin(struct cb_workers *w)
{
    cb_workers_arm(w);
    w->armed = false;
    atomic_store_explicit(&w->begun, w->round, memory_order_release);
}

int cb_workers_run(struct cb_workers *w, cb_work *work, void *arg, uint64_t iters, struct cb_err *err)
{
    w->work = work;
    w->arg = arg;
    w->iters = iters;
    atomic_store(&w->busy, w->n - 1);
    begin(w);
    int failed = work(arg, 0, iters, err);
    while (atomic_load_explicit(&w->busy, memory_order_acquire) != 0)
        cb_relax();
    for (unsigned i = 1; i < w->n && !failed; i++)
        if (w->worker[i].failed) {
            *err = w->worker[i].err;
            failed = -1;
        }
    return failed;
}

static int pin(void *arg, unsigned index, uint64_t iters, struct cb_err *err)
{
    (void)arg;
    (void)iters;
    return cb_cpus_pin(index, err);
}

int cb_workers_start(struct cb_workers **out, uint64_t n, struct cb_err *err)
{
    unsigned cpus = cb_cpus_count();
    n = n ? n : cpus;
    *out = NULL;
    if (n > cpus)
        return cb_fail(err, CB_EMISSING, "needs %llu CPUs, and this environment has %u",
                       (unsigned long long)n, cpus);
    struct cb_workers *w = calloc(1, sizeof *w + n * sizeof *w->worker);
    if (!w)
        return cb_fail_sys(err, ENOMEM, "allocate workers");
    *out = w;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    for (w->n = 1; w->n < n; w->n++) {
        struct worker *me = &w->worker[w->n];
        *me = (struct worker){.all = w, .index = w->n};
        int cause = pthread_create(&me->thread, NULL, worker_main, me);
        if (cause)
            return cb_fail_sys(err, cause, "start thread %u of %llu", w->n, (unsigned long long)n);
    }
    return cb_workers_run(w, pin, NULL, 0, err);
}

unsigned cb_workers_count(const struct cb_workers *w)
{
    return w->n;
}

void cb_workers_stop(struct cb_workers *w)
{
    if (!w)
        return;
    w->ending = true;
    begin(w);
    for (unsigned i = 1; i < w->n; i++)
        pthread_join(w->worker[i].thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
