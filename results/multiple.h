/* Many tests at once. */
#ifndef CB_RESULTS_MULTIPLE_H
#define CB_RESULTS_MULTIPLE_H

#include <stdbool.h>
#include <stddef.h>

/* Adjusted p values of m tests into out (may be p itself). False where memory is short. */
bool cb_holm(const double *p, size_t m, double *out); /* family-wise error: claims of one file */
bool cb_benjamini_hochberg(const double *p, size_t m,
                           double *out); /* false discoveries: a scan over all metrics */

/* Wilson's interval of a proportion, k of n. */
void cb_wilson(size_t k, size_t n, double conf, double ci[2]);
/* Units below which an exact test of a family of m cannot decide anything: its smallest p is 2^-n. */
size_t cb_units_to_decide(size_t m, double alpha);

#endif
