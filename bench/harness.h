/* Calibrate, warm, sample: the only place that reads the clock around a kernel's loop. */
#ifndef CB_BENCH_HARNESS_H
#define CB_BENCH_HARNESS_H

#include <stdint.h>

#include "bench/bench.h"
#include "bench/wire.h"

/* Where the harness reports. `begin` is called right before a batch, `end` right after it. */
struct cb_harness_out {
    int (*begin)(void *arg, uint32_t seq, struct cb_err *err);
    int (*end)(void *arg, const struct cb_sample *s, int warm, struct cb_err *err);
    void *arg;
};

/* Finds out what one iteration costs here: doubles iterations until a batch takes at least `target_ns`. The
 * run is set up already. On return *iters iterations took *wall_ns. */
int cb_harness_calibrate(struct cb_run *run, uint64_t target_ns, uint64_t *iters, uint64_t *wall_ns,
                         struct cb_err *err);

/* Runs batches of plan->iters: first warm-up batches (marked `warm`) until plan->warm_ns passed (at least
 * one), then samples until plan->samples_max were taken or plan->time_ns passed with at least
 * plan->samples_min. The histogram holds the steady samples only. */
int cb_harness_sample(struct cb_run *run, const struct cb_wire_run *plan, const struct cb_harness_out *out,
                      struct cb_err *err);

#endif
