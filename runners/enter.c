#include "runners/enter.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/proc.h"
#include "runners/channels.h"

static __attribute__((noreturn)) void give_up(struct cb_channels *c, const struct cb_err *err)
{
    cb_err_send(c->child.errors, err);
    _exit(127);
}

static __attribute__((noreturn)) void execute(const struct cb_entry *e, struct cb_channels *c)
{
    struct cb_err err;
    const char *const argv[] = {e->program, "run", NULL};
    const char *const envp[] = {"PATH=/", NULL}; /* nothing of the user's */
    if (!e->steps || cb_steps_run(e->steps, &err) == 0) {
        execve(e->program, (char *const *)argv, (char *const *)envp);
        cb_fail_sys(&err, errno, "exec %s", e->program);
    }
    give_up(c, &err);
}

/* The groups are reached by the host's paths, so they come first. */
static int join(const struct cb_entry *e, struct cb_channels *c, pid_t parent, struct cb_err *err)
{
    if (cb_ns_detach(parent, err) < 0)
        return -1;
    if (dup2(c->child.stream, STDIN_FILENO) < 0 || dup2(c->child.stream, STDOUT_FILENO) < 0 ||
        dup2(c->log, STDERR_FILENO) < 0)
        return cb_fail_sys(err, errno, "stdin, stdout and stderr");
    if (e->group && cb_cgroup_v2_fd(e->group) < 0 && cb_cgroup_attach(e->group, 0, err) < 0)
        return -1;
    if (cb_pin(0, e->site->topo.sut, e->site->topo.nsut, err) < 0)
        return -1;
    if (!e->pid)
        return 0;
    CB_AUTOFD int target = cb_pidfd(e->pid, err);
    if (target < 0)
        return -1;
    return setns(target, e->namespaces) < 0 ? cb_fail_sys(err, errno, "enter the namespaces") : 0;
}

/* Ends as the program does. Keeps nothing open that others wait for the end of. */
static __attribute__((noreturn)) void outlive(pid_t program)
{
    int status;
    syscall(SYS_close_range, 0, ~0U, 0);
    while (waitpid(program, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static __attribute__((noreturn)) void child(const struct cb_entry *e, struct cb_channels *c, pid_t parent)
{
    struct cb_err err;
    pid_t program;
    cb_channels_be_child(c);
    if (join(e, c, parent, &err) < 0)
        give_up(c, &err);
    if (!(e->namespaces & CLONE_NEWPID))
        execute(e, c);
    if (cb_ns_clone(0, -1, &program, &err) < 0)
        give_up(c, &err);
    if (program == 0 && cb_die_with_parent(0, &err) < 0)
        give_up(c, &err);
    if (program == 0)
        execute(e, c);
    outlive(program);
}

int cb_enter(const struct cb_entry *e, struct cb_link *link, pid_t *pid, struct cb_err *err)
{
    struct cb_channels c;
    pid_t parent = getpid();
    if (cb_channels_open(&c, err) < 0)
        return -1;
    if (cb_ns_clone(0, e->group ? cb_cgroup_v2_fd(e->group) : -1, pid, err) < 0) {
        cb_channels_close(&c);
        return -1;
    }
    if (*pid == 0)
        child(e, &c, parent);
    cb_channels_be_parent(&c);
    int failed = cb_channels_await_exec(&c, err);
    if (failed)
        cb_kill_wait(*pid);
    else
        link->to_agent = link->from_agent = cb_take_fd(&c.stream);
    cb_channels_close(&c);
    return failed ? cb_wrap(err, "enter the instance") : 0;
}
