/* When to stop: looks at fixed numbers of blocks only, never "until it is significant". Method:
 * docs/method.md. */
#ifndef CB_RESULTS_STOPPING_H
#define CB_RESULTS_STOPPING_H

#include <stdbool.h>
#include <stddef.h>

/* Blocks after which the first look is taken. Ten, because an exact test of ten claims needs eight to decide
 * anything; quick runs take six, the fewest with a 95 % interval. */
#define CB_PILOT_BLOCKS       10
#define CB_PILOT_BLOCKS_QUICK 6
#define CB_TARGET_HALF_WIDTH  0.01 /* relative, of the 95 % interval */

/* Blocks in total until a metric's 95 % interval is as narrow as the target, from the standard deviation of
 * its n pilot log ratios; at least n. SIZE_MAX where the pilot cannot tell (n below 2). */
size_t cb_blocks_for_width(double sd, size_t n, double target);
/* One plan for a run: what its widest metric needs, within limit and budget. Never below the pilot, which has
 * been run already. */
struct cb_extension {
    size_t blocks;
    bool by_budget; /* the budget, not the target, set it: said in the report */
};
struct cb_extension cb_extension(size_t wanted, size_t pilot, size_t max, double budget_s, double block_s);

/* Verdict stopping: look k (from 0) is taken at this number of blocks, each at alpha / looks. */
size_t cb_look(unsigned k);

#endif
