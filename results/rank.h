/* Rank methods, exact. One sample (paired differences): signed rank, Hodges-Lehmann, sign test. Two samples:
 * Mann-Whitney, Hodges-Lehmann shift, Cliff's delta. Inputs hold no NAN (the answer is NAN otherwise, and
 * where memory is short). Distributions are kept as probabilities, halved at every step of their recursions,
 * so that no count overflows and tails below 52 units are exact to the bit. Test vectors:
 * tests/unit/vectors.json. */
#ifndef CB_RESULTS_RANK_H
#define CB_RESULTS_RANK_H

#include <stdbool.h>
#include <stddef.h>

#include "results/stats.h"

/* From this many units the signed rank decides; below it has no 95 % interval, and Student's t is used. */
#define CB_RANK_MIN_UNITS 6

/* --- one sample -------------------------------------------------------------------------------------------
 */

/* How many of the n(n+1)/2 Walsh averages an interval cuts off on each side at one-sided level alpha; 0: no
 * interval. O(n^3). */
size_t cb_signed_rank_cut(size_t n, double alpha);
/* Hodges-Lehmann pseudo-median of d with the exact signed-rank interval (Walsh averages). */
struct cb_interval cb_hl_paired(const double *d, size_t n, double conf);
/* The decision interval: signed rank from CB_RANK_MIN_UNITS units, Student's t below. */
struct cb_interval cb_decision_interval(const double *d, size_t n, double conf);

/* One-sided p values of "the centre is greater than" and "less than" the centre asked about. */
struct cb_tails {
    double greater, less;
};
/* Exact signed-rank test of centre mu0; ties by doubled mid-ranks, zeros dropped. *w_plus may be NULL. */
struct cb_tails cb_signed_rank(const double *d, size_t n, double mu0, double *w_plus);
/* The t test of the same; NAN below two values. */
struct cb_tails cb_t_test(const double *d, size_t n, double mu0);
/* The test that belongs to cb_decision_interval. */
struct cb_tails cb_decision_test(const double *d, size_t n, double mu0);
/* Exact sign test of the median; zeros dropped. Guards verdicts against skew. */
struct cb_tails cb_sign_test(const double *d, size_t n, double mu0);
/* 1-based order statistics (*lo, n+1-*lo) that hold the median with at least `conf`; returns the achieved
 * confidence, 0 and *lo = 0 where n is too small. */
double cb_median_ranks(size_t n, double conf, size_t *lo);

/* --- two samples ------------------------------------------------------------------------------------------
 */

/* U of x: pairs with x > y, ties half. */
double cb_mwu_u(const double *x, size_t m, const double *y, size_t n);
/* One-sided p values of "x is larger" and "x is smaller"; exact and conditional on the ties seen. O((m+n)
 * min^2 ..): for m*n up to CB_MWU_EXACT_MAX. */
#define CB_MWU_EXACT_MAX 2500
struct cb_tails cb_mwu_exact(const double *x, size_t m, const double *y, size_t n);
/* Two-sided p by the normal approximation with tie and continuity correction. */
double cb_mwu_normal(const double *x, size_t m, const double *y, size_t n);
/* Two-sided p: exact up to CB_MWU_EXACT_MAX pairs, normal beyond. */
double cb_mwu(const double *x, size_t m, const double *y, size_t n);
/* Hodges-Lehmann shift x - y with the Mann-Whitney interval: exact (for data without ties) up to
 * CB_MWU_EXACT_MAX pairs, normal beyond. */
struct cb_interval cb_hl_shift(const double *x, size_t m, const double *y, size_t n, double conf);
double cb_cliff(const double *x, size_t m, const double *y, size_t n);

/* --- shared by both --------------------------------------------------------------------------------------
 */

/* Mid-ranks, doubled so that they are whole. False where memory is short or a NAN is seen. */
bool cb_midranks2(const double *v, size_t n, size_t *ranks);

#endif
