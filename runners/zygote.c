#include "runners/zygote.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/proc.h"

#define STACK_BYTES (256u << 10) /* netlink's answers take 32 KiB of it */

/* --- in the zygote ----------------------------------------------------------------------------------- */

static int run_child(void *arg)
{
    const struct cb_zygote_task *t = arg;
    t->child(t->arg);
    return 127; /* does not come here */
}

/* The child uses the zygote's memory, on a stack of its own, until exec; the zygote sleeps meanwhile. */
static pid_t clone_sharing(const struct cb_zygote *z, const struct cb_zygote_task *t)
{
    static char stack[STACK_BYTES] __attribute__((aligned(16)));
    int flags = (int)t->namespaces | CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_PARENT_SETTID;
    return clone(run_child, stack + sizeof stack, flags | SIGCHLD, (void *)t, z->child);
}

/* Only clone3 puts a child into a group, and the C library has no clone3 that takes a stack: a fork. */
static pid_t clone_into(const struct cb_zygote *z, const struct cb_zygote_task *t, int group)
{
    struct clone_args args = {
        .flags = t->namespaces | CLONE_INTO_CGROUP | CLONE_PARENT | CLONE_PARENT_SETTID,
        .parent_tid = (uintptr_t)z->child,
        .cgroup = (uint64_t)group,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        t->child(t->arg);
    return pid;
}

static int clone_child(const struct cb_zygote *z, const struct cb_zygote_task *t, struct cb_err *err)
{
    pid_t pid;
    if (!cb_cgroup_has_births()) {
        pid = clone_sharing(z, t);
    } else {
        if (cb_cgroup_open_v2(t->group, err) < 0)
            return -1;
        pid = clone_into(z, t, cb_cgroup_v2_fd(t->group));
    }
    return pid < 0 ? cb_fail_sys(err, errno, "clone into new namespaces") : 0;
}

/* What the child inherits, or must not. */
static int settle(pid_t parent, const struct cb_topology *topo, struct cb_err *err)
{
    for (int s = 1; s < NSIG; s++) /* a handler must not run in the child, in memory that is not its own */
        signal(s, SIG_DFL);
    if (setsid() < 0) /* ^C on the terminal is for cbench alone */
        return cb_fail_sys(err, errno, "setsid");
    if (cb_die_with_parent(parent, err) < 0 || cb_pin(0, topo->sut, topo->nsut, err) < 0)
        return -1;
    /* Brings every page in, and makes copies of those that may be written: no fault is left for the start.
     * Where memory may not be locked the start takes longer. */
    (void)mlockall(MCL_CURRENT);
    return 0;
}

/* Giving the memory back takes milliseconds, which must not be the agent's, nor those of cbench. */
static void leave_cpus(const struct cb_topology *topo)
{
    const struct sched_param none = {.sched_priority = 0};
    struct cb_err ignored;
    cb_pin(0, topo->other, topo->nother, &ignored);
    sched_setscheduler(0, SCHED_IDLE, &none);
}

static __attribute__((noreturn)) void be_zygote(const struct cb_zygote *z, const struct cb_zygote_task *t,
                                                pid_t parent, const struct cb_topology *topo)
{
    struct cb_err err;
    cb_channels_be_only(t->channels);
    if (settle(parent, topo, &err) < 0 || cb_channels_ready(t->channels, &err) < 0 ||
        cb_channels_wait(t->channels, &err) < 0 || clone_child(z, t, &err) < 0) {
        cb_err_send(t->channels->child.errors, &err);
        _exit(127);
    }
    /* End of file is the news that exec worked, or that the child is gone. */
    cb_channels_close(t->channels);
    leave_cpus(topo);
    _exit(0);
}

/* --- in cbench --------------------------------------------------------------------------------------- */

int cb_zygote_fork(struct cb_zygote *z, const struct cb_zygote_task *task, const struct cb_topology *topo,
                   struct cb_err *err)
{
    pid_t parent = getpid();
    void *shared = mmap(NULL, sizeof *z->child, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return cb_fail_sys(err, errno, "map shared memory");
    *z = (struct cb_zygote){.child = shared};
    z->pid = fork();
    if (z->pid < 0) {
        cb_fail_sys(err, errno, "fork");
        cb_zygote_end(z);
        return -1;
    }
    if (z->pid == 0)
        be_zygote(z, task, parent, topo);
    cb_channels_be_parent(task->channels);
    return cb_channels_await_ready(task->channels, err);
}

pid_t cb_zygote_child(const struct cb_zygote *z)
{
    return z->child ? __atomic_load_n(z->child, __ATOMIC_ACQUIRE) : 0;
}

void cb_zygote_end_child(struct cb_zygote *z)
{
    cb_kill_wait(cb_zygote_child(z));
    if (z->child)
        *z->child = 0;
}

void cb_zygote_end(struct cb_zygote *z)
{
    cb_kill_wait(z->pid);
    cb_zygote_end_child(z); /* by now it has been cloned, and the pid is there, or never will be */
    if (z->child)
        munmap(z->child, sizeof *z->child);
    *z = (struct cb_zygote){0};
}
