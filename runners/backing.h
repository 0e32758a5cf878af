/* What lies under a directory: which filesystem on which device. The arms' scratch directories must lie on
 * the same one to be comparable, and results say which it was. */
#ifndef CB_RUNNERS_BACKING_H
#define CB_RUNNERS_BACKING_H

#include "bench/base/err.h"
#include "runners/runner.h"

struct cb_backing {
    char fs[32];      /* "ext4" */
    char source[128]; /* "/dev/vda", "tmpfs" */
    char mount[256];  /* mount point */
    char device[16];  /* "254:0" of the mount: the key into /proc/diskstats; "0:35" has no entry there */
};

/* By the mount id of `path` in /proc/self/mountinfo. */
int cb_backing_of(const char *path, struct cb_backing *out, struct cb_err *err);
/* Adds scratch.fs, scratch.device and scratch.mount, or scratch.fs = why they are not known; and the env's
 * scratch_device. */
void cb_backing_facts(struct cb_env *env, const char *path);

#endif
