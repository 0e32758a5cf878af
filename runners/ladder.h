/* Ladders: arms that each have one mechanism more than the one below, so that a run can say what each of them
 * costs. runners/ladder.def is the table. */
#ifndef CB_RUNNERS_LADDER_H
#define CB_RUNNERS_LADDER_H

#include <stdbool.h>
#include <stddef.h>

/* A step up: `arm` has what `label` names, `base` has not. */
struct cb_rung {
    const char *ladder, *chain, *label, *arm, *base;
    bool side; /* branches off: the next step ignores it */
};

/* The next rung of a ladder: *at is 0 for the first one. False: there is none, or no such ladder. */
bool cb_rung_next(const char *ladder, size_t *at, struct cb_rung *out);
/* Name of ladder i, NULL behind the last. */
const char *cb_ladder_name(size_t i);

#endif
