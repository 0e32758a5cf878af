/* Opens and closes what the arms of one run share, and cleans up after runs that were killed. */
#ifndef CB_RUNNERS_SITE_H
#define CB_RUNNERS_SITE_H

#include "runners/runner.h"

struct cb_site_request {
    const char *run_id;
    const char *run_dir; /* OUT/RUNID: work_dir is made under it */
    const char *connect; /* libvirt URI, "" for embed */
    uint64_t memory;
    bool network; /* some case needs the peer */
};

/* Where the agent is: $CBENCH_AGENT, beside the binary's tree (build or install). */
int cb_agent_find(char *out, size_t cap, struct cb_err *err);
int cb_site_open(const struct cb_site_request *req, const struct cb_topology *topo, struct cb_site *site,
                 struct cb_err *err);
void cb_site_close(struct cb_site *site);

/* One thing that a dead run left behind. */
struct cb_leftover {
    char kind[16]; /* "cgroup", "mount", "link", "process", "domain", "directory" */
    char name[256];
    char run_id[32];
};
/* Finds what carries cbench's names and has no living owner; removes it unless `dry`. `out_dir` (may be NULL)
 * is searched for work directories too. *failed counts what could not be removed. Idempotent. */
int cb_gc(const char *out_dir, bool dry, void (*found)(const struct cb_leftover *l, bool removed, void *arg),
          void *arg, unsigned *failed, struct cb_err *err);

#endif
