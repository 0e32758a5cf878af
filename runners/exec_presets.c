#include "runners/exec_presets.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "runners/armgroup.h"
#include "runners/exec_oci.h"
#include "runners/rootfs.h"
#include "runners/seccomp.h"

#define LOCKED (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static int write_file(const char *dir, const char *name, const void *bytes, size_t n, struct cb_err *err)
{
    CB_AUTOFD int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? cb_fail_sys(err, errno, "open %s", dir) : cb_replace_file(fd, name, bytes, n, 0600, err);
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
    json_t *config = cb_oci_config(&in);
    CB_AUTOFREE char *text = config ? json_dumps(config, JSON_INDENT(1)) : NULL;
    json_decref(config);
    return text ? write_file(dir, "config.json", text, strlen(text), err)
                : cb_fail_sys(err, ENOMEM, "config.json");
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

/* --- the table --------------------------------------------------------------------------------------- */

#define AGENT CB_ROOTFS_AGENT " run"

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
        .differences = "a group in all cgroup controllers; the runtime stays",
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
