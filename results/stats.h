/* Pure functions on double arrays. No allocation is visible outside; inputs are never changed. Sums are
 * Neumaier's. Test vectors: tests/unit/vectors.json. */
#ifndef CB_RESULTS_STATS_H
#define CB_RESULTS_STATS_H

#include <stdbool.h>
#include <stddef.h>

double cb_mean(const double *x, size_t n);
double cb_var(const double *x, size_t n); /* n-1 in the denominator */
double cb_sd(const double *x, size_t n);
double cb_median(const double *x, size_t n);
double cb_quantile(const double *x, size_t n, double p); /* type 7 */
double cb_mad(const double *x, size_t n);

double cb_norm_cdf(double z);
double cb_norm_ppf(double p);        /* Wichura AS241 */
double cb_t_sf(double t, double df); /* P(T > t) */
double cb_t_ppf(double p, double df);

struct cb_interval {
    double estimate, lo, hi;
    double level; /* achieved confidence; lo and hi are infinite where none can be given */
};
/* Paired t on values d. */
struct cb_interval cb_t_interval(const double *d, size_t n, double conf);

/* Minimum detectable effect of n block log ratios with standard deviation sd, in log units: (t_{1-alpha,n-1}
 * + t_{.8,n-1}) sd / sqrt(n). */
double cb_mde(double sd, size_t n, double alpha);
/* Blocks in total to decide a bound whose distance from the mean is `gap` (log units). */
double cb_blocks_needed(double sd, double gap, double alpha);

#endif
