/* A user namespace for a container: its root is an id of the host that owns nothing. The namespace is the
 * child's to make, the map is the parent's to write, since only it still has privileges outside. */
#ifndef CB_RUNNERS_IDMAP_H
#define CB_RUNNERS_IDMAP_H

#include <sys/types.h>

#include "bench/base/err.h"
#include "runners/ns.h"

/* 0 .. CB_IDMAP_COUNT-1 inside are these outside: users and groups alike. The range is the first that
 * distributions hand out in /etc/subuid; nobody logs in by an id of it. */
#define CB_IDMAP_FIRST 100000
#define CB_IDMAP_COUNT 65536

/* Steps. */
int cb_idmap_unshare(const struct cb_step *step, struct cb_err *err);
/* After the map is written. Without supplementary groups; dies with the parent still. */
int cb_idmap_become_root(const struct cb_step *step, struct cb_err *err);

/* Of a child that has unshared. */
int cb_idmap_write(pid_t pid, struct cb_err *err);

#endif
