#include "results/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"

double cb_mwu_u(const double *x, size_t m, const double *y, size_t n)
{
    double u = 0;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            u += isnan(x[i]) || isnan(y[j]) ? NAN : x[i] > y[j] ? 1 : x[i] == y[j] ? 0.5 : 0;
    return m && n ? u : NAN;
}

double cb_cliff(const double *x, size_t m, const double *y, size_t n)
{
    return 2 * cb_mwu_u(x, m, y, n) / ((double)m * (double)n) - 1;
}

static double *joined(const double *x, size_t m, const double *y, size_t n)
{
    double *all = reallocarray(NULL, m + n, sizeof *all);
    if (all) {
        memcpy(all, x, m * sizeof *x);
        memcpy(all + m, y, n * sizeof *y);
    }
    return all;
}

/* How many ways there are to pick `pick` of the ranks with sum s, for s < len: a row of the table for each
 * size of the picked set. Doubles hold the counts: their sums are of positive terms only, and C(100,50) is
 * 1e29. */
static double *pick_sums(const size_t *ranks, size_t n, size_t pick, size_t len)
{
    CB_AUTOFREE double *ways = calloc((pick + 1) * len, sizeof *ways);
    double *last = calloc(len, sizeof *last);
    if (!ways || !last) {
        free(last);
        return NULL;
    }
    ways[0] = 1;
    for (size_t i = 0; i < n; i++)
        for (size_t k = pick; k-- > 0;)
            for (size_t s = len - ranks[i]; s-- > 0;)
                ways[(k + 1) * len + s + ranks[i]] += ways[k * len + s];
    memcpy(last, ways + pick * len, len * sizeof *last);
    return last;
}

/* Tails of the rank sum of the first `pick` values of `all`. */
static struct cb_tails rank_sum_tails(const double *all, size_t total, size_t pick)
{
    struct cb_tails none = {NAN, NAN};
    CB_AUTOFREE size_t *ranks = reallocarray(NULL, total, sizeof *ranks);
    if (!ranks || !cb_midranks2(all, total, ranks))
        return none;
    size_t len = pick * 2 * total + 1, sum = 0; /* no doubled rank is above 2 * total */
    for (size_t i = 0; i < pick; i++)
        sum += ranks[i];
    CB_AUTOFREE double *ways = pick_sums(ranks, total, pick, len);
    if (!ways)
        return none;
    double greater = 0, less = 0, every = 0;
    for (size_t s = 0; s < len; s++) {
        every += ways[s];
        greater += s >= sum ? ways[s] : 0;
        less += s <= sum ? ways[s] : 0;
    }
    return (struct cb_tails){.greater = greater / every, .less = less / every};
}

struct cb_tails cb_mwu_exact(const double *x, size_t m, const double *y, size_t n)
{
    if (!m || !n)
        return (struct cb_tails){NAN, NAN};
    /* The table grows with the sample that is picked: take the smaller one, and mirror the answer. */
    if (m > n) {
        struct cb_tails t = cb_mwu_exact(y, n, x, m);
        return (struct cb_tails){.greater = t.less, .less = t.greater};
    }
    CB_AUTOFREE double *all = joined(x, m, y, n);
    return all ? rank_sum_tails(all, m + n, m) : (struct cb_tails){NAN, NAN};
}

/* Standard deviation of U, less by what ties take away: sum of t^3 - t over groups of t equal values. */
static double u_sd(const double *x, size_t m, const double *y, size_t n)
{
    CB_AUTOFREE double *all = joined(x, m, y, n);
    CB_AUTOFREE double *s = all ? cb_sorted(all, m + n) : NULL;
    if (!s)
        return NAN;
    double total = (double)(m + n), tied = 0;
    for (size_t i = 0, j; i < m + n; i = j) {
        for (j = i; j < m + n && s[j] == s[i];)
            j++;
        double t = (double)(j - i);
        tied += t * t * t - t;
    }
    return sqrt((double)m * (double)n / 12 * (total + 1 - tied / (total * (total - 1))));
}

double cb_mwu_normal(const double *x, size_t m, const double *y, size_t n)
{
    if (!m || !n)
        return NAN;
    double u = cb_mwu_u(x, m, y, n), sd = u_sd(x, m, y, n);
    if (sd == 0)
        return 1; /* all values are equal */
    double z = (fabs(u - (double)m * (double)n / 2) - 0.5) / sd;
    return isnan(z) ? NAN : fmin(1, 2 * cb_norm_cdf(-fmax(z, 0)));
}

double cb_mwu(const double *x, size_t m, const double *y, size_t n)
{
    if (m && n > CB_MWU_EXACT_MAX / m)
        return cb_mwu_normal(x, m, y, n);
    struct cb_tails t = cb_mwu_exact(x, m, y, n);
    return isnan(t.less) ? NAN : fmin(1, 2 * fmin(t.less, t.greater));
}

/* P(U = u) for u <= m*n without ties. The recursion is on the largest value: it is a y (adds nothing), or an
 * x (beats all j values of y). Row i holds the distribution for i values of x and the current j of y, each as
 * a count. */
static double *u_pmf(size_t m, size_t n)
{
    size_t len = m * n + 1;
    CB_AUTOFREE double *rows = calloc((m + 1) * len, sizeof *rows);
    double *pmf = calloc(len, sizeof *pmf);
    if (!rows || !pmf) {
        free(pmf);
        return NULL;
    }
    for (size_t i = 0; i <= m; i++)
        rows[i * len] = 1;
    for (size_t j = 1; j <= n; j++)
        for (size_t i = 1; i <= m; i++)
            for (size_t u = j; u <= i * j; u++)
                rows[i * len + u] += rows[(i - 1) * len + u - j];
    double every = 0;
    for (size_t u = 0; u < len; u++)
        every += rows[m * len + u];
    for (size_t u = 0; u < len; u++)
        pmf[u] = rows[m * len + u] / every;
    return pmf;
}

/* Differences to cut off on each side, and the probability that leaves outside on one side. */
static size_t shift_cut_exact(size_t m, size_t n, double alpha, double *outside)
{
    CB_AUTOFREE double *p = m <= n ? u_pmf(m, n) : u_pmf(n, m);
    size_t k = 0;
    *outside = 0;
    while (p && k <= m * n / 2 && *outside + p[k] <= alpha)
        *outside += p[k++];
    return k;
}

static size_t shift_cut_normal(size_t m, size_t n, double alpha, double *outside)
{
    double mn = (double)m * (double)n;
    double k = floor(mn / 2 + cb_norm_ppf(alpha) * sqrt(mn * (double)(m + n + 1) / 12));
    *outside = alpha;
    return k > 0 ? (size_t)k : 0;
}

static double *differences(const double *x, size_t m, const double *y, size_t n)
{
    CB_AUTOFREE double *d = m && n ? reallocarray(NULL, m, n * sizeof *d) : NULL;
    if (!d)
        return NULL;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            d[i * n + j] = x[i] - y[j];
    return cb_sorted(d, m * n);
}

struct cb_interval cb_hl_shift(const double *x, size_t m, const double *y, size_t n, double conf)
{
    struct cb_interval r = {.estimate = NAN, .lo = -INFINITY, .hi = INFINITY, .level = 1};
    CB_AUTOFREE double *d = differences(x, m, y, n);
    if (!d)
        return r;
    r.estimate = cb_quantile_sorted(d, m * n, 0.5);
    double outside, alpha = (1 - conf) / 2;
    bool exact = n <= CB_MWU_EXACT_MAX / m;
    size_t k = exact ? shift_cut_exact(m, n, alpha, &outside) : shift_cut_normal(m, n, alpha, &outside);
    if (!k)
        return r;
    r.lo = d[k - 1];
    r.hi = d[m * n - k];
    r.level = 1 - 2 * outside;
    return r;
}
