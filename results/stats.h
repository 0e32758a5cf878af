/* One sample: moments, quantiles, spread, the paired t interval and what a sample of that spread can show.
 * Pure functions on double arrays; inputs are never changed. A NAN in the input, an empty input or want of
 * memory makes the answer NAN. Sums are Neumaier's, so that the order of the data does not matter to the
 * ninth digit. Test vectors: tests/unit/vectors.json. */
#ifndef CB_RESULTS_STATS_H
#define CB_RESULTS_STATS_H

#include <stdbool.h>
#include <stddef.h>

#include "results/dist.h"

/* A running sum that carries its own rounding error (Neumaier 1974). Zero-initialise. */
struct cb_sum {
    double sum, lost;
};
void cb_sum_add(struct cb_sum *s, double v);
double cb_sum_value(const struct cb_sum *s);

double cb_mean(const double *x, size_t n);
double cb_var(const double *x, size_t n); /* n-1 in the denominator; NAN below two values */
double cb_sd(const double *x, size_t n);
double cb_median(const double *x, size_t n);
double cb_quantile(const double *x, size_t n, double p); /* type 7 of Hyndman and Fan */
double cb_mad(const double *x, size_t n);                /* median absolute deviation, unscaled */

/* Median of the slopes between all pairs of points with different x (Theil 1950, Sen 1968); NAN where there
 * is no such pair. */
double cb_theil_sen(const double *x, const double *y, size_t n);

/* A sorted copy, or NULL where memory is short or the input holds a NAN. The caller frees it. */
double *cb_sorted(const double *x, size_t n);
double cb_quantile_sorted(const double *sorted, size_t n, double p);

/* Outliers are counted and shown, never removed: Tukey's fences at 1.5 (mild) and 3 (severe) quartile
 * distances, and the largest modified z score |x - median| / (1.4826 MAD) (0 where the MAD is 0). */
struct cb_tukey {
    double q1, q3;
    double lo15, hi15, lo3, hi3;
    unsigned mild, severe;
    double max_z;
};
struct cb_tukey cb_tukey(const double *x, size_t n);

struct cb_interval {
    double estimate, lo, hi;
    double level; /* achieved confidence; lo and hi are infinite where none can be given */
};
/* Student's interval of the mean of d. From two values. */
struct cb_interval cb_t_interval(const double *d, size_t n, double conf);
/* Where the next single value of the same kind will lie: mean +- t sd sqrt(1 + 1/n), each side at `level`
 * (.99 leaves 1 % outside on that side). */
struct cb_interval cb_prediction_interval(double mean, double sd, size_t n, double level);

/* Planning, all in log units, for n block log ratios with standard deviation sd and a one-sided alpha. */

/* Minimum detectable effect at 80 % power: (t_{1-alpha,n-1} + t_{.8,n-1}) sd / sqrt(n). */
double cb_mde(double sd, size_t n, double alpha);
/* Smallest equivalence margin provable at 90 % power when the arms are truly equal. */
double cb_equivalence_margin(double sd, size_t n, double alpha);
/* Blocks in total to decide a bound whose distance from the mean is `gap`, at 80 % power. */
double cb_blocks_needed(double sd, double gap, double alpha);

#endif
