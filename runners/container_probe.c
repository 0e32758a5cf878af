/* What this machine cannot do for a container, found out by trying it in children. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/proc.h"
#include "runners/container.h"
#include "runners/idmap.h"
#include "runners/netlink.h"

static bool is(const struct cb_arm *arm, const char *param, const char *value)
{
    return cb_container_is(arm, param, value);
}

/* Makes the namespaces for a child that does nothing: whatever forbids them, this finds it. */
static int try_namespaces(const struct cb_arm *arm, struct cb_err *err)
{
    const bool user = is(arm, "user", "on");
    pid_t pid;
    if (cb_ns_clone(CB_NS_BASE | CLONE_NEWNET | CLONE_NEWCGROUP | (user ? CLONE_NEWUSER : 0), -1, &pid, err) <
        0)
        return -1;
    if (pid == 0) {
        cb_die_with_parent(0, err);
        for (;;)
            pause();
    }
    int failed = user && cb_idmap_write(pid, err) < 0;
    cb_kill_wait(pid);
    return failed ? -1 : 0;
}

/* In a network namespace of its own. */
static int make_link(const struct cb_arm *arm, struct cb_err *err)
{
    CB_AUTOFD int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (netns < 0)
        return cb_fail_sys(err, errno, "open the network namespace");
    if (cb_net_veth("link", NULL, "far", netns, err) < 0)
        return -1;
    if (is(arm, "net", "nat") && cb_net_masquerade(err) < 0)
        return -1;
    bool macvlan = is(arm, "net", "macvlan");
    if (macvlan && cb_net_macvlan("far", "eth0", netns, err) < 0)
        return -1;
    if (is(arm, "offload", "on"))
        return 0;
    /* A macvlan takes TSO from what it lies on, and does not let go of it. */
    return cb_net_no_offload(macvlan ? "eth0" : "link", err);
}

/* What the kernel cannot do, or was built without, is found out in a child, whose links go with it. */
static int try_link(const struct cb_arm *arm, struct cb_err *err)
{
    pid_t pid;
    int status;
    if (cb_ns_clone(CLONE_NEWNET, -1, &pid, err) < 0)
        return -1;
    if (pid == 0)
        _exit(make_link(arm, err) == 0 ? 0 : err->sys);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return cb_fail_sys(err, errno, "wait for a child");
    int cause = WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
    return cause ? cb_fail_sys(err, cause, "a link with net=%s,offload=%s", cb_arm_value(arm, "net"),
                               cb_arm_value(arm, "offload"))
                 : 0;
}

static int try_overlay(struct cb_err *err)
{
    CB_AUTOFD int fd = (int)syscall(SYS_fsopen, "overlay", 1 /* FSOPEN_CLOEXEC */);
    return fd < 0 ? cb_fail_sys(err, errno, "overlayfs") : 0;
}

static bool has_overlay(const struct cb_arm *arm)
{
    return !is(arm, "fs", "bind") && !is(arm, "fs", "host");
}

static int try_limits(struct cb_err *err)
{
    static const char *const needed[] = {"cpu", "memory", "pids"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!cb_cgroup_has(needed[i]))
            return cb_fail(err, CB_EMISSING, "limits=on: no cgroup controller \"%s\" may be used here",
                           needed[i]);
    return 0;
}

int cb_container_probe(const struct cb_arm *arm, const struct cb_site *site, struct cb_err *err)
{
    (void)site;
    if (geteuid() != 0)
        return cb_fail(err, CB_EMISSING, "containers need root");
    int failed = cb_cgroup_init(err) < 0 || (is(arm, "ns", "all") && try_namespaces(arm, err) < 0) ||
                 try_link(arm, err) < 0 || (has_overlay(arm) && try_overlay(err) < 0) ||
                 (is(arm, "limits", "on") && try_limits(err) < 0);
    if (failed)
        err->code = CB_EMISSING;
    return failed ? -1 : 0;
}
