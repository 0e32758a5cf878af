#include "runners/image/btrfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"

/* The file is sparse. Below 109 MiB mkfs.btrfs refuses; the largest payload is 256 MiB. */
#define DISK_BYTES ((off_t)1 << 30)
#define FORMAT_NS  (60 * CB_NS_PER_S)
#define PATH_CAP   600
/* Somebody else may have taken the free device that the kernel named. */
#define ATTEMPTS 8

static int format(const char *file, struct cb_err *err)
{
    const char *const argv[] = {"env", "PATH=/usr/sbin:/sbin:/usr/bin:/bin", "mkfs.btrfs", "-q", "-f", file,
                                NULL};
    CB_AUTOFD int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (access("/sbin/mkfs.btrfs", X_OK) < 0 && access("/usr/sbin/mkfs.btrfs", X_OK) < 0)
        return cb_fail(err, CB_EMISSING, "mkfs.btrfs is not installed");
    if (fd < 0 || ftruncate(fd, DISK_BYTES) < 0)
        return cb_fail_sys(err, errno, "create %s", file);
    return cb_capture(argv, FORMAT_NS, 0, NULL, err) < 0 ? cb_wrap(err, "format %s", file) : 0;
}

/* A loop device of the file that detaches itself. */
static int attach(const char *file, char device[32], struct cb_err *err)
{
    CB_AUTOFD int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    CB_AUTOFD int backing = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (control < 0)
        return cb_fail(err, CB_EMISSING, "no loop devices: open /dev/loop-control: %m");
    if (backing < 0)
        return cb_fail_sys(err, errno, "open %s", file);
    const struct loop_config config = {.fd = (uint32_t)backing, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
    for (int i = 0; i < ATTEMPTS; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        snprintf(device, 32, "/dev/loop%d", number);
        int fd = number < 0 ? -1 : open(device, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            return cb_fail(err, CB_EMISSING, "no loop device: open %s: %m", device);
        if (ioctl(fd, LOOP_CONFIGURE, &config) == 0)
            return fd;
        close(fd);
        if (errno != EBUSY)
            break;
    }
    return cb_fail(err, CB_EMISSING, "no loop device: configure %s: %m", device);
}

int cb_btrfs_mount(const char *dir, struct cb_err *err)
{
    char file[PATH_CAP], root[PATH_CAP], device[32];
    if (cb_path(file, sizeof file, err, "%s/btrfs", dir) < 0 ||
        cb_path(root, sizeof root, err, "%s/root", dir) < 0 || cb_mkdirs(root, 0755, err) < 0 ||
        format(file, err) < 0)
        return -1;
    CB_AUTOFD int loop = attach(file, device, err); /* open until the mount holds the device */
    if (loop < 0)
        return -1;
    if (mount(device, root, "btrfs", MS_NOATIME, NULL) == 0)
        return 0;
    return cb_fail(err, errno == ENODEV ? CB_EMISSING : CB_ESYS, "mount a btrfs: %m");
}

int cb_btrfs_subvolume(const char *root, const char *name, struct cb_err *err)
{
    struct btrfs_ioctl_vol_args args = {0};
    CB_AUTOFD int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(args.name, sizeof args.name, "%s", name);
    if (fd < 0 || ioctl(fd, BTRFS_IOC_SUBVOL_CREATE, &args) < 0)
        return cb_fail_sys(err, errno, "make the subvolume %s", name);
    return 0;
}

int cb_btrfs_snapshot(const char *root, const char *from, const char *to, struct cb_err *err)
{
    char path[PATH_CAP];
    struct btrfs_ioctl_vol_args_v2 args = {0};
    if (cb_path(path, sizeof path, err, "%s/%s", root, from) < 0)
        return -1;
    CB_AUTOFD int source = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CB_AUTOFD int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    args.fd = source;
    snprintf(args.name, sizeof args.name, "%s", to);
    if (source < 0 || fd < 0 || ioctl(fd, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0)
        return cb_fail_sys(err, errno, "make a snapshot of %s", from);
    return 0;
}
