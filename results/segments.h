/* Change points of a series by E-divisive (Matteson and James 2014, energy statistic with alpha = 1): where a
 * series of log ratios of past runs began to be another one. Deterministic for a seed. Test vectors:
 * tests/unit/vectors.json. */
#ifndef CB_RESULTS_SEGMENTS_H
#define CB_RESULTS_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The best split of z: the left part is z[0..tau), the right one z[tau..kappa). q is -1 when z is too short.
 * O(n^2). */
struct cb_split {
    double q;
    size_t tau, kappa;
};
struct cb_split cb_edivisive_split(const double *z, size_t n, size_t min_segment);

struct cb_segment_rule {
    size_t min_segment; /* 3 by default */
    unsigned reps;      /* permutations a step; p is at least 1/(reps+1) */
    double alpha;       /* a change is accepted up to this p */
    uint64_t seed;
    size_t permute_block; /* 1: points; 5: circular blocks, for series whose neighbours resemble each other */
};
/* Such blocks are asked for from this lag-1 autocorrelation of the residuals from segment medians on. */
#define CB_SEGMENT_AUTOCORRELATION 0.2

struct cb_change {
    size_t index; /* first value of the new segment */
    double q, p;
};
struct cb_segments {
    size_t *cuts; /* accepted, rising; owned */
    size_t ncuts;
    struct cb_change *steps; /* in the order found, the first that was not accepted last; owned */
    size_t nsteps;
};
/* False where memory is short, with *out empty. */
bool cb_edivisive(const double *z, size_t n, const struct cb_segment_rule *rule, struct cb_segments *out);
/* Drops cuts whose two sides do not differ by `min_shift` (Hodges-Lehmann, in the units of z) with a
 * Mann-Whitney p up to alpha, the weakest first, until all that are left do. */
void cb_segments_merge(const double *z, size_t n, double min_shift, double alpha, struct cb_segments *s);
void cb_segments_free(struct cb_segments *s);

#endif
