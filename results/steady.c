#include "results/steady.h"

#include <math.h>

#include "results/rank.h"
#include "results/stats.h"

#define BATCH       5
#define DRIFT_ALPHA 0.01

const char *cb_steadiness_name(enum cb_steadiness s)
{
    static const char *const names[] = {
        [CB_STEADY_UNKNOWN] = "unknown",       [CB_STEADY_FLAT] = "flat",
        [CB_STEADY_WARMUP] = "warmup",         [CB_STEADY_SLOWDOWN] = "slowdown",
        [CB_STEADY_NEVER] = "no-steady-state",
    };
    return names[s];
}

/* Squared standard error of the mean of the batches from d on, but for a constant. */
static double batch_error(const double *x, size_t batches, size_t d)
{
    size_t left = batches - d;
    double mean = cb_mean(x + d * BATCH, left * BATCH);
    struct cb_sum s = {0};
    for (size_t i = d; i < batches; i++) {
        double away = cb_mean(x + i * BATCH, BATCH) - mean;
        cb_sum_add(&s, away * away);
    }
    return cb_sum_value(&s) / ((double)left * (double)left);
}

size_t cb_mser5(const double *x, size_t n, double *statistic, bool *reached)
{
    size_t batches = n / BATCH, last = batches / 2, best = 0;
    double least = batches ? batch_error(x, batches, 0) : NAN;
    for (size_t d = 1; d <= last; d++) {
        double s = batch_error(x, batches, d);
        if (s < least) {
            least = s;
            best = d;
        }
    }
    if (statistic)
        *statistic = least;
    if (reached)
        *reached = best < last;
    return best * BATCH;
}

size_t cb_steady_cut(const double *x, size_t n)
{
    return n < CB_STEADY_MIN ? 0 : cb_mser5(x, n, NULL, NULL);
}

static enum cb_steadiness classify(const double *x, size_t n, size_t cut)
{
    if (!cut)
        return CB_STEADY_FLAT;
    return cb_mean(x, cut) > cb_mean(x + cut, n - cut) ? CB_STEADY_WARMUP : CB_STEADY_SLOWDOWN;
}

struct cb_steady cb_steady(const double *x, size_t n, double tolerance)
{
    if (n < CB_STEADY_MIN)
        return (struct cb_steady){.kind = CB_STEADY_UNKNOWN, .drift = NAN, .p = NAN};
    bool reached;
    struct cb_steady s = {.cut = cb_mser5(x, n, NULL, &reached)};
    const double *rest = x + s.cut;
    size_t left = n - s.cut, half = left / 2;
    s.drift = cb_median(rest + left - half, half) / cb_median(rest, half) - 1;
    s.p = cb_mwu_normal(rest, half, rest + left - half, half);
    bool drifts = fabs(s.drift) > tolerance && s.p < DRIFT_ALPHA;
    s.kind = !reached || drifts ? CB_STEADY_NEVER : classify(x, n, s.cut);
    return s;
}

double cb_acf1(const double *x, size_t n)
{
    double m = cb_mean(x, n);
    struct cb_sum lagged = {0}, all = {0};
    for (size_t i = 0; i < n; i++) {
        cb_sum_add(&all, (x[i] - m) * (x[i] - m));
        if (i + 1 < n)
            cb_sum_add(&lagged, (x[i] - m) * (x[i + 1] - m));
    }
    return n > 1 ? cb_sum_value(&lagged) / cb_sum_value(&all) : NAN;
}

double cb_effective_n(const double *x, size_t n)
{
    double rho = cb_acf1(x, n);
    return (double)n * (1 - rho) / (1 + rho);
}
