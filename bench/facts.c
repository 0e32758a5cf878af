/* What the environment looks like from inside. The facts go into the run's record, and those that ought to be
 * alike in all arms are compared. One that cannot be read says "unknown".
 *
 *     kernel, machine            uname: release and machine
 *     clock.source               of the kernel
 *     clock.cost_ns              median of reading CLOCK_MONOTONIC_RAW; never subtracted from a sample
 *     clock.resolution_ns        smallest step seen
 *     cpus.allowed, cpus.online  lists such as 0-3
 *     memory.total               bytes, of /proc/meminfo
 *     memory.limit               bytes, of the own cgroup as far as it can be seen; "none"
 *     page.size                  bytes
 *     thp                        transparent huge pages: always, madvise, never
 *     aslr                       randomize_va_space, and whether the personality switches it off
 *     mitigations                what is mitigated or vulnerable; what is not affected is left out
 *     hypervisor                 the CPUID flag: yes, no
 *     seccomp, no_new_privs, caps.effective, speculation.store_bypass    of this process
 *     uid, pid, cgroup           as seen from inside
 *     scratch.fs, root.fs        filesystem type
 *     io_uring                   yes, or why not
 */
#include <dirent.h>
#include <errno.h>
#include <liburing.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/buf.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/wire.h"

#define PROC_MAX       (4u << 20) /* /proc/cpuinfo of a machine with 2048 CPUs */
#define VULNERABLE_DIR "/sys/devices/system/cpu/vulnerabilities"

/* One fact. `read` writes its value into out; leaving it empty means unknown. */
struct fact {
    const char *key;
    void (*read)(const char *arg, char *out, size_t cap);
    const char *arg; /* NULL: the scratch directory */
};

static void line_of(const char *path, char *out, size_t cap)
{
    cb_read_line(path, out, cap);
}

/* Value of the first line "key<blank>: value" of a file in /proc. */
static void proc_field(const char *path, const char *key, char *out, size_t cap)
{
    CB_AUTOBUF struct cb_buf text = {0};
    struct cb_err ignored;
    size_t len = strlen(key);
    if (cb_read_file(AT_FDCWD, path, PROC_MAX, &text, &ignored) < 0)
        return;
    for (const char *line = cb_buf_str(&text); *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *rest = line + len;
        if (strncmp(line, key, len) != 0 || *(rest += strspn(rest, " \t")) != ':')
            continue;
        rest++;
        rest += strspn(rest, " \t");
        snprintf(out, cap, "%.*s", (int)strcspn(rest, "\n"), rest);
        return;
    }
}

static void status_field(const char *key, char *out, size_t cap)
{
    proc_field("/proc/self/status", key, out, cap);
}

static void memory_field(const char *key, char *out, size_t cap)
{
    char text[64] = "";
    proc_field("/proc/meminfo", key, text, sizeof text);
    if (*text)
        snprintf(out, cap, "%llu", strtoull(text, NULL, 10) * 1024); /* meminfo counts in kB */
}

static void hypervisor(const char *flag, char *out, size_t cap)
{
    static char flags[8192]; /* one line, longer than any fact */
    proc_field("/proc/cpuinfo", "flags", flags, sizeof flags);
    if (*flags)
        snprintf(out, cap, "%s", strstr(flags, flag) ? "yes" : "no");
}

static void uname_part(const char *part, char *out, size_t cap)
{
    struct utsname u;
    if (uname(&u) == 0)
        snprintf(out, cap, "%s", !strcmp(part, "release") ? u.release : u.machine);
}

static void clock_part(const char *part, char *out, size_t cap)
{
    double cost_ns;
    uint64_t resolution_ns;
    cb_clock_measure(&cost_ns, &resolution_ns);
    if (!strcmp(part, "cost"))
        snprintf(out, cap, "%.1f", cost_ns);
    else
        snprintf(out, cap, "%llu", (unsigned long long)resolution_ns);
}

static void page_size(const char *unused, char *out, size_t cap)
{
    (void)unused;
    snprintf(out, cap, "%ld", sysconf(_SC_PAGESIZE));
}

/* "always [madvise] never" -> "madvise" */
static void bracketed(const char *path, char *out, size_t cap)
{
    char line[128];
    cb_read_line(path, line, sizeof line);
    const char *open = strchr(line, '[');
    if (open)
        snprintf(out, cap, "%.*s", (int)strcspn(open + 1, "]"), open + 1);
}

static void aslr(const char *path, char *out, size_t cap)
{
    const unsigned long query = 0xffffffff; /* personality(2): asks, changes nothing */
    char line[16];
    if (cb_read_line(path, line, sizeof line) == 0)
        snprintf(out, cap, "%s%s", line,
                 personality(query) & ADDR_NO_RANDOMIZE ? ", off for this process" : "");
}

static int not_hidden(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

/* "Mitigation: PTI; more" -> "meltdown: PTI" */
static void add_vulnerability(const char *dir, const char *name, char *out, size_t cap)
{
    char path[PATH_MAX], line[256];
    size_t used = strlen(out);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (cb_read_line(path, line, sizeof line) < 0 || !strcmp(line, "Not affected"))
        return;
    const char *text = line;
    if (!strncmp(text, "Mitigation: ", strlen("Mitigation: ")))
        text += strlen("Mitigation: ");
    snprintf(out + used, cap - used, "%s%s: %.*s", used ? "; " : "", name, (int)strcspn(text, ";,"), text);
}

static void mitigations(const char *dir, char *out, size_t cap)
{
    struct dirent **names;
    int n = scandir(dir, &names, not_hidden, alphasort);
    if (n < 0)
        return;
    for (int i = 0; i < n; i++) {
        add_vulnerability(dir, names[i]->d_name, out, cap);
        free(names[i]);
    }
    free(names);
    if (!*out)
        snprintf(out, cap, "none needed");
}

static void id(const char *which, char *out, size_t cap)
{
    snprintf(out, cap, "%ld", !strcmp(which, "uid") ? (long)getuid() : (long)getpid());
}

/* All lines of a short file, joined. */
static void joined_lines(const char *path, char *out, size_t cap)
{
    CB_AUTOBUF struct cb_buf text = {0};
    struct cb_err ignored;
    if (cb_read_file(AT_FDCWD, path, PROC_MAX, &text, &ignored) < 0)
        return;
    snprintf(out, cap, "%s", cb_buf_str(&text));
    for (char *p = out; (p = strchr(p, '\n'));)
        *p = p[1] ? ' ' : '\0';
}

/* Limit in the group of one line of /proc/self/cgroup, "4:memory:/path" (v1) or "0::/path" (v2). */
static void limit_of_line(char *line, char *out, size_t cap)
{
    char path[PATH_MAX], limit[64];
    char *controller = strchr(line, ':'), *group = controller ? strchr(controller + 1, ':') : NULL;
    if (!group)
        return;
    *group++ = '\0';
    if (!strcmp(controller, ":memory"))
        snprintf(path, sizeof path, "/sys/fs/cgroup/memory%s/memory.limit_in_bytes", group);
    else if (!strcmp(controller, ":"))
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
    else
        return;
    if (cb_read_line(path, limit, sizeof limit) < 0)
        return;
    /* v1 writes no limit as the largest multiple of the page size in an int64. */
    bool none = !strcmp(limit, "max") || strtoull(limit, NULL, 10) > UINT64_C(1) << 62;
    snprintf(out, cap, "%s", none ? "none" : limit);
}

static void memory_limit(const char *path, char *out, size_t cap)
{
    CB_AUTOBUF struct cb_buf text = {0};
    struct cb_err ignored;
    if (cb_read_file(AT_FDCWD, path, PROC_MAX, &text, &ignored) < 0)
        return;
    char *rest = text.data, *line;
    while (!*out && rest && (line = strsep(&rest, "\n")))
        limit_of_line(line, out, cap);
}

static void filesystem(const char *path, char *out, size_t cap)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } types[] = {
        {EXT4_SUPER_MAGIC, "ext4"},      {BTRFS_SUPER_MAGIC, "btrfs"},         {XFS_SUPER_MAGIC, "xfs"},
        {TMPFS_MAGIC, "tmpfs"},          {OVERLAYFS_SUPER_MAGIC, "overlayfs"}, {RAMFS_MAGIC, "ramfs"},
        {SQUASHFS_MAGIC, "squashfs"},    {FUSE_SUPER_MAGIC, "fuse"},           {V9FS_MAGIC, "9p"},
        {NFS_SUPER_MAGIC, "nfs"},        {F2FS_SUPER_MAGIC, "f2fs"},           {0x2fc12fc1, "zfs"},
        {EROFS_SUPER_MAGIC_V1, "erofs"},
    };
    struct statfs st;
    if (!path || !*path) {
        snprintf(out, cap, "none");
        return;
    }
    if (statfs(path, &st) < 0)
        return;
    snprintf(out, cap, "0x%lx", (unsigned long)st.f_type);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if ((unsigned long)st.f_type == types[i].magic)
            snprintf(out, cap, "%s", types[i].name);
}

static void io_uring_works(const char *unused, char *out, size_t cap)
{
    struct io_uring ring;
    (void)unused;
    int failed = io_uring_queue_init(1, &ring, 0);
    if (failed) {
        snprintf(out, cap, "no: %s", strerror(-failed));
        return;
    }
    io_uring_queue_exit(&ring);
    snprintf(out, cap, "yes");
}

static const struct fact facts[] = {
    {"kernel", uname_part, "release"},
    {"machine", uname_part, "machine"},
    {"clock.source", line_of, "/sys/devices/system/clocksource/clocksource0/current_clocksource"},
    {"clock.cost_ns", clock_part, "cost"},
    {"clock.resolution_ns", clock_part, "resolution"},
    {"cpus.allowed", status_field, "Cpus_allowed_list"},
    {"cpus.online", line_of, "/sys/devices/system/cpu/online"},
    {"memory.total", memory_field, "MemTotal"},
    {"memory.limit", memory_limit, "/proc/self/cgroup"},
    {"page.size", page_size, ""},
    {"thp", bracketed, "/sys/kernel/mm/transparent_hugepage/enabled"},
    {"aslr", aslr, "/proc/sys/kernel/randomize_va_space"},
    {"mitigations", mitigations, VULNERABLE_DIR},
    {"hypervisor", hypervisor, " hypervisor"},
    {"seccomp", status_field, "Seccomp"},
    {"no_new_privs", status_field, "NoNewPrivs"},
    {"caps.effective", status_field, "CapEff"},
    {"speculation.store_bypass", status_field, "Speculation_Store_Bypass"},
    {"uid", id, "uid"},
    {"pid", id, "pid"},
    {"cgroup", joined_lines, "/proc/self/cgroup"},
    {"scratch.fs", filesystem, NULL},
    {"root.fs", filesystem, "/"},
    {"io_uring", io_uring_works, ""},
};

void cb_facts_each(const char *scratch, void (*emit)(void *arg, const char *key, const char *value),
                   void *arg)
{
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        char value[CB_WIRE_TEXT] = "";
        facts[i].read(facts[i].arg ? facts[i].arg : scratch, value, sizeof value);
        emit(arg, facts[i].key, *value ? value : "unknown");
    }
}
