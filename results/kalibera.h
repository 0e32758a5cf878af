/* Kalibera and Jones, "Rigorous benchmarking in reasonable time" (2013): variance of each level of
 * repetition, how often each is worth repeating, and the interval of a ratio of means. Levels count from 1,
 * the innermost (samples), as in the paper. */
#ifndef CB_RESULTS_KALIBERA_H
#define CB_RESULTS_KALIBERA_H

#include <stdbool.h>
#include <stddef.h>

#define CB_LEVELS_MAX 4

struct cb_levels {
    unsigned levels;          /* 1 to CB_LEVELS_MAX */
    double mean;              /* of everything */
    double s2[CB_LEVELS_MAX]; /* S_i^2 at [i-1]: variance of the means of level i */
    double
        t2[CB_LEVELS_MAX]; /* T_i^2 at [i-1]: what level i itself contributes; may come out negative: none */
};
/* x holds reps[0] groups of reps[1] groups of ... of reps[levels-1] values: the outermost level first, the
 * innermost adjacent. Every reps is at least 2. */
struct cb_levels cb_kalibera(const double *x, const size_t *reps, unsigned levels);
/* Best number of repetitions at level i (from 1, below the top), not rounded: cost is the time of one
 * repetition there, cost_above of one at level i+1, its start-up included. INFINITY where the level above
 * contributes nothing, 0 where this one does not. */
double cb_kalibera_repetitions(const struct cb_levels *l, unsigned i, double cost, double cost_above);
/* Half width of the interval of the mean, from the outermost level: t_{1-a/2,r-1} sqrt(S_n^2 / r). */
double cb_kalibera_half_width(const struct cb_levels *l, size_t outer_reps, double conf);

/* Fieller's interval of numerator/denominator from means and half widths. False, and an interval without
 * limits, when the denominator is not distinct from 0. */
bool cb_fieller(double numerator, double numerator_half, double denominator, double denominator_half,
                double ci[2]);

#endif
