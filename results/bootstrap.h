/* Bootstrap intervals, for display only. Decisions are never made with them: at ten blocks BCa covers .83 to
 * .92 where .95 is promised (docs/method.md). Deterministic for a seed. */
#ifndef CB_RESULTS_BOOTSTRAP_H
#define CB_RESULTS_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is resampled: `n` units behind `units`, and a statistic of those that pick[0..n) names, repetitions
 * allowed. */
struct cb_boot {
    const void *units;
    size_t n;
    double (*stat)(const void *units, const size_t *pick, size_t n);
};

/* Fills out with `reps` replicates, in the order drawn. False where memory is short. */
bool cb_boot_replicates(const struct cb_boot *b, uint64_t seed, size_t reps, double *out);
/* Order statistic (R+1)p of sorted replicates, linear between two, clamped at the ends. */
double cb_boot_quantile(const double *sorted, size_t reps, double p);

struct cb_bca {
    double estimate, lo, hi;
    double z0, a;              /* bias correction, acceleration */
    double level_lo, level_hi; /* the quantiles of the replicates that lo and hi are */
};
/* Bias-corrected and accelerated interval (Efron 1987) from sorted replicates; acceleration by the jackknife.
 * NAN where memory is short. */
struct cb_bca cb_boot_bca(const struct cb_boot *b, const double *sorted, size_t reps, double conf);

/* Two levels: groups (instances) are drawn, then values inside each; the statistic is the mean of group
 * means. values holds the groups one after another, sizes[g] of them each. */
bool cb_boot_hierarchical(const double *values, const size_t *sizes, size_t groups, uint64_t seed,
                          size_t reps, double *out);

#endif
