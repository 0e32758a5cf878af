/* Disk images of virtual machines, made by the programs that make them anywhere: ext4 by mke2fs and changed
 * by debugfs, neither of which mounts anything, and qcow2 by qemu-img. A program that is not there is
 * CB_EMISSING. */
#ifndef CB_RUNNERS_IMAGE_DISK_H
#define CB_RUNNERS_IMAGE_DISK_H

#include <stdint.h>

#include "bench/base/err.h"
#include "runners/image/payload.h"

/* A new raw image of `bytes` with the files of a directory; parts that hold nothing are holes. */
int cb_disk_make(const char *tree, const char *raw, uint64_t bytes, struct cb_err *err);
/* Makes the payload's update in a raw image that was made of it before; `tree` has the new files. As it would
 * be done inside: what does not change stays where it is. */
int cb_disk_update(const char *raw, const struct cb_payload *p, const char *tree, struct cb_err *err);
/* Copies all files out, into a directory that is there. */
int cb_disk_extract(const char *raw, const char *dir, struct cb_err *err);

/* raw -> compressed qcow2: the form that images are moved in. */
int cb_qcow2_pack(const char *raw, const char *packed, struct cb_err *err);
/* And back. */
int cb_qcow2_expand(const char *packed, const char *raw, struct cb_err *err);
/* An empty overlay: everything is read from `backing`, a raw image. */
int cb_qcow2_overlay(const char *backing, const char *overlay, struct cb_err *err);
/* A compressed overlay of `old` that reads as `next`; both raw. `scratch` is a file to be made and left. */
int cb_qcow2_difference(const char *old, const char *next, const char *scratch, const char *out,
                        struct cb_err *err);

#endif
