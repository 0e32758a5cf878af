/* What the host counts of a case's work: the agent claims bytes, the device and the link know better. */
#ifndef CB_RUNNERS_COUNTED_H
#define CB_RUNNERS_COUNTED_H

#include "bench/base/noise.h"
#include "runners/plan.h"

/* One case's counter in an instance, before its first batch and after its last one. */
struct cb_counting {
    const struct cb_env *env; /* NULL: nothing is counted */
    enum cb_counter counter;
    char key[CB_NOISE_KEY];        /* "counted.CASE.COUNTER.EACH", as results/counted.h reads it */
    struct cb_noise before, after; /* an item, or none where the counter is not to be had */
};

/* Chooses the counter of a case. Where the host's own programs hold up the reading, since they have no CPU of
 * their own, nothing is counted: batches go on meanwhile. */
void cb_counting_init(struct cb_counting *c, const struct cb_env *env, const struct cb_case *k,
                      unsigned case_index);
void cb_counting_before(struct cb_counting *c);
void cb_counting_after(struct cb_counting *c);

#endif
