/* A further process beside the first one of a running instance: a child of cbench that moves into the
 * instance's group and CPUs, enters its namespaces, becomes what the first one is, and executes a program.
 * Where it enters a process namespace it forks once more, since only children live in that. */
#ifndef CB_RUNNERS_ENTER_H
#define CB_RUNNERS_ENTER_H

#include "runners/cgroup.h"
#include "runners/ns.h"
#include "runners/runner.h"

struct cb_entry {
    const struct cb_site *site;
    struct cb_cgroup *group;      /* NULL: none to be had */
    pid_t pid;                    /* whose namespaces; 0: no others than cbench's */
    int namespaces;               /* CLONE_NEW* */
    const struct cb_steps *steps; /* taken inside, before exec; NULL: none */
    const char *program;          /* as seen inside; its argument is "run" */
};

/* *link is the program's stdin and stdout, *pid the child to be reaped: it ends with the program, and the
 * program with it. */
int cb_enter(const struct cb_entry *e, struct cb_link *link, pid_t *pid, struct cb_err *err);

#endif
