/* An overlay mount: a benchmark's own, below scratch and in a mount namespace of the case's own process, with
 * which it goes whatever happens; or one that came with the environment. */
#ifndef CB_KERNELS_OVERLAY_H
#define CB_KERNELS_OVERLAY_H

#include <limits.h>
#include <stdbool.h>

#include "bench/bench.h"

#define CB_OVERLAY_LAYERS_MAX 128u /* mount options are one page, a layer takes five bytes of it */

struct cb_overlay {
    unsigned layers; /* lower directories: dir/l0, the uppermost, to dir/l(layers - 1) */
    bool mounted;    /* at dir/root; changes go to dir/upper */
    bool given;      /* by the environment: it stays */
    char dir[PATH_MAX];
};

/* Makes the directories, empty, and mounts nothing yet. With `will_mount` the process leaves its mount
 * namespace; CB_EMISSING where it may not. */
int cb_overlay_make(struct cb_overlay *o, const struct cb_run *run, unsigned layers, bool will_mount,
                    struct cb_err *err);
/* The environment's overlay of one layer, or else one of the benchmark's own, mounted. What is made in a
 * given one is the caller's to remove. */
int cb_overlay_open(struct cb_overlay *o, const struct cb_run *run, struct cb_err *err);
/* CB_EMISSING where the kernel has no overlayfs, or none over this filesystem. What the last mount changed is
 * still there. */
int cb_overlay_mount(struct cb_overlay *o, struct cb_err *err);
/* Nothing happens where it is not mounted. */
int cb_overlay_unmount(struct cb_overlay *o, struct cb_err *err);
/* Unmounts and removes all, unless it was given. Safe on zeros. */
void cb_overlay_remove(struct cb_overlay *o);
/* `path` becomes dir/below. */
int cb_overlay_path(const struct cb_overlay *o, const char *below, char *path, size_t cap,
                    struct cb_err *err);

#endif
