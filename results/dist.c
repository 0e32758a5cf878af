#include "results/dist.h"

#include <math.h>
#include <stddef.h>

double cb_norm_cdf(double z)
{
    return 0.5 * erfc(-z / M_SQRT2);
}

/* Coefficients of a polynomial from the highest power down. */
static double polynomial(const double *c, size_t n, double x)
{
    double v = 0;
    for (size_t i = 0; i < n; i++)
        v = v * x + c[i];
    return v;
}
#define POLYNOMIAL(c, x) polynomial(c, sizeof(c) / sizeof *(c), x)

/* AS241 (Wichura 1988, Applied Statistics 37, 477-484), routine PPND16: a rational function in each of three
 * regions of p, the centre and the near and far tail. The names are the paper's. */
static double ppf_centre(double q)
{
    static const double a[] = {2509.0809287301226727, 33430.575583588128105, 67265.770927008700853,
                               45921.953931549871457, 13731.693765509461125, 1971.5909503065514427,
                               133.14166789178437745, 3.387132872796366608};
    static const double b[] = {
        5226.495278852545925,  28729.085735721942674, 39307.89580009271061,  21213.794301586595867,
        5394.1960214247511077, 687.1870074920579083,  42.313330701600911252, 1.0};
    double r = 0.180625 - q * q;
    return q * POLYNOMIAL(a, r) / POLYNOMIAL(b, r);
}

static double ppf_near_tail(double r)
{
    static const double c[] = {7.7454501427834140764e-4, .0227238449892691845833, .24178072517745061177,
                               1.27045825245236838258,   3.64784832476320460504,  5.7694972214606914055,
                               4.6303378461565452959,    1.42343711074968357734};
    static const double d[] = {
        1.05075007164441684324e-9, 5.475938084995344946e-4, .0151986665636164571966, .14810397642748007459,
        .68976733498510000455,     1.6763848301838038494,   2.05319162663775882187,  1.0};
    return POLYNOMIAL(c, r) / POLYNOMIAL(d, r);
}

static double ppf_far_tail(double r)
{
    static const double e[] = {2.01033439929228813265e-7, 2.71155556874348757815e-5, .0012426609473880784386,
                               .026532189526576123093,    .29656057182850489123,     1.7848265399172913358,
                               5.4637849111641143699,     6.6579046435011037772};
    static const double f[] = {2.04426310338993978564e-15, 1.4215117583164458887e-7,
                               1.8463183175100546818e-5,   7.868691311456132591e-4,
                               .0148753612908506148525,    .13692988092273580531,
                               .59983220655588793769,      1.0};
    return POLYNOMIAL(e, r) / POLYNOMIAL(f, r);
}

double cb_norm_ppf(double p)
{
    if (!(p > 0 && p < 1))
        return NAN;
    double q = p - 0.5;
    if (fabs(q) <= 0.425)
        return ppf_centre(q);
    double r = sqrt(-log(q < 0 ? p : 1 - p));
    double z = r <= 5 ? ppf_near_tail(r - 1.6) : ppf_far_tail(r - 5);
    return q < 0 ? -z : z;
}

/* Lentz's continued fraction must never divide by zero; far below any value that matters. */
static double not_zero(double v)
{
    return fabs(v) < 1e-300 ? 1e-300 : v;
}

/* Continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), evaluated by Lentz's
 * method. It needs O(sqrt(max(a,b))) steps; 500 are enough for a million degrees of freedom. */
static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 / not_zero(1 - (a + b) * x / (a + 1)), h = d;
    for (int m = 1; m < 500; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / not_zero(1 + even * d);
        c = not_zero(1 + even / c);
        h *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / not_zero(1 + odd * d);
        c = not_zero(1 + odd / c);
        h *= d * c;
        if (fabs(d * c - 1) < 1e-16)
            break;
    }
    return h;
}

/* lgamma without the global sign that makes the plain one unsafe in threads. */
static double log_gamma(double v)
{
    int sign;
    return lgamma_r(v, &sign);
}

double cb_ibeta(double a, double b, double x)
{
    if (isnan(a) || isnan(b) || isnan(x))
        return NAN;
    if (x <= 0)
        return 0;
    if (x >= 1)
        return 1;
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    /* The fraction converges fast only left of the mean; right of it the mirror image does. */
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double cb_t_sf(double t, double df)
{
    if (isnan(t) || !(df > 0))
        return NAN;
    double p = 0.5 * cb_ibeta(df / 2, 0.5, df / (df + t * t));
    return t >= 0 ? p : 1 - p;
}

/* Bisection: slower than a series, but right for every df, and used a few times a row. 200 halvings exhaust a
 * double.
 */
double cb_t_ppf(double p, double df)
{
    if (!(p > 0 && p < 1) || !(df > 0))
        return NAN;
    if (p < 0.5)
        return -cb_t_ppf(1 - p, df);
    double lo = 0, hi = 1;
    while (cb_t_sf(hi, df) > 1 - p && hi < 1e300)
        hi *= 2;
    for (int i = 0; i < 200; i++) {
        double mid = (lo + hi) / 2;
        if (cb_t_sf(mid, df) > 1 - p)
            lo = mid;
        else
            hi = mid;
    }
    return (lo + hi) / 2;
}
