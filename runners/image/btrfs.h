/* A btrfs in a file of its own, for the time of one measurement, in the mount namespace of the caller: the
 * loop device lets go of the file by itself when the last mount is gone, whoever was killed before. */
#ifndef CB_RUNNERS_IMAGE_BTRFS_H
#define CB_RUNNERS_IMAGE_BTRFS_H

#include "bench/base/err.h"

/* Makes the file DIR/btrfs and mounts it at DIR/root. CB_EMISSING where there is no mkfs.btrfs, no loop
 * device or no such filesystem in the kernel. */
int cb_btrfs_mount(const char *dir, struct cb_err *err);
int cb_btrfs_subvolume(const char *root, const char *name, struct cb_err *err);
/* A writable snapshot of ROOT/from as ROOT/to. */
int cb_btrfs_snapshot(const char *root, const char *from, const char *to, struct cb_err *err);

#endif
