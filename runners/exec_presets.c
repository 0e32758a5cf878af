#include "runners/exec_presets.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"
#include "runners/armgroup.h"
#include "runners/exec_oci.h"
#include "runners/rootfs.h"
#include "runners/seccomp.h"

#define TAR_TIMEOUT_NS (30 * CB_NS_PER_S) /* of some megabytes */
#define LOCKED         (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static int write_file(const char *dir, const char *name, const void *bytes, size_t n, struct cb_err *err)
{
    CB_AUTOFD int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? cb_fail_sys(err, errno, "open %s", dir) : cb_replace_file(fd, name, bytes, n, 0600, err);
}

/* Takes over the value; NULL is what it is when memory ran out. */
static int write_json(const char *dir, const char *name, json_t *value, struct cb_err *err)
{
    CB_AUTOFREE char *text = value ? json_dumps(value, JSON_INDENT(1)) : NULL;
    json_decref(value);
    return text ? write_file(dir, name, text, strlen(text), err) : cb_fail_sys(err, ENOMEM, "%s", name);
}

/* --- OCI runtimes ------------------------------------------------------------------------------------ */

/* v1 says so with a file of the root group; on v2 a group that may not swap is the default's business. */
static bool counts_swap(void)
{
    char path[256];
    return strcmp(cb_cgroup_version(), "v2") == 0 ||
           cb_cgroup_dir("memory.memsw.limit_in_bytes", "memory", path, sizeof path) == 0;
}

static int write_bundle(const struct cb_env *env, const char *dir, struct cb_err *err)
{
    const struct cb_topology *topo = &env->site->topo;
    char cgroup[160] = "/", cpus[256], node[16];
    struct cb_oci in = {
        .hostname = env->name,
        .root = "root",
        .cgroup = cgroup,
        .cpus = cb_cpulist_format(topo->sut, topo->nsut, cpus, sizeof cpus),
        .nodes = node,
        .memory = env->site->memory,
        .swap_counted = counts_swap(),
    };
    if (cb_armgroup_name(env, cgroup + 1, sizeof cgroup - 1, err) < 0 ||
        cb_path(node, sizeof node, err, "%d", topo->numa_node) < 0)
        return -1;
    return write_json(dir, "config.json", cb_oci_config(&in), err);
}

/* Where systemd puts v2 beside v1, and crun looks for it. */
#define UNIFIED "/sys/fs/cgroup/unified"

/* crun refuses a hybrid layout in which v2 has controllers. They go to v1 as long as a hierarchy of it is
 * mounted, so that is done here, before the start, in a directory of the instance. */
static int prepare_crun(const struct cb_env *env, const char *dir, struct cb_err *err)
{
    char controllers[256] = "", path[512];
    if (write_bundle(env, dir, err) < 0)
        return -1;
    cb_read_line(UNIFIED "/cgroup.controllers", controllers, sizeof controllers);
    if (!controllers[0])
        return 0;
    for (char *blank = controllers; (blank = strchr(blank, ' '));)
        *blank = ',';
    if (cb_path(path, sizeof path, err, "%s/v1", dir) < 0 || cb_mkdirs(path, 0700, err) < 0)
        return -1;
    return mount("none", path, "cgroup", LOCKED, controllers) < 0
               ? cb_fail_sys(err, errno, "mount %s as cgroup v1, which crun needs", controllers)
               : 0;
}

/* Groups that stay would keep the hierarchy, and the controllers from v2. */
static void clear_crun(const struct cb_env *env, const char *dir)
{
    char path[512];
    struct cb_err ignored;
    if (cb_path(path, sizeof path, &ignored, "%s/v1/cbench-%s/%s", dir, env->site->run_id, env->name) == 0)
        rmdir(path);
    if (cb_path(path, sizeof path, &ignored, "%s/v1/cbench-%s", dir, env->site->run_id) == 0)
        rmdir(path);
    if (cb_path(path, sizeof path, &ignored, "%s/v1", dir) == 0)
        umount2(path, UMOUNT_NOFOLLOW);
}

/* --- bubblewrap -------------------------------------------------------------------------------------- */

static void add_words(struct cb_buf *out, const char *const *words)
{
    for (; *words; words++)
        cb_buf_add(out, *words, strlen(*words) + 1);
}

/* Arguments for what is hidden. bubblewrap would make a mount point that is missing,
 * which /proc does not let it. */
static void hide(const char *path, struct cb_buf *out)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return;
    if (S_ISDIR(st.st_mode))
        add_words(out, (const char *const[]){"--tmpfs", path, "--remount-ro", path, NULL});
    else
        add_words(out, (const char *const[]){"--dev-bind", "/dev/null", path, NULL});
}

static int write_bwrap_files(const struct cb_env *env, const char *dir, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf args = {0};
    const struct sock_fprog *program;
    (void)env;
    for (const char *const *path = cb_oci_hidden; *path; path++)
        hide(*path, &args);
    for (const char *const *path = cb_oci_read_only; *path; path++)
        if (access(*path, F_OK) == 0)
            add_words(&args, (const char *const[]){"--ro-bind", *path, *path, NULL});
    if (!cb_buf_ok(&args))
        return cb_fail_sys(err, ENOMEM, "arguments of bwrap");
    if (cb_seccomp_filter(&program, err) < 0 || write_file(dir, "masks", args.data, args.len, err) < 0)
        return -1;
    return write_file(dir, "seccomp", program->filter, program->len * sizeof *program->filter, err);
}

/* --- LXC --------------------------------------------------------------------------------------------- */

/* The filter in LXC's own form: "CALL ACTION [ARGUMENT,VALUE,COMPARISON,MASK]". */
static void lxc_calls(bool allowed, struct cb_buf *out)
{
    const char *calls = cb_seccomp_calls(allowed);
    for (size_t n; *calls; calls += n + strspn(calls + n, " ")) {
        n = strcspn(calls, " ");
        cb_buf_printf(out, "%.*s %s\n", (int)n, calls, allowed ? "allow" : "errno 1");
    }
}

static int write_lxc_filter(const char *dir, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf text = {0};
    size_t n;
    const struct cb_seccomp_condition *c = cb_seccomp_conditions(&n);
    cb_buf_printf(&text, "2\nallowlist errno %d\n", ENOSYS);
    lxc_calls(true, &text);
    lxc_calls(false, &text);
    for (; n-- > 0; c++) {
        bool masked = c->cmp.op == SCMP_CMP_MASKED_EQ;
        cb_buf_printf(&text, "%s %s [%u,%llu,%s", c->call, c->allow ? "allow" : "errno 1", c->cmp.arg,
                      (unsigned long long)(masked ? c->cmp.datum_b : c->cmp.datum_a),
                      cb_oci_comparison(c->cmp.op));
        if (masked)
            cb_buf_printf(&text, ",%llu", (unsigned long long)c->cmp.datum_a);
        cb_buf_puts(&text, "]\n");
    }
    if (!cb_buf_ok(&text))
        return cb_fail_sys(err, ENOMEM, "the filter for LXC");
    return write_file(dir, "seccomp", text.data, text.len, err);
}

/* Mounts that LXC passes over where the path is missing. */
static void lxc_masks(struct cb_buf *out)
{
    struct stat st;
    for (const char *const *path = cb_oci_hidden; *path; path++)
        if (stat(*path, &st) == 0)
            cb_buf_printf(out, "lxc.mount.entry = %s %s %s,optional 0 0\n",
                          S_ISDIR(st.st_mode) ? "tmpfs" : "/dev/null", *path + 1,
                          S_ISDIR(st.st_mode) ? "tmpfs ro,nosuid,nodev,noexec" : "none bind");
    for (const char *const *path = cb_oci_read_only; *path; path++)
        cb_buf_printf(out, "lxc.mount.entry = %s %s none bind,ro,optional 0 0\n", *path, *path + 1);
}

static void lxc_limits(const struct cb_env *env, const char *group, struct cb_buf *out)
{
    const struct cb_topology *topo = &env->site->topo;
    char cpus[256];
    bool v2 = strcmp(cb_cgroup_version(), "v2") == 0;
    const char *key = v2 ? "lxc.cgroup2" : "lxc.cgroup";
    cb_buf_printf(out, "lxc.cgroup.dir.container = %s\nlxc.cgroup.dir.monitor = %s.monitor\n", group, group);
    cb_buf_printf(out, "%s.cpuset.cpus = %s\n%s.cpuset.mems = %d\n", key,
                  cb_cpulist_format(topo->sut, topo->nsut, cpus, sizeof cpus), key, topo->numa_node);
    cb_buf_printf(out, "%s.%s = %llu\n", key, v2 ? "memory.max" : "memory.limit_in_bytes",
                  (unsigned long long)env->site->memory);
    if (v2)
        cb_buf_printf(out, "%s.memory.swap.max = 0\n", key);
    else if (counts_swap())
        cb_buf_printf(out, "%s.memory.memsw.limit_in_bytes = %llu\n", key,
                      (unsigned long long)env->site->memory);
}

static int write_lxc_config(const struct cb_env *env, const char *dir, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf text = {0};
    char group[128], state[128];
    if (cb_armgroup_name(env, group, sizeof group, err) < 0 || write_lxc_filter(dir, err) < 0 ||
        cb_path(state, sizeof state, err, "%s/lxc", env->site->state_dir) < 0 ||
        cb_mkdirs(state, 0700, err) < 0)
        return -1;
    cb_buf_printf(&text,
                  "lxc.uts.name = %s\nlxc.rootfs.path = dir:%s/root\nlxc.init.cmd = " CB_ROOTFS_AGENT " run\n"
                  "lxc.console.path = none\nlxc.tty.max = 0\nlxc.net.0.type = none\nlxc.autodev = 1\n"
                  "lxc.mount.auto = proc:rw sys:ro\nlxc.cap.keep = none\nlxc.no_new_privs = 1\n"
                  "lxc.environment = PATH=/\nlxc.seccomp.profile = %s/seccomp\n",
                  env->name, dir, dir);
    lxc_limits(env, group, &text);
    lxc_masks(&text);
    if (!cb_buf_ok(&text))
        return cb_fail_sys(err, ENOMEM, "the configuration for LXC");
    return write_file(dir, "config", text.data, text.len, err);
}

/* --- engines ----------------------------------------------------------------------------------------- */

static int write_image(const struct cb_env *env, const char *dir, struct cb_err *err)
{
    char rootfs[512], tar[512];
    if (cb_path(rootfs, sizeof rootfs, err, "%s/" CB_ROOTFS_IMAGE, env->site->work_dir) < 0 ||
        cb_path(tar, sizeof tar, err, "%s/image.tar", dir) < 0 ||
        write_json(dir, "seccomp.json", cb_oci_seccomp(), err) < 0)
        return -1;
    const char *const argv[] = {"tar", "--numeric-owner", "-C", rootfs, "-cf", tar, ".", NULL};
    return cb_capture(argv, TAR_TIMEOUT_NS, 0, NULL, err);
}

/* --- the table --------------------------------------------------------------------------------------- */

#define AGENT CB_ROOTFS_AGENT " run"

/* All of Podman's is the run's own. */
#define PODMAN                                                                                               \
    "podman --root {work}/podman --runroot {state} --tmpdir {state}/tmp --runtime runc --cgroup-manager "    \
    "cgroupfs "

/* Where engines have the same words. */
#define ENGINE_RUN                                                                                           \
    "run --rm --interactive --pull never --name {name} --hostname {name} --cap-drop ALL "                    \
    "--security-opt no-new-privileges --security-opt seccomp={dir}/seccomp.json --cpuset-cpus {cpus} "       \
    "--memory {memory} --memory-swap {memory} --log-driver none "

const struct cb_exec_preset cb_exec_presets[] = {
    {
        .name = "cmd",
        .how = CB_EXEC_GROUP,
        .differences =
            "whatever the command does; the limits are its processes', not those of a daemon that it asks",
    },
    {
        .name = "runc",
        .version = "runc --version",
        .start = "runc --root {state} run --bundle . {name}",
        .remove = "runc --root {state} delete --force {name}",
        .how = CB_EXEC_ROOT | CB_EXEC_NET,
        .prepare = write_bundle,
        .differences = "a group in all cgroup controllers; the runtime stays and copies stdin and stdout",
    },
    {
        .name = "crun",
        .version = "crun --version",
        .start = "crun --root {state} run --bundle . {name}",
        .remove = "crun --root {state} delete --force {name}",
        .how = CB_EXEC_ROOT | CB_EXEC_NET,
        .prepare = prepare_crun,
        .clear = clear_crun,
        .differences =
            "a group in all cgroup controllers; the runtime stays; controllers of a v2 beside v1 are "
            "v1's while it runs",
    },
    {
        .name = "bwrap",
        .version = "bwrap --version",
        .start =
            "bwrap --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup --hostname {name} --as-pid-1 "
            "--die-with-parent --cap-drop ALL --clearenv --setenv PATH / --bind root / --proc /proc --dev "
            "/dev "
            "--ro-bind /sys /sys --tmpfs /sys/fs/cgroup --remount-ro /sys/fs/cgroup --args 101 --seccomp 100 "
            "--chdir / " AGENT,
        .files = {"seccomp", "masks"},
        .how = CB_EXEC_ROOT | CB_EXEC_NET | CB_EXEC_GROUP,
        .prepare = write_bwrap_files,
        .differences = "capabilities stay in the bounding set; /sys, devices and what is read-only below "
                       "/proc are the host's, bound",
    },
    {
        .name = "lxc",
        .version = "lxc-start --version",
        .start = "lxc-start --foreground --name {name} --lxcpath {state} --rcfile config",
        .remove = "lxc-stop --kill --name {name} --lxcpath {state}",
        .how = CB_EXEC_ROOT | CB_EXEC_NET,
        .prepare = write_lxc_config,
        .differences =
            "a group in all cgroup controllers, one more for its monitor, which stays; what is read-only "
            "below /proc is the host's, bound",
    },
    {
        .name = "podman",
        .version = "podman --version",
        .image = PODMAN "import {dir}/image.tar cbench:{name}",
        /* Its defaults for limits are beyond what a container without CAP_SYS_RESOURCE may set. */
        .start = PODMAN ENGINE_RUN "--ulimit nofile=1024:1024 --ulimit nproc=4096:4096 --network host "
                                   "--cgroup-parent /cbench-{run}/{name} cbench:{name} " AGENT,
        .remove = PODMAN "rm --force {name}",
        .forget = PODMAN "rmi --force cbench:{name}",
        .how = CB_EXEC_NET,
        .prepare = write_image,
        .differences =
            "the image is in its own overlay storage; conmon and podman stay and copy stdin and stdout; "
            "started by runc; limits on open files and processes",
    },
    {
        .name = "docker",
        .version = "docker version --format {{.Server.Version}}",
        .image = "docker import {dir}/image.tar cbench:{name}",
        .start = "docker " ENGINE_RUN "--network none cbench:{name} " AGENT,
        .remove = "docker rm --force {name}",
        .forget = "docker rmi --force cbench:{name}",
        .how = CB_EXEC_OWN_NET,
        .prepare = write_image,
        .differences =
            "a running engine starts it, in its own storage and cgroups; containerd's shim, the engine and "
            "the client stay and copy stdin and stdout; no link",
    },
    {
        .name = "runsc",
        .version = "runsc --version",
        .start = "runsc --root {state} --network none run --bundle . {name}",
        .remove = "runsc --root {state} delete --force {name}",
        .how = CB_EXEC_ROOT | CB_EXEC_OWN_NET,
        .prepare = write_bundle,
        .differences = "a kernel of its own in user space; no link; never tried by the authors",
    },
    {
        .name = "kata",
        .version = "kata-runtime --version",
        .cannot = "kata-runtime runs no bundle by itself since 2.0: where containerd is set up for it, "
                  "exec:cmd=ctr run ... or exec:cmd=docker run --runtime ... can start it",
    },
    {
        .name = "firecracker",
        .version = "firecracker --version",
        .cannot = "firecracker has no stdin and stdout of its guest that an agent could be reached by",
    },
    {.name = NULL},
};

const struct cb_exec_preset *cb_exec_preset_find(const char *name)
{
    const struct cb_exec_preset *p = cb_exec_presets;
    while (p->name && strcmp(p->name, name) != 0)
        p++;
    assert(p->name);
    return p;
}
