#include "results/segments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "bench/base/rng.h"
#include "results/rank.h"

/* Sums of distances that the statistic of a split is made of, for one tau and all kappa. They are compensated
 * because permutations that are ties by symmetry are compared with the statistic that was seen. */
struct distances {
    const double *z;
    size_t n;
    struct cb_sum *to_left;   /* [k]: over i < tau of |z_i - z_k| */
    struct cb_sum *to_before; /* [k]: over i < k of |z_i - z_k| */
};

static bool distances_make(const double *z, size_t n, struct distances *d)
{
    *d = (struct distances){.z = z,
                            .n = n,
                            .to_left = calloc(n, sizeof(struct cb_sum)),
                            .to_before = calloc(n, sizeof(struct cb_sum))};
    if (!d->to_left || !d->to_before) {
        free(d->to_left);
        free(d->to_before);
        return false;
    }
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < k; i++)
            cb_sum_add(&d->to_before[k], fabs(z[i] - z[k]));
    return true;
}

static double sum_difference(const struct cb_sum *a, const struct cb_sum *b)
{
    return (a->sum - b->sum) + (a->lost - b->lost);
}

/* Twice the mean distance across, less the mean distances inside either part, weighted with n m / (n + m). */
static double energy(size_t n, size_t m, double across, double inside_left, double inside_right)
{
    double a = (double)n, b = (double)m, q = 2 / (a + b) * across;
    if (n > 1)
        q -= 2 * b / ((a + b) * (a - 1)) * inside_left;
    if (m > 1)
        q -= 2 * a / ((a + b) * (b - 1)) * inside_right;
    return q;
}

/* Tries all kappa for one tau, whose left part has the given sum of distances. */
static void try_right_ends(const struct distances *d, size_t tau, size_t min_segment, double inside_left,
                           struct cb_split *best)
{
    double across = 0, inside_right = 0;
    for (size_t kappa = tau + 1; kappa <= d->n; kappa++) {
        size_t k = kappa - 1;
        across += cb_sum_value(&d->to_left[k]);
        inside_right += sum_difference(&d->to_before[k], &d->to_left[k]);
        if (kappa - tau < min_segment)
            continue;
        double q = energy(tau, kappa - tau, across, inside_left, inside_right);
        if (q > best->q)
            *best = (struct cb_split){.q = q, .tau = tau, .kappa = kappa};
    }
}

struct cb_split cb_edivisive_split(const double *z, size_t n, size_t min_segment)
{
    struct cb_split best = {.q = -1};
    struct distances d;
    if (n < 2 || n < 2 * min_segment || !distances_make(z, n, &d))
        return best;
    double inside_left = 0;
    for (size_t tau = 1; tau + min_segment <= n; tau++) {
        inside_left += cb_sum_value(&d.to_before[tau - 1]);
        for (size_t k = tau; k < n; k++)
            cb_sum_add(&d.to_left[k], fabs(z[tau - 1] - z[k]));
        if (tau >= min_segment)
            try_right_ends(&d, tau, min_segment, inside_left, &best);
    }
    free(d.to_left);
    free(d.to_before);
    return best;
}

/* --- steps
 * ------------------------------------------------------------------------------------------------------- */

/* Segment i of a series cut at s->cuts. */
static size_t segment_start(const struct cb_segments *s, size_t i)
{
    return i ? s->cuts[i - 1] : 0;
}

static size_t segment_end(const struct cb_segments *s, size_t i, size_t n)
{
    return i < s->ncuts ? s->cuts[i] : n;
}

/* The best split inside any of the segments; tau counts from the start of the series. */
static struct cb_split best_of_segments(const double *z, size_t n, const struct cb_segments *s,
                                        size_t min_segment)
{
    struct cb_split best = {.q = -1};
    for (size_t i = 0; i <= s->ncuts; i++) {
        size_t start = segment_start(s, i);
        struct cb_split split = cb_edivisive_split(z + start, segment_end(s, i, n) - start, min_segment);
        if (split.q > best.q)
            best = (struct cb_split){.q = split.q, .tau = start + split.tau, .kappa = start + split.kappa};
    }
    return best;
}

/* Cuts a ring of n values into blocks at a random place and puts them together in random order. The last
 * block is the shorter one. */
static bool shuffle_blocks(double *z, size_t n, size_t block, struct cb_rng *rng)
{
    size_t blocks = (n + block - 1) / block, offset = cb_rng_below(rng, n), at = 0;
    CB_AUTOFREE double *ring = reallocarray(NULL, n, sizeof *ring);
    CB_AUTOFREE size_t *order = reallocarray(NULL, blocks, sizeof *order);
    if (!ring || !order)
        return false;
    for (size_t i = 0; i < n; i++)
        ring[i] = z[(i + offset) % n];
    for (size_t b = 0; b < blocks; b++)
        order[b] = b;
    cb_rng_shuffle(rng, order, blocks, sizeof *order);
    for (size_t b = 0; b < blocks; b++)
        for (size_t i = order[b] * block; i < n && i < (order[b] + 1) * block; i++)
            z[at++] = ring[i];
    return true;
}

static bool shuffle_segments(double *z, size_t n, const struct cb_segments *s, size_t block,
                             struct cb_rng *rng)
{
    for (size_t i = 0; i <= s->ncuts; i++) {
        size_t start = segment_start(s, i), len = segment_end(s, i, n) - start;
        if (block <= 1)
            cb_rng_shuffle(rng, z + start, len, sizeof *z);
        else if (!shuffle_blocks(z + start, len, block, rng))
            return false;
    }
    return true;
}

/* How often a shuffled series splits as well as the real one; NAN where memory is short. */
static double permutation_p(const double *z, size_t n, const struct cb_segments *s,
                            const struct cb_segment_rule *rule, double q, struct cb_rng *rng)
{
    CB_AUTOFREE double *shuffled = reallocarray(NULL, n, sizeof *shuffled);
    if (!shuffled)
        return NAN;
    unsigned as_good = 0;
    for (unsigned r = 0; r < rule->reps; r++) {
        memcpy(shuffled, z, n * sizeof *z);
        if (!shuffle_segments(shuffled, n, s, rule->permute_block, rng))
            return NAN;
        as_good += best_of_segments(shuffled, n, s, rule->min_segment).q >= q;
    }
    return (double)(as_good + 1) / (double)(rule->reps + 1);
}

static void insert_cut(struct cb_segments *s, size_t index)
{
    size_t at = s->ncuts++;
    for (; at > 0 && s->cuts[at - 1] > index; at--)
        s->cuts[at] = s->cuts[at - 1];
    s->cuts[at] = index;
}

bool cb_edivisive(const double *z, size_t n, const struct cb_segment_rule *rule, struct cb_segments *out)
{
    /* No more cuts than values, and one step more than cuts. */
    *out = (struct cb_segments){.cuts = reallocarray(NULL, n + 1, sizeof *out->cuts),
                                .steps = reallocarray(NULL, n + 1, sizeof *out->steps)};
    bool ok = out->cuts && out->steps;
    struct cb_rng rng;
    cb_rng_seed(&rng, rule->seed);
    while (ok) {
        struct cb_split split = best_of_segments(z, n, out, rule->min_segment);
        if (!split.tau)
            break;
        double p = permutation_p(z, n, out, rule, split.q, &rng);
        ok = !isnan(p);
        out->steps[out->nsteps++] = (struct cb_change){.index = split.tau, .q = split.q, .p = p};
        if (!(p <= rule->alpha))
            break;
        insert_cut(out, split.tau);
    }
    if (!ok)
        cb_segments_free(out);
    return ok;
}

/* --- merging
 * ----------------------------------------------------------------------------------------------------- */

/* p of the two sides of cut i when they fail to differ as asked, below 0 when they differ. */
static double failure(const double *z, size_t n, const struct cb_segments *s, size_t i, double min_shift,
                      double alpha)
{
    size_t start = segment_start(s, i), cut = s->cuts[i], end = segment_end(s, i + 1, n);
    double p = cb_mwu(z + start, cut - start, z + cut, end - cut);
    double shift = cb_hl_shift(z + cut, end - cut, z + start, cut - start, 0.95).estimate;
    return p <= alpha && fabs(shift) >= min_shift ? -1 : p;
}

void cb_segments_merge(const double *z, size_t n, double min_shift, double alpha, struct cb_segments *s)
{
    for (;;) {
        size_t weakest = s->ncuts;
        double most = -1;
        for (size_t i = 0; i < s->ncuts; i++) {
            double p = failure(z, n, s, i, min_shift, alpha);
            if (p > most) {
                most = p;
                weakest = i;
            }
        }
        if (weakest == s->ncuts)
            return;
        memmove(s->cuts + weakest, s->cuts + weakest + 1, (s->ncuts - weakest - 1) * sizeof *s->cuts);
        s->ncuts--;
    }
}

void cb_segments_free(struct cb_segments *s)
{
    free(s->cuts);
    free(s->steps);
    *s = (struct cb_segments){0};
}
