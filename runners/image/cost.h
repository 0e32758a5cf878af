/* What doing something with an image takes, and doing it in a mount namespace that goes with the one who does
 * it. */
#ifndef CB_RUNNERS_IMAGE_COST_H
#define CB_RUNNERS_IMAGE_COST_H

#include <stdint.h>

#include "bench/base/err.h"

struct cb_image_cost {
    uint64_t ns;
    uint64_t bytes; /* stored or moved, as the benchmark says */
};

/* Runs `work` in a child that has left the mount namespace: whatever it mounts is gone when this returns,
 * also when it, or the caller, is killed. CB_EMISSING where the caller may not have such a namespace. */
int cb_cost_in_namespace(int (*work)(const void *arg, struct cb_image_cost *out, struct cb_err *err),
                         const void *arg, struct cb_image_cost *out, struct cb_err *err);

#endif
