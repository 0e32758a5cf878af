/* What a container sees as its file tree: an image shared by all containers of a run, one writable layer
 * each, fresh /proc, /dev and /sys with the paths masked that common runtimes mask. The image and the
 * directories are made before the start; the mounts are steps, taken in the child's own mount namespace, and
 * end with it. */
#ifndef CB_RUNNERS_ROOTFS_H
#define CB_RUNNERS_ROOTFS_H

#include "bench/base/err.h"
#include "runners/ns.h"

#define CB_ROOTFS_AGENT   "/cbench-agent" /* inside */
#define CB_ROOTFS_SCRATCH "/scratch"

enum cb_rootfs_kind {
    CB_ROOTFS_OVERLAY, /* overlayfs over the image; scratch lies in its upper layer. CB_OVERLAY_GIVEN is
                          another */
    CB_ROOTFS_BIND,    /* the image itself, read-only; scratch is a bind mount of a plain directory */
};

/* work_dir/rootfs: the agent and empty mount points. Does nothing where it exists. */
int cb_rootfs_image(const char *work_dir, const char *agent, struct cb_err *err);
/* work_dir/name: what one container writes to, empty even if a killed run left one. `dir` gets its path. */
int cb_rootfs_instance(const char *work_dir, const char *name, char *dir, size_t cap, struct cb_err *err);
/* Steps that mount the root alone, at "root" in `dir`, which is the working directory at their end. */
void cb_rootfs_mount_steps(struct cb_steps *list, enum cb_rootfs_kind kind, const char *dir);
/* Steps from the host's tree into the container's, which is / and the working directory at their end. `dir`
 * is the instance's directory, borrowed. */
void cb_rootfs_steps(struct cb_steps *list, enum cb_rootfs_kind kind, const char *dir);

#endif
