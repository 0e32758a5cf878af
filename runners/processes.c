#include "runners/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "runners/armgroup.h"

#define FILE_MAX_BYTES (1 << 16) /* a group of thousands of processes */

/* ---- of an instance ---------------------------------------------------------------------------------- */

static bool is_cbench(long pid)
{
    char path[32], exe[PATH_MAX], own[PATH_MAX];
    snprintf(path, sizeof path, "/proc/%ld/exe", pid);
    ssize_t n = readlink(path, exe, sizeof exe), m = readlink("/proc/self/exe", own, sizeof own);
    return n > 0 && n == m && memcmp(exe, own, (size_t)n) == 0;
}

/* Every instance that has a group has one of these, whatever its limits. */
static int group_dir(const struct cb_env *env, char *out, size_t cap)
{
    char name[128];
    struct cb_err ignored;
    if (cb_armgroup_name(env, name, sizeof name, &ignored) < 0)
        return -1;
    return cb_cgroup_dir(name, "cpuset", out, cap) == 0 ? 0 : cb_cgroup_dir(name, "memory", out, cap);
}

unsigned cb_processes(const struct cb_env *env, pid_t *out, unsigned max)
{
    char path[PATH_MAX];
    struct cb_err ignored;
    CB_AUTOBUF struct cb_buf text = {0};
    unsigned n = 0;
    if (group_dir(env, path, sizeof path) < 0)
        return 0;
    CB_AUTOFD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || cb_read_file(dir, "cgroup.procs", FILE_MAX_BYTES, &text, &ignored) < 0)
        return 0;
    char *at = text.data;
    for (long pid; n < max && at && (pid = strtol(at, &at, 10)) > 0;)
        if (!is_cbench(pid))
            out[n++] = (pid_t)pid;
    return n;
}

/* ---- of a process ------------------------------------------------------------------------------------ */

uint64_t cb_process_cpu_ns(pid_t pid)
{
    clockid_t id;
    struct timespec t;
    if (clock_getcpuclockid(pid, &id) != 0 || clock_gettime(id, &t) < 0)
        return 0;
    return (uint64_t)t.tv_sec * CB_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* The number behind a key that stands at the start of a line; 0 where there is none. */
static uint64_t keyed(const char *path, const char *key)
{
    CB_AUTOBUF struct cb_buf text = {0};
    struct cb_err ignored;
    size_t n = strlen(key);
    if (cb_read_file(AT_FDCWD, path, FILE_MAX_BYTES, &text, &ignored) < 0)
        return 0;
    for (const char *line = cb_buf_str(&text); line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (strncmp(line, key, n) == 0)
            return strtoull(line + n, NULL, 10);
    return 0;
}

uint64_t cb_process_waits(pid_t pid)
{
    char path[64];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return 0;
    for (struct dirent *e; (e = readdir(tasks));)
        if (isdigit((unsigned char)e->d_name[0])) {
            snprintf(path, sizeof path, "/proc/%d/task/%.16s/status", (int)pid, e->d_name);
            sum += keyed(path, "voluntary_ctxt_switches:");
        }
    closedir(tasks);
    return sum;
}

uint64_t cb_process_pss(pid_t pid)
{
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    return keyed(path, "Pss:") * 1024;
}

/* ---- of a tree of processes -------------------------------------------------------------------------- */

struct process {
    int pid, parent;
    uint64_t ticks; /* own, and of children that were waited for */
};

/* The name, in brackets, may hold anything, also brackets and blanks: what counts is behind it. */
static bool read_process(const char *pid, struct process *out)
{
    char path[48], line[1024];
    uint64_t t[4];
    snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
    const char *at = cb_read_line(path, line, sizeof line) == 0 ? strrchr(line, ')') : NULL;
    if (!at ||
        sscanf(at + 1,
               " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
               &out->parent, &t[0], &t[1], &t[2], &t[3]) != 5)
        return false;
    out->pid = atoi(pid);
    out->ticks = t[0] + t[1] + t[2] + t[3];
    return true;
}

static struct process *read_all(size_t *n)
{
    struct process *all = NULL, p;
    DIR *proc = opendir("/proc");
    *n = 0;
    for (struct dirent *e; proc && (e = readdir(proc));) {
        if (!isdigit((unsigned char)e->d_name[0]) || !read_process(e->d_name, &p))
            continue;
        if ((*n & (*n - 1)) == 0) { /* full at each power of two */
            struct process *more = reallocarray(all, *n ? 2 * *n : 1, sizeof *more);
            if (!more)
                break;
            all = more;
        }
        all[(*n)++] = p;
    }
    if (proc)
        closedir(proc);
    return all;
}

static bool descends(const struct process *all, size_t n, int pid, int root)
{
    for (unsigned depth = 0; pid != root && pid > 1 && depth < 64; depth++) {
        int parent = 0;
        for (size_t i = 0; i < n && !parent; i++)
            parent = all[i].pid == pid ? all[i].parent : 0;
        pid = parent;
    }
    return pid == root;
}

uint64_t cb_process_tree_cpu_ns(pid_t root)
{
    size_t n;
    CB_AUTOFREE struct process *all = read_all(&n);
    uint64_t ticks = 0;
    for (size_t i = 0; i < n; i++)
        if (descends(all, n, all[i].pid, root))
            ticks += all[i].ticks;
    return ticks * (CB_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* ---- of the machine ---------------------------------------------------------------------------------- */

uint64_t cb_memory_available(void)
{
    char ignored[16];
    /* Reading it makes every CPU hand in what it has counted, which it otherwise does once a second. */
    (void)cb_read_line("/proc/sys/vm/stat_refresh", ignored, sizeof ignored);
    return keyed("/proc/meminfo", "MemAvailable:") * 1024;
}
