/* Exact rank methods. Test vectors: tests/unit/vectors.json. */
#ifndef CB_RESULTS_RANK_H
#define CB_RESULTS_RANK_H

#include <stddef.h>

#include "results/stats.h"

/* Hodges-Lehmann pseudo-median of d with the exact signed-rank interval (Walsh averages). */
struct cb_interval cb_hl_paired(const double *d, size_t n, double conf);
/* The decision interval: signed rank from 6 units, Student's t below. */
struct cb_interval cb_decision_interval(const double *d, size_t n, double conf);
/* Exact one-sided p values of the signed-rank test of centre mu0; ties by doubled mid-ranks, zeros dropped.
 */
void cb_signed_rank(const double *d, size_t n, double mu0, double *w_plus, double *p_greater, double *p_less);

#endif
