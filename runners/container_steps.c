/* What a container is made of, in the order in which its first process makes it. */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runners/container.h"
#include "runners/idmap.h"
#include "runners/seccomp.h"

static bool is(const struct cb_container *c, const char *param, const char *value)
{
    return cb_container_is(c->env->arm, param, value);
}

static int step_stdio(const struct cb_step *s, struct cb_err *err)
{
    const struct cb_container *c = s->arg;
    if (dup2(c->channels.child.stream, STDIN_FILENO) < 0 ||
        dup2(c->channels.child.stream, STDOUT_FILENO) < 0 || dup2(c->channels.log, STDERR_FILENO) < 0)
        return cb_fail_sys(err, errno, "stdin, stdout and stderr");
    return 0;
}

int cb_container_wait(const struct cb_step *s, struct cb_err *err)
{
    return cb_channels_wait(&((struct cb_container *)s->arg)->channels, err);
}

static int step_cgroup(const struct cb_step *s, struct cb_err *err)
{
    const struct cb_container *c = s->arg;
    if (cb_cgroup_has_births())
        return 0;                      /* born there */
    if (cb_container_wait(s, err) < 0) /* for the parent, which makes it meanwhile */
        return -1;
    return cb_cgroup_attach(c->group, 0, err);
}

static int step_umask(const struct cb_step *s, struct cb_err *err)
{
    (void)s;
    (void)err;
    umask(S_IWGRP | S_IWOTH);
    return 0;
}

static int step_ready(const struct cb_step *s, struct cb_err *err)
{
    return cb_channels_ready(&((struct cb_container *)s->arg)->channels, err);
}

static int step_exec(const struct cb_step *s, struct cb_err *err)
{
    const char *const argv[] = {s->source, "run", NULL};
    static const char *const envp[] = {"PATH=/", NULL}; /* nothing of the user's */
    execve(argv[0], (char *const *)argv, (char *const *)envp);
    return cb_fail_sys(err, errno, "exec %s", argv[0]);
}

void cb_container_step(struct cb_container *c, int (*run)(const struct cb_step *, struct cb_err *),
                       const char *source)
{
    const struct cb_step step = {.run = run, .source = source, .arg = c};
    cb_steps_add(&c->steps, &step, 1);
}

/* Away from cbench and into the group. */
static void list_leaving(struct cb_container *c)
{
    const struct cb_step leave = {.run = cb_ns_leave_parent, .dev = (unsigned long)getpid()};
    cb_container_step(c, step_ready, NULL); /* there is a process, to be plugged and mapped */
    cb_steps_add(&c->steps, &leave, 1);
    cb_container_step(c, step_stdio, NULL);
    cb_container_step(c, step_cgroup, NULL);
}

/* The user namespace comes after the mounts, so that these are the same with it and without, and lie where
 * the user of cbench wants results, which may be below a directory that is closed to others. */
static void list_user_steps(struct cb_container *c)
{
    if (is(c, "user", "off"))
        return;
    cb_container_step(c, cb_idmap_unshare, NULL);
    cb_container_step(c, step_ready, NULL);
    cb_container_step(c, cb_container_wait, NULL); /* for the parent's map */
    cb_container_step(c, cb_idmap_become_root, NULL);
}

static void list_isolation(struct cb_container *c)
{
    cb_container_step(c, cb_ns_own_cgroup, NULL);
    cb_container_step(c, cb_ns_hostname, c->env->name);
    cb_container_net_hush(c);
    cb_rootfs_steps(&c->steps, &c->rootfs, c->dir);
    cb_container_net_steps(c);
    list_user_steps(c);
    cb_container_step(c, cb_ns_drop_privileges, NULL);
}

static int list_seccomp_steps(struct cb_container *c, struct cb_err *err)
{
    struct cb_step filter = {.run = cb_seccomp_install};
    const struct sock_fprog *program;
    if (is(c, "seccomp", "off"))
        return 0;
    if (cb_seccomp_filter(&program, err) < 0)
        return -1;
    filter.arg = program;
    if (is(c, "seccomp", "default"))
        filter.flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    cb_steps_add(&c->steps, &filter, 1);
    return 0;
}

const char *cb_container_program(const struct cb_env *env)
{
    return cb_container_is(env->arm, "ns", "none") ? env->site->agent_path : CB_ROOTFS_AGENT;
}

int cb_container_list(struct cb_container *c, struct cb_err *err)
{
    c->steps.n = 0;
    list_leaving(c);
    if (is(c, "ns", "all"))
        list_isolation(c);
    else
        cb_container_step(c, step_umask, NULL);
    if (list_seccomp_steps(c, err) < 0)
        return -1;
    cb_container_step(c, step_ready, NULL);
    cb_container_step(c, step_exec, cb_container_program(c->env));
    return 0;
}

int cb_container_list_entry(struct cb_container *c, struct cb_err *err)
{
    c->steps.n = 0; /* those of the start are over */
    if (is(c, "user", "on"))
        cb_container_step(c, cb_idmap_become_root, NULL);
    cb_container_step(c, is(c, "ns", "all") ? cb_ns_drop_privileges : step_umask, NULL);
    return list_seccomp_steps(c, err);
}
