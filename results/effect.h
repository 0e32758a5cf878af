/* From observations to numbers: block statistics, cost ratios with intervals, noise floor, minimum detectable
 * effect. Pure: same dataset, same bits. Method: docs/method.md. */
#ifndef CB_RESULTS_EFFECT_H
#define CB_RESULTS_EFFECT_H

#include "bench/base/err.h"
#include "results/dataset.h"
#include "results/steady.h"

/* A row is untrusted when more than this share of its samples, or of the baseline's, had a guest clock that
 * disagreed with the host's. One in ten moves no median, and a single late mark must not cost the row. */
#define CB_UNTRUSTED_SHARE 0.1

/* Block statistic of a metric in one result: median of the steady samples (type 7), total work / total time
 * for rates, the quantile of the histogram. Always positive; NAN with a static reason in *why when it cannot
 * be had
 * ("failed", "skipped", "no-samples", "no-histogram", "too-few-samples", "not-positive"). Samples flagged
 * warm and the warm-up that MSER-5 finds are not counted (results/steady.h). */
double cb_block_value(const struct cb_ds_metric *m, const struct cb_ds_result *r, const char **why);

/* Whether the samples of a result reached a steady state; unknown for too few of them, and for metrics that
 * are no function of samples. */
enum cb_steadiness cb_block_steadiness(const struct cb_ds_metric *m, const struct cb_ds_result *r);

/* One metric in one arm. */
struct cb_row {
    const struct cb_ds_metric *metric;
    const struct cb_ds_case *case_;
    unsigned metric_index, arm,
        base;                     /* base: what the arm is compared with; the run's baseline, or any arm */
    double value, baseline_value; /* medians over blocks, in the metric's unit */
    double value_lo,
        value_hi; /* of the arm's own blocks: decision interval of the value, 95 %; NAN where none */
    double ratio; /* cost ratio, HL estimate; NAN for the baseline itself and when unknown */
    double ci90[2], ci95[2]; /* NAN where there is none */
    double ci_level;         /* of ci95 and the value's: 0.95, but 0.96 when a look at it extended the run */
    unsigned n,
        voided; /* block pairs used (the baseline's row: its blocks), blocks left out by declared cause */
    /* The same with the void blocks, so that leaving them out can be judged. */
    double ratio_all, ci95_all[2];
    unsigned n_all;
    double noise_floor;  /* of the metric from host2, as a fraction (0.006); NAN when unknown */
    double mde;          /* minimum detectable effect, fraction */
    bool within_noise;   /* the 95 % interval lies inside [1/(1+noise_floor), 1+noise_floor] */
    const char *outcome; /* "ok", "untrusted", "skipped", "failed" */
    char reason[256];
    double *d;         /* n log cost ratios in block order, owned; the baseline's row has none */
    unsigned *d_block; /* their blocks, owned */
};

struct cb_rows {
    struct cb_row
        *at; /* grouped by metric in dataset order, arms in dataset order; the baseline's row comes first */
    size_t n;
};

/* Where no block counts, the estimates are those of all blocks, and untrusted. */
int cb_effects(const struct cb_dataset *d, struct cb_rows *out, struct cb_err *err);
void cb_rows_free(struct cb_rows *rows);
/* Likewise any arm against any other one, in one metric: n rows into out, without a noise floor. Of a failure
 * nothing is left to be freed. */
struct cb_pair {
    unsigned arm, base;
};
int cb_effect_pairs(const struct cb_dataset *d, unsigned metric, const struct cb_pair *pairs, size_t n,
                    struct cb_row *out, struct cb_err *err);
void cb_row_free(struct cb_row *row);
/* Sets the noise floor and what follows from it. */
void cb_row_set_floor(struct cb_row *row, double floor);
const struct cb_row *cb_rows_find(const struct cb_rows *rows, unsigned metric_index, unsigned arm);

/* What makes arms of this run not comparable, or less so than it looks, worst first: "host is itself a
 * virtual machine (kvm)", "vm runs under emulation (TCG): ...", "vm runs kernel 6.1, the host 6.18". `rows`
 * are the dataset's effects. Owned by the caller. */
struct cb_notes {
    char **at;
    size_t n;
};
int cb_confounds(const struct cb_dataset *d, const struct cb_rows *rows, struct cb_notes *out,
                 struct cb_err *err);
void cb_notes_free(struct cb_notes *n);
/* True where two arms were allowed different CPUs, or different numbers of them: nothing of them is
 * comparable, and their rows are untrusted. */
bool cb_unequal_pinning(const struct cb_ds_arm *a, const struct cb_ds_arm *b);

#endif
