/* Children. A child between fork and exec reports its whole cb_err through a CLOEXEC pipe; end of file means
 * that exec worked. Pids are used only for children of the caller. */
#ifndef CB_BASE_PROC_H
#define CB_BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/base/err.h"

struct cb_spawn {
    const char *const *argv; /* argv[0] is a path, or a name looked up in PATH when `search` */
    const char *const *envp; /* NULL: the environment of the caller */
    bool search;
    int fd_in, fd_out, fd_err; /* become 0, 1, 2; -1 is /dev/null. Not closed here. */
    int cpu;                   /* pin to this CPU; -1 leaves affinity alone */
    bool die_with_parent;      /* PR_SET_PDEATHSIG SIGKILL */
    /* Runs in the child before exec; may be NULL. */
    int (*before_exec)(void *arg, struct cb_err *err);
    void *arg;
};

/* Starts the child, returns 0 once its exec worked. *pidfd (CLOEXEC) may be NULL when not wanted. A program
 * that is not there is CB_EMISSING. */
int cb_spawn(const struct cb_spawn *s, pid_t *pid, int *pidfd, struct cb_err *err);
/* Waits for the end until `deadline` (host clock, ns): 0 and *status as of waitpid; CB_ETIMEOUT
 * otherwise, CB_EINTR when a signal handler ran. */
int cb_wait(pid_t pid, uint64_t deadline, int *status, struct cb_err *err);
/* SIGKILL and reap; pid <= 0 is ignored. */
void cb_kill_wait(pid_t pid);
/* Runs a command to its end, collecting at most `max` bytes of stdout into `out` (may be NULL) and the last
 * line of stderr into the error when it exits non-zero. No shell. */
struct cb_buf;
int cb_capture(const char *const *argv, uint64_t timeout_ns, size_t max, struct cb_buf *out,
               struct cb_err *err);

/* For children made by a plain fork: SIGKILL when the thread that forked ends. `parent` is its getpid() from
 * before the fork; it may have ended already (ESRCH). */
int cb_die_with_parent(pid_t parent, struct cb_err *err);
/* For a forked child that does not exec: it would keep all descriptors open, and with them the streams of
 * others. Those up to stderr stay, and those of `keep` (-1 is none). */
void cb_close_all_but(const int *keep, size_t n);
/* A descriptor (CLOEXEC) that polls readable once the child ended. */
int cb_pidfd(pid_t pid, struct cb_err *err);

/* Message passing of an error over a pipe: the child's half and the parent's half. */
void cb_err_send(int fd, const struct cb_err *err);
/* 0: end of file, nothing was sent. -1: *err holds what was sent (or that it was garbled). */
int cb_err_recv(int fd, struct cb_err *err);

#endif
