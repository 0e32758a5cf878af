#include "results/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"

void cb_sum_add(struct cb_sum *s, double v)
{
    double t = s->sum + v;
    s->lost += fabs(s->sum) >= fabs(v) ? (s->sum - t) + v : (v - t) + s->sum;
    s->sum = t;
}

double cb_sum_value(const struct cb_sum *s)
{
    return s->sum + s->lost;
}

double cb_mean(const double *x, size_t n)
{
    struct cb_sum s = {0};
    for (size_t i = 0; i < n; i++)
        cb_sum_add(&s, x[i]);
    return n ? cb_sum_value(&s) / (double)n : NAN;
}

double cb_var(const double *x, size_t n)
{
    if (n < 2)
        return NAN;
    double m = cb_mean(x, n);
    struct cb_sum s = {0};
    for (size_t i = 0; i < n; i++)
        cb_sum_add(&s, (x[i] - m) * (x[i] - m));
    return cb_sum_value(&s) / (double)(n - 1);
}

double cb_sd(const double *x, size_t n)
{
    return sqrt(cb_var(x, n));
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double *cb_sorted(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i]))
            return NULL;
    double *s = n ? reallocarray(NULL, n, sizeof *s) : NULL;
    if (!s)
        return NULL;
    memcpy(s, x, n * sizeof *s);
    qsort(s, n, sizeof *s, compare_doubles);
    return s;
}

double cb_quantile_sorted(const double *sorted, size_t n, double p)
{
    if (!n || !(p >= 0 && p <= 1))
        return NAN;
    double h = (double)(n - 1) * p;
    size_t k = (size_t)h;
    return k + 1 >= n ? sorted[n - 1] : sorted[k] + (h - (double)k) * (sorted[k + 1] - sorted[k]);
}

double cb_quantile(const double *x, size_t n, double p)
{
    CB_AUTOFREE double *s = cb_sorted(x, n);
    return s ? cb_quantile_sorted(s, n, p) : NAN;
}

double cb_median(const double *x, size_t n)
{
    return cb_quantile(x, n, 0.5);
}

double cb_mad(const double *x, size_t n)
{
    CB_AUTOFREE double *away = n ? reallocarray(NULL, n, sizeof *away) : NULL;
    if (!away)
        return NAN;
    double m = cb_median(x, n);
    for (size_t i = 0; i < n; i++)
        away[i] = fabs(x[i] - m);
    return cb_median(away, n);
}

double cb_theil_sen(const double *x, const double *y, size_t n)
{
    size_t pairs = n > 1 ? n * (n - 1) / 2 : 0, k = 0;
    CB_AUTOFREE double *slope = pairs ? reallocarray(NULL, pairs, sizeof *slope) : NULL;
    for (size_t i = 0; slope && i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            if (x[i] != x[j])
                slope[k++] = (y[j] - y[i]) / (x[j] - x[i]);
    return slope ? cb_median(slope, k) : NAN;
}

struct cb_tukey cb_tukey(const double *x, size_t n)
{
    struct cb_tukey t = {.q1 = cb_quantile(x, n, .25), .q3 = cb_quantile(x, n, .75)};
    double iqr = t.q3 - t.q1, median = cb_median(x, n), mad = cb_mad(x, n);
    t.lo15 = t.q1 - 1.5 * iqr;
    t.hi15 = t.q3 + 1.5 * iqr;
    t.lo3 = t.q1 - 3 * iqr;
    t.hi3 = t.q3 + 3 * iqr;
    for (size_t i = 0; i < n; i++) {
        if (x[i] < t.lo3 || x[i] > t.hi3)
            t.severe++;
        else if (x[i] < t.lo15 || x[i] > t.hi15)
            t.mild++;
        /* 1.4826 makes the MAD of normal data equal to its standard deviation. */
        if (mad > 0)
            t.max_z = fmax(t.max_z, fabs(x[i] - median) / (1.4826 * mad));
    }
    return t;
}

struct cb_interval cb_t_interval(const double *d, size_t n, double conf)
{
    double m = cb_mean(d, n);
    if (n < 2)
        return (struct cb_interval){.estimate = m, .lo = -INFINITY, .hi = INFINITY, .level = 1};
    double half = cb_t_ppf(1 - (1 - conf) / 2, (double)(n - 1)) * cb_sd(d, n) / sqrt((double)n);
    return (struct cb_interval){.estimate = m, .lo = m - half, .hi = m + half, .level = conf};
}

struct cb_interval cb_prediction_interval(double mean, double sd, size_t n, double level)
{
    if (n < 2)
        return (struct cb_interval){.estimate = mean, .lo = -INFINITY, .hi = INFINITY, .level = 1};
    double half = cb_t_ppf(level, (double)(n - 1)) * sd * sqrt(1 + 1 / (double)n);
    return (struct cb_interval){
        .estimate = mean, .lo = mean - half, .hi = mean + half, .level = 2 * level - 1};
}

/* How many standard errors apart two centres must be for a test at `alpha` to see it with probability
 * `power`. */
static double detectable(double sd, size_t n, double alpha, double power)
{
    if (n < 2)
        return NAN;
    double df = (double)(n - 1);
    return (cb_t_ppf(1 - alpha, df) + cb_t_ppf(power, df)) * sd / sqrt((double)n);
}

double cb_mde(double sd, size_t n, double alpha)
{
    return detectable(sd, n, alpha, 0.8);
}

double cb_equivalence_margin(double sd, size_t n, double alpha)
{
    return detectable(sd, n, alpha, 0.9);
}

double cb_blocks_needed(double sd, double gap, double alpha)
{
    double s = (cb_norm_ppf(1 - alpha) + cb_norm_ppf(0.8)) * sd / gap;
    return s * s;
}
