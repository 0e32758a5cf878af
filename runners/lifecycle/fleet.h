/* Further instances of the arm that a lifecycle case is about: several at a time, idle, each in a slot of its
 * own. */
#ifndef CB_RUNNERS_LIFECYCLE_FLEET_H
#define CB_RUNNERS_LIFECYCLE_FLEET_H

#include "runners/lifecycle.h"

struct cb_fleet {
    const struct cb_life *life;
    struct cb_instance *at;
    unsigned slot, max; /* of the first; room for so many */
    unsigned n, up;     /* provisioned; started, which the first ones of those are */
};

/* Room for `max` instances in the slots from `slot` on; none is there yet. cb_fleet_down is due in any
 * case, and so it is after a failure below. */
int cb_fleet_open(struct cb_fleet *f, const struct cb_life *l, unsigned slot, unsigned max,
                  struct cb_err *err);
/* Provisions one more, or all that there is room for. CB_EINTR after a stop. */
int cb_fleet_prepare(struct cb_fleet *f, struct cb_err *err);
int cb_fleet_prepare_all(struct cb_fleet *f, struct cb_err *err);
/* Starts the next of those; it answers when this returns 0. */
int cb_fleet_up(struct cb_fleet *f, struct cb_err *err);
/* Takes everything down. Safe twice. */
void cb_fleet_down(struct cb_fleet *f);

/* How many instances there can be beside the arms' own. */
unsigned cb_fleet_max(void);
/* Waits, and looks at the stop flag meanwhile: CB_EINTR. */
int cb_life_sleep(const struct cb_life *l, uint64_t ns, struct cb_err *err);

#endif
