/* Opens and closes what the arms of one run share. */
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

/* Where state directories of runs are: /run/cbench for root, else under XDG_RUNTIME_DIR or /tmp. */
int cb_state_base(char *out, size_t cap, struct cb_err *err);
/* What survives runs (guest kernels, libvirt's capability cache): $CBENCH_CACHE, /var/cache/cbench for root,
 * else under XDG_CACHE_HOME or ~/.cache. */
int cb_cache_dir(char *out, size_t cap, struct cb_err *err);
/* Where the agent is: $CBENCH_AGENT, else beside this program, in a build tree or installed. */
int cb_agent_find(char *out, size_t cap, struct cb_err *err);

/* On failure nothing is left behind. */
int cb_site_open(const struct cb_site_request *req, const struct cb_topology *topo, struct cb_site *site,
                 struct cb_err *err);
/* Removes everything of the run but its results. Safe twice. */
void cb_site_close(struct cb_site *site);

/* The owner of a state directory, as its file says. */
struct cb_owner {
    int pid;
    uint64_t starttime; /* field 22 of /proc/PID/stat: a pid alone is reused */
    char work_dir[256];
};
#define CB_OWNER_FILE "owner"
/* 0 and the owner; -1 where there is no such file or it is not of this form. */
int cb_owner_read(const char *state_dir, struct cb_owner *o);
bool cb_owner_alive(const struct cb_owner *o);

#endif
