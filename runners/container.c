/* Containers of our own: new namespaces, a cgroup, an overlay of an image, no capabilities, a system call
 * filter, a veth into the run's bridge. What a container is made of is the list of steps that `list_steps`
 * writes down. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"
#include "runners/armgroup.h"
#include "runners/backing.h"
#include "runners/channels.h"
#include "runners/enter.h"
#include "runners/hostlink.h"
#include "runners/netlink.h"
#include "runners/ns.h"
#include "runners/rootfs.h"
#include "runners/runner.h"
#include "runners/seccomp.h"

#define DEVICE "eth0"
/* The kernel takes network namespaces down in a work queue, some grace periods of RCU later: 10 to 60 ms. */
#define NETNS_DEADLINE_NS (2 * CB_NS_PER_S)

struct container {
    const struct cb_env *env;
    struct cb_steps steps;
    struct cb_channels channels;
    struct cb_cgroup *group;
    pid_t pid; /* of the namespace's pid 1; 0: not cloned */
    bool host_link;
    char dir[320];
    char address[16];
};

static bool is(const struct cb_env *env, const char *param, const char *value)
{
    return strcmp(cb_arm_value(env->arm, param), value) == 0;
}

static bool has_own_net(const struct cb_env *env)
{
    return !is(env, "net", "host");
}

/* A link of its own, into the run's bridge. */
static bool has_link(const struct cb_env *env)
{
    return (is(env, "net", "veth") || is(env, "net", "macvlan")) && env->site->fabric;
}

/* --- steps of the child ------------------------------------------------------------------------------ */

static int step_stdio(const struct cb_step *s, struct cb_err *err)
{
    const struct container *c = s->arg;
    if (dup2(c->channels.child.stream, STDIN_FILENO) < 0 ||
        dup2(c->channels.child.stream, STDOUT_FILENO) < 0 || dup2(c->channels.log, STDERR_FILENO) < 0)
        return cb_fail_sys(err, errno, "stdin, stdout and stderr");
    return 0;
}

static int step_cgroup(const struct cb_step *s, struct cb_err *err)
{
    const struct container *c = s->arg;
    if (cb_cgroup_v2_fd(c->group) >= 0)
        return 0; /* born there */
    return cb_cgroup_attach(c->group, 0, err);
}

static int step_pin(const struct cb_step *s, struct cb_err *err)
{
    const struct cb_topology *topo = &((const struct container *)s->arg)->env->site->topo;
    return cb_pin(0, topo->sut, topo->nsut, err);
}

/* Before there is a link: IPv6 would solicit routers and probe for duplicate addresses while we measure.
 * Where this cannot be written (a kernel without IPv6, a read-only /proc/sys) the links work all the same. */
static int step_no_ipv6(const struct cb_step *s, struct cb_err *err)
{
    struct cb_err ignored;
    (void)s;
    (void)err;
    cb_write_file(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/disable_ipv6", "1", &ignored);
    return 0;
}

static int step_link_up(const struct cb_step *s, struct cb_err *err)
{
    return cb_net_up(s->source, err);
}

static int step_address(const struct cb_step *s, struct cb_err *err)
{
    return cb_net_address(DEVICE, s->source, CB_FABRIC_PREFIX, 1, err);
}

static int step_no_offload(const struct cb_step *s, struct cb_err *err)
{
    return cb_net_no_offload(s->source, err);
}

static int step_wait(const struct cb_step *s, struct cb_err *err)
{
    return cb_channels_wait(&((struct container *)s->arg)->channels, err);
}

static int step_ready(const struct cb_step *s, struct cb_err *err)
{
    return cb_channels_ready(&((struct container *)s->arg)->channels, err);
}

static int step_exec(const struct cb_step *s, struct cb_err *err)
{
    static const char *const argv[] = {CB_ROOTFS_AGENT, "run", NULL};
    static const char *const envp[] = {"PATH=/", NULL}; /* nothing of the user's */
    (void)s;
    execve(argv[0], (char *const *)argv, (char *const *)envp);
    return cb_fail_sys(err, errno, "exec %s", argv[0]);
}

static void add(struct container *c, int (*run)(const struct cb_step *, struct cb_err *), const char *source)
{
    const struct cb_step step = {.run = run, .source = source, .arg = c};
    cb_steps_add(&c->steps, &step, 1);
}

static void list_net_steps(struct container *c)
{
    if (!has_own_net(c->env))
        return;
    add(c, step_link_up, "lo");
    if (!has_link(c->env))
        return;
    add(c, step_wait, NULL); /* for the parent's plug */
    add(c, step_address, c->address);
    if (is(c->env, "offload", "off"))
        add(c, step_no_offload, DEVICE);
    add(c, step_link_up, DEVICE);
}

static int list_seccomp_steps(struct container *c, struct cb_err *err)
{
    struct cb_step filter = {.run = cb_seccomp_install};
    const struct sock_fprog *program;
    if (is(c->env, "seccomp", "off"))
        return 0;
    if (cb_seccomp_filter(&program, err) < 0)
        return -1;
    filter.arg = program;
    if (is(c->env, "seccomp", "default"))
        filter.flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    cb_steps_add(&c->steps, &filter, 1);
    return 0;
}

static int list_steps(struct container *c, struct cb_err *err)
{
    const struct cb_env *env = c->env;
    c->steps.n = 0;
    add(c, cb_ns_leave_parent, NULL);
    add(c, step_stdio, NULL);
    add(c, step_cgroup, NULL);
    add(c, step_pin, NULL);
    add(c, cb_ns_own_cgroup, NULL);
    add(c, cb_ns_hostname, env->name);
    if (has_own_net(env))
        add(c, step_no_ipv6, NULL);
    cb_rootfs_steps(&c->steps, is(env, "fs", "bind") ? CB_ROOTFS_BIND : CB_ROOTFS_OVERLAY, c->dir);
    list_net_steps(c);
    add(c, cb_ns_drop_privileges, NULL);
    if (list_seccomp_steps(c, err) < 0)
        return -1;
    add(c, step_ready, NULL);
    add(c, step_wait, NULL);
    add(c, step_exec, NULL);
    return 0;
}

/* --- the parent -------------------------------------------------------------------------------------- */

static __attribute__((noreturn)) void child(struct container *c)
{
    struct cb_err err;
    cb_channels_be_child(&c->channels);
    cb_steps_run(&c->steps, &err);
    cb_err_send(c->channels.child.errors, &err);
    _exit(127);
}

static int clone_child(struct cb_env *env, struct container *c, struct cb_err *err)
{
    uint64_t namespaces = CB_NS_BASE | (has_own_net(c->env) ? CLONE_NEWNET : 0);
    pid_t pid;
    if (cb_ns_clone(namespaces, cb_cgroup_v2_fd(c->group), &pid, err) < 0)
        return -1;
    if (pid == 0)
        child(c);
    c->pid = pid;
    cb_env_stamp(env, "api");
    cb_channels_be_parent(&c->channels);
    return 0;
}

static int plug_into(const struct cb_env *env, int netns, struct cb_err *err)
{
    struct cb_fabric *f = env->site->fabric;
    int failed = is(env, "net", "macvlan") ? cb_fabric_plug_macvlan(f, env->slot, DEVICE, netns, err)
                                           : cb_fabric_plug(f, env->slot, DEVICE, netns, err);
    return failed || (is(env, "offload", "off") && cb_fabric_no_offload(f, env->slot, err)) ? -1 : 0;
}

/* While the child mounts. */
static int plug(struct container *c, struct cb_err *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)c->pid);
    CB_AUTOFD int netns = open(path, O_RDONLY | O_CLOEXEC);
    int cause = errno;
    if (netns < 0) /* a dead child has no namespace: what it died of says more */
        return cb_channels_let_go(&c->channels, err) < 0 ? -1 : cb_fail_sys(err, cause, "open %s", path);
    if (plug_into(c->env, netns, err) < 0)
        return -1;
    return cb_channels_let_go(&c->channels, err);
}

/* --- the runner -------------------------------------------------------------------------------------- */

/* Makes the namespaces for a child that does nothing: whatever forbids them, this finds it. */
static int try_namespaces(struct cb_err *err)
{
    pid_t pid;
    if (cb_ns_clone(CB_NS_BASE | CLONE_NEWNET | CLONE_NEWCGROUP, -1, &pid, err) < 0)
        return -1;
    if (pid == 0)
        _exit(0);
    cb_kill_wait(pid);
    return 0;
}

/* In a network namespace of its own. */
static int make_link(const struct cb_arm *arm, struct cb_err *err)
{
    CB_AUTOFD int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (netns < 0)
        return cb_fail_sys(err, errno, "open the network namespace");
    if (cb_net_veth("link", NULL, "far", netns, err) < 0)
        return -1;
    bool macvlan = strcmp(cb_arm_value(arm, "net"), "macvlan") == 0;
    if (macvlan && cb_net_macvlan("far", DEVICE, netns, err) < 0)
        return -1;
    if (strcmp(cb_arm_value(arm, "offload"), "on") == 0)
        return 0;
    /* A macvlan takes TSO from what it lies on, and does not let go of it. */
    return cb_net_no_offload(macvlan ? DEVICE : "link", err);
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

static int probe(const struct cb_arm *arm, const struct cb_site *site, struct cb_err *err)
{
    (void)site;
    if (geteuid() != 0)
        return cb_fail(err, CB_EMISSING, "containers need root");
    int failed = cb_cgroup_init(err) < 0 || try_namespaces(err) < 0 || try_link(arm, err) < 0 ||
                 (strcmp(cb_arm_value(arm, "fs"), "overlay") == 0 && try_overlay(err) < 0);
    if (failed)
        err->code = CB_EMISSING;
    return failed ? -1 : 0;
}

static void state_facts(struct cb_env *env, const struct container *c)
{
    const struct cb_topology *topo = &env->site->topo;
    const struct sock_fprog *program;
    struct cb_err err;
    char cpus[64];
    cb_env_fact(env, "cpus", "%s", cb_cpulist_format(topo->sut, topo->nsut, cpus, sizeof cpus));
    cb_env_fact(env, "rootfs", "%s", is(env, "fs", "bind") ? "bind, read-only" : "overlay");
    cb_env_fact(env, "namespaces", "mnt pid ipc uts cgroup%s", has_own_net(env) ? " net" : "");
    cb_env_fact(env, "capabilities", "none, no_new_privs");
    if (is(env, "seccomp", "off"))
        cb_env_fact(env, "seccomp", "off");
    else if (cb_seccomp_filter(&program, &err) == 0)
        cb_env_fact(env, "seccomp", "%u BPF instructions, io_uring allowed%s", program->len,
                    is(env, "seccomp", "default") ? ", SPEC_ALLOW" : "");
    cb_armgroup_facts(env);
    cb_backing_facts(env, c->dir);
}

/* The link of net=host is the harness's, as the host arm's is: made before the start. */
static int make_host_link(struct cb_env *env, struct container *c, struct cb_err *err)
{
    if (cb_hostlink_make(env->site, env->slot, env->wire.device, err) < 0) {
        env->wire.device[0] = '\0';
        cb_env_fact(env, "network", "none: %s", err->msg);
        return err->code == CB_EMISSING ? 0 : -1;
    }
    c->host_link = true;
    cb_env_fact(env, "network", "veth %s, the host's network", env->wire.device);
    if (!is(env, "offload", "off"))
        return 0;
    return cb_net_no_offload(env->wire.device, err) || cb_fabric_no_offload(env->site->fabric, env->slot, err)
               ? -1
               : 0;
}

/* What the agent will be told of its network. */
static int arrange_net(struct cb_env *env, struct container *c, struct cb_err *err)
{
    cb_fabric_address(env->slot, c->address);
    if (!has_own_net(env) && make_host_link(env, c, err) < 0)
        return -1;
    if (has_link(env)) {
        snprintf(env->wire.device, sizeof env->wire.device, DEVICE);
        cb_env_fact(env, "network", "%s " DEVICE, cb_arm_value(env->arm, "net"));
    } else if (has_own_net(env)) {
        cb_env_fact(env, "network", "none: %s",
                    is(env, "net", "none") ? "net=none" : env->site->fabric_reason);
    }
    if (!env->wire.device[0])
        return 0;
    cb_env_fact(env, "offload", is(env, "offload", "off") ? "TSO, GSO and GRO off" : "the kernel's defaults");
    snprintf(env->wire.peer, sizeof env->wire.peer, "%s", cb_fabric_peer(env->site->fabric));
    return 0;
}

static int prepare(struct cb_env *env, struct cb_err *err)
{
    const struct cb_site *site = env->site;
    struct container *c = calloc(1, sizeof *c);
    if (!c)
        return cb_fail_sys(err, ENOMEM, "container");
    c->env = env;
    c->channels = (struct cb_channels){-1, -1, -1, -1, {-1, -1, -1}};
    env->state = c;
    snprintf(env->wire.scratch, sizeof env->wire.scratch, CB_ROOTFS_SCRATCH);
    if (cb_rootfs_image(site->work_dir, site->agent_path, err) < 0 ||
        cb_rootfs_instance(site->work_dir, env->name, c->dir, sizeof c->dir, err) < 0 ||
        arrange_net(env, c, err) < 0 || list_steps(c, err) < 0)
        return -1;
    state_facts(env, c);
    return 0;
}

static int up(struct cb_env *env, struct cb_err *err)
{
    struct container *c = env->state;
    const struct cb_limits limits = cb_armgroup_limits(env, env->site->memory);
    if (cb_armgroup_create(env, &limits, &c->group, err) < 0 ||
        cb_channels_open(&c->channels, err) < 0 || clone_child(env, c, err) < 0)
        return -1;
    if (has_link(env) && plug(c, err) < 0)
        return -1;
    if (cb_channels_await_ready(&c->channels, err) < 0)
        return -1;
    cb_env_stamp(env, "init");
    return 0;
}

static int launch(struct cb_env *env, struct cb_link *link, struct cb_err *err)
{
    struct container *c = env->state;
    if (cb_channels_let_go(&c->channels, err) < 0 || cb_channels_await_exec(&c->channels, err) < 0)
        return -1;
    link->to_agent = link->from_agent = cb_take_fd(&c->channels.stream);
    return 0;
}

/* What the first process gave up on its way in, the second one gives up too. */
static int enter(struct cb_env *env, struct cb_link *link, pid_t *pid, struct cb_err *err)
{
    struct container *c = env->state;
    const struct cb_entry entry = {
        .site = env->site,
        .group = c->group,
        .pid = c->pid,
        .namespaces = CB_NS_BASE | CLONE_NEWCGROUP | (has_own_net(env) ? CLONE_NEWNET : 0),
        .steps = &c->steps,
        .program = CB_ROOTFS_AGENT,
    };
    c->steps.n = 0; /* those of the start are over */
    add(c, cb_ns_drop_privileges, NULL);
    if (list_seccomp_steps(c, err) < 0)
        return -1;
    return cb_enter(&entry, link, pid, err);
}

static void diagnose(struct cb_env *env, char *out, size_t cap)
{
    const struct container *c = env->state;
    out[0] = '\0';
    if (c)
        cb_channels_last_words(&c->channels, c->pid, out, cap);
    cb_armgroup_last_words(env, out, cap);
}

static void down(struct cb_env *env)
{
    struct container *c = env->state;
    struct cb_err ignored; /* `cbench gc` takes what cannot be removed now */
    if (!c)
        return;
    cb_kill_wait(c->pid); /* pid 1: its namespaces go with it, and their processes, mounts and links */
    cb_cgroup_destroy(c->group);
    cb_channels_close(&c->channels);
    if (has_link(env) && is(env, "net", "macvlan"))
        cb_fabric_unplug(env->site->fabric, env->slot);
    if (has_link(env))
        cb_fabric_await_gone(env->site->fabric, env->slot, cb_deadline_in(NETNS_DEADLINE_NS), &ignored);
    cb_env_stamp(env, "gone");
    if (c->host_link)
        cb_hostlink_remove(env->site, env->slot);
    if (c->dir[0])
        cb_remove_tree(c->dir, &ignored);
    free(c);
    env->state = NULL;
}

static const struct cb_arm_param params[] = {
    {"net", "veth or macvlan into the run's bridge, the host's network, or loopback only", "veth",
     "veth|macvlan|host|none"},
    {"offload", "off: packets of the link are no larger than its MTU (no TSO, GSO and GRO, at both ends)",
     "on", "on|off"},
    {"fs", "overlay: root and scratch on overlayfs; bind: plain directories", "overlay", "overlay|bind"},
    {"seccomp", "ssbd: without SECCOMP_FILTER_FLAG_SPEC_ALLOW, which matters before Linux 5.16", "default",
     "default|ssbd|off"},
    {NULL, NULL, NULL, NULL},
};

const struct cb_runner cb_runner_container = {
    .name = "container",
    .summary = "own namespaces, cgroup, overlay, no capabilities, seccomp, veth",
    .params = params,
    .probe = probe,
    .prepare = prepare,
    .up = up,
    .launch = launch,
    .enter = enter,
    .diagnose = diagnose,
    .down = down,
};
