/* What comes after the blocks of a plan: void ones are repeated once, then, where the run aims at a width of
 * its intervals, as many as that takes. Looks are taken at fixed points only: after the pilot, at the end of
 * the plan made then, at the end of its one revision (results/stopping.h). */
#ifndef CB_RESULTS_EXTEND_H
#define CB_RESULTS_EXTEND_H

#include "bench/base/err.h"
#include "results/effect.h"

struct cb_extend {
    unsigned blocks_max; /* of a run, repetitions too */
    unsigned seen;       /* blocks that need not be looked at for repetitions any more */
};

/* Repeats those blocks of [from, to) that are void, and adds `fresh` new ones. Nothing of both: the run is
 * over. */
struct cb_more {
    unsigned from, to, fresh;
};

/* d->run.target is what the run aims at; 0: the blocks that it has are enough. What follows is noted in
 * d->run: looks, blocks planned, why it is over. `block_s`: what a block takes; `left_s`: what is left of the
 * budget.
 */
int cb_extend(struct cb_extend *e, struct cb_dataset *d, double block_s, double left_s, struct cb_more *out,
              struct cb_err *err);

/* Blocks in total until the widest interval of the tested arms and of the A/A arm is as narrow as the target
 * (half width, relative). SIZE_MAX where no number would do. */
size_t cb_blocks_for_rows(const struct cb_dataset *d, const struct cb_rows *rows, double target);

#endif
