/* Claims held against a run: for each a verdict with its reason, by an ordered table. A claim that names
 * several metrics, or an order of arms, has several parts; it holds when all of them do. Method:
 * docs/method.md. */
#ifndef CB_RESULTS_CLAIMS_VERDICT_H
#define CB_RESULTS_CLAIMS_VERDICT_H

#include "results/claims.h"
#include "results/effect.h"

/* A claim is not decided when more than this share of a run's blocks is void, or of a metric's blocks never
 * reached a steady state. */
#define CB_UNFIT_SHARE 0.2
/* More blocks than a run can have: "needs more than" is all that is said then. */
#define CB_BLOCKS_NEEDED_MAX 1000

/* The rows of the table, in its order. */
enum cb_claim_row {
    CB_ROW_ERROR = 1,   /* bad syntax, sentence or metric not there */
    CB_ROW_NOT_RUN,     /* a capability is missing, or the claim is about other machines */
    CB_ROW_ARM,         /* an arm failed, was emulated against its own wish, or has unequal CPUs */
    CB_ROW_UNFIT,       /* too many false alarms between identical arms, too many void blocks */
    CB_ROW_FEW_UNITS,   /* fewer than the file asks for, or than could decide anything */
    CB_ROW_BAD_DATA,    /* no steady state, too few samples for a quantile, a clock that runs wrong */
    CB_ROW_BELOW_NOISE, /* the margin is smaller than what identical arms differ by */
    CB_ROW_STRADDLES,   /* neither side is significant */
    CB_ROW_SKEW,        /* the sign test disagrees */
    CB_ROW_SUPPORTED,
    CB_ROW_REFUTED,
};
/* "error", "not-run", "inconclusive", "supported", "refuted": what a row of the table says. */
const char *cb_claim_outcome(enum cb_claim_row row);
/* One metric in one pair of arms. Estimates and intervals are in the terms of the assertion: cost ratios, or
 * values in the assertion's unit. */
struct cb_claim_part {
    unsigned metric_index, arm, base; /* the same arm twice for a value */
    double *d;                        /* logarithms, one a block; owned */
    unsigned *block;                  /* owned */
    size_t n;
    unsigned instances, voided;
    double noise_floor, bias; /* log units; NAN and 0 without an A/A arm */
    double estimate, decision[2], ci95[2], mde;
    struct cb_evidence evidence;
    enum cb_claim_row row; /* why it is no evidence: UNFIT to BELOW_NOISE; 0 when it is */
    const char *kind;      /* "no-steady-state", ...: static; NULL when it is evidence */
    char reason[512];
};

struct cb_claim_verdict {
    const struct cb_claim *claim;
    enum cb_claim_row row;
    const char *kind; /* of an inconclusive verdict: "straddles", "too-few-units", ...; else "" */
    char reason[512];
    struct cb_claim_part *parts; /* owned; none for the first rows of the table */
    size_t nparts, shown;        /* the part that the verdict hangs on */
    struct cb_evidence evidence;
    double adjusted; /* p after the correction; NAN where nothing was tested */
    double needed;   /* blocks in all to decide it; NAN for what was not tested, or was decided */
};

/* How often two identical arms seemed to differ. */
struct cb_aa {
    size_t alarms, of; /* metrics with p <= .05 */
    double ci[2];      /* Wilson, 95 % */
    bool unfit;        /* more often than chance explains */
};
struct cb_aa cb_aa_check(const struct cb_dataset *d, const struct cb_rows *rows);

struct cb_verdicts {
    const struct cb_claims *claims; /* borrowed, as are the next two */
    const struct cb_dataset *data;
    const struct cb_rows *rows;
    struct cb_claim_verdict *at; /* one a claim, in the file's order; owned */
    size_t n, family;            /* family: how many were tested together */
    double alpha;                /* the level used: stricter than the file's after a second look at the run */
    double block_s;              /* seconds that a block of this run took */
    struct cb_aa aa;
    char host[16]; /* fingerprint of the run's host */
};

/* Verdicts for all claims of a file. All pointers must outlive them. */
int cb_claims_judge(const struct cb_claims *c, const struct cb_dataset *d, const struct cb_rows *rows,
                    struct cb_verdicts *out, struct cb_err *err);
void cb_verdicts_free(struct cb_verdicts *v);

/* "mem.chase.latency{size=65536}, vm / host": what a part is about. */
void cb_part_name(const struct cb_verdicts *v, const struct cb_claim_part *p, struct cb_buf *out);
/* What to type to measure and judge this claim again. */
void cb_claim_command(const struct cb_verdicts *v, const struct cb_claim_verdict *one, struct cb_buf *out);
/* The place of the claim's sentence: "FILE:LINE". */
void cb_claim_location(const struct cb_claims *c, const struct cb_claim *claim, struct cb_buf *out);

/* Blocks in all that would decide the claim at 80 % power and this one-sided level, from the spread that was
 * seen. NAN where that is unknown. */
double cb_claim_blocks(const struct cb_claim_verdict *one, double alpha);

/* run.json with the verdicts of these files in place of the ones it has. */
int cb_export_verdicts(const char *run_json, const struct cb_verdicts *v, size_t n, struct cb_buf *out,
                       struct cb_err *err);

#endif
