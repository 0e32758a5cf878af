/* A child that ends at once: the copy of the page tables, a process made, switched to, and buried. */
#include <stdlib.h>
#include <unistd.h>

#include "bench/kernels/ctl_parent.h"
#include "bench/kernels/scratch.h"

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct cb_parent *parent = cb_scratch_state(run, sizeof *parent, err);
    return parent ? cb_parent_setup(run, parent, err) : -1;
}

static void end(const struct cb_run *run)
{
    (void)run;
    _exit(0);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    return cb_parent_loop(run, iters, end, err);
}

static void teardown(struct cb_run *run)
{
    if (run->state)
        cb_parent_teardown(run->state);
    free(run->state);
    run->state = NULL;
}

const struct cb_bench cb_ctl_fork = {
    .name = "ctl.fork",
    .summary = "fork by a process with 16 MiB in use, and the child's end",
    .revision = 1,
    .metrics = cb_parent_metrics,
    .params = cb_parent_params,
    .variants = cb_parent_variants,
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
