/* Decisions about a cost ratio with stated error rates. Every claim says that the ratio lies in a region; the
 * data, log ratios of blocks (or of instances), support it, refute it, or do neither. Not significant is
 * never "the same": a region around 1 is an equivalence test (TOST). */
#ifndef CB_RESULTS_DECIDE_H
#define CB_RESULTS_DECIDE_H

#include <stdbool.h>
#include <stddef.h>

/* Of ratios; 0 and INFINITY are no bound. lo < hi. */
struct cb_region {
    double lo, hi;
};
/* "within 2 %": [1/1.02, 1.02]. */
struct cb_region cb_region_within(double fraction);

struct cb_evidence {
    double p_sup; /* that the ratio lies outside, against inside: small supports the claim */
    double p_ref; /* that it lies inside, against outside: small refutes it */
};
/* `bias` (log units, from the A/A arm; 0 for none) makes the bounds harder to pass in both directions. */
struct cb_evidence cb_evidence(const double *d, size_t n, struct cb_region r, double bias);
/* A claim that holds when all of its parts do (an order of arms): intersection-union. */
struct cb_evidence cb_evidence_all(const struct cb_evidence *parts, size_t n);

enum cb_verdict { CB_INCONCLUSIVE, CB_SUPPORTED, CB_REFUTED };
const char *cb_verdict_name(enum cb_verdict v);
/* The p that goes into the correction for the family, and the verdict from what comes out of it. */
double cb_evidence_p(struct cb_evidence e);
enum cb_verdict cb_verdict(struct cb_evidence e, double adjusted_p, double alpha);

/* From this many units on a verdict also needs the sign test to agree: the pseudo-median that the signed rank
 * tests is not the median when one arm alone has a heavy tail. */
#define CB_SKEW_UNITS 16
/* True when a verdict must be withheld for that reason. */
bool cb_skewed(const double *d, size_t n, struct cb_region r, double bias, enum cb_verdict v, double alpha);

/* From the A/A arm's 95 % interval of log ratios: its farther end, and by how much it misses 0. */
double cb_noise_floor(double lo, double hi);
double cb_bias(double lo, double hi);

/* The level of a reported interval when the run was extended after a look at it: 1 - .8 alpha keeps what .95
 * says. */
double cb_level_after_look(double alpha, bool extended);

#endif
