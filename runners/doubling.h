/* Does a kernel do what it is told? Twice the iterations must take about twice as long; a loop that a
 * compiler folded away, a counter that stands still or an answer from a cache do not. */
#ifndef CB_RUNNERS_DOUBLING_H
#define CB_RUNNERS_DOUBLING_H

#include "runners/execute.h"

/* What passes for twice as long. */
#define CB_DOUBLING_MIN 1.8
#define CB_DOUBLING_MAX 2.2

struct cb_doubling {
    unsigned arm, case_index;
    uint64_t iters;    /* n, from calibration */
    double ratio;      /* median over rounds of time(2n) / time(n); 0 where it could not be had */
    unsigned rounds;   /* each: a fresh process for n and one for 2n */
    uint64_t checksum; /* what the loop left at n, the same in every round */
    enum cb_outcome outcome;
    char reason[256]; /* "" when ok */
};

struct cb_doubling_sink {
    void (*begin)(void *arg, unsigned arm, unsigned case_index);
    void (*end)(void *arg, const struct cb_doubling *d);
    void *arg;
};

/* All cases of the plan in one instance of the arm. -1: the arm could not be had, or was lost; CB_EINTR after
 * a stop. */
int cb_doubling_run(const struct cb_plan *plan, unsigned arm, struct cb_site *site, const volatile int *stop,
                    const struct cb_doubling_sink *sink, struct cb_err *err);

#endif
