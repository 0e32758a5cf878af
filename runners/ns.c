#include "runners/ns.h"

#include <assert.h>
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/base/proc.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2) /* Linux 5.11 */
#endif

void cb_steps_add(struct cb_steps *list, const struct cb_step *steps, unsigned n)
{
    assert(n <= CB_STEPS_MAX - list->n);
    memcpy(list->step + list->n, steps, n * sizeof *steps);
    list->n += n;
}

int cb_steps_run(const struct cb_steps *list, struct cb_err *err)
{
    for (const struct cb_step *s = list->step; s < list->step + list->n; s++)
        if (s->run(s, err) < 0)
            return -1;
    return 0;
}

int cb_ns_clone(uint64_t namespaces, int cgroup_fd, pid_t *pid, struct cb_err *err)
{
    struct clone_args args = {
        .flags = namespaces | CLONE_CLEAR_SIGHAND,
        .exit_signal = SIGCHLD,
    };
    if (cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)cgroup_fd;
    }
    *pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    return *pid < 0 ? cb_fail_sys(err, errno, "clone into new namespaces") : 0;
}

int cb_ns_detach(pid_t parent, struct cb_err *err)
{
    /* CLONE_CLEAR_SIGHAND leaves ignored what cbench ignores. */
    static const int ignored[] = {SIGPIPE, SIGINT, SIGCHLD, 0};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (const int *s = ignored; *s; s++)
        signal(*s, SIG_DFL);
    umask(0);         /* steps give whole modes */
    if (setsid() < 0) /* ^C on the terminal is for cbench alone */
        return cb_fail_sys(err, errno, "setsid");
    if (cb_die_with_parent(parent, err) < 0)
        return -1;
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return cb_fail_sys(err, errno, "close_range");
    return 0;
}

int cb_ns_leave_parent(const struct cb_step *step, struct cb_err *err)
{
    return cb_ns_detach((pid_t)step->dev, err);
}

int cb_ns_own_cgroup(const struct cb_step *step, struct cb_err *err)
{
    (void)step;
    return unshare(CLONE_NEWCGROUP) < 0 ? cb_fail_sys(err, errno, "unshare the cgroup namespace") : 0;
}

int cb_ns_hostname(const struct cb_step *step, struct cb_err *err)
{
    if (sethostname(step->source, strlen(step->source)) < 0)
        return cb_fail_sys(err, errno, "sethostname %s", step->source);
    return 0;
}

int cb_ns_drop_privileges(const struct cb_step *step, struct cb_err *err)
{
    (void)step;
    umask(S_IWGRP | S_IWOTH);
    /* All five sets, the securebits locked, and no_new_privs. */
    return cap_set_mode(CAP_MODE_NOPRIV) < 0 ? cb_fail_sys(err, errno, "drop privileges") : 0;
}
