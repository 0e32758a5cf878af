/* Two threads that wake each other in turns: what ctl.futex and ctl.eventfd share.
 *
 * A latency is that of one wake-up: from right before the one thread rings until the other one runs. Both
 * threads stamp one clock, which the kernel keeps monotonic across CPUs.
 *
 * On one CPU it holds the ringing thread's own way to sleep: both threads are SCHED_BATCH, which never
 * preempts whoever woke it. Others do or do not, as the scheduler of the day likes, and the median would jump
 * between the two (2.2 and 3.4 us where it was tried).
 *
 * A thread that did not sleep yet when its bell was rung was not woken but went on; it is told by its count
 * of context switches, and counts as no latency. */
#ifndef CB_KERNELS_CTL_PAIR_H
#define CB_KERNELS_CTL_PAIR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/bench.h"

/* How a thread is woken: all that the two benchmarks differ in. */
struct cb_bell {
    int (*ring)(void *bell, struct cb_err *err);
    int (*wait)(void *bell, struct cb_err *err); /* sleeps until it was rung; one ring ends one wait */
};

enum { CB_PAIR_HERE, CB_PAIR_THERE }; /* the benchmark's own thread, and its partner */

struct cb_pair {
    const struct cb_bell *kind;
    struct {
        void *bell;    /* the owner's; rung by the other side */
        long switches; /* voluntary context switches of the thread so far */
    } side[2];
    /* Turns order all access to what follows: a ring releases it, the wait that it ends acquires it. */
    uint64_t rung_ns;    /* right before the last ring */
    uint64_t latency_ns; /* of the partner's last wake-up; 0: it did not sleep */
    bool stop;
    struct cb_err failure; /* of the partner, which ended */
    bool started;
    pthread_t partner;
};

extern const struct cb_param cb_pair_params[];
extern const struct cb_variant cb_pair_variants[];
extern const struct cb_metric cb_pair_metrics[];

/* Starts the partner on the CPU that the parameter says. kind and the bells are filled in already, and all
 * else is zero. */
int cb_pair_start(struct cb_pair *pair, const struct cb_run *run, struct cb_err *err);
/* One iteration is a round trip: two wake-ups. */
int cb_pair_loop(struct cb_pair *pair, struct cb_run *run, uint64_t iters, struct cb_err *err);
/* Ends the partner; nothing when there is none. */
void cb_pair_stop(struct cb_pair *pair);

#endif
