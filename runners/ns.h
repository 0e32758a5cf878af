/* A container is a list of steps that a child takes, in namespaces of its own, before it becomes the agent.
 * Each step is one mechanism and one small function: an arm that leaves a mechanism out leaves its steps out,
 * and nothing else differs. The list is made before the start, the child only walks it. Here: the list, the
 * clone, and the steps that change the process itself. */
#ifndef CB_RUNNERS_NS_H
#define CB_RUNNERS_NS_H

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/base/err.h"

/* The fields are arguments of `run`; those it does not use stay NULL and 0. All are borrowed: they live as
 * long as the list. */
struct cb_step {
    int (*run)(const struct cb_step *step, struct cb_err *err);
    const char *path;         /* what the step acts on */
    const char *source;       /* what appears there: a path, a device, a name */
    const char *type, *data;  /* filesystem and its options */
    unsigned long flags, dev; /* mount flags or mode; device number, or a pid */
    const void *arg;
};

#define CB_STEPS_MAX 96 /* the longest list has about 60 */

struct cb_steps {
    struct cb_step step[CB_STEPS_MAX];
    unsigned n;
};

/* Appends copies of n steps; the limit is asserted, since lists are fixed by the code. */
void cb_steps_add(struct cb_steps *list, const struct cb_step *steps, unsigned n);
/* Takes the steps in order; the first that fails ends it. */
int cb_steps_run(const struct cb_steps *list, struct cb_err *err);

/* What a container has of its own. The cgroup namespace is not among them: its root is the group of the
 * process at that moment, so it is made by a step, after the child is in its group. */
#define CB_NS_BASE (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)

/* Forks into new namespaces (CLONE_NEW* flags), and into the cgroup of `cgroup_fd` unless it is -1. In the
 * child *pid is 0; it must end in exec or _exit. */
int cb_ns_clone(uint64_t namespaces, int cgroup_fd, pid_t *pid, struct cb_err *err);

/* Own session, default signals, no umask; dies with the parent, which is `parent` (0: one that is not seen
 * from here); everything above stderr closes on exec. */
int cb_ns_detach(pid_t parent, struct cb_err *err);

/* Steps. */
/* The same as a step: the parent is `dev` where it can be seen. */
int cb_ns_leave_parent(const struct cb_step *step, struct cb_err *err);
int cb_ns_own_cgroup(const struct cb_step *step, struct cb_err *err); /* unshares the cgroup namespace */
int cb_ns_hostname(const struct cb_step *step, struct cb_err *err);   /* source */
/* Empties every capability set, bounding set included, locks the securebits so that uid 0 gains nothing by
 * exec, and sets no_new_privs. */
int cb_ns_drop_privileges(const struct cb_step *step, struct cb_err *err);

#endif
