/* The disk of virtual machines: one raw image a run on the filesystem under test, so that the guest's bytes
 * end where the other arms' do. */
#ifndef CB_RUNNERS_VMDISK_H
#define CB_RUNNERS_VMDISK_H

#include "bench/base/err.h"

/* Creates the image unless it is there: all blocks allocated and written with data that is not zero, so that
 * no write of the guest has to allocate, convert or punch anything on the host. */
int cb_vmdisk_create(const char *path, struct cb_err *err);
/* The same without a block: for machines on whose disk nothing is measured. */
int cb_vmdisk_create_sparse(const char *path, struct cb_err *err);
/* A fresh ext4 in it, in place; the host's blocks stay. Nothing of it is left in the host's page cache. */
int cb_vmdisk_format(const char *path, struct cb_err *err);

#endif
