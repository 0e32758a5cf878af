/* One result's samples to one number. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "results/effect.h"
#include "results/stats.h"

/* A quantile is taken from a histogram only when this many values lie beyond it. */
#define BEYOND_QUANTILE 10
/* A drift below this share of the value is none. */
#define DRIFT_TOLERANCE 0.01

static double quantile_value(const struct cb_metric *how, const struct cb_hist *h, const char **why)
{
    if (!h || !h->total) {
        *why = "no-histogram";
        return NAN;
    }
    /* (1 - .99) * 1000 is 10 less a rounding error. */
    if ((1 - how->q) * (double)h->total < BEYOND_QUANTILE - 1e-6) {
        *why = "too-few-samples";
        return NAN;
    }
    return cb_hist_quantile(h, how->q) * how->scale;
}

/* What the metric's rule counts, and by what it divides. */
static void terms(enum cb_derive rule, const struct cb_sample *s, double *count, double *by)
{
    switch (rule) {
    case CB_WALL_PER_ITER:
    case CB_FIRST_WALL_PER_ITER:
        *count = (double)s->wall_ns;
        *by = (double)s->iters;
        return;
    case CB_WORK_PER_WALL:
    case CB_FIRST_WORK_PER_WALL:
        *count = (double)s->work;
        *by = (double)s->wall_ns;
        return;
    case CB_CPU_PER_ITER:
        *count = (double)s->cpu_ns;
        *by = (double)s->iters;
        return;
    case CB_CPU_PER_WORK:
        *count = (double)s->cpu_ns;
        *by = (double)s->work;
        return;
    case CB_PEER_PER_WORK:
        *count = (double)s->peer_ns;
        *by = (double)s->work;
        return;
    case CB_WORK_PER_ITER:
        *count = (double)s->work;
        *by = (double)s->iters;
        return;
    case CB_WORK_SLOPE: /* no value of a sample alone */
    case CB_HIST_QUANTILE:
        break;
    }
    *count = *by = NAN;
}

/* Rates are total over total, so that a short batch does not count as much as a long one. */
static bool is_rate(enum cb_derive rule)
{
    return rule == CB_WORK_PER_WALL || rule == CB_CPU_PER_WORK || rule == CB_PEER_PER_WORK;
}

/* Copies of the samples that are not flagged warm; NULL when there are none. */
static struct cb_sample *counted(const struct cb_ds_result *r, size_t *n)
{
    struct cb_sample *s = r->nsamples ? reallocarray(NULL, r->nsamples, sizeof *s) : NULL;
    *n = 0;
    for (size_t i = 0; s && i < r->nsamples; i++)
        if (!r->samples[i].warm)
            s[(*n)++] = r->samples[i].s;
    return s;
}

static double *each_value(enum cb_derive rule, const struct cb_sample *s, size_t n)
{
    double *x = n ? reallocarray(NULL, n, sizeof *x) : NULL;
    for (size_t i = 0; x && i < n; i++) {
        double count, by;
        terms(rule, &s[i], &count, &by);
        x[i] = count / by;
    }
    return x;
}

static double total_rate(enum cb_derive rule, const struct cb_sample *s, size_t n)
{
    struct cb_sum counts = {0}, bys = {0};
    for (size_t i = 0; i < n; i++) {
        double count, by;
        terms(rule, &s[i], &count, &by);
        cb_sum_add(&counts, count);
        cb_sum_add(&bys, by);
    }
    return cb_sum_value(&counts) / cb_sum_value(&bys);
}

static double sampled_value(const struct cb_metric *how, const struct cb_ds_result *r, const char **why)
{
    size_t n;
    CB_AUTOFREE struct cb_sample *s = counted(r, &n);
    CB_AUTOFREE double *x = s ? each_value(how->derive, s, n) : NULL;
    if (!x) {
        *why = "no-samples";
        return NAN;
    }
    size_t cut = cb_steady_cut(x, n);
    double v = is_rate(how->derive) ? total_rate(how->derive, s + cut, n - cut) : cb_median(x + cut, n - cut);
    return v * how->scale;
}

/* What one iteration more costs in work: a line through all samples, which differ in their iterations. */
static double slope_value(const struct cb_metric *how, const struct cb_ds_result *r, const char **why)
{
    size_t n;
    CB_AUTOFREE struct cb_sample *s = counted(r, &n);
    CB_AUTOFREE double *iters = n ? reallocarray(NULL, n, sizeof *iters) : NULL;
    CB_AUTOFREE double *work = n ? reallocarray(NULL, n, sizeof *work) : NULL;
    for (size_t i = 0; iters && work && i < n; i++) {
        iters[i] = (double)s[i].iters;
        work[i] = (double)s[i].work;
    }
    double slope = iters && work ? cb_theil_sen(iters, work, n) : NAN;
    if (isnan(slope))
        *why = "no-slope";
    return slope * how->scale;
}

/* The first batch of the instance, which is a warm-up one. */
static double first_value(const struct cb_metric *how, const struct cb_ds_result *r, const char **why)
{
    double count, by;
    if (!r->nsamples || !r->samples[0].warm) {
        *why = "no-warm-up";
        return NAN;
    }
    terms(how->derive, &r->samples[0].s, &count, &by);
    return count / by * how->scale;
}

static double value_of(const struct cb_ds_metric *m, const struct cb_ds_result *r, const char **why)
{
    if (m->how.derive == CB_HIST_QUANTILE)
        return quantile_value(&m->how, r->hist, why);
    if (m->how.derive == CB_WORK_SLOPE)
        return slope_value(&m->how, r, why);
    return cb_is_cold(m) ? first_value(&m->how, r, why) : sampled_value(&m->how, r, why);
}

double cb_block_value(const struct cb_ds_metric *m, const struct cb_ds_result *r, const char **why)
{
    *why = "";
    if (strcmp(r->outcome, "ok") != 0 && strcmp(r->outcome, "untrusted") != 0) {
        *why = strcmp(r->outcome, "skipped") ? "failed" : "skipped";
        return NAN;
    }
    double v = value_of(m, r, why);
    /* Ratios need a logarithm: a value of 0 means that the clock or the counter did not move. */
    if (!**why && !(v > 0 && isfinite(v))) {
        *why = "not-positive";
        return NAN;
    }
    return v;
}

enum cb_steadiness cb_block_steadiness(const struct cb_ds_metric *m, const struct cb_ds_result *r)
{
    size_t n;
    if (m->how.derive == CB_HIST_QUANTILE || m->how.derive == CB_WORK_SLOPE || cb_is_cold(m))
        return CB_STEADY_UNKNOWN;
    CB_AUTOFREE struct cb_sample *s = counted(r, &n);
    CB_AUTOFREE double *x = s ? each_value(m->how.derive, s, n) : NULL;
    return x ? cb_steady(x, n, DRIFT_TOLERANCE).kind : CB_STEADY_UNKNOWN;
}
