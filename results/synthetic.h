/* Runs that never were, with effects that are known: what the pipeline makes of them are its error rates.
 * Deterministic for a seed on every machine, libm's last bits aside. */
#ifndef CB_RESULTS_SYNTHETIC_H
#define CB_RESULTS_SYNTHETIC_H

#include "bench/base/rng.h"
#include "results/dataset.h"

struct cb_synthetic {
    unsigned blocks, samples; /* samples of an arm in a block */
    double cost;              /* planted cost ratio of the third arm; 1: nothing */
    double noise;             /* standard deviation of the log of an arm's cost in a block */
    double spikes;            /* share of arms and blocks that something hit, see below */
    uint64_t seed;
};

/* Arms host, host2 and "test"; one metric, the time of an iteration. All arms of a block share a drift that
 * is five times the usual noise and strongly correlated from block to block: what pairing must remove. */
enum { CB_SYNTHETIC_HOST, CB_SYNTHETIC_HOST2, CB_SYNTHETIC_TEST, CB_SYNTHETIC_ARMS };
int cb_synthetic_run(const struct cb_synthetic *s, struct cb_dataset *out, struct cb_err *err);

double cb_draw_uniform(struct cb_rng *r); /* in (0, 1) */
double cb_draw_normal(struct cb_rng *r);
/* Log of what a block adds to an arm's cost: normal, and in a share of them a spike, exponential with a mean
 * of 10 %, which is what a neighbour or a timer leaves behind. */
double cb_draw_noise(struct cb_rng *r, double sd, double spikes);

/* What `runs` such runs with different seeds came to. */
struct cb_rates {
    unsigned runs;
    unsigned alarms;  /* the 95 % interval of host2 excludes 1 */
    unsigned seen;    /* that of the third arm lies above 1 */
    unsigned refuted; /* the claim that it costs no more than the host is refuted at 5 % */
};
int cb_synthetic_rates(const struct cb_synthetic *s, unsigned runs, struct cb_rates *out, struct cb_err *err);

#endif
