#include "runners/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/cleanup.h"
#include "bench/base/io.h"

#define IMAGE     CB_ROOTFS_IMAGE
#define AGENT     (&CB_ROOTFS_AGENT[1]) /* in the image */
#define AGENT_MAX (256u << 20)          /* bytes; the agent with debug symbols has a few million */

#define COUNT(array)       (sizeof(array) / sizeof *(array))
#define LOCKED             (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define NODE(major, minor) ((major) << 8 | (minor)) /* as makedev, which is no constant expression */

static int step_chdir(const struct cb_step *s, struct cb_err *err)
{
    return chdir(s->path) < 0 ? cb_fail_sys(err, errno, "enter %s", s->path) : 0;
}

static int step_mount(const struct cb_step *s, struct cb_err *err)
{
    if (mount(s->source, s->path, s->type, s->flags, s->data) < 0)
        return cb_fail_sys(err, errno, "mount %s on %s%s%s", s->source, s->path, s->data ? " with " : "",
                           s->data ? s->data : "");
    return 0;
}

/* Which paths exist below /proc and /sys hangs on the kernel. */
static int step_mount_if_there(const struct cb_step *s, struct cb_err *err)
{
    return step_mount(s, err) < 0 && err->sys != ENOENT ? -1 : 0;
}

/* A bind mount takes its flags in a second call only. */
static int step_read_only(const struct cb_step *s, struct cb_err *err)
{
    if (mount(s->path, s->path, NULL, MS_BIND, NULL) < 0)
        return errno == ENOENT ? 0 : cb_fail_sys(err, errno, "bind %s", s->path);
    if (mount(NULL, s->path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | s->flags, NULL) < 0)
        return cb_fail_sys(err, errno, "make %s read-only", s->path);
    return 0;
}

static int step_mkdir(const struct cb_step *s, struct cb_err *err)
{
    return mkdir(s->path, 0755) < 0 ? cb_fail_sys(err, errno, "mkdir %s", s->path) : 0;
}

static int step_device(const struct cb_step *s, struct cb_err *err)
{
    return mknod(s->path, S_IFCHR | 0666, s->dev) < 0 ? cb_fail_sys(err, errno, "mknod %s", s->path) : 0;
}

static int step_link(const struct cb_step *s, struct cb_err *err)
{
    return symlink(s->source, s->path) < 0 ? cb_fail_sys(err, errno, "symlink %s", s->path) : 0;
}

/* The new root over the old one at the same place: the old tree is then the top mount, and is let go. */
static int step_pivot(const struct cb_step *s, struct cb_err *err)
{
    (void)s;
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return cb_fail_sys(err, errno, "pivot_root");
    if (umount2(".", MNT_DETACH) < 0)
        return cb_fail_sys(err, errno, "let the host's mounts go");
    return chdir("/") < 0 ? cb_fail_sys(err, errno, "enter /") : 0;
}

#define HIDE_FILE(name)                                                                                      \
    {                                                                                                        \
        .run = step_mount_if_there, .source = "dev/null", .path = (name), .flags = MS_BIND                   \
    }
#define HIDE_DIR(name)                                                                                       \
    {                                                                                                        \
        .run = step_mount_if_there, .source = "tmpfs", .path = (name), .type = "tmpfs",                      \
        .flags = MS_RDONLY | LOCKED, .data = "nr_blocks=1,nr_inodes=1"                                       \
    }
#define READ_ONLY(name)                                                                                      \
    {                                                                                                        \
        .run = step_read_only, .path = (name), .flags = LOCKED                                               \
    }
#define DEVICE(name, major, minor)                                                                           \
    {                                                                                                        \
        .run = step_device, .path = "dev/" name, .dev = NODE(major, minor)                                   \
    }
#define LINK(name, to)                                                                                       \
    {                                                                                                        \
        .run = step_link, .path = (name), .source = (to)                                                     \
    }

/* Mounts of the host must not learn of ours. */
static const struct cb_step private_tree = {
    .run = step_mount, .source = "none", .path = "/", .flags = MS_REC | MS_PRIVATE};

/* Paths are relative to the instance's directory, so that no name of the user's gets into mount options,
 * where ',' and ':' mean something. The second overlay is for benchmarks, which see its layers: the root's
 * lower one is the image of all containers. With index=off a copy-up breaks hard links, so that one file can
 * be copied up under many names. The two mounts take 0.1 ms of a start of 40. */
static const struct cb_step overlay_root[] = {
    {.run = step_mount,
     .source = "overlay",
     .path = "root",
     .type = "overlay",
     .data = "lowerdir=../" IMAGE ",upperdir=upper,workdir=work"},
    {.run = step_mount, .source = "given", .path = "root" CB_OVERLAY_GIVEN, .flags = MS_BIND},
    {.run = step_mount,
     .source = "overlay",
     .path = "root" CB_OVERLAY_GIVEN "/root",
     .type = "overlay",
     .data = "lowerdir=given/l0,upperdir=given/upper,workdir=given/work,index=off"},
};
static const struct cb_step bind_root[] = {
    {.run = step_mount, .source = "../" IMAGE, .path = "root", .flags = MS_BIND},
    {.run = step_mount, .source = "none", .path = "root", .flags = MS_BIND | MS_REMOUNT | MS_RDONLY},
};
static const struct cb_step bind_scratch = {
    .run = step_mount, .source = "scratch", .path = "root" CB_ROOTFS_SCRATCH, .flags = MS_BIND};

/* The rest is as Docker, Podman and the OCI's example configuration have it, but for /dev/mqueue and the
 * cgroup filesystem, which no benchmark touches. */
static const struct cb_step inside[] = {
    {.run = step_chdir, .path = "root"},
    {.run = step_mount, .source = "proc", .path = "proc", .type = "proc", .flags = LOCKED},
    {.run = step_mount, .source = "sysfs", .path = "sys", .type = "sysfs", .flags = LOCKED | MS_RDONLY},
    {.run = step_mount,
     .source = "tmpfs",
     .path = "dev",
     .type = "tmpfs",
     .flags = MS_NOSUID,
     .data = "mode=755,size=64k"},
    DEVICE("null", 1, 3),
    DEVICE("zero", 1, 5),
    DEVICE("full", 1, 7),
    DEVICE("random", 1, 8),
    DEVICE("urandom", 1, 9),
    DEVICE("tty", 5, 0),
    {.run = step_mkdir, .path = "dev/pts"},
    {.run = step_mount,
     .source = "devpts",
     .path = "dev/pts",
     .type = "devpts",
     .flags = MS_NOSUID | MS_NOEXEC,
     .data = "newinstance,ptmxmode=0666,mode=0620"},
    {.run = step_mkdir, .path = "dev/shm"},
    {.run = step_mount,
     .source = "tmpfs",
     .path = "dev/shm",
     .type = "tmpfs",
     .flags = LOCKED,
     .data = "mode=1777,size=64m"},
    LINK("dev/ptmx", "pts/ptmx"),
    LINK("dev/fd", "/proc/self/fd"),
    LINK("dev/stdin", "/proc/self/fd/0"),
    LINK("dev/stdout", "/proc/self/fd/1"),
    LINK("dev/stderr", "/proc/self/fd/2"),
    HIDE_FILE("proc/kcore"),
    HIDE_FILE("proc/keys"),
    HIDE_FILE("proc/latency_stats"),
    HIDE_FILE("proc/sched_debug"),
    HIDE_FILE("proc/timer_list"),
    HIDE_FILE("proc/timer_stats"),
    HIDE_DIR("proc/acpi"),
    HIDE_DIR("proc/asound"),
    HIDE_DIR("proc/scsi"),
    HIDE_DIR("sys/devices/virtual/powercap"),
    HIDE_DIR("sys/firmware"),
    READ_ONLY("proc/bus"),
    READ_ONLY("proc/fs"),
    READ_ONLY("proc/irq"),
    READ_ONLY("proc/sys"),
    READ_ONLY("proc/sysrq-trigger"),
    {.run = step_pivot},
};

/* Makes each directory of a list that ends with NULL. */
static int make_dirs(const char *base, const char *const *names, struct cb_err *err)
{
    char path[512];
    for (; *names; names++)
        if (cb_path(path, sizeof path, err, "%s/%s", base, *names) < 0 || cb_mkdirs(path, 0755, err) < 0)
            return -1;
    return 0;
}

int cb_rootfs_image(const char *work_dir, const char *agent, struct cb_err *err)
{
    static const char *const dirs[] = {"dev", "proc", "sys", "tmp", "scratch", &CB_OVERLAY_GIVEN[1], NULL};
    char image[512];
    CB_AUTOBUF struct cb_buf bytes = {0};
    CB_AUTOFD int fd = -1;
    if (cb_path(image, sizeof image, err, "%s/" IMAGE, work_dir) < 0 || make_dirs(image, dirs, err) < 0)
        return -1;
    fd = open(image, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open %s", image);
    if (faccessat(fd, AGENT, X_OK, 0) == 0)
        return 0;
    if (cb_read_file(AT_FDCWD, agent, AGENT_MAX, &bytes, err) < 0)
        return -1;
    return cb_replace_file(fd, AGENT, bytes.data, bytes.len, 0755, err);
}

void cb_rootfs_init(struct cb_rootfs *r, enum cb_rootfs_kind kind, unsigned owner, uint64_t memory)
{
    *r = (struct cb_rootfs){.kind = kind, .owner = owner};
    snprintf(r->options, sizeof r->options, "mode=755,uid=%u,gid=%u,size=%" PRIu64, owner, owner, memory / 2);
}

/* The layer's directories lie over the image's, whose owner is root. */
static int give_away(const char *dir, unsigned owner, struct cb_err *err)
{
    static const char *const over[] = {"upper/scratch", "upper/tmp", NULL};
    static const char *const given[] = {"upper",   "upper/scratch", "upper/tmp",
                                        "scratch", "given/l0",      "given/upper"};
    char path[512];
    if (owner == 0)
        return 0;
    if (make_dirs(dir, over, err) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(given); i++) {
        if (cb_path(path, sizeof path, err, "%s/%s", dir, given[i]) < 0)
            return -1;
        if (lchown(path, owner, owner) < 0)
            return cb_fail_sys(err, errno, "give %s to user %u", path, owner);
    }
    return 0;
}

int cb_rootfs_instance(const struct cb_rootfs *r, const char *work_dir, const char *name, char *dir,
                       size_t cap, struct cb_err *err)
{
    static const char *const dirs[] = {"upper",       "work",       "root",       "scratch", "given/l0",
                                       "given/upper", "given/work", "given/root", NULL};
    if (cb_path(dir, cap, err, "%s/%s", work_dir, name) < 0 || cb_remove_tree(dir, err) < 0)
        return -1;
    return make_dirs(dir, dirs, err) < 0 ? -1 : give_away(dir, r->owner, err);
}

static void add_scratch(struct cb_steps *list, const struct cb_rootfs *r)
{
    const struct cb_step tmpfs = {.run = step_mount,
                                  .source = "tmpfs",
                                  .path = "root" CB_ROOTFS_SCRATCH,
                                  .type = "tmpfs",
                                  .flags = MS_NOSUID | MS_NODEV,
                                  .data = r->options};
    if (r->kind != CB_ROOTFS_OVERLAY)
        cb_steps_add(list, r->kind == CB_ROOTFS_TMPFS ? &tmpfs : &bind_scratch, 1);
}

void cb_rootfs_mount_steps(struct cb_steps *list, const struct cb_rootfs *r, const char *dir)
{
    const struct cb_step enter = {.run = step_chdir, .path = dir};
    cb_steps_add(list, &enter, 1);
    cb_steps_add(list, &private_tree, 1);
    if (r->kind == CB_ROOTFS_BIND)
        cb_steps_add(list, bind_root, COUNT(bind_root));
    else
        cb_steps_add(list, overlay_root, COUNT(overlay_root));
    add_scratch(list, r);
}

void cb_rootfs_steps(struct cb_steps *list, const struct cb_rootfs *r, const char *dir)
{
    cb_rootfs_mount_steps(list, r, dir);
    cb_steps_add(list, inside, COUNT(inside));
}
