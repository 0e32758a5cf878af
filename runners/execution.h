/* An execution in progress: what execute.c (the walk over the blocks), execute_calibrate.c and
 * execute_instance.c share. Nobody else needs it. */
#ifndef CB_RUNNERS_EXECUTION_H
#define CB_RUNNERS_EXECUTION_H

#include "bench/base/clock.h"
#include "runners/execute.h"
#include "runners/lifecycle.h"

/* The agent notices its own timeout first; the host waits this much longer. */
#define CB_HOST_GRACE_NS (3 * CB_NS_PER_S)

/* What calibration found out for one case in one arm. */
struct cb_cost {
    double iter_ns; /* 0: the case does not work there, for this reason: */
    enum cb_outcome outcome;
    char reason[256];
    uint64_t setup_ns; /* everything but batches */
};

struct cb_arm_state {
    bool active;
    unsigned failures;    /* in a row */
    uint64_t instance_ns; /* mean time of an instance, all in; for time left */
    unsigned instances;
};

struct cb_execution {
    struct cb_plan *plan;
    struct cb_site *site;
    const struct cb_sink *sink;
    const volatile int *stop;
    struct cb_run_totals *totals;
    uint64_t begin_ns;
    uint64_t resolution_ns; /* coarsest clock of all arms */
    struct cb_arm_state arms[CB_ARMS_MAX];
    struct cb_cost *costs; /* narms x ncases */
    struct cb_batch *batches;
    unsigned nbatches, cap;
    bool out_of_memory;
    struct cb_hist *hist;
    struct cb_schedule schedule;
    struct cb_progress progress;
};

/* What calibration found for a case (its index in the plan) in an arm. */
struct cb_cost *cb_cost_of(struct cb_execution *x, unsigned arm, unsigned c);
/* How a case is measured from outside; NULL for those that the agent runs. */
const struct cb_lifecycle *cb_case_lifecycle(const struct cb_case *c);
/* Forgets the samples of the last case; keeps one of the present. `arg` of the latter is the execution. */
void cb_execution_forget(struct cb_execution *x);
void cb_execution_keep(void *arg, const struct cb_batch *b);
/* Tells the sink the result of a case. */
void cb_execution_deliver(struct cb_execution *x, const struct cb_case_result *r);
/* Tells the sink where the run is. */
void cb_execution_show(struct cb_execution *x, const char *bench);
/* The agent's order for a case, without its timeout. */
struct cb_wire_run cb_case_wire(const struct cb_execution *x, unsigned case_index);
/* How long the case should take in this arm, from calibration. */
uint64_t cb_case_expected_ns(struct cb_execution *x, unsigned arm, unsigned c);
/* Skipped when something is missing, else failed. */
enum cb_outcome cb_outcome_of(const struct cb_err *err);

/* Finds out what an iteration of each case costs in each arm, and sets the iterations of the plan's cases.
 * -1: the user stopped the run, or the sink refused. */
int cb_execution_calibrate(struct cb_execution *x, struct cb_err *err);
/* Measures a case from outside, of an instance that runs or ran, and delivers its result. -1 only when the
 * user stopped the run. */
int cb_execution_lifecycle(struct cb_execution *x, struct cb_instance *in, struct cb_case_result *r,
                           struct cb_err *err);
/* Starts the arm's instance of a block, runs its cases, takes it down, delivers all that. -1 only when the
 * user stopped the run. */
int cb_execution_instance(struct cb_execution *x, unsigned block, unsigned arm, unsigned position,
                          struct cb_err *err);

#endif
