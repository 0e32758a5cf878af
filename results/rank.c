#include "results/rank.h"

#include <math.h>
#include <stdlib.h>

#include "bench/base/cleanup.h"

static const struct cb_interval no_interval = {.estimate = NAN, .lo = -INFINITY, .hi = INFINITY, .level = 1};

/* First and one past the last position of v in a sorted array: O(log n). */
static size_t lower_bound(const double *s, size_t n, double v)
{
    size_t lo = 0;
    while (n) {
        size_t half = n / 2;
        if (s[lo + half] < v) {
            lo += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return lo;
}

bool cb_midranks2(const double *v, size_t n, size_t *ranks)
{
    CB_AUTOFREE double *s = cb_sorted(v, n);
    if (!s)
        return n == 0;
    for (size_t i = 0; i < n; i++) {
        size_t first = lower_bound(s, n, v[i]), end = first;
        while (end < n && s[end] == v[i])
            end++;
        ranks[i] = first + 1 + end; /* twice the mean of the ranks first+1 .. end */
    }
    return true;
}

/* P(W+ = w) for w < len, where W+ is the sum of a random subset of ranks: each rank is in or out with
 * probability one half. NULL where memory is short. */
static double *subset_sums(const size_t *ranks, size_t n, size_t len)
{
    double *p = calloc(len, sizeof *p);
    if (!p)
        return NULL;
    p[0] = 1;
    size_t top = 0;
    for (size_t i = 0; i < n; i++) {
        top = top + ranks[i] < len ? top + ranks[i] : len - 1;
        for (size_t w = top + 1; w-- > 0;)
            p[w] = (p[w] + (w >= ranks[i] ? p[w - ranks[i]] : 0)) / 2;
    }
    return p;
}

/* As above for untied ranks 1..n, the lower half only: the distribution is symmetric. */
static double *signed_rank_pmf(size_t n, size_t len)
{
    CB_AUTOFREE size_t *ranks = reallocarray(NULL, n, sizeof *ranks);
    if (!ranks)
        return NULL;
    for (size_t i = 0; i < n; i++)
        ranks[i] = i + 1;
    return subset_sums(ranks, n, len);
}

static size_t walsh_count(size_t n)
{
    return n * (n + 1) / 2;
}

/* The cut and the probability it leaves outside on one side. */
static size_t cut_of(size_t n, double alpha, double *outside)
{
    size_t half = walsh_count(n) / 2 + 1, k = 0;
    CB_AUTOFREE double *p = n ? signed_rank_pmf(n, half) : NULL;
    struct cb_sum cumulated = {0};
    *outside = 0;
    while (p && k < half) {
        cb_sum_add(&cumulated, p[k]);
        if (cb_sum_value(&cumulated) > alpha)
            break;
        *outside = cb_sum_value(&cumulated);
        k++;
    }
    return k;
}

size_t cb_signed_rank_cut(size_t n, double alpha)
{
    double outside;
    return cut_of(n, alpha, &outside);
}

static double *walsh_averages(const double *d, size_t n)
{
    CB_AUTOFREE double *w = n ? reallocarray(NULL, walsh_count(n), sizeof *w) : NULL;
    if (!w)
        return NULL;
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            w[k++] = (d[i] + d[j]) / 2;
    return cb_sorted(w, k);
}

struct cb_interval cb_hl_paired(const double *d, size_t n, double conf)
{
    struct cb_interval r = no_interval;
    CB_AUTOFREE double *w = walsh_averages(d, n);
    if (!w)
        return r;
    size_t count = walsh_count(n);
    r.estimate = cb_quantile_sorted(w, count, 0.5);
    double outside;
    size_t k = cut_of(n, (1 - conf) / 2, &outside);
    if (!k)
        return r;
    r.lo = w[k - 1];
    r.hi = w[count - k];
    r.level = 1 - 2 * outside;
    return r;
}

struct cb_interval cb_decision_interval(const double *d, size_t n, double conf)
{
    return n >= CB_RANK_MIN_UNITS ? cb_hl_paired(d, n, conf) : cb_t_interval(d, n, conf);
}

/* Differences from mu0 without the zeros: they say nothing about a side. */
static double *nonzero(const double *d, size_t n, double mu0, size_t *kept)
{
    double *e = reallocarray(NULL, n ? n : 1, sizeof *e);
    *kept = 0;
    for (size_t i = 0; e && i < n; i++)
        if (d[i] != mu0)
            e[(*kept)++] = d[i] - mu0;
    return e;
}

static bool magnitude_ranks2(const double *e, size_t n, size_t *ranks)
{
    CB_AUTOFREE double *size = reallocarray(NULL, n, sizeof *size);
    if (!size)
        return false;
    for (size_t i = 0; i < n; i++)
        size[i] = fabs(e[i]);
    return cb_midranks2(size, n, ranks);
}

static struct cb_tails tails_at(const double *p, size_t len, size_t w)
{
    struct cb_sum greater = {0}, less = {0};
    for (size_t s = 0; s < len; s++) {
        if (s >= w)
            cb_sum_add(&greater, p[s]);
        if (s <= w)
            cb_sum_add(&less, p[s]);
    }
    return (struct cb_tails){cb_sum_value(&greater), cb_sum_value(&less)};
}

static const struct cb_tails no_tails = {NAN, NAN};

struct cb_tails cb_signed_rank(const double *d, size_t n, double mu0, double *w_plus)
{
    size_t kept, w = 0;
    if (w_plus)
        *w_plus = NAN;
    CB_AUTOFREE double *e = nonzero(d, n, mu0, &kept);
    CB_AUTOFREE size_t *ranks = calloc(kept + 1, sizeof *ranks);
    if (!e || !ranks || (kept && !magnitude_ranks2(e, kept, ranks)))
        return no_tails;
    for (size_t i = 0; i < kept; i++)
        if (e[i] > 0)
            w += ranks[i];
    size_t len = kept * (kept + 1) + 1; /* the doubled ranks sum up to n(n+1) */
    CB_AUTOFREE double *p = subset_sums(ranks, kept, len);
    if (!p)
        return no_tails;
    if (w_plus)
        *w_plus = (double)w / 2;
    return tails_at(p, len, w);
}

struct cb_tails cb_t_test(const double *d, size_t n, double mu0)
{
    if (n < 2)
        return no_tails;
    double t = (cb_mean(d, n) - mu0) / (cb_sd(d, n) / sqrt((double)n)), df = (double)(n - 1);
    return (struct cb_tails){.greater = cb_t_sf(t, df), .less = cb_t_sf(-t, df)};
}

struct cb_tails cb_decision_test(const double *d, size_t n, double mu0)
{
    return n >= CB_RANK_MIN_UNITS ? cb_signed_rank(d, n, mu0, NULL) : cb_t_test(d, n, mu0);
}

/* P(K <= k) of a fair coin tossed n times. */
static double coin_cdf(size_t n, size_t k)
{
    if (k >= n)
        return 1;
    /* A sum of binomials is an incomplete beta function: no overflow for any n. */
    return cb_ibeta((double)(n - k), (double)k + 1, 0.5);
}

struct cb_tails cb_sign_test(const double *d, size_t n, double mu0)
{
    size_t above = 0, below = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(d[i]))
            return no_tails;
        above += d[i] > mu0;
        below += d[i] < mu0;
    }
    /* P(K >= above) = P(K' <= below) for the mirrored coin. */
    return (struct cb_tails){.greater = coin_cdf(above + below, below),
                             .less = coin_cdf(above + below, above)};
}

double cb_median_ranks(size_t n, double conf, size_t *lo)
{
    double achieved = 0;
    *lo = 0;
    for (size_t l = 1; l <= n / 2; l++) {
        double c = 1 - 2 * coin_cdf(n, l - 1);
        if (c < conf)
            break;
        *lo = l;
        achieved = c;
    }
    return achieved;
}
