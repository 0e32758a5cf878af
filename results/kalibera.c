#include "results/kalibera.h"

#include <math.h>

#include "results/dist.h"
#include "results/stats.h"

/* Sums, per level, the squared distances of the means of its groups from the mean of the group around them.
 */
struct walk {
    const size_t *reps; /* of the level we are at, outermost first */
    unsigned level;     /* number of the level, innermost 1 */
    struct cb_sum *squares;
};

static size_t group_size(const struct walk *w)
{
    size_t n = 1;
    for (unsigned i = 0; i < w->level; i++)
        n *= w->reps[i];
    return n;
}

static void add_squares(const double *x, struct walk w)
{
    if (!w.level)
        return;
    size_t all = group_size(&w), part = all / w.reps[0];
    double mean = cb_mean(x, all); /* groups are of equal size: the mean of means */
    const struct walk inner = {.reps = w.reps + 1, .level = w.level - 1, .squares = w.squares};
    for (size_t i = 0; i < w.reps[0]; i++) {
        double away = cb_mean(x + i * part, part) - mean;
        cb_sum_add(&w.squares[w.level - 1], away * away);
        add_squares(x + i * part, inner);
    }
}

struct cb_levels cb_kalibera(const double *x, const size_t *reps, unsigned levels)
{
    struct cb_levels l = {.levels = levels};
    struct cb_sum squares[CB_LEVELS_MAX] = {{0}};
    struct walk w = {.reps = reps, .level = levels, .squares = squares};
    add_squares(x, w);
    l.mean = cb_mean(x, group_size(&w));
    size_t outer = 1;
    for (unsigned depth = 0; depth < levels; depth++) {
        l.s2[levels - depth - 1] =
            cb_sum_value(&squares[levels - depth - 1]) / (double)(outer * (reps[depth] - 1));
        outer *= reps[depth];
    }
    l.t2[0] = l.s2[0];
    for (unsigned i = 1; i < levels; i++)
        l.t2[i] = l.s2[i] - l.s2[i - 1] / (double)reps[levels - i];
    return l;
}

double cb_kalibera_repetitions(const struct cb_levels *l, unsigned i, double cost, double cost_above)
{
    double own = fmax(l->t2[i - 1], 0), above = fmax(l->t2[i], 0);
    if (own == 0)
        return 0;
    return sqrt(cost_above / cost * own / above);
}

double cb_kalibera_half_width(const struct cb_levels *l, size_t outer_reps, double conf)
{
    double r = (double)outer_reps;
    return cb_t_ppf(1 - (1 - conf) / 2, r - 1) * sqrt(l->s2[l->levels - 1] / r);
}

bool cb_fieller(double numerator, double numerator_half, double denominator, double denominator_half,
                double ci[2])
{
    double product = numerator * denominator;
    double n2 = numerator * numerator - numerator_half * numerator_half;
    double d2 = denominator * denominator - denominator_half * denominator_half;
    ci[0] = -INFINITY;
    ci[1] = INFINITY;
    if (!(d2 > 0))
        return false;
    double root = sqrt(product * product - d2 * n2);
    ci[0] = (product - root) / d2;
    ci[1] = (product + root) / d2;
    return true;
}
