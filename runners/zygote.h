/* A process that is forked before a container's start and clones the container's first process when it is
 * told to. Forking cbench itself would copy its memory map, page by page, and the copy would then take a
 * fault for every page it touches: on a virtualised host that costs more than all namespaces together, and it
 * grows with cbench, which is no property of containers. The zygote has taken those faults before the start.
 */
#ifndef CB_RUNNERS_ZYGOTE_H
#define CB_RUNNERS_ZYGOTE_H

#include <stdint.h>
#include <sys/types.h>

#include "bench/base/err.h"
#include "runners/cgroup.h"
#include "runners/channels.h"
#include "runners/topology.h"

struct cb_zygote {
    pid_t pid;    /* 0: not forked */
    pid_t *child; /* memory shared with it: the pid of what it cloned, 0 until then */
};

/* What it will do. Borrowed; everything that the child needs must be in memory at the fork. */
struct cb_zygote_task {
    uint64_t namespaces;     /* CLONE_NEW* flags */
    struct cb_cgroup *group; /* where version 2 rules, the child is born in it: make it before the start */
    struct cb_channels *channels; /* open; errors before exec come through them */
    void (*child)(void *arg);     /* runs in the child and ends in exec or _exit */
    void *arg;
};

/* Forks it and waits until it is ready, on the CPUs of the arms. The channels are the parent's then. */
int cb_zygote_fork(struct cb_zygote *z, const struct cb_zygote_task *task, const struct cb_topology *topo,
                   struct cb_err *err);
/* The next byte through the gate (cb_channels_let_go) makes it clone; the child is a child of cbench. Its
 * pid: once it has said anything. */
pid_t cb_zygote_child(const struct cb_zygote *z);
/* Kills and reaps the child, if it is there. Safe twice. */
void cb_zygote_end_child(struct cb_zygote *z);
/* The same for the zygote, and for a child that came only now. Safe twice. */
void cb_zygote_end(struct cb_zygote *z);

#endif
