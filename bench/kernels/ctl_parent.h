/* A process with memory in use that starts one child after the other: what ctl.fork and ctl.exec share. A
 * fork copies the page tables of what the parent has touched, so how much that is, and in pages of what size,
 * decides the result.
 *
 * The parent writes nothing between two forks. Its pages were made read-only by the first of them, in the
 * warm-up, and stay so: what the next write to such a page costs is not in here. */
#ifndef CB_KERNELS_CTL_PARENT_H
#define CB_KERNELS_CTL_PARENT_H

#include <stdint.h>

#include "bench/bench.h"
#include "bench/kernels/pages.h"

struct cb_parent {
    void *memory;
    enum cb_pages pages;
};

extern const struct cb_param cb_parent_params[];
extern const struct cb_variant cb_parent_variants[];
extern const struct cb_metric cb_parent_metrics[];

/* Pins the process to one CPU and touches the memory. CB_EMISSING where the pages that the parameter asks for
 * are not to be had. */
int cb_parent_setup(const struct cb_run *run, struct cb_parent *parent, struct cb_err *err);
/* Forks and waits, `iters` times. `child` does not return: it exits with 0, or with the errno of what went
 * wrong. */
int cb_parent_loop(struct cb_run *run, uint64_t iters, void (*child)(const struct cb_run *run),
                   struct cb_err *err);
/* Safe after a failed setup, and twice. */
void cb_parent_teardown(struct cb_parent *parent);

#endif
