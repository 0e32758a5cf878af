/* What a container sees as its file tree: an image shared by all containers of a run, one writable layer
 * each, fresh /proc, /dev and /sys with the paths masked that common runtimes mask. The image and the
 * directories are made before the start; the mounts are steps, taken in the child's own mount namespace, and
 * end with it. */
#ifndef CB_RUNNERS_ROOTFS_H
#define CB_RUNNERS_ROOTFS_H

#include "bench/base/err.h"
#include "runners/ns.h"

#define CB_ROOTFS_IMAGE   "rootfs"        /* in the work directory */
#define CB_ROOTFS_AGENT   "/cbench-agent" /* inside */
#define CB_ROOTFS_SCRATCH "/scratch"

/* Where scratch is, and what the root below it. An overlay comes with a second one, CB_OVERLAY_GIVEN. */
enum cb_rootfs_kind {
    CB_ROOTFS_OVERLAY, /* in the upper layer of an overlay of the image */
    CB_ROOTFS_BIND,    /* a bind mount of a plain directory; the root is the image itself, read-only */
    CB_ROOTFS_TMPFS,   /* a tmpfs, in an overlay */
    CB_ROOTFS_VOLUME,  /* a bind mount of a plain directory, in an overlay */
};

struct cb_rootfs {
    enum cb_rootfs_kind kind;
    unsigned owner;   /* user and group that may write: the container's root as the host sees it */
    char options[64]; /* of a scratch on tmpfs */
};

/* `memory`: what the container may use; a tmpfs takes up to half of it, as one of the host's does. */
void cb_rootfs_init(struct cb_rootfs *r, enum cb_rootfs_kind kind, unsigned owner, uint64_t memory);
/* work_dir/rootfs: the agent and empty mount points. Does nothing where it exists. */
int cb_rootfs_image(const char *work_dir, const char *agent, struct cb_err *err);
/* work_dir/name: what one container writes to, empty even if a killed run left one. `dir` gets its path. */
int cb_rootfs_instance(const struct cb_rootfs *r, const char *work_dir, const char *name, char *dir,
                       size_t cap, struct cb_err *err);
/* Steps that mount the root alone, at "root" in `dir`, which is the working directory at their end. Both are
 * borrowed. */
void cb_rootfs_mount_steps(struct cb_steps *list, const struct cb_rootfs *r, const char *dir);
/* Steps from the host's tree into the container's, which is / and the working directory at their end. `dir`
 * is the instance's directory; both are borrowed. */
void cb_rootfs_steps(struct cb_steps *list, const struct cb_rootfs *r, const char *dir);

#endif
