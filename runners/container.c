/* Containers of our own: new namespaces, a cgroup, an overlay of an image, no capabilities, a system call
 * filter, a veth into the run's bridge. What a container is made of is the list of steps that
 * `cb_container_list` writes down. */
#include "runners/container.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"
#include "runners/armgroup.h"
#include "runners/backing.h"
#include "runners/enter.h"
#include "runners/idmap.h"
#include "runners/seccomp.h"

/* Processes and threads with limits=on: Podman's default. Docker has none by itself. */
#define PIDS 2048

bool cb_container_is(const struct cb_arm *arm, const char *param, const char *value)
{
    return strcmp(cb_arm_value(arm, param), value) == 0;
}

static bool is(const struct cb_env *env, const char *param, const char *value)
{
    return cb_container_is(env->arm, param, value);
}

/* --- the parent -------------------------------------------------------------------------------------- */

static void child(void *arg)
{
    struct cb_container *c = arg;
    struct cb_err err;
    cb_steps_run(&c->steps, &err);
    cb_err_send(c->channels.child.errors, &err);
    _exit(127);
}

/* All that the process has of its own in the end; it makes those for cgroups and users itself. */
static uint64_t namespaces_of(const struct cb_env *env)
{
    return CB_NS_BASE | (cb_container_has_net(env) ? CLONE_NEWNET : 0);
}

/* The zygote has copies of what it may write, until it has cloned. */
static int poise(struct cb_env *env, struct cb_err *err)
{
    struct cb_container *c = env->state;
    const struct cb_zygote_task task = {
        .namespaces = is(env, "ns", "none") ? 0 : namespaces_of(env),
        .group = c->group,
        .channels = &c->channels,
        .child = child,
        .arg = c,
    };
    if (c->zygote.pid)
        return 0;
    return cb_channels_open(&c->channels, err) || cb_zygote_fork(&c->zygote, &task, &env->site->topo, err)
               ? -1
               : 0;
}

/* Where the child is born in its group, that comes first. Elsewhere it moves there, and the group is made
 * while the kernel makes the namespaces. */
static int make_group(struct cb_container *c, struct cb_err *err)
{
    if (cb_cgroup_has_births())
        return cb_cgroup_make(c->group, err) || cb_channels_let_go(&c->channels, err) ? -1 : 0;
    return cb_channels_let_go(&c->channels, err) || cb_cgroup_make(c->group, err) ||
                   cb_channels_let_go(&c->channels, err)
               ? -1
               : 0;
}

static int clone_child(struct cb_env *env, struct cb_container *c, struct cb_err *err)
{
    if (make_group(c, err) || cb_channels_await_ready(&c->channels, err))
        return -1;
    c->pid = cb_zygote_child(&c->zygote);
    cb_env_stamp(env, "api");
    return 0;
}

/* The child has unshared its user namespace, and waits. */
static int map_ids(struct cb_container *c, struct cb_err *err)
{
    return cb_channels_await_ready(&c->channels, err) || cb_idmap_write(c->pid, err) ||
                   cb_channels_let_go(&c->channels, err)
               ? -1
               : 0;
}

/* --- the runner -------------------------------------------------------------------------------------- */

static int check(const struct cb_arm *arm, struct cb_err *err)
{
    static const struct {
        const char *param, *value, *other, *needs;
    } rules[] = {
        {"ns", "none", "fs", "host"}, {"ns", "none", "net", "host"},    {"ns", "none", "user", "off"},
        {"fs", "host", "ns", "none"}, {"net", "none", "offload", "on"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (cb_container_is(arm, rules[i].param, rules[i].value) &&
            !cb_container_is(arm, rules[i].other, rules[i].needs))
            return cb_fail(err, CB_EUSAGE, "%s=%s goes with %s=%s only, not with %s=%s", rules[i].param,
                           rules[i].value, rules[i].other, rules[i].needs, rules[i].other,
                           cb_arm_value(arm, rules[i].other));
    return 0;
}

static const char *rootfs_of(const struct cb_env *env)
{
    static const char *const texts[] = {
        [CB_ROOTFS_OVERLAY] = "overlay",
        [CB_ROOTFS_BIND] = "bind, read-only; scratch a bind mount",
        [CB_ROOTFS_TMPFS] = "overlay; scratch a tmpfs",
        [CB_ROOTFS_VOLUME] = "overlay; scratch a bind mount",
    };
    const struct cb_container *c = env->state;
    return is(env, "fs", "host") ? "the host's" : texts[c->rootfs.kind];
}

static void state_privileges(struct cb_env *env)
{
    const struct sock_fprog *program;
    struct cb_err err;
    if (is(env, "ns", "none"))
        cb_env_fact(env, "namespaces", "none");
    else
        cb_env_fact(env, "namespaces", "mnt pid ipc uts cgroup%s%s", cb_container_has_net(env) ? " net" : "",
                    is(env, "user", "on") ? " user" : "");
    cb_env_fact(env, "capabilities", is(env, "ns", "none") ? "cbench's" : "none, no_new_privs");
    if (is(env, "user", "on"))
        cb_env_fact(env, "user", "0 is %d outside, of %d; other namespaces are the host's root's",
                    CB_IDMAP_FIRST, CB_IDMAP_COUNT);
    if (is(env, "seccomp", "off"))
        cb_env_fact(env, "seccomp", "off");
    else if (cb_seccomp_filter(&program, &err) == 0)
        cb_env_fact(env, "seccomp", "%u BPF instructions, io_uring allowed%s", program->len,
                    is(env, "seccomp", "default") ? ", SPEC_ALLOW" : "");
}

static void state_scratch(struct cb_env *env)
{
    const struct cb_container *c = env->state;
    if (is(env, "fs", "tmpfs")) {
        cb_env_fact(env, "scratch.fs", "tmpfs");
        cb_env_fact(env, "scratch.device", "none: memory, %s", strstr(c->rootfs.options, "size="));
    } else {
        cb_backing_facts(env, c->dir);
    }
}

static void state_facts(struct cb_env *env)
{
    const struct cb_topology *topo = &env->site->topo;
    char cpus[64];
    cb_env_fact(env, "cpus", "%s", cb_cpulist_format(topo->sut, topo->nsut, cpus, sizeof cpus));
    cb_env_fact(env, "rootfs", "%s", rootfs_of(env));
    state_privileges(env);
    cb_armgroup_facts(env);
    if (is(env, "limits", "on"))
        cb_env_fact(env, "limits", "%" PRIu64 " bytes of memory, all of %d CPUs by quota, %d processes",
                    env->site->memory, topo->nsut, PIDS);
    state_scratch(env);
}

static enum cb_rootfs_kind kind_of(const struct cb_env *env)
{
    return is(env, "fs", "bind")     ? CB_ROOTFS_BIND
           : is(env, "fs", "tmpfs")  ? CB_ROOTFS_TMPFS
           : is(env, "fs", "volume") ? CB_ROOTFS_VOLUME
                                     : CB_ROOTFS_OVERLAY;
}

/* The directory of the instance, and what the agent will call its scratch. */
static int arrange_files(struct cb_env *env, struct cb_container *c, struct cb_err *err)
{
    const struct cb_site *site = env->site;
    const bool of_host = is(env, "fs", "host");
    cb_rootfs_init(&c->rootfs, kind_of(env), is(env, "user", "on") ? CB_IDMAP_FIRST : 0, site->memory);
    if ((!of_host && cb_rootfs_image(site->work_dir, site->agent_path, err) < 0) ||
        cb_rootfs_instance(&c->rootfs, site->work_dir, env->name, c->dir, sizeof c->dir, err) < 0)
        return -1;
    return cb_path(env->wire.scratch, sizeof env->wire.scratch, err, "%s" CB_ROOTFS_SCRATCH,
                   of_host ? c->dir : "");
}

/* What the group will be; it is made in the start. */
static int prepare_group(const struct cb_env *env, struct cb_container *c, struct cb_err *err)
{
    struct cb_limits limits = cb_armgroup_limits(env, env->site->memory);
    if (is(env, "limits", "on")) {
        limits.pids = PIDS;
        limits.quota = (unsigned)limits.ncpus;
    }
    return cb_armgroup_prepare(env, &limits, &c->group, err);
}

static int prepare(struct cb_env *env, struct cb_err *err)
{
    struct cb_container *c = calloc(1, sizeof *c);
    if (!c)
        return cb_fail_sys(err, ENOMEM, "container");
    c->env = env;
    c->channels = (struct cb_channels){-1, -1, -1, -1, {-1, -1, -1}};
    env->state = c;
    if (arrange_files(env, c, err) < 0 || cb_container_net_arrange(env, c, err) < 0 ||
        cb_container_list(c, err) < 0 || prepare_group(env, c, err) < 0)
        return -1;
    state_facts(env);
    return 0;
}

static int up(struct cb_env *env, struct cb_err *err)
{
    struct cb_container *c = env->state;
    if (poise(env, err) < 0 || clone_child(env, c, err) < 0)
        return -1;
    if (cb_container_has_link(env) && cb_container_net_plug(c, err) < 0)
        return -1;
    if (is(env, "user", "on") && map_ids(c, err) < 0)
        return -1;
    if (cb_channels_await_ready(&c->channels, err) < 0)
        return -1;
    cb_env_stamp(env, "init");
    return 0;
}

static int launch(struct cb_env *env, struct cb_link *link, struct cb_err *err)
{
    struct cb_container *c = env->state;
    if (cb_channels_await_exec(&c->channels, err) < 0) /* it goes there by itself */
        return -1;
    link->to_agent = link->from_agent = cb_take_fd(&c->channels.stream);
    return 0;
}

/* What the first process gave up on its way in, the second one gives up too. */
static int enter(struct cb_env *env, struct cb_link *link, pid_t *pid, struct cb_err *err)
{
    struct cb_container *c = env->state;
    const bool isolated = is(env, "ns", "all");
    const struct cb_entry entry = {
        .site = env->site,
        .group = c->group,
        .pid = isolated ? c->pid : 0,
        .namespaces = isolated ? (int)(namespaces_of(env) | CLONE_NEWCGROUP |
                                       (is(env, "user", "on") ? CLONE_NEWUSER : 0))
                               : 0,
        .steps = &c->steps,
        .program = cb_container_program(env),
    };
    return cb_container_list_entry(c, err) < 0 ? -1 : cb_enter(&entry, link, pid, err);
}

static void diagnose(struct cb_env *env, char *out, size_t cap)
{
    const struct cb_container *c = env->state;
    out[0] = '\0';
    if (c)
        cb_channels_last_words(&c->channels, c->pid, out, cap);
    cb_armgroup_last_words(env, out, cap);
}

static void down(struct cb_env *env)
{
    struct cb_container *c = env->state;
    struct cb_err ignored; /* `cbench gc` takes what cannot be removed now */
    if (!c)
        return;
    /* Pid 1: its namespaces go with it, and their processes, mounts and links. */
    cb_zygote_end_child(&c->zygote);
    cb_cgroup_destroy(c->group);
    cb_channels_close(&c->channels);
    cb_container_net_await_gone(c);
    cb_env_stamp(env, "gone");
    cb_zygote_end(&c->zygote);
    cb_container_net_remove(c);
    if (c->dir[0])
        cb_remove_tree(c->dir, &ignored);
    free(c);
    env->state = NULL;
}

static const struct cb_arm_param params[] = {
    {"ns", "none: a process of the host in a cgroup of its own, with cbench's privileges", "all", "all|none"},
    {"net",
     "veth or macvlan into the run's bridge, a veth behind address translation, the host's network, or "
     "loopback "
     "only",
     "veth", "veth|macvlan|nat|host|none"},
    {"offload", "off: packets of the link are no larger than its MTU (no TSO, GSO and GRO, at both ends)",
     "on", "on|off"},
    {"fs",
     "overlay: root and scratch on overlayfs; bind: plain directories; tmpfs, volume: scratch on a tmpfs or "
     "in "
     "a plain directory, root on overlayfs; host: the host's files, with ns=none",
     "overlay", "overlay|bind|tmpfs|volume|host"},
    {"seccomp", "ssbd: without SECCOMP_FILTER_FLAG_SPEC_ALLOW, which matters before Linux 5.16", "default",
     "default|ssbd|off"},
    {"user", "on: a user namespace, whose root is an unprivileged id of the host", "off", "off|on"},
    {"limits", "on: a quota of the arm's CPUs (all of each) and a limit of processes, beside memory", "off",
     "off|on"},
    {NULL, NULL, NULL, NULL},
};

const struct cb_runner cb_runner_container = {
    .name = "container",
    .summary = "own namespaces, cgroup, overlay, no capabilities, seccomp, veth",
    .params = params,
    .check = check,
    .probe = cb_container_probe,
    .prepare = prepare,
    .poise = poise,
    .up = up,
    .launch = launch,
    .enter = enter,
    .diagnose = diagnose,
    .down = down,
};
