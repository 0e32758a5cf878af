#include "runners/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libcgroup.h>
#include <linux/magic.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "bench/base/buf.h"
#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "runners/topology.h"

#define RUN_PREFIX "cbench-"
#define PROCS_MAX  (4u << 20) /* bytes of cgroup.procs: a fork bomb without a pids limit */

/* A killed process leaves its group within microseconds, unless it sleeps in the kernel on a dead disk. */
#define EMPTY_DEADLINE (5 * CB_NS_PER_S)

/* Every arm's limits need those before CPU; a group is in that one only for its quota, since its place in the
 * scheduler's tree changes with it. */
enum controller { CPUSET, MEMORY, PIDS, CPU, NCONTROLLERS };
static const char *const NAMES[NCONTROLLERS] = {"cpuset", "memory", "pids", "cpu"};

#define QUOTA_PERIOD_US 100000 /* the kernel's default, and every runtime's */

/* What this machine has; libcgroup keeps its own view of it for the process as well. */
static struct {
    const char *version;       /* NULL: cb_cgroup_init did not succeed */
    char *mount[NCONTROLLERS]; /* where the controller's hierarchy is, NULL for none */
    bool on_v2[NCONTROLLERS];
} machine;

struct cb_cgroup {
    char name[128];
    struct cgroup *group; /* libcgroup's */
    uint64_t memory;      /* bytes, 0: no limit */
    int v2_fd;
};

/* --- hierarchies ------------------------------------------------------------------------------------- */

/* `visit` gets the mount point of every cgroup hierarchy. */
static int each_mount(void (*visit)(const char *dir, bool v2, void *arg), void *arg, struct cb_err *err)
{
    FILE *f = setmntent("/proc/self/mounts", "re");
    char line[4096];
    struct mntent m;
    if (!f)
        return cb_fail_sys(err, errno, "open /proc/self/mounts");
    while (getmntent_r(f, &m, line, sizeof line))
        if (strcmp(m.mnt_type, "cgroup") == 0 || strcmp(m.mnt_type, "cgroup2") == 0)
            visit(m.mnt_dir, strcmp(m.mnt_type, "cgroup2") == 0, arg);
    endmntent(f);
    return 0;
}

struct seen {
    bool v1, v2;
};

static void see(const char *dir, bool v2, void *arg)
{
    struct seen *s = arg;
    (void)dir;
    *(v2 ? &s->v2 : &s->v1) = true;
}

static int fail_lib(struct cb_err *err, int code, const char *what, const char *name)
{
    if (code == ECGOTHER)
        return cb_fail_sys(err, cgroup_get_last_errno(), "%s cgroup %s", what, name);
    return cb_fail(err, CB_ESYS, "%s cgroup %s: %s", what, name, cgroup_strerror(code));
}

/* On v2 a group with processes in it gives no controllers to its children, unless it is the real root, which
 * has no type. A container with a cgroup namespace of its own usually sits in such a group. */
static bool is_crowded(const char *dir)
{
    char path[256], line[32];
    struct cb_err ignored;
    return cb_path(path, sizeof path, &ignored, "%s/cgroup.type", dir) == 0 && access(path, F_OK) == 0 &&
           cb_path(path, sizeof path, &ignored, "%s/cgroup.procs", dir) == 0 &&
           cb_read_line(path, line, sizeof line) == 0 && line[0];
}

/* A controller that is compiled in but mounted nowhere, or where nothing may be made, is as good as none. */
static void find_controller(enum controller c, bool *crowded)
{
    char *dir = NULL;
    struct statfs fs;
    if (cgroup_get_subsys_mount_point(NAMES[c], &dir))
        return;
    bool usable = access(dir, W_OK) == 0 && statfs(dir, &fs) == 0;
    if (usable && fs.f_type == CGROUP2_SUPER_MAGIC && is_crowded(dir)) {
        usable = false;
        *crowded = true;
    }
    if (!usable) {
        free(dir);
        return;
    }
    machine.mount[c] = dir;
    machine.on_v2[c] = fs.f_type == CGROUP2_SUPER_MAGIC;
}

int cb_cgroup_init(struct cb_err *err)
{
    struct seen seen = {false, false};
    bool crowded = false;
    unsigned found = 0;
    if (machine.version)
        return 0;
    if (each_mount(see, &seen, err))
        return -1;
    if (!seen.v1 && !seen.v2)
        return cb_fail(err, CB_EMISSING, "no cgroup hierarchy is mounted");
    int code = cgroup_init();
    if (code)
        return cb_fail(err, CB_EMISSING, "libcgroup: %s", cgroup_strerror(code));
    for (enum controller c = 0; c < NCONTROLLERS; c++) {
        find_controller(c, &crowded);
        found += c != CPU && machine.mount[c] != NULL;
    }
    if (!found)
        return cb_fail(
            err, CB_EMISSING, "no cgroup controller of cpuset, memory, pids may be used here%s",
            crowded ? ": processes sit in the root of this cgroup namespace, move them to a group below"
                    : "");
    machine.version = !seen.v1 ? "v2" : seen.v2 ? "hybrid" : "v1";
    return 0;
}

const char *cb_cgroup_version(void)
{
    return machine.version ? machine.version : "none";
}

static void append(char *list, size_t cap, const char *name)
{
    size_t n = strlen(list);
    if (n < cap)
        snprintf(list + n, cap - n, "%s%s", n ? "," : "", name);
}

void cb_cgroup_controllers(char *have, size_t hcap, char *missing, size_t mcap)
{
    have[0] = missing[0] = '\0';
    for (enum controller c = 0; c < CPU; c++)
        if (machine.mount[c])
            append(have, hcap, NAMES[c]);
        else
            append(missing, mcap, NAMES[c]);
}

bool cb_cgroup_has(const char *controller)
{
    for (enum controller c = 0; c < NCONTROLLERS; c++)
        if (strcmp(NAMES[c], controller) == 0)
            return machine.mount[c] != NULL;
    return false;
}

/* --- making ------------------------------------------------------------------------------------------ */

/* Adds a controller, where the machine has it, with its settings as name and value pairs, ended by NULL. */
static int add(struct cgroup *g, enum controller c, const char *const settings[], struct cb_err *err)
{
    if (!machine.mount[c])
        return 0;
    struct cgroup_controller *k = cgroup_add_controller(g, NAMES[c]);
    if (!k)
        return cb_fail(err, CB_ESYS, "libcgroup: add controller %s", NAMES[c]);
    for (; settings[0]; settings += 2) {
        int code = cgroup_add_value_string(k, settings[0], settings[1]);
        if (code)
            return cb_fail(err, CB_ESYS, "libcgroup: %s: %s", settings[0], cgroup_strerror(code));
    }
    return 0;
}

static int make(struct cgroup *g, const char *name, struct cb_err *err)
{
    int code = cgroup_create_cgroup(g, 1);
    return code ? fail_lib(err, code, "create", name) : 0;
}

static int read_root(enum controller c, const char *file, char *out, size_t cap, struct cb_err *err)
{
    char path[256];
    if (cb_path(path, sizeof path, err, "%s/%s", machine.mount[c], file))
        return -1;
    return cb_read_line(path, out, cap) ? cb_fail(err, CB_ESYS, "cannot read %s", path) : 0;
}

static int fill_run(struct cgroup *g, const struct cb_limits *l, struct cb_err *err)
{
    static const char *const none[] = {NULL};
    char cpus[256] = "", mems[256] = "";
    const char *settings[] = {"cpuset.cpus", cpus, "cpuset.mems", mems, NULL};
    /* On v1 a new cpuset is empty, and its children can have nothing that it has not. On v2 it inherits. */
    bool inherit = !machine.mount[CPUSET] || machine.on_v2[CPUSET];
    if (!inherit && (read_root(CPUSET, "cpuset.cpus", cpus, sizeof cpus, err) ||
                     read_root(CPUSET, "cpuset.mems", mems, sizeof mems, err)))
        return -1;
    return add(g, CPUSET, inherit ? none : settings, err) || add(g, MEMORY, none, err) ||
                   add(g, PIDS, none, err) || (l->quota && add(g, CPU, none, err))
               ? -1
               : 0;
}

/* The run's group, parent of its arms'. Fine where it exists. */
static int make_run(const char *name, const struct cb_limits *l, struct cb_err *err)
{
    struct cgroup *g = cgroup_new_cgroup(name);
    if (!g)
        return cb_fail_sys(err, ENOMEM, "cgroup %s", name);
    int failed = fill_run(g, l, err) || make(g, name, err);
    cgroup_free(&g);
    return failed ? -1 : 0;
}

static int add_quota(struct cgroup *g, unsigned cpus, struct cb_err *err)
{
    char period[16], quota[24], both[48];
    snprintf(period, sizeof period, "%u", QUOTA_PERIOD_US);
    snprintf(quota, sizeof quota, "%llu", (unsigned long long)cpus * QUOTA_PERIOD_US);
    snprintf(both, sizeof both, "%s %s", quota, period);
    if (machine.on_v2[CPU])
        return add(g, CPU, (const char *[]){"cpu.max", both, NULL}, err);
    return add(g, CPU, (const char *[]){"cpu.cfs_period_us", period, "cpu.cfs_quota_us", quota, NULL}, err);
}

static int fill_arm(struct cgroup *g, const struct cb_limits *l, struct cb_err *err)
{
    char cpus[256], node[16], memory[32], pids[16];
    cb_cpulist_format(l->cpus, l->ncpus, cpus, sizeof cpus);
    snprintf(node, sizeof node, "%d", l->numa_node);
    snprintf(memory, sizeof memory, "%llu", (unsigned long long)l->memory);
    snprintf(pids, sizeof pids, "%u", l->pids);
    const char *limit = machine.on_v2[MEMORY] ? "memory.max" : "memory.limit_in_bytes";
    const char *cpuset[] = {"cpuset.cpus", cpus, "cpuset.mems", node, NULL};
    if (add(g, CPUSET, cpuset, err) ||
        add(g, MEMORY, (const char *[]){l->memory ? limit : NULL, memory, NULL}, err) ||
        add(g, PIDS, (const char *[]){l->pids ? "pids.max" : NULL, pids, NULL}, err) ||
        (l->quota && add_quota(g, l->quota, err)))
        return -1;
    return 0;
}

/* No arm gets to swap: a virtual machine here has none. Kernels without swap accounting have no such file. */
static void forbid_swap(const struct cb_cgroup *g)
{
    char path[384], value[32] = "0";
    struct cb_err ignored;
    if (!machine.mount[MEMORY] || !g->memory)
        return;
    if (!machine.on_v2[MEMORY])
        snprintf(value, sizeof value, "%llu", (unsigned long long)g->memory);
    if (cb_path(path, sizeof path, &ignored, "%s/%s/%s", machine.mount[MEMORY], g->name,
                machine.on_v2[MEMORY] ? "memory.swap.max" : "memory.memsw.limit_in_bytes") == 0)
        cb_write_file(AT_FDCWD, path, value, &ignored);
}

/* The hierarchy of version 2 where all limits live there, else NULL: a process cloned into the group would
 * lack those of version 1. */
static const char *v2_mount(void)
{
    const char *mount = NULL;
    for (enum controller c = 0; c < NCONTROLLERS; c++) {
        if (machine.mount[c] && !machine.on_v2[c])
            return NULL;
        if (machine.mount[c])
            mount = machine.mount[c];
    }
    return mount;
}

bool cb_cgroup_has_births(void)
{
    return v2_mount() != NULL;
}

int cb_cgroup_open_v2(struct cb_cgroup *g, struct cb_err *err)
{
    char path[384];
    const char *mount = v2_mount();
    if (!mount)
        return 0;
    if (cb_path(path, sizeof path, err, "%s/%s", mount, g->name))
        return -1;
    g->v2_fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return g->v2_fd < 0 ? cb_fail_sys(err, errno, "open %s", path) : 0;
}

static int describe(struct cb_cgroup *g, const struct cb_limits *l, struct cb_err *err)
{
    char run[sizeof g->name];
    snprintf(run, sizeof run, "%.*s", (int)strcspn(g->name, "/"), g->name);
    if (make_run(run, l, err))
        return -1;
    g->group = cgroup_new_cgroup(g->name);
    return g->group ? fill_arm(g->group, l, err) : cb_fail_sys(err, ENOMEM, "cgroup %s", g->name);
}

int cb_cgroup_prepare(const char *name, const struct cb_limits *l, struct cb_cgroup **out, struct cb_err *err)
{
    struct cb_cgroup *g = calloc(1, sizeof *g);
    *out = NULL;
    if (!g)
        return cb_fail_sys(err, ENOMEM, "cgroup %s", name);
    g->v2_fd = -1;
    g->memory = l->memory;
    if (cb_path(g->name, sizeof g->name, err, "%s", name) || describe(g, l, err)) {
        cb_cgroup_destroy(g);
        return -1;
    }
    *out = g;
    return 0;
}

int cb_cgroup_make(struct cb_cgroup *g, struct cb_err *err)
{
    if (make(g->group, g->name, err))
        return -1;
    forbid_swap(g);
    return cb_cgroup_open_v2(g, err);
}

int cb_cgroup_create(const char *name, const struct cb_limits *l, struct cb_cgroup **out, struct cb_err *err)
{
    if (cb_cgroup_prepare(name, l, out, err))
        return -1;
    if (cb_cgroup_make(*out, err) == 0)
        return 0;
    cb_cgroup_destroy(*out);
    *out = NULL;
    return -1;
}

/* --- using ------------------------------------------------------------------------------------------- */

int cb_cgroup_attach(struct cb_cgroup *g, pid_t pid, struct cb_err *err)
{
    int code = cgroup_attach_task_pid(g->group, pid);
    return code ? fail_lib(err, code, "attach to", g->name) : 0;
}

int cb_cgroup_dir(const char *name, const char *controller, char *out, size_t cap)
{
    struct cb_err ignored;
    for (enum controller c = 0; c < NCONTROLLERS; c++)
        if (machine.mount[c] && strcmp(NAMES[c], controller) == 0)
            return cb_path(out, cap, &ignored, "%s/%s", machine.mount[c], name) ? -1 : access(out, F_OK);
    return -1;
}

int cb_cgroup_own_dir(const char *controller, char *out, size_t cap)
{
    CB_AUTOFREE char *mount = NULL, *path = NULL;
    struct cb_err ignored;
    if (!machine.version || cgroup_get_subsys_mount_point(controller, &mount) ||
        cgroup_get_current_controller_path(getpid(), controller, &path))
        return -1;
    return cb_path(out, cap, &ignored, "%s%s", mount, path) ? -1 : access(out, F_OK);
}

int cb_cgroup_v2_fd(const struct cb_cgroup *g)
{
    return g->v2_fd;
}

/* --- removing ---------------------------------------------------------------------------------------- */

/* SIGKILL to everything in the group of `dir`. Returns how many there were. */
static unsigned kill_group(int dir)
{
    CB_AUTOBUF struct cb_buf procs = {0};
    struct cb_err ignored;
    unsigned n = 0;
    cb_write_file(dir, "cgroup.kill", "1", &ignored); /* v2, Linux 5.14: leaves no fork behind */
    if (cb_read_file(dir, "cgroup.procs", PROCS_MAX, &procs, &ignored))
        return 0;
    char *at = procs.data;
    for (long pid; at && (pid = strtol(at, &at, 10)) > 0; n++)
        if (pid != getpid())
            kill((pid_t)pid, SIGKILL);
    return n;
}

/* Kills what runs in the group and below, removes the groups below. Returns how many processes it met. */
static unsigned sweep(int parent, const char *name)
{
    int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = dir < 0 ? NULL : fdopendir(dir);
    if (!d) {
        if (dir >= 0)
            close(dir);
        return 0;
    }
    unsigned n = kill_group(dir);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            n += sweep(dir, e->d_name);
            unlinkat(dir, e->d_name, AT_REMOVEDIR);
        }
    closedir(d);
    return n;
}

/* Sweeps until nothing is left to be killed. */
static void empty(const char *mount, const char *name)
{
    uint64_t deadline = cb_deadline_in(EMPTY_DEADLINE);
    CB_AUTOFD int dir = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (dir >= 0 && sweep(dir, name) && cb_deadline_remaining_ns(deadline))
        cb_sleep_ns(CB_NS_PER_MS);
}

void cb_cgroup_destroy(struct cb_cgroup *g)
{
    if (!g)
        return;
    for (enum controller c = 0; c < NCONTROLLERS; c++)
        if (machine.mount[c])
            empty(machine.mount[c], g->name);
    /* Without EMPTY_ONLY libcgroup would set a process that survived free in the parent group. On v2 it tries
     * once a controller, so that all but the first find nothing: its verdict is worth nothing. */
    if (g->group) {
        cgroup_delete_cgroup_ext(g->group, CGFLAG_DELETE_EMPTY_ONLY);
        cgroup_free(&g->group);
    }
    cb_cleanup_fd(&g->v2_fd);
    free(g);
}

static void remove_under(const char *dir, bool v2, void *arg)
{
    char path[512];
    struct cb_err ignored;
    (void)v2;
    empty(dir, arg);
    if (cb_path(path, sizeof path, &ignored, "%s/%s", dir, (const char *)arg) == 0)
        rmdir(path);
}

void cb_cgroup_remove_run(const char *run_id)
{
    char name[128];
    struct cb_err ignored;
    /* gc has ids from files: none of them may lead out of the hierarchy. */
    if (!strchr(run_id, '/') && cb_path(name, sizeof name, &ignored, RUN_PREFIX "%s", run_id) == 0)
        each_mount(remove_under, name, &ignored);
}

struct finder {
    void (*found)(const char *run_id, void *arg);
    void *arg;
};

static void find_under(const char *dir, bool v2, void *arg)
{
    struct finder *f = arg;
    DIR *d = opendir(dir);
    (void)v2;
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_type == DT_DIR && strncmp(e->d_name, RUN_PREFIX, strlen(RUN_PREFIX)) == 0)
            f->found(e->d_name + strlen(RUN_PREFIX), f->arg);
    closedir(d);
}

int cb_cgroup_each_run(void (*found)(const char *run_id, void *arg), void *arg, struct cb_err *err)
{
    return each_mount(find_under, &(struct finder){found, arg}, err);
}
