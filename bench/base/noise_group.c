#include "bench/base/noise_read.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/io.h"

bool cb_noise_group_memory(const struct cb_noise_place *p, const char *file, const char *key,
                           char out[CB_NOISE_VALUE])
{
    char path[PATH_MAX];
    struct cb_err ignored;
    if (!p->group_memory || cb_path(path, sizeof path, &ignored, "%s/%s", p->group_memory, file) < 0)
        return false;
    return *key ? cb_noise_keyed(p, path, key, out) : cb_noise_line(p, path, NULL, out);
}

/* Above the hierarchy's root is no such file. */
bool cb_noise_group_and_above(const struct cb_noise_place *p, const char *file, const char *key,
                              char out[CB_NOISE_VALUE])
{
    char dir[PATH_MAX], path[PATH_MAX], value[CB_NOISE_VALUE];
    struct cb_err ignored;
    uint64_t sum = 0;
    bool any = false;
    if (!p->group_cpu || cb_path(dir, sizeof dir, &ignored, "%s", p->group_cpu) < 0)
        return false;
    for (char *slash; (slash = strrchr(dir, '/')); *slash = '\0') {
        if (cb_path(path, sizeof path, &ignored, "%s/%s", dir, file) < 0 ||
            !cb_noise_keyed(p, path, key, value))
            continue;
        sum += strtoull(value, NULL, 10);
        any = true;
    }
    return any && cb_noise_put_number(out, sum);
}

/* Time of a process and of its children that are gone: fields 14 to 17 of its stat are user, system, and the
 * same of children. Its name, in brackets, may hold anything, also brackets and blanks. */
static uint64_t process_ticks(const struct cb_noise_place *p, long pid, bool system)
{
    CB_AUTOBUF struct cb_buf text = {0};
    char path[64];
    uint64_t sum = 0, v;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    const char *at = cb_noise_slurp(p, path, &text) ? strrchr(cb_buf_str(&text), ')') : NULL;
    for (int field = 2; at && field < 14; field++)
        at = strchr(at + 1, ' ');
    for (int field = 14; at && field <= 17 && cb_noise_take_number(&at, &v); field++)
        sum += field % 2 == 0 || system ? v : 0;
    return sum;
}

/* The group's processes, one a line. */
static bool read_procs(const struct cb_noise_place *p, const char *file, struct cb_buf *out)
{
    char path[PATH_MAX];
    struct cb_err ignored;
    return p->group_procs && cb_path(path, sizeof path, &ignored, "%s/%s", p->group_procs, file) == 0 &&
           cb_noise_slurp(p, path, out);
}

bool cb_noise_group_time(const struct cb_noise_place *p, const char *file, const char *which,
                         char out[CB_NOISE_VALUE])
{
    CB_AUTOBUF struct cb_buf procs = {0};
    uint64_t ticks = 0;
    bool system = !strcmp(which, "all");
    if (!read_procs(p, file, &procs))
        return false;
    char *at = procs.data;
    for (long pid; at && (pid = strtol(at, &at, 10)) > 0;)
        ticks += process_ticks(p, pid, system);
    return cb_noise_put_number(out, cb_noise_ticks_ns(ticks));
}

/* Adds the CPUs that a thread may use, where they are others than those of the thread before it. What does
 * not fit is cut off: the list is uneven all the same. */
static void add_thread(const struct cb_noise_place *p, const char *status, char out[CB_NOISE_VALUE])
{
    CB_AUTOBUF struct cb_buf text = {0};
    const char *at =
        cb_noise_slurp(p, status, &text) ? cb_noise_line_with(cb_buf_str(&text), "Cpus_allowed_list:") : NULL;
    if (!at)
        return; /* it has ended */
    at += strspn(at, " \t");
    size_t n = strcspn(at, "\n"), used = strlen(out);
    const char *last = strrchr(out, ' ');
    last = last ? last + 1 : out;
    if (strlen(last) != n || strncmp(last, at, n) != 0)
        snprintf(out + used, CB_NOISE_VALUE - used, "%s%.*s", used ? " | " : "", (int)n, at);
}

/* A thread may be pinned apart from its process: qemu's are. */
static void add_process(const struct cb_noise_place *p, long pid, char out[CB_NOISE_VALUE])
{
    char pattern[PATH_MAX];
    struct cb_err ignored;
    glob_t found = {0};
    if (cb_path(pattern, sizeof pattern, &ignored, "%s/proc/%ld/task/*/status", p->root, pid) < 0 ||
        glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        add_thread(p, found.gl_pathv[i] + strlen(p->root), out);
    globfree(&found);
}

bool cb_noise_group_cpus(const struct cb_noise_place *p, const char *file, const char *unused,
                         char out[CB_NOISE_VALUE])
{
    CB_AUTOBUF struct cb_buf procs = {0};
    (void)unused;
    if (!read_procs(p, file, &procs))
        return false;
    char *at = procs.data;
    for (long pid; at && (pid = strtol(at, &at, 10)) > 0;)
        add_process(p, pid, out);
    return *out;
}
