/* Walks the plan: calibrates, then blocks; deadlines, signals, teardown. Knows nothing of stores or reports:
 * what happens goes to a sink. */
#ifndef CB_RUNNERS_EXECUTE_H
#define CB_RUNNERS_EXECUTE_H

#include "runners/instance.h"
#include "runners/plan.h"

enum cb_outcome { CB_OUTCOME_OK, CB_OUTCOME_UNTRUSTED, CB_OUTCOME_SKIPPED, CB_OUTCOME_FAILED };
const char *cb_outcome_name(enum cb_outcome o);

/* Result of one case in one instance. */
struct cb_case_result {
    /* position: of the case in the instance's order, in which each phase (runners/lifecycle.h) is run */
    unsigned block, arm, case_index, position;
    enum cb_outcome outcome;
    const char *reason; /* "" when ok */
    bool trusted;       /* the agent's clock ran as the host's */
    const struct cb_batch *batches;
    unsigned nbatches;
    const struct cb_hist *hist; /* NULL when it holds nothing */
    uint64_t took_ns;           /* set-up and teardown included */
};

/* Result of one instance. */
struct cb_instance_result {
    unsigned block, arm, position; /* position: of the arm in the block's order */
    enum cb_outcome outcome;
    const char *reason;
    const struct cb_instance *instance; /* times, facts, accelerator; valid during the call */
};

/* A block that ended. */
struct cb_block_result {
    unsigned block, row; /* row: of the plan's orders that it followed */
    uint64_t begin_ns, end_ns;
};

/* Evidence of noise: of the machine around a block, or around an instance's cases, there also from inside.
 * And what the host counted while one case's batches ran (runners/counted.h). */
struct cb_noise_result {
    unsigned block;
    int arm; /* -1: the block as a whole */
    bool inside;
    const struct cb_noise *before, *after;
};

/* The blocks of a run. Which row of the plan's orders a block follows is said here, since a block that is
 * repeated keeps its row. */
struct cb_schedule {
    unsigned rows[CB_BLOCKS_MAX];
    unsigned n;        /* blocks, done or to come */
    uint64_t block_ns; /* what one takes */
    uint64_t left_ns;  /* of the budget */
};

struct cb_progress {
    const char *phase; /* "calibrate", "measure" */
    unsigned block, blocks, arm;
    const char *bench;            /* current, "" between */
    unsigned done, total;         /* cases of the whole run, over all arms and blocks */
    uint64_t elapsed_ns, left_ns; /* left_ns 0: not known yet */
};

struct cb_sink {
    void *arg;
    /* An arm that cannot run here, or that failed for good: the run goes on without it. Nothing is said of
     * the others. */
    void (*arm_status)(void *arg, unsigned arm, enum cb_outcome o, const char *reason);
    /* Iterations of all cases are set; called once, before block 0. */
    int (*calibrated)(void *arg, const struct cb_plan *plan, struct cb_err *err);
    void (*result)(void *arg, const struct cb_case_result *r);       /* start.total comes here too */
    void (*instance)(void *arg, const struct cb_instance_result *r); /* after its cases' results */
    /* All arms of the block ended; the block's data must be durable when this returns. -1 stops the run. */
    int (*block_end)(void *arg, const struct cb_block_result *r, struct cb_err *err);
    void (*progress)(void *arg, const struct cb_progress *p);
    /* An instance's comes after its cases' results, the block's before block_end. */
    void (*noise)(void *arg, const struct cb_noise_result *r);
    /* All blocks of the schedule are done: appends further ones, or none. May be NULL: the plan's are enough.
     */
    int (*more_blocks)(void *arg, struct cb_schedule *s, struct cb_err *err);
};

struct cb_run_totals {
    unsigned blocks;                /* finished */
    uint64_t wall_ns, measuring_ns; /* measuring: inside cases */
    bool interrupted, budget_hit;
};

/* Runs the plan at the site. 0 also when arms failed; -1 and CB_EINTR after a stop, with everything torn down
 * and the finished blocks delivered. `stop` is polled between and during steps: non-zero ends the run. */
int cb_execute(struct cb_plan *plan, struct cb_site *site, const struct cb_sink *sink,
               const volatile int *stop, struct cb_run_totals *totals, struct cb_err *err);

#endif
