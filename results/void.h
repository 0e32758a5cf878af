/* Which blocks do not count. Only for causes that were declared in advance and are read outside the timings
 * (bench/base/noise.h), never for what was measured: nobody can drop a block because of its numbers. Void
 * blocks stay in the store with the reason, and every estimate is also given with them. Method:
 * docs/method.md. */
#ifndef CB_RESULTS_VOID_H
#define CB_RESULTS_VOID_H

#include "results/dataset.h"

#define CB_VOID_TEXT 512

/* Limits, as shares of the time that the arms' CPUs had. */
#define CB_VOID_STEAL  0.01 /* what the hypervisor below gave to others */
#define CB_VOID_OTHERS 0.05 /* what tasks other than the arm's took, while tasks had to wait (PSI) */
/* A run in which more blocks than this are void is unfit: what disturbed those has touched the others too. */
#define CB_VOID_UNFIT 0.2

/* Why the block does not count, from its evidence: "steal 3.1 % (limit 1 %)", several causes joined by "; ".
 * Empty when it counts. */
void cb_void_reason(const struct cb_dataset *d, unsigned block, char out[CB_VOID_TEXT]);

struct cb_voids {
    unsigned blocks, voided; /* of all blocks that ran, repetitions too */
    unsigned first;          /* the first void one; its reason stands for the others */
    bool unfit;
};
struct cb_voids cb_voids(const struct cb_dataset *d);

#endif
