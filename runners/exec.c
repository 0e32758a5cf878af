/* Any command whose stdin and stdout reach an agent, and the container runtimes of others by name.
 *
 * What is timed begins before the first process is started for the instance. What a runtime leaves to its
 * caller (the network namespace with its link, the overlay of the image, for bubblewrap the control group) is
 * made after that and before its command is executed, as our own container does it within its start. Images,
 * bundles and configurations are made before. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"
#include "runners/armgroup.h"
#include "runners/backing.h"
#include "runners/channels.h"
#include "runners/exec_presets.h"
#include "runners/exec_words.h"
#include "runners/netns.h"
#include "runners/rootfs.h"
#include "runners/runner.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2) /* Linux 5.11 */
#endif

#define DEVICE "eth0"

/* Engines take half a second to say which version they are, and half a minute when they hang. */
#define ASK_TIMEOUT_NS (30 * CB_NS_PER_S)
/* A runtime cleans up after its agent: docker in less than a second on a busy machine. */
#define STOP_DEADLINE_NS (5 * CB_NS_PER_S)

struct exec {
    const struct cb_env *env;
    const struct cb_exec_preset *preset;
    struct cb_rootfs rootfs;
    struct cb_steps root; /* its mounts */
    struct cb_channels channels;
    struct cb_words start;
    struct cb_cgroup *group; /* NULL: the program makes its own, or none is to be had */
    int netns;
    pid_t pid; /* 0: not started */
    char dir[320];
};

static const struct cb_exec_preset *preset_of(const struct cb_arm *arm)
{
    return cb_exec_preset_find(cb_arm_value(arm, "runtime"));
}

static bool does(const struct exec *x, unsigned how)
{
    return (x->preset->how & how) != 0;
}

/* --- words ------------------------------------------------------------------------------------------- */

static int expand(const struct exec *x, const char *command, struct cb_words *out, struct cb_err *err)
{
    const struct cb_site *site = x->env->site;
    char state[128], scratch[sizeof x->dir + 16], cpus[256], memory[32];
    if (cb_path(state, sizeof state, err, "%s/%s", site->state_dir, x->preset->name) < 0 ||
        cb_path(scratch, sizeof scratch, err, "%s/scratch", x->dir) < 0 ||
        cb_path(memory, sizeof memory, err, "%llu", (unsigned long long)site->memory) < 0)
        return -1;
    const struct cb_word_value values[] = {
        {"agent", site->agent_path},
        {"scratch", scratch},
        {"name", x->env->name},
        {"run", site->run_id},
        {"work", site->work_dir},
        {"state", state},
        {"dir", x->dir},
        {"cpus", cb_cpulist_format(site->topo.sut, site->topo.nsut, cpus, sizeof cpus)},
        {"memory", memory},
        {NULL, NULL},
    };
    return cb_words_split(command, values, out, err);
}

/* Runs a command of the table to its end, where it has one. */
static int do_command(const struct exec *x, const char *command, struct cb_err *err)
{
    struct cb_words words;
    if (!command)
        return 0;
    return expand(x, command, &words, err) < 0 ? -1 : cb_capture(words.argv, ASK_TIMEOUT_NS, 0, NULL, err);
}

/* --- the child, before it becomes the command --------------------------------------------------------- */

static int enter_namespaces(const struct exec *x, struct cb_err *err)
{
    if (x->netns >= 0 && setns(x->netns, CLONE_NEWNET) < 0)
        return cb_fail_sys(err, errno, "enter the network namespace");
    if (does(x, CB_EXEC_ROOT) && unshare(CLONE_NEWNS) < 0)
        return cb_fail_sys(err, errno, "make a mount namespace");
    return cb_steps_run(&x->root, err);
}

static int open_files(const struct exec *x, struct cb_err *err)
{
    for (int i = 0; i < 2 && x->preset->files[i]; i++) {
        const char *name = x->preset->files[i];
        CB_AUTOFD int fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return cb_fail_sys(err, errno, "open %s", name);
        if (fcntl(fd, F_DUPFD, CB_EXEC_FILES + i) != CB_EXEC_FILES + i)
            return cb_fail_sys(err, EBADF, "descriptor %d for %s", CB_EXEC_FILES + i, name);
    }
    return 0;
}

static int before_exec(void *arg, struct cb_err *err)
{
    const struct exec *x = arg;
    const struct cb_topology *topo = &x->env->site->topo;
    if (setsid() < 0) /* ^C on the terminal is for cbench alone */
        return cb_fail_sys(err, errno, "setsid");
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return cb_fail_sys(err, errno, "close_range");
    if (chdir(x->dir) < 0)
        return cb_fail_sys(err, errno, "enter %s", x->dir);
    if (x->group && cb_cgroup_attach(x->group, 0, err) < 0)
        return -1;
    if (does(x, CB_EXEC_GROUP) && cb_pin(0, topo->sut, topo->nsut, err) < 0)
        return -1;
    return enter_namespaces(x, err) < 0 ? -1 : open_files(x, err);
}

/* --- the runner -------------------------------------------------------------------------------------- */

/* The first line of what a program says of its version, asked once a run. */
static int ask_version(const struct cb_exec_preset *p, char *out, size_t cap, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf text = {0};
    struct cb_words words;
    if (cb_words_split(p->version, NULL, &words, err) < 0)
        return -1;
    if (cb_capture(words.argv, ASK_TIMEOUT_NS, 4096, &text, err) < 0)
        return err->sys == ENOENT ? cb_fail(err, CB_EMISSING, "%s is not installed", words.argv[0])
                                  : cb_fail(err, CB_EMISSING, "%s", err->msg);
    snprintf(out, cap, "%.*s", (int)strcspn(cb_buf_str(&text), "\n"), cb_buf_str(&text));
    return 0;
}

static int check(const struct cb_arm *arm, struct cb_err *err)
{
    struct cb_words words;
    const char *command = cb_arm_value(arm, "cmd");
    if (!command[0])
        return 0;
    if (preset_of(arm)->version)
        return cb_fail(err, CB_EUSAGE, "%s has a command of its own", preset_of(arm)->name);
    return cb_words_split(command, NULL, &words, err);
}

static int probe(const struct cb_arm *arm, const struct cb_site *site, struct cb_err *err)
{
    const struct cb_exec_preset *p = preset_of(arm);
    char version[CB_WIRE_TEXT];
    (void)site;
    if (!p->version)
        return cb_arm_value(arm, "cmd")[0]
                   ? 0
                   : cb_fail(err, CB_EUSAGE,
                             "what to start? a runtime, as in exec:runc, or exec:cmd=COMMAND");
    if (geteuid() != 0)
        return cb_fail(err, CB_EMISSING, "%s is started as root", p->name);
    if (ask_version(p, version, sizeof version, err) < 0)
        return -1;
    return p->cannot ? cb_fail(err, CB_EMISSING, "%s", p->cannot) : 0;
}

static void state_facts(struct cb_env *env, const struct exec *x, const char *version)
{
    const struct cb_topology *topo = &env->site->topo;
    char cpus[64], line[CB_WIRE_TEXT];
    cb_words_join(&x->start, line, sizeof line);
    cb_env_fact(env, "command", "%s", line);
    if (version[0])
        cb_env_fact(env, "runtime", "%s", version);
    cb_env_fact(env, "differences", "%s", x->preset->differences);
    cb_env_fact(env, "cpus", "%s", cb_cpulist_format(topo->sut, topo->nsut, cpus, sizeof cpus));
    if (!does(x, CB_EXEC_ROOT))
        return;
    cb_env_fact(env, "rootfs", "overlay, mounted before the command");
    cb_backing_facts(env, x->dir);
}

/* What the agent will be told of its network. */
static void arrange_net(struct cb_env *env, const struct exec *x)
{
    const struct cb_site *site = env->site;
    if (does(x, CB_EXEC_OWN_NET)) {
        cb_env_fact(env, "network", "none: %s makes networks of its own", x->preset->name);
    } else if (!does(x, CB_EXEC_NET)) {
        cb_env_fact(env, "network", "none of the run: its agent may be anywhere");
    } else if (!site->fabric) {
        cb_env_fact(env, "network", "none: %s", site->fabric_reason);
    } else {
        snprintf(env->wire.device, sizeof env->wire.device, DEVICE);
        snprintf(env->wire.peer, sizeof env->wire.peer, "%s", cb_fabric_peer(site->fabric));
        cb_env_fact(env, "network", "veth " DEVICE ", plugged in before the command");
    }
}

static int arrange_files(struct cb_env *env, struct exec *x, struct cb_err *err)
{
    const struct cb_site *site = env->site;
    const char *scratch = x->preset->version ? CB_ROOTFS_SCRATCH : cb_arm_value(env->arm, "scratch");
    cb_rootfs_init(&x->rootfs, CB_ROOTFS_OVERLAY, 0, site->memory);
    if (cb_path(env->wire.scratch, sizeof env->wire.scratch, err, "%s", scratch) < 0 ||
        cb_rootfs_image(site->work_dir, site->agent_path, err) < 0 ||
        cb_rootfs_instance(&x->rootfs, site->work_dir, env->name, x->dir, sizeof x->dir, err) < 0)
        return -1;
    if (does(x, CB_EXEC_ROOT))
        cb_rootfs_mount_steps(&x->root, &x->rootfs, x->dir);
    if (x->preset->prepare && x->preset->prepare(env, x->dir, err) < 0)
        return -1;
    return do_command(x, x->preset->image, err);
}

static int prepare(struct cb_env *env, struct cb_err *err)
{
    char version[CB_WIRE_TEXT] = "";
    struct exec *x = calloc(1, sizeof *x);
    if (!x)
        return cb_fail_sys(err, ENOMEM, "exec");
    *x = (struct exec){
        .env = env, .preset = preset_of(env->arm), .channels = {-1, -1, -1, -1, {-1, -1, -1}}, .netns = -1};
    env->state = x;
    const char *command = x->preset->start ? x->preset->start : cb_arm_value(env->arm, "cmd");
    if ((x->preset->version && ask_version(x->preset, version, sizeof version, err) < 0) ||
        arrange_files(env, x, err) < 0 || expand(x, command, &x->start, err) < 0)
        return -1;
    arrange_net(env, x);
    state_facts(env, x, version);
    return 0;
}

static int up(struct cb_env *env, struct cb_err *err)
{
    struct exec *x = env->state;
    struct cb_site *site = env->site;
    if ((does(x, CB_EXEC_GROUP) && cb_armgroup_try(env, site->memory, "", &x->group, err) < 0) ||
        (does(x, CB_EXEC_NET) && cb_netns_make(site->fabric, env->slot, DEVICE, &x->netns, err) < 0) ||
        cb_channels_open(&x->channels, err) < 0)
        return -1;
    const struct cb_spawn command = {
        .argv = x->start.argv,
        .search = true,
        .fd_in = x->channels.child.stream,
        .fd_out = x->channels.child.stream,
        .fd_err = x->channels.log,
        .cpu = -1,
        .die_with_parent = true,
        .before_exec = before_exec,
        .arg = x,
    };
    if (cb_spawn(&command, &x->pid, NULL, err) < 0)
        return -1;
    cb_channels_be_parent(&x->channels);
    return 0;
}

static int launch(struct cb_env *env, struct cb_link *link, struct cb_err *err)
{
    struct exec *x = env->state;
    (void)err;
    link->to_agent = link->from_agent = cb_take_fd(&x->channels.stream);
    return 0;
}

static void diagnose(struct cb_env *env, char *out, size_t cap)
{
    const struct exec *x = env->state;
    out[0] = '\0';
    if (x)
        cb_channels_last_words(&x->channels, x->pid, out, cap);
}

/* The agent ended with its stream, and the command with the agent. What does not is ended, and the runtime
 * told to take away what it made. */
static void stop(struct exec *x)
{
    struct cb_err ignored;
    int status;
    if (x->pid <= 0 || cb_wait(x->pid, cb_deadline_in(STOP_DEADLINE_NS), &status, &ignored) == 0)
        return;
    do_command(x, x->preset->remove, &ignored);
    kill(-x->pid, SIGKILL);
    cb_kill_wait(x->pid);
}

static void down(struct cb_env *env)
{
    struct exec *x = env->state;
    struct cb_err ignored; /* `cbench gc` takes what cannot be removed now */
    if (!x)
        return;
    cb_channels_close(&x->channels);
    stop(x);
    cb_cgroup_destroy(x->group);
    cb_cleanup_fd(&x->netns);
    if (x->dir[0])
        do_command(x, x->preset->forget, &ignored);
    if (x->dir[0] && x->preset->clear)
        x->preset->clear(env, x->dir);
    if (x->dir[0])
        cb_remove_tree(x->dir, &ignored);
    free(x);
    env->state = NULL;
}

static const struct cb_arm_param params[] = {
    {"runtime", "a program that cbench knows how to start a container with; the name alone will do", "cmd",
     "cmd|runc|crun|bwrap|lxc|podman|docker|runsc|kata|firecracker"},
    {"scratch", "of cmd: a directory inside that the agent may write to", "", NULL},
    {"cmd",
     "any command whose stdin and stdout reach an agent; the rest of the arm's text is its value. {agent}, "
     "{scratch}, "
     "{name}, {run}, {cpus} and {memory} stand for their values",
     "", NULL},
    {NULL, NULL, NULL, NULL},
};

const struct cb_runner cb_runner_exec = {
    .name = "exec",
    .summary = "any command that reaches an agent, and other container runtimes",
    .params = params,
    .bare = "runtime",
    .rest = "cmd",
    .check = check,
    .probe = probe,
    .prepare = prepare,
    .up = up,
    .launch = launch,
    .diagnose = diagnose,
    .down = down,
};
