/* Driving a kernel in a test, as the harness does in the agent. Included by a suite's one file: what it does
 * not use is inline. */
#ifndef CB_TESTS_UNIT_KERNELS_H
#define CB_TESTS_UNIT_KERNELS_H

#include <stdio.h>

#include "bench/bench.h"
#include "tests/unit/unit.h"

static struct cb_hist hist;
static struct cb_err err;

static inline struct cb_run make_run(const char *bench, const char *params)
{
    struct cb_run run = {.bench = cb_bench_find(bench), .device = "", .hist = &hist};
    CU_ASSERT_PTR_NOT_NULL_FATAL(run.bench);
    CU_ASSERT_EQUAL_FATAL(cb_params_parse(run.bench, params, run.param, &err), 0);
    cb_rng_seed(&run.rng, 1);
    cb_hist_reset(&hist);
    return run;
}

static inline int batch(struct cb_run *run, uint64_t iters)
{
    if (run->bench->reset && run->bench->reset(run, iters, &err) < 0)
        return -1;
    return run->bench->loop(run, iters, &err);
}

static inline void end(struct cb_run *run)
{
    if (!run->bench->teardown)
        return;
    run->bench->teardown(run);
    run->bench->teardown(run); /* safe twice */
}

/* A whole case of `batches`; what failed goes to standard output. */
static inline struct cb_run run_case(struct cb_run run, uint64_t iters, unsigned batches)
{
    int rc = run.bench->setup(&run, &err);
    for (unsigned i = 0; rc == 0 && i < batches; i++)
        rc = batch(&run, iters);
    if (rc < 0)
        printf("%s: %s\n", run.bench->name, err.msg);
    CU_ASSERT_EQUAL(rc, 0);
    CU_ASSERT_NOT_EQUAL(run.sink, 0);
    end(&run);
    return run;
}

#endif
