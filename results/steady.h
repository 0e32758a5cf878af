/* Warm-up and steady state of the samples of one result. Nothing is thrown away: the leading samples are only
 * not counted. Method: docs/method.md; test vectors: tests/unit/vectors.json. */
#ifndef CB_RESULTS_STEADY_H
#define CB_RESULTS_STEADY_H

#include <stdbool.h>
#include <stddef.h>

/* Below this the search for a warm-up says nothing: with fewer than four batches of five samples it would
 * compare the spread of one or two batches (0 for one, always the minimum) and cut half of any noise. */
#define CB_STEADY_MIN 20

enum cb_steadiness {
    CB_STEADY_UNKNOWN,  /* fewer than CB_STEADY_MIN samples */
    CB_STEADY_FLAT,     /* steady from the first sample on */
    CB_STEADY_WARMUP,   /* the leading samples cost more */
    CB_STEADY_SLOWDOWN, /* the leading samples cost less */
    CB_STEADY_NEVER,    /* no steady state was reached */
};
const char *cb_steadiness_name(enum cb_steadiness s);

/* MSER-5 (White 1997): how many leading samples to leave out so that the mean of the rest has the smallest
 * standard error; searched over the first half. *reached is false when the minimum lies at the end of the
 * search; *statistic is that minimum; both may be NULL. Any n; 0 below one batch. */
size_t cb_mser5(const double *x, size_t n, double *statistic, bool *reached);

/* The leading samples that a block's value leaves out: those of cb_mser5, none below CB_STEADY_MIN. */
size_t cb_steady_cut(const double *x, size_t n);

struct cb_steady {
    enum cb_steadiness kind;
    size_t cut;   /* leading samples not counted */
    double drift; /* median of the second half of the rest over that of the first, less 1; NAN when unknown */
    double p;     /* that the halves are alike: Mann-Whitney */
};
/* A drift counts when it is above `tolerance` (as a fraction) and p below 1 %. */
struct cb_steady cb_steady(const double *x, size_t n, double tolerance);

/* Lag-1 autocorrelation, and how many independent values n such values are worth. Information only: the unit
 * of statistics is the block. */
double cb_acf1(const double *x, size_t n);
double cb_effective_n(const double *x, size_t n);

#endif
