/* The host itself: a process with the limits that the other arms have.
 *
 * What is timed is what starting a process takes: vfork and exec. The control group, the scratch directory
 * and the link are the harness's and are made before; so is a launcher, a child that has moved into the group
 * and sits on the arm's CPUs. It is told to go, and starts the agent. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
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
#include "runners/runner.h"

/* A killed agent is gone within milliseconds; its memory is freed in that time. */
#define STOP_DEADLINE_NS (2 * CB_NS_PER_S)

#define PPM_PER_PERCENT 10000

struct host {
    struct cb_channels channels;
    struct cb_cgroup *group; /* NULL: none to be had */
    pid_t launcher;          /* 0: not forked */
    bool plugged;
    char scratch[sizeof((struct cb_wire_env *)0)->scratch];
};

struct agent {
    const char *path;
    pid_t pid;
    int pidfd;
    int cause; /* errno of a failed exec */
};

/* --- the launcher ------------------------------------------------------------------------------------ */

/* Ends when the agent does, or kills it when cbench closes its end of the gate or is gone. */
static __attribute__((noreturn)) void watch(struct host *h, const struct agent *a)
{
    struct pollfd p[] = {{.fd = a->pidfd, .events = POLLIN},
                         {.fd = h->channels.child.gate, .events = POLLIN}};
    int status;
    while (poll(p, 2, -1) < 0 && errno == EINTR)
        ;
    if (!p[0].revents)
        kill(a->pid, SIGKILL);
    while (waitpid(a->pid, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* What the agent inherits, all of it set before the launcher says that it is ready. */
static int settle(struct host *h, const struct cb_site *site, struct cb_err *err)
{
    const int stream = h->channels.child.stream;
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Out of the terminal's process group: an interrupt is cbench's to handle, and teardown has an order. */
    if (setpgid(0, 0))
        return cb_fail_sys(err, errno, "setpgid");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        return cb_fail_sys(err, errno, "PR_SET_PDEATHSIG");
    if (dup2(stream, STDIN_FILENO) < 0 || dup2(stream, STDOUT_FILENO) < 0 ||
        dup2(h->channels.log, STDERR_FILENO) < 0)
        return cb_fail_sys(err, errno, "stdin, stdout and stderr");
    if (h->group && cb_cgroup_attach(h->group, 0, err))
        return -1;
    return cb_pin(0, site->topo.sut, site->topo.nsut, err);
}

/* Runs in the launcher's memory, on a stack of its own, while the launcher waits: see clone(2), CLONE_VFORK.
 */
static int become_agent(void *arg)
{
    struct agent *a = arg;
    char *const argv[] = {(char *)a->path, (char[]){"run"}, NULL};
    char *const envp[] = {(char[]){"PATH=/"}, NULL}; /* nothing of the user's */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
        execve(a->path, argv, envp);
    a->cause = errno;
    return 127;
}

/* As posix_spawn does and most shells do: fork without a copy of the memory. The copy would cost more than
 * the rest of the start, and by the size of cbench, which is no property of the host. */
static int start_agent(struct agent *a, struct cb_err *err)
{
    char stack[16384] __attribute__((aligned(16)));
    a->pid = clone(become_agent, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, a,
                   &a->pidfd);
    if (a->pid < 0)
        return cb_fail_sys(err, errno, "clone");
    if (!a->cause)
        return 0;
    cb_kill_wait(a->pid);
    cb_fail_sys(err, a->cause, "exec %s", a->path);
    if (a->cause == ENOENT)
        err->code = CB_EMISSING;
    return -1;
}

static __attribute__((noreturn)) void launcher(struct host *h, const struct cb_site *site)
{
    struct cb_err err;
    struct agent a = {.path = site->agent_path};
    cb_channels_be_only(&h->channels);
    if (settle(h, site, &err) || cb_channels_ready(&h->channels, &err) ||
        cb_channels_wait(&h->channels, &err) || start_agent(&a, &err)) {
        cb_err_send(h->channels.child.errors, &err);
        _exit(127);
    }
    /* End of file on the one is the news that exec worked, on the others that the agent is gone. */
    close(h->channels.child.errors);
    close(h->channels.child.stream);
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    watch(h, &a);
}

static int fork_launcher(struct host *h, const struct cb_site *site, struct cb_err *err)
{
    if (cb_channels_open(&h->channels, err))
        return -1;
    pid_t pid = fork();
    if (pid < 0)
        return cb_fail_sys(err, errno, "fork");
    if (pid == 0)
        launcher(h, site);
    h->launcher = pid;
    cb_channels_be_parent(&h->channels);
    return cb_channels_await_ready(&h->channels, err);
}

/* --- what the arm gets ------------------------------------------------------------------------------- */

static int make_scratch(struct cb_env *env, struct host *h, struct cb_err *err)
{
    if (cb_path(h->scratch, sizeof h->scratch, err, "%s/%s", env->site->work_dir, env->name)) {
        h->scratch[0] = '\0';
        return -1;
    }
    if (mkdir(h->scratch, 0700)) {
        cb_fail_sys(err, errno, "create %s", h->scratch);
        h->scratch[0] = '\0'; /* whoever made it keeps it */
        return -1;
    }
    memcpy(env->wire.scratch, h->scratch, sizeof env->wire.scratch);
    cb_backing_facts(env, h->scratch);
    return 0;
}

static int make_link(struct cb_env *env, struct host *h, struct cb_err *err)
{
    if (cb_hostlink_make(env->site, env->slot, env->wire.device, err)) {
        env->wire.device[0] = '\0';
        if (err->code != CB_EMISSING)
            return -1;
        cb_env_fact(env, "network", "none: %s", err->msg);
        return 0;
    }
    h->plugged = true;
    snprintf(env->wire.peer, sizeof env->wire.peer, "%s", cb_fabric_peer(env->site->fabric));
    cb_env_fact(env, "network", "veth %s, the host's network", env->wire.device);
    return 0;
}

/* --- the runner -------------------------------------------------------------------------------------- */

static int probe(const struct cb_arm *arm, const struct cb_site *site, struct cb_err *err)
{
    (void)arm;
    return access(site->agent_path, X_OK) ? cb_fail_sys(err, errno, "%s", site->agent_path) : 0;
}

static int prepare(struct cb_env *env, struct cb_err *err)
{
    const struct cb_topology *topo = &env->site->topo;
    char cpus[64];
    struct host *h = calloc(1, sizeof *h);
    if (!h)
        return cb_fail_sys(err, ENOMEM, "host");
    h->channels = (struct cb_channels){-1, -1, -1, -1, {-1, -1, -1}};
    env->state = h;
    env->wire.slow_ppm = (uint32_t)strtoul(cb_arm_value(env->arm, "slow"), NULL, 10) * PPM_PER_PERCENT;
    cb_env_fact(env, "cpus", "%s", cb_cpulist_format(topo->sut, topo->nsut, cpus, sizeof cpus));
    if (cb_armgroup_try(env, env->site->memory, "", &h->group, err) || make_scratch(env, h, err) ||
        make_link(env, h, err))
        return -1;
    return fork_launcher(h, env->site, err);
}

static int up(struct cb_env *env, struct cb_err *err)
{
    struct host *h = env->state;
    if (cb_channels_let_go(&h->channels, err) || cb_channels_await_exec(&h->channels, err))
        return -1;
    cb_env_stamp(env, "api");
    return 0;
}

static int launch(struct cb_env *env, struct cb_link *link, struct cb_err *err)
{
    struct host *h = env->state;
    (void)err;
    link->to_agent = link->from_agent = cb_take_fd(&h->channels.stream);
    return 0;
}

static int enter(struct cb_env *env, struct cb_link *link, pid_t *pid, struct cb_err *err)
{
    const struct host *h = env->state;
    const struct cb_entry entry = {.site = env->site, .group = h->group, .program = env->site->agent_path};
    return cb_enter(&entry, link, pid, err);
}

static void diagnose(struct cb_env *env, char *out, size_t cap)
{
    const struct host *h = env->state;
    out[0] = '\0';
    if (h)
        cb_channels_last_words(&h->channels, h->launcher, out, cap);
    cb_armgroup_last_words(env, out, cap);
}

/* The launcher kills the agent and reaps it, so that no orphan is left to a PID 1 that reaps late. */
static void stop_launcher(struct host *h)
{
    struct cb_err ignored;
    int status;
    if (h->launcher <= 0 || cb_wait(h->launcher, cb_deadline_in(STOP_DEADLINE_NS), &status, &ignored) == 0)
        return;
    kill(-h->launcher, SIGKILL);
    cb_kill_wait(h->launcher);
}

static void down(struct cb_env *env)
{
    struct host *h = env->state;
    struct cb_err ignored; /* `cbench gc` takes what cannot be removed now */
    if (!h)
        return;
    cb_channels_close(&h->channels);
    stop_launcher(h);
    cb_env_stamp(env, "gone");
    cb_cgroup_destroy(h->group);
    if (h->plugged)
        cb_hostlink_remove(env->site, env->slot);
    if (h->scratch[0])
        cb_remove_tree(h->scratch, &ignored);
    free(h);
    env->state = NULL;
}

static const struct cb_arm_param params[] = {
    {"slow", "per cent by which every batch is prolonged: a positive control, no column of a report", "0",
     "0|1|2|3|5|10|20|50|100"},
    {NULL, NULL, NULL, NULL},
};

const struct cb_runner cb_runner_host = {
    .name = "host",
    .summary = "a process on this machine, pinned and limited like the other arms",
    .params = params,
    .probe = probe,
    .prepare = prepare,
    .up = up,
    .launch = launch,
    .enter = enter,
    .diagnose = diagnose,
    .down = down,
};
