/* Control groups through libcgroup: the same limits for every arm, the host arm too. Works on v1, on hybrid
 * mounts and on v2. Names are cbench-RUNID/ARM; `cb_cgroup_gc` finds what a killed run left. */
#ifndef CB_RUNNERS_CGROUP_H
#define CB_RUNNERS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/base/err.h"

struct cb_limits {
    uint64_t memory; /* bytes, 0: none */
    const int *cpus; /* cpuset */
    int ncpus;
    int numa_node;
    unsigned pids;  /* 0: none */
    unsigned quota; /* CPUs that may be used up at a time, by the scheduler's bandwidth control; 0: none */
};

struct cb_cgroup; /* opaque */

/* Once a process, before the others. CB_EMISSING with the reason where no usable hierarchy is mounted or
 * writable. */
int cb_cgroup_init(struct cb_err *err);
/* "v1", "hybrid", "v2". */
const char *cb_cgroup_version(void);
/* The controllers that the limits need and this machine has, "cpuset,memory,pids"; those that are missing in
 * `missing`. */
void cb_cgroup_controllers(char *have, size_t hcap, char *missing, size_t mcap);
/* Can a group be limited by the controller: "cpu", "memory", "pids", "cpuset"? */
bool cb_cgroup_has(const char *controller);

/* What a group will be, and the run's group above it; nothing of the arm's is made. */
int cb_cgroup_prepare(const char *name, const struct cb_limits *l, struct cb_cgroup **out,
                      struct cb_err *err);
int cb_cgroup_make(struct cb_cgroup *g, struct cb_err *err);
/* Both. */
int cb_cgroup_create(const char *name, const struct cb_limits *l, struct cb_cgroup **out, struct cb_err *err);
/* pid 0: the caller moves itself. The kernel then needs no cgroup_threadgroup_rwsem, whose cold cost is an
 * RCU grace period (6 to 10 ms): the quick way into a v1 group for a child with one thread. */
int cb_cgroup_attach(struct cb_cgroup *g, pid_t pid, struct cb_err *err);
/* Where to read what the kernel counts of a group, by name: its directory in the hierarchy of "cpuset",
 * "memory" or "pids". -1 where there is no such group or hierarchy. */
int cb_cgroup_dir(const char *name, const char *controller, char *out, size_t cap);
/* The same of the group that cbench itself is in, for any controller. */
int cb_cgroup_own_dir(const char *controller, char *out, size_t cap);
/* True where all limits live on version 2, so that processes can be cloned into their group. */
bool cb_cgroup_has_births(void);
/* Opens the descriptor of a group that another process has made since the fork; nothing where there are no
 * births. */
int cb_cgroup_open_v2(struct cb_cgroup *g, struct cb_err *err);
/* For clone3(CLONE_INTO_CGROUP): an O_PATH descriptor owned by g, or -1 where the limits live on v1. */
int cb_cgroup_v2_fd(const struct cb_cgroup *g);
/* Kills what is inside, waits for it to be gone, removes the group, frees g. NULL is fine. */
void cb_cgroup_destroy(struct cb_cgroup *g);
/* Removes the run's parent group once its arms are gone. */
void cb_cgroup_remove_run(const char *run_id);
/* Calls `found` with the run id of every cbench-* group on any hierarchy; each once or more. */
int cb_cgroup_each_run(void (*found)(const char *run_id, void *arg), void *arg, struct cb_err *err);

#endif
