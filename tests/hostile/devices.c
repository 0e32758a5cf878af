/* Devices: those that are there, and those that are not. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/hostile/payload.h"

static char *reason; /* where a walk has no argument */

/* null zero full random urandom, tty ptmx, terminals of a devpts of its own */
static int is_usual(dev_t dev)
{
    unsigned major = major(dev), minor = minor(dev);
    return (major == 1 && (minor == 3 || minor == 5 || (minor >= 7 && minor <= 9))) ||
           (major == 5 && (minor == 0 || minor == 2)) || major == 136;
}

static int find_device(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)type;
    (void)where;
    if (!S_ISBLK(st->st_mode) && (!S_ISCHR(st->st_mode) || is_usual(st->st_rdev)))
        return 0;
    broken(reason, "%s is device %u:%u", path, major(st->st_rdev), minor(st->st_rdev));
    return 1;
}

static enum outcome usual_devices(const struct host *h, char *why)
{
    static const char *const trees[] = {"/dev", "/scratch", "/tmp"};
    (void)h;
    reason = why;
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++)
        if (nftw(trees[i], find_device, 16, FTW_PHYS) == 1)
            return BROKEN;
    return HELD;
}

static enum outcome make(const char *path, mode_t mode, dev_t dev, char *why)
{
    if (mknod(path, mode | 0600, dev) < 0)
        /* EACCES: the directory belongs to somebody outside its user namespace */
        return errno == EACCES || errno == EROFS ? HELD : refused(why, path, -1, EPERM);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    broken(why, "made %s%s", path, fd < 0 ? "" : " and opened it");
    close(fd);
    unlink(path);
    return BROKEN;
}

/* Every disk that sysfs knows of. */
static enum outcome disks(const struct host *h, char *why)
{
    enum outcome o = HELD;
    unsigned major, minor;
    char line[32];
    (void)h;
    reason = why;
    FILE *list = fopen("/proc/partitions", "re");
    while (o == HELD && list && fgets(line, sizeof line, list))
        if (sscanf(line, "%u %u", &major, &minor) == 2)
            o = make("/dev/disk", S_IFBLK, makedev(major, minor), why);
    if (list)
        fclose(list);
    return o == HELD ? make("/scratch/disk", S_IFBLK, makedev(8, 0), why) : o;
}

static enum outcome memory(const struct host *h, char *why)
{
    (void)h;
    enum outcome o = make("/dev/mem", S_IFCHR, makedev(1, 1), why);
    return o == HELD ? make("/dev/kmsg", S_IFCHR, makedev(1, 11), why) : o;
}

/* Opened by number without a name: through a terminal's or a pipe's magic link. */
static enum outcome terminals(const struct host *h, char *why)
{
    (void)h;
    if (open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0)
        return broken(why, "it has the host's controlling terminal");
    return open("/dev/console", O_RDWR | O_CLOEXEC) >= 0 ? broken(why, "it has the console") : HELD;
}

const struct attempt devices[] = {
    {"devices beyond the usual", usual_devices},
    {"the host's disks", disks},
    {"memory and log of the kernel", memory},
    {"terminals of the host", terminals},
    {NULL, NULL},
};
