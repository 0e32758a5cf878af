/* The host's files and mounts, and what of the kernel shows as files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/hostile/payload.h"

#define LEVELS 64 /* more than any path of the host has */

/* --- the host's files -------------------------------------------------------------------------------- */

static int reaches(const char *base, const char *path)
{
    char full[PATH_MAX];
    snprintf(full, sizeof full, "%s%s", base, path);
    return access(full, F_OK);
}

static enum outcome secret_by_path(const struct host *h, char *why)
{
    static const char *const bases[] = {"",
                                        "/proc/1/root",
                                        "/proc/self/root",
                                        "/proc/self/cwd",
                                        "/proc/1/cwd",
                                        "/proc/self/fd/0/..",
                                        "/dev/fd/1/.."};
    char up[3 * LEVELS + 1] = "";
    for (int i = 0; i < LEVELS; i++)
        memcpy(up + 3 * i, "/..", 4);
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (reaches(bases[i], h->secret) == 0)
            return broken(why, "%s%s is there", bases[i], h->secret);
    return reaches(up, h->secret) ? HELD : broken(why, "above / there is %s", h->secret);
}

/* Out of pivot_root: one directory at a time, until nothing changes. */
static enum outcome above_the_root(const struct host *h, char *why)
{
    struct stat root, above;
    (void)h;
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    fstat(fd, &root);
    for (int i = 0; i < LEVELS && fd >= 0; i++) {
        int next = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    if (fd < 0 || fstat(fd, &above))
        return broken(why, "cannot go up: %s", strerror(errno));
    close(fd);
    return root.st_dev == above.st_dev && root.st_ino == above.st_ino
               ? HELD
               : broken(why, "there is a directory above");
}

/* A file handle needs no path: with one, any file of a mounted filesystem could be opened. */
static enum outcome secret_by_handle(const struct host *h, char *why)
{
    struct file_handle *handle = calloc(1, sizeof *handle + sizeof h->handle);
    int used = 0;
    if (!handle || sscanf(h->handle, "%d:%n", &handle->handle_type, &used) != 1) {
        free(handle);
        return absent(why, "the host's filesystem has no handles");
    }
    unsigned char *bytes = handle->f_handle;
    for (const char *p = h->handle + used; sscanf(p, "%2hhx", bytes) == 1; p += 2, bytes++)
        handle->handle_bytes++;
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = open_by_handle_at(root, handle, O_RDONLY);
    int cause = errno;
    free(handle);
    close(root);
    errno = cause;
    return refused(why, "open_by_handle_at", fd, EPERM);
}

/* --- mounts ------------------------------------------------------------------------------------------ */

static int is_expected_mount(const char *at)
{
    static const char *const whole[] = {"/",
                                        "/proc",
                                        "/sys",
                                        "/dev",
                                        "/dev/pts",
                                        "/dev/shm",
                                        "/scratch",
                                        "/tmp",
                                        "/cbench-overlay",
                                        "/cbench-overlay/root"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(at, whole[i]) == 0)
            return 1;
    return strncmp(at, "/proc/", 6) == 0 || strncmp(at, "/sys/", 5) == 0; /* what hides something */
}

static enum outcome only_own_mounts(const struct host *h, char *why)
{
    char line[4096], at[4096], root[4096];
    int unexpected = 0, n = 0;
    (void)h;
    FILE *f = fopen("/proc/self/mountinfo", "re");
    while (f && fgets(line, sizeof line, f) && sscanf(line, "%*s %*s %*s %4095s %4095s", root, at) == 2) {
        n++;
        if (!is_expected_mount(at) && !unexpected++)
            broken(why, "%s is mounted on %s", root, at);
    }
    if (f)
        fclose(f);
    return unexpected ? BROKEN : n ? HELD : broken(why, "mountinfo has nothing");
}

static enum outcome change_mounts(const struct host *h, char *why)
{
    (void)h;
    if (mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
        return broken(why, "/proc/sys is writable now");
    if (umount2("/proc/sys", MNT_DETACH) == 0 || umount2("/sys/firmware", MNT_DETACH) == 0)
        return broken(why, "a mask is off");
    return refused(why, "mount", mount("proc", "/tmp", "proc", 0, NULL), EPERM);
}

/* --- what of the kernel is masked -------------------------------------------------------------------- */

/* The files that runc and crun mask by default. */
static const char *const masked[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
};

static int directory_entries(const char *path)
{
    struct dirent *e;
    int n = 0;
    DIR *d = opendir(path);
    while (d && (e = readdir(d)))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (d)
        closedir(d);
    return n;
}

static int gives_bytes(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? 0 : read(fd, &byte, 1);
    close(fd);
    return n > 0;
}

static enum outcome masks(const struct host *h, char *why)
{
    struct stat st;
    (void)h;
    for (size_t i = 0; i < sizeof masked / sizeof *masked; i++) {
        if (stat(masked[i], &st))
            continue; /* this kernel has none */
        if (S_ISDIR(st.st_mode) ? directory_entries(masked[i]) : gives_bytes(masked[i]))
            return broken(why, "%s says something", masked[i]);
        if (S_ISDIR(st.st_mode) && access(masked[i], W_OK) == 0)
            return broken(why, "%s can be written", masked[i]);
    }
    return HELD;
}

/* --- what of the kernel cannot be written ------------------------------------------------------------ */

static char *reason; /* where a walk has no argument */

static int find_writable(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)where;
    if (type != FTW_F)
        return 0;
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return 0;
    close(fd);
    broken(reason, "%s can be opened to write", path);
    return 1;
}

/* Nothing is written: where a container does not hold, the host must not suffer. */
static enum outcome nothing_writable(const char *const *trees, char *why)
{
    reason = why;
    for (; *trees; trees++)
        if (nftw(*trees, find_writable, 16, FTW_PHYS) == 1)
            return BROKEN;
    return HELD;
}

static enum outcome kernel_settings(const struct host *h, char *why)
{
    static const char *const trees[] = {"/proc/sys", "/proc/irq",           "/proc/bus",
                                        "/proc/fs",  "/proc/sysrq-trigger", NULL};
    (void)h;
    return nothing_writable(trees, why);
}

static enum outcome sysfs(const struct host *h, char *why)
{
    static const char *const trees[] = {"/sys/kernel", "/sys/module", "/sys/power",
                                        "/sys/block",  "/sys/bus",    NULL};
    struct statvfs fs;
    (void)h;
    if (statvfs("/sys", &fs) || !(fs.f_flag & ST_RDONLY))
        return broken(why, "/sys is not read-only");
    return nothing_writable(trees, why);
}

static enum outcome control_groups(const struct host *h, char *why)
{
    char line[512];
    int outside = 0;
    (void)h;
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && fgets(line, sizeof line, f)) {
        const char *path = strrchr(line, ':');
        outside += path && strstr(path, "cbench") != NULL;
    }
    if (f)
        fclose(f);
    if (outside)
        return broken(why, "the names of groups are known");
    return directory_entries("/sys/fs/cgroup") ? broken(why, "they are mounted") : HELD;
}

/* --- descriptors ------------------------------------------------------------------------------------- */

/* None beyond the agent's own three, and none of these leads into a file tree. */
static enum outcome descriptors(const struct host *h, char *why)
{
    struct stat st;
    (void)h;
    for (int fd = 0; fd < 4096; fd++)
        if (fstat(fd, &st) == 0 && (fd > STDERR_FILENO || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode)))
            return broken(why, "%d is open", fd);
    return HELD;
}

const struct attempt files[] = {
    {"a file of the host by its path", secret_by_path},
    {"a directory above the root", above_the_root},
    {"a file of the host by its handle", secret_by_handle},
    {"mounts of the host", only_own_mounts},
    {"change mounts", change_mounts},
    {"what is masked", masks},
    {"write kernel settings", kernel_settings},
    {"write sysfs", sysfs},
    {"control groups", control_groups},
    {"inherited descriptors", descriptors},
    {NULL, NULL},
};
