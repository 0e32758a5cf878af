#include "runners/gc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "runners/linkname.h"
#include "runners/netlink.h"
#include "runners/site.h"

#define DEAD_MAX 256 /* runs looked after in one go; the next call takes the rest */

/* A run without a living owner. */
struct dead_run {
    char id[32];
    char state_dir[128]; /* "" when only other traces are left */
    char work_dir[256];
};

struct gc {
    bool dry;
    void (*found)(const struct cb_leftover *l, bool removed, void *arg);
    void *arg;
    unsigned failed;
    struct dead_run dead[DEAD_MAX];
    unsigned ndead;
    char alive[DEAD_MAX][32]; /* ids of runs in progress */
    unsigned nalive;
};

/* "20261124-063012-3f9a": what is not of this form is none of ours. */
static bool is_run_id(const char *s)
{
    static const char form[] = "dddddddd-dddddd-xxxx";
    size_t i = 0;
    for (; form[i]; i++)
        if (form[i] == 'd'   ? !isdigit((unsigned char)s[i])
            : form[i] == 'x' ? !isxdigit((unsigned char)s[i])
                             : s[i] != '-')
            return false;
    return s[i] == '\0';
}

static void report(struct gc *g, const char *kind, const char *name, const char *run_id, bool removed)
{
    struct cb_leftover l = {kind, name, run_id};
    g->found(&l, removed, g->arg);
    if (!g->dry && !removed)
        g->failed++;
}

static bool is_alive(const struct gc *g, const char *id)
{
    for (unsigned i = 0; i < g->nalive; i++)
        if (strcmp(g->alive[i], id) == 0)
            return true;
    return false;
}

/* The entry for a dead run, made on first sight; NULL when it is alive, not ours, or the table is full. */
static struct dead_run *dead_entry(struct gc *g, const char *id)
{
    if (!is_run_id(id) || is_alive(g, id))
        return NULL;
    for (unsigned i = 0; i < g->ndead; i++)
        if (strcmp(g->dead[i].id, id) == 0)
            return &g->dead[i];
    if (g->ndead == DEAD_MAX)
        return NULL;
    struct dead_run *d = &g->dead[g->ndead++];
    *d = (struct dead_run){0};
    snprintf(d->id, sizeof d->id, "%s", id);
    return d;
}

/* ---- finding dead runs
 * ------------------------------------------------------------------------------------------- */

/* State directories say who is alive: they are read first. */
static int read_states(struct gc *g, struct cb_err *err)
{
    char base[128];
    struct cb_err ignored;
    if (cb_state_base(base, sizeof base, err) < 0)
        return -1;
    DIR *dir = opendir(base);
    if (!dir)
        return errno == ENOENT ? 0 : cb_fail_sys(err, errno, "open %s", base);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[128];
        struct cb_owner owner;
        if (!is_run_id(e->d_name) || cb_path(path, sizeof path, &ignored, "%s/%s", base, e->d_name) < 0)
            continue;
        bool named = cb_owner_read(path, &owner) == 0;
        if (named && cb_owner_alive(&owner)) {
            if (g->nalive < DEAD_MAX)
                snprintf(g->alive[g->nalive++], sizeof g->alive[0], "%.31s", e->d_name);
            continue;
        }
        struct dead_run *d = dead_entry(g, e->d_name);
        if (d) {
            snprintf(d->state_dir, sizeof d->state_dir, "%s", path);
            snprintf(d->work_dir, sizeof d->work_dir, "%s", owner.work_dir);
        }
    }
    closedir(dir);
    return 0;
}

/* OUT/RUNID/work of a run that no longer lives: state directories are gone after a reboot. */
static void read_results(struct gc *g, const char *out_dir)
{
    DIR *dir = out_dir ? opendir(out_dir) : NULL;
    if (!dir)
        return;
    for (struct dirent *e; (e = readdir(dir));) {
        char path[256];
        struct stat st;
        struct cb_err ignored;
        if (!is_run_id(e->d_name) ||
            cb_path(path, sizeof path, &ignored, "%s/%s/work", out_dir, e->d_name) < 0 ||
            lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
            continue;
        struct dead_run *d = dead_entry(g, e->d_name);
        if (d && !d->work_dir[0])
            snprintf(d->work_dir, sizeof d->work_dir, "%s", path);
    }
    closedir(dir);
}

static void add_cgroup_run(const char *run_id, void *arg)
{
    (void)dead_entry(arg, run_id);
}

/* ---- processes
 * --------------------------------------------------------------------------------------------------- */

/* A process is of the run when its command line names the run's id: qemu's does, with the paths of its
 * sockets and the domain's name; agents run inside the run's cgroups, which kill them. */
static bool names_run(int pid, const char *run_id)
{
    char path[64];
    struct cb_err ignored;
    CB_AUTOBUF struct cb_buf cmd = {0};
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    if (cb_read_file(AT_FDCWD, path, 1 << 20, &cmd, &ignored) < 0 || cmd.len == 0)
        return false;
    return memmem(cmd.data, cmd.len, run_id, strlen(run_id)) != NULL;
}

/* Only what cbench starts: a user's editor or pager on the run's files also names its id. */
static bool is_ours(int pid, char *comm, size_t cap)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    if (cb_read_line(path, comm, cap) < 0)
        return false;
    return strncmp(comm, "qemu-system", 11) == 0 || strncmp(comm, "cbench-agent", 12) == 0;
}

static bool kill_process(int pid, const char *run_id)
{
    /* The descriptor pins the process: the pid is looked at once more through it. */
    CB_AUTOFD int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0 || !names_run(pid, run_id))
        return errno == ESRCH;
    if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0)
        return errno == ESRCH;
    for (int i = 0; i < 200 && names_run(pid, run_id); i++)
        cb_sleep_ns(10 * CB_NS_PER_MS);
    return !names_run(pid, run_id);
}

static void end_processes(struct gc *g, const struct dead_run *d)
{
    DIR *dir = opendir("/proc");
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char comm[64], name[96];
        int pid = atoi(e->d_name);
        if (pid <= 1 || !is_ours(pid, comm, sizeof comm) || !names_run(pid, d->id))
            continue;
        snprintf(name, sizeof name, "%s[%d]", comm, pid);
        report(g, "process", name, d->id, !g->dry && kill_process(pid, d->id));
    }
    if (dir)
        closedir(dir);
}

/* ---- mounts
 * ------------------------------------------------------------------------------------------------------ */

static bool is_below(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return n > 0 && strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Later mounts may sit on earlier ones: newest first. */
static void end_mounts(struct gc *g, const struct dead_run *d)
{
    CB_AUTOBUF struct cb_buf table = {0};
    struct cb_err ignored;
    if (cb_read_file(AT_FDCWD, "/proc/self/mountinfo", 1 << 22, &table, &ignored) < 0)
        return;
    while (table.len > 0) {
        char *line = memrchr(table.data, '\n', table.len - 1), where[512];
        line = line ? line + 1 : table.data;
        if (sscanf(line, "%*s %*s %*s %*s %511s", where) == 1 &&
            (is_below(where, d->work_dir) || is_below(where, d->state_dir)))
            report(g, "mount", where, d->id, !g->dry && umount2(where, MNT_DETACH | UMOUNT_NOFOLLOW) == 0);
        table.len = (size_t)(line - table.data);
        *line = '\0';
    }
}

/* ---- cgroups and links
 * ------------------------------------------------------------------------------------------- */

struct cgroup_search {
    const char *run_id;
    bool hit;
};

static void match_cgroup(const char *run_id, void *arg)
{
    struct cgroup_search *s = arg;
    s->hit |= strcmp(run_id, s->run_id) == 0;
}

static bool has_cgroups(const char *run_id)
{
    struct cgroup_search s = {run_id, false};
    struct cb_err ignored;
    (void)cb_cgroup_each_run(match_cgroup, &s, &ignored);
    return s.hit;
}

static void end_cgroups(struct gc *g, const struct dead_run *d)
{
    char name[64];
    if (!has_cgroups(d->id))
        return;
    snprintf(name, sizeof name, "cbench-%s", d->id);
    if (!g->dry)
        cb_cgroup_remove_run(d->id);
    report(g, "cgroup", name, d->id, !g->dry && !has_cgroups(d->id));
}

static void end_link(const char *name, void *arg)
{
    struct gc *g = arg;
    struct cb_err ignored;
    if (!cb_link_is_ours(name))
        return;
    for (unsigned i = 0; i < g->nalive; i++)
        if (cb_link_of_run(name, g->alive[i]))
            return;
    report(g, "link", name, "?", !g->dry && cb_net_delete(name, &ignored) == 0);
}

/* ---- directories
 * ------------------------------------------------------------------------------------------------- */

static void end_directory(struct gc *g, const struct dead_run *d, const char *path)
{
    struct stat st;
    struct cb_err ignored;
    if (path[0] && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
        report(g, "directory", path, d->id, !g->dry && cb_remove_tree(path, &ignored) == 0);
}

/* A work directory as an owner file names it is believed only when it ends as ours do. */
static bool is_work_dir(const char *path, const char *id)
{
    char tail[64];
    snprintf(tail, sizeof tail, "/%s/work", id);
    size_t n = strlen(path), m = strlen(tail);
    return path[0] == '/' && n > m && strcmp(path + n - m, tail) == 0;
}

int cb_gc(const char *out_dir, bool dry, void (*found)(const struct cb_leftover *l, bool removed, void *arg),
          void *arg, unsigned *failed, struct cb_err *err)
{
    struct cb_err ignored;
    CB_AUTOFREE struct gc *g = calloc(1, sizeof *g);
    if (!g)
        return cb_fail(err, CB_ESYS, "out of memory");
    g->dry = dry;
    g->found = found;
    g->arg = arg;
    if (read_states(g, err) < 0)
        return -1;
    read_results(g, out_dir);
    if (cb_cgroup_init(&ignored) == 0)
        (void)cb_cgroup_each_run(add_cgroup_run, g, &ignored);
    for (unsigned i = 0; i < g->ndead; i++) {
        struct dead_run *d = &g->dead[i];
        end_processes(g, d);
        end_cgroups(g, d);
        end_mounts(g, d);
        if (is_work_dir(d->work_dir, d->id))
            end_directory(g, d, d->work_dir);
        end_directory(g, d, d->state_dir);
    }
    if (geteuid() == 0)
        (void)cb_net_each(CB_LINK_PREFIX, end_link, g, &ignored);
    *failed = g->failed;
    return 0;
}
