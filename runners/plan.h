/* The plan of a run as data: arms x cases x blocks. Pure; `--dry-run` prints it. */
#ifndef CB_RUNNERS_PLAN_H
#define CB_RUNNERS_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/base/buf.h"
#include "runners/ladder.h"
#include "runners/runner.h"

#define CB_CASES_MAX  512
#define CB_BLOCKS_MAX 1000
/* Below this many blocks no 95 % signed-rank interval exists; a run that hits its budget earlier goes on to
 * here. */
#define CB_BLOCKS_MIN 6

#define CB_NO_BUDGET UINT64_MAX

struct cb_case {
    const struct cb_bench *bench;
    char params[CB_PARAMS_TEXT_MAX]; /* canonical */
    uint64_t seed;                   /* the same in all arms and blocks */
    uint64_t iters;                  /* K; 0 until calibrated, and for lifecycle cases */
};

/* A rung of a ladder, its arms as indices. */
struct cb_plan_step {
    struct cb_rung rung;
    unsigned arm, base;
};

struct cb_plan {
    struct cb_arm arms[CB_ARMS_MAX];
    unsigned narms, baseline; /* baseline: index of the host arm */
    struct cb_plan_step steps[CB_ARMS_MAX];
    unsigned nsteps;
    struct cb_case *cases; /* owned */
    unsigned ncases;
    unsigned blocks;
    uint64_t seed;
    bool quick;
    bool chosen;        /* --bench named the cases: the control runs them all too */
    double target;      /* relative half width of intervals that the run is extended for; 0: never */
    uint64_t budget_ns; /* of the whole run; CB_NO_BUDGET */
    uint32_t samples_min, samples_max;
    uint64_t warm_ns, time_ns; /* a case in an instance */
    uint64_t memory;           /* bytes an arm */
};

struct cb_plan_request {
    const char *const *arms; /* ended by NULL; NULL for host host2 container vm */
    /* Ladders, ended by NULL; NULL for none. With them the arms are host, host2, the rungs, and `arms` behind
     * them. */
    const char *const *ladders;
    const char *benches; /* sets and globs, as cases.h has them; NULL for the set of the mode */
    unsigned blocks;     /* 0: default */
    uint64_t budget_ns;  /* 0: default */
    double target;
    uint64_t seed;
    bool quick;
    bool control; /* the default arms are followed by the positive control */
};

/* The positive control of a full run. */
#define CB_CONTROL_ARM "host:slow=5"

/* CB_EUSAGE: unknown arm or ladder, an arm twice, no host arm, two positive controls, a glob that matches
 * nothing. */
int cb_plan_make(const struct cb_plan_request *req, const struct cb_topology *topo, struct cb_plan *plan,
                 struct cb_err *err);
void cb_plan_free(struct cb_plan *plan);
/* False for cases that the arm leaves out: a positive control proves with a part of them what it has to. */
bool cb_plan_includes(const struct cb_plan *plan, unsigned arm, unsigned case_index);
/* order[i] = arm index at position i of the block: rows of a Williams square, rows shuffled every cycle,
 * labels once. */
void cb_plan_order(const struct cb_plan *plan, unsigned block, unsigned order[CB_ARMS_MAX]);
/* Case order inside one arm of one block: shuffled, seeded by (seed, block, arm). order has ncases entries.
 */
void cb_plan_case_order(const struct cb_plan *plan, unsigned block, unsigned arm, unsigned *order);
/* K for a case from what an iteration costs in the fastest and the slowest arm (ns, > 0): the fastest arm's
 * batch takes at least 2 ms and 1000 times the clock's resolution, the slowest's stays below 500 ms where
 * both can hold; the floor wins where they cannot. `ops_min`: iterations that all samples_min batches
 * together must reach (quantiles). */
uint64_t cb_plan_iters(const struct cb_plan *plan, const struct cb_bench *bench, double fastest_ns,
                       double slowest_ns, uint64_t resolution_ns);
void cb_plan_print(const struct cb_plan *plan, struct cb_buf *out);
/* True when some case needs the run's network. */
bool cb_plan_needs_network(const struct cb_plan *plan);

#endif
