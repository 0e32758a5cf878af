/* Threads that do a batch together, each on a CPU of its own; the caller is one of them. */
#ifndef CB_KERNELS_WORKERS_H
#define CB_KERNELS_WORKERS_H

#include <stdint.h>

#include "bench/bench.h"

/* The parameter of benchmarks that run on several CPUs. */
#define CB_THREADS_HELP "threads, each on a CPU of its own; 0 for as many as the environment has CPUs"
#define CB_THREADS_MAX  4096u /* more than any machine has CPUs */

struct cb_workers;

/* One worker's part of a batch. Touching memory first is a batch too: the worker that uses it touches it. */
typedef int cb_work(void *arg, unsigned index, uint64_t iters, struct cb_err *err);

/* Starts n-1 threads, and pins them and the caller to the first n CPUs. n = 0: as many as there are.
 * CB_EMISSING where there are fewer. *out must be stopped also after a failure; it may be NULL then. */
int cb_workers_start(struct cb_workers **out, uint64_t n, struct cb_err *err);
unsigned cb_workers_count(const struct cb_workers *w);

/* Wakes the threads for the next cb_workers_run: they spin until it comes, so that waking them takes no part
 * of the batch. For `reset`; cb_workers_run does it where it was not done. */
void cb_workers_arm(struct cb_workers *w);
/* All call work at the same time, the caller with index 0. Returns when all are done: 0, or -1 with the error
 * of the first that failed. Work that goes on until the others are done must be told so by them. */
int cb_workers_run(struct cb_workers *w, cb_work *work, void *arg, uint64_t iters, struct cb_err *err);

/* Ends the threads and frees *w; w may be NULL. */
void cb_workers_stop(struct cb_workers *w);

/* For loops that wait for another CPU: leaves the core to its sibling. */
static inline void cb_relax(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

#endif
