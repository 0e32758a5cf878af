#include "results/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "bench/base/cleanup.h"
#include "bench/base/rng.h"
#include "results/dist.h"
#include "results/stats.h"

bool cb_boot_replicates(const struct cb_boot *b, uint64_t seed, size_t reps, double *out)
{
    CB_AUTOFREE size_t *pick = reallocarray(NULL, b->n + 1, sizeof *pick);
    if (!pick)
        return false;
    struct cb_rng rng;
    cb_rng_seed(&rng, seed);
    for (size_t r = 0; r < reps; r++) {
        for (size_t i = 0; i < b->n; i++)
            pick[i] = cb_rng_below(&rng, b->n);
        out[r] = b->stat(b->units, pick, b->n);
    }
    return true;
}

double cb_boot_quantile(const double *sorted, size_t reps, double p)
{
    double k = (double)(reps + 1) * p;
    if (isnan(k) || !reps)
        return NAN;
    if (k <= 1)
        return sorted[0];
    if (k >= (double)reps)
        return sorted[reps - 1];
    size_t below = (size_t)k;
    return sorted[below - 1] + (k - (double)below) * (sorted[below] - sorted[below - 1]);
}

/* How far the replicates lie to one side of the estimate, as a normal deviate. */
static double bias_correction(const double *sorted, size_t reps, double estimate)
{
    double below = 0;
    for (size_t i = 0; i < reps; i++)
        below += sorted[i] < estimate ? 1 : sorted[i] == estimate ? 0.5 : 0;
    return cb_norm_ppf(below / (double)reps);
}

/* Skewness of the leave-one-out estimates, over six. */
static double acceleration(const struct cb_boot *b)
{
    CB_AUTOFREE double *left = reallocarray(NULL, b->n + 1, sizeof *left);
    CB_AUTOFREE size_t *pick = reallocarray(NULL, b->n + 1, sizeof *pick);
    if (!left || !pick)
        return NAN;
    for (size_t out = 0; out < b->n; out++) {
        size_t k = 0;
        for (size_t i = 0; i < b->n; i++)
            if (i != out)
                pick[k++] = i;
        left[out] = b->stat(b->units, pick, k);
    }
    double mean = cb_mean(left, b->n);
    struct cb_sum cubes = {0}, squares = {0};
    for (size_t i = 0; i < b->n; i++) {
        double away = mean - left[i];
        cb_sum_add(&cubes, away * away * away);
        cb_sum_add(&squares, away * away);
    }
    double scale = 6 * pow(cb_sum_value(&squares), 1.5);
    return scale > 0 ? cb_sum_value(&cubes) / scale : 0;
}

static double adjusted_level(const struct cb_bca *r, double level)
{
    double z = r->z0 + cb_norm_ppf(level);
    return cb_norm_cdf(r->z0 + z / (1 - r->a * z));
}

struct cb_bca cb_boot_bca(const struct cb_boot *b, const double *sorted, size_t reps, double conf)
{
    struct cb_bca r = {.estimate = NAN, .lo = NAN, .hi = NAN, .z0 = NAN, .a = NAN};
    CB_AUTOFREE size_t *all = reallocarray(NULL, b->n + 1, sizeof *all);
    if (!all || !b->n || !reps)
        return r;
    for (size_t i = 0; i < b->n; i++)
        all[i] = i;
    r.estimate = b->stat(b->units, all, b->n);
    r.z0 = bias_correction(sorted, reps, r.estimate);
    r.a = acceleration(b);
    r.level_lo = adjusted_level(&r, (1 - conf) / 2);
    r.level_hi = adjusted_level(&r, 1 - (1 - conf) / 2);
    r.lo = cb_boot_quantile(sorted, reps, r.level_lo);
    r.hi = cb_boot_quantile(sorted, reps, r.level_hi);
    return r;
}

/* Where each group begins. */
static size_t *group_starts(const size_t *sizes, size_t groups)
{
    size_t *starts = reallocarray(NULL, groups + 1, sizeof *starts), at = 0;
    for (size_t g = 0; starts && g < groups; g++) {
        starts[g] = at;
        at += sizes[g];
    }
    return starts;
}

bool cb_boot_hierarchical(const double *values, const size_t *sizes, size_t groups, uint64_t seed,
                          size_t reps, double *out)
{
    CB_AUTOFREE size_t *starts = group_starts(sizes, groups);
    if (!starts)
        return false;
    struct cb_rng rng;
    cb_rng_seed(&rng, seed);
    for (size_t r = 0; r < reps; r++) {
        struct cb_sum means = {0};
        for (size_t i = 0; i < groups; i++) {
            size_t g = cb_rng_below(&rng, groups);
            struct cb_sum s = {0};
            for (size_t j = 0; j < sizes[g]; j++)
                cb_sum_add(&s, values[starts[g] + cb_rng_below(&rng, sizes[g])]);
            cb_sum_add(&means, cb_sum_value(&s) / (double)sizes[g]);
        }
        out[r] = cb_sum_value(&means) / (double)groups;
    }
    return true;
}
