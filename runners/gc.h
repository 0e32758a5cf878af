/* Cleans up after runs that were killed. */
#ifndef CB_RUNNERS_GC_H
#define CB_RUNNERS_GC_H

#include <stdbool.h>

#include "bench/base/err.h"

/* One thing that a dead run left behind. */
struct cb_leftover {
    const char *kind; /* "process", "mount", "cgroup", "link", "directory" */
    const char *name;
    const char *run_id;
};

/* Finds what carries cbench's names and has no living owner, and removes it unless `dry`. `out_dir` (may be
 * NULL) is searched for work directories too. Each thing found is reported once. *failed counts what could
 * not be removed. Idempotent. */
int cb_gc(const char *out_dir, bool dry, void (*found)(const struct cb_leftover *l, bool removed, void *arg),
          void *arg, unsigned *failed, struct cb_err *err);

#endif
