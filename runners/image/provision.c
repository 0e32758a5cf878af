#include "runners/image/provision.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "runners/image/btrfs.h"
#include "runners/image/disk.h"
#include "runners/image/tree.h"
#include "runners/image/unpack.h"

/* One instance being made, in a directory of its own. */
struct job {
    const struct cb_images *im;
    char dir[CB_IMAGES_PATH_MAX];
};

/* Each makes the instance below job->dir, and says what it took. */
typedef int provisioner(const struct job *job, struct cb_image_cost *out, struct cb_err *err);

/* Time up to now, and blocks of everything below the job's directory. */
static int finish(const struct job *job, uint64_t begin, struct cb_image_cost *out, struct cb_err *err)
{
    struct cb_tree_size size = {0};
    out->ns = cb_now_ns() - begin;
    if (cb_tree_size(job->dir, &size, err) < 0)
        return -1;
    out->bytes = size.allocated;
    return 0;
}

/* ---- copies ------------------------------------------------------------------------------------------ */

static int copy(const struct job *job, const char *what, enum cb_copy how, struct cb_image_cost *out,
                struct cb_err *err)
{
    char from[CB_IMAGES_PATH_MAX], to[CB_IMAGES_PATH_MAX + 16];
    if (cb_images_path(job->im, from, err, "%s", what) < 0 ||
        cb_path(to, sizeof to, err, "%s/copy", job->dir) < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    return cb_tree_copy(from, to, how, err) < 0 ? -1 : finish(job, begin, out, err);
}

static int host_copy(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    return copy(job, "tree", CB_COPY_PLAIN, out, err);
}

static int host_reflink(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    return copy(job, "tree", CB_COPY_REFLINK, out, err);
}

static int container_copy(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    return copy(job, "rootfs", CB_COPY_PLAIN, out, err);
}

static int container_reflink(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    return copy(job, "rootfs", CB_COPY_REFLINK, out, err);
}

static int vm_copy(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    return copy(job, "disk.raw", CB_COPY_PLAIN, out, err);
}

static int vm_reflink(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    return copy(job, "disk.raw", CB_COPY_REFLINK, out, err);
}

/* ---- overlay ----------------------------------------------------------------------------------------- */

static int make_dirs(const char *dir, const char *const *names, struct cb_err *err)
{
    char path[CB_IMAGES_PATH_MAX + 16];
    for (; *names; names++)
        if (cb_path(path, sizeof path, err, "%s/%s", dir, *names) < 0 || cb_mkdirs(path, 0755, err) < 0)
            return -1;
    return 0;
}

/* Over the layers in `lower`, from the job's directory: no path of the user's gets into mount options. */
static int mount_overlay(const struct job *job, const char *lower, struct cb_err *err)
{
    static const char *const dirs[] = {"upper", "work", "root", NULL};
    char options[256];
    if (make_dirs(job->dir, dirs, err) < 0 ||
        cb_path(options, sizeof options, err, "lowerdir=%s/2:%s/1:%s/0,upperdir=upper,workdir=work", lower,
                lower, lower) < 0)
        return -1;
    if (chdir(job->dir) < 0)
        return cb_fail_sys(err, errno, "enter %s", job->dir);
    if (mount("overlay", "root", "overlay", 0, options) == 0)
        return 0;
    return cb_fail(err, CB_EMISSING, "no overlay can be mounted here: %m");
}

/* What is mounted shows the lower layers' bytes too: only the other two directories are the instance's. */
static int finish_overlay(const struct job *job, uint64_t begin, struct cb_image_cost *out,
                          struct cb_err *err)
{
    struct cb_tree_size size = {0};
    out->ns = cb_now_ns() - begin;
    (void)job;
    if (cb_tree_size("upper", &size, err) < 0 || cb_tree_size("work", &size, err) < 0)
        return -1;
    out->bytes = size.allocated;
    return 0;
}

static int overlay_work(const void *arg, struct cb_image_cost *out, struct cb_err *err)
{
    const struct job *job = arg;
    uint64_t begin = cb_now_ns();
    return mount_overlay(job, "../layers", err) < 0 ? -1 : finish_overlay(job, begin, out, err);
}

static int container_overlay(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    return cb_cost_in_namespace(overlay_work, job, out, err);
}

/* ---- unpacking --------------------------------------------------------------------------------------- */

static int host_unpack(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    char archive[CB_IMAGES_PATH_MAX];
    if (cb_images_path(job->im, archive, err, "tree.tar.gz") < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    return cb_unpack(archive, job->dir, CB_UNPACK_MERGE, err) < 0 ? -1 : finish(job, begin, out, err);
}

static int unpack_layer(const struct job *job, const char *layout, unsigned i, struct cb_err *err)
{
    char blob[CB_OCI_PATH_MAX], dir[CB_IMAGES_PATH_MAX + 16];
    if (cb_oci_blob_path(layout, job->im->container.layers[i].blob.digest, blob, err) < 0 ||
        cb_path(dir, sizeof dir, err, "%s/l/%u", job->dir, i) < 0 || cb_mkdirs(dir, 0755, err) < 0)
        return -1;
    return cb_unpack(blob, dir, CB_UNPACK_LAYER, err);
}

static int unpack_work(const void *arg, struct cb_image_cost *out, struct cb_err *err)
{
    const struct job *job = arg;
    char layout[CB_IMAGES_PATH_MAX];
    struct cb_tree_size layers = {0};
    if (cb_images_path(job->im, layout, err, "oci") < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    for (unsigned i = 0; i < job->im->container.n; i++)
        if (unpack_layer(job, layout, i, err) < 0)
            return -1;
    if (mount_overlay(job, "l", err) < 0 || finish_overlay(job, begin, out, err) < 0 ||
        cb_tree_size("l", &layers, err) < 0)
        return -1;
    out->bytes += layers.allocated;
    return 0;
}

static int container_unpack(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    return cb_cost_in_namespace(unpack_work, job, out, err);
}

static int vm_unpack(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    char packed[CB_IMAGES_PATH_MAX], raw[CB_IMAGES_PATH_MAX + 16];
    if (cb_images_path(job->im, packed, err, "disk.qcow2") < 0 ||
        cb_path(raw, sizeof raw, err, "%s/disk.raw", job->dir) < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    return cb_qcow2_expand(packed, raw, err) < 0 ? -1 : finish(job, begin, out, err);
}

/* ---- qcow2 ------------------------------------------------------------------------------------------- */

static int vm_qcow2(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    char raw[CB_IMAGES_PATH_MAX], overlay[CB_IMAGES_PATH_MAX + 16];
    if (cb_images_path(job->im, raw, err, "disk.raw") < 0 ||
        cb_path(overlay, sizeof overlay, err, "%s/disk.qcow2", job->dir) < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    return cb_qcow2_overlay(raw, overlay, err) < 0 ? -1 : finish(job, begin, out, err);
}

/* ---- btrfs ------------------------------------------------------------------------------------------- */

/* Of the filesystem, with everything written down. */
static int used_bytes(const char *root, uint64_t *out, struct cb_err *err)
{
    struct statfs fs;
    CB_AUTOFD int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) < 0 || fstatfs(fd, &fs) < 0)
        return cb_fail_sys(err, errno, "look at %s", root);
    *out = (uint64_t)(fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize;
    return 0;
}

static int btrfs_work(const void *arg, struct cb_image_cost *out, struct cb_err *err)
{
    const struct job *job = arg;
    char root[CB_IMAGES_PATH_MAX + 16], image[CB_IMAGES_PATH_MAX + 32], from[CB_IMAGES_PATH_MAX];
    uint64_t before, after;
    if (cb_path(root, sizeof root, err, "%s/root", job->dir) < 0 ||
        cb_path(image, sizeof image, err, "%s/image/rootfs", root) < 0 ||
        cb_images_path(job->im, from, err, "rootfs") < 0 || cb_btrfs_mount(job->dir, err) < 0 ||
        cb_btrfs_subvolume(root, "image", err) < 0 || cb_tree_copy(from, image, CB_COPY_PLAIN, err) < 0 ||
        used_bytes(root, &before, err) < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    if (cb_btrfs_snapshot(root, "image", "instance", err) < 0)
        return -1;
    out->ns = cb_now_ns() - begin;
    if (used_bytes(root, &after, err) < 0)
        return -1;
    out->bytes = after > before ? after - before : 0;
    return 0;
}

static int container_btrfs(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    return cb_cost_in_namespace(btrfs_work, job, out, err);
}

/* ---- what engines had before ------------------------------------------------------------------------- */

static int container_devicemapper(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    (void)job;
    (void)out;
    if (access("/sys/class/misc/device-mapper", F_OK) < 0)
        return cb_fail(err, CB_EMISSING, "this kernel has no device mapper (/sys/class/misc/device-mapper)");
    return cb_fail(err, CB_EMISSING, "cbench makes no thin pool: engines no longer have such a driver");
}

static int container_aufs(const struct job *job, struct cb_image_cost *out, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf known = {0};
    (void)job;
    (void)out;
    if (cb_read_file(AT_FDCWD, "/proc/filesystems", 1 << 16, &known, err) < 0)
        return -1;
    if (!strstr(cb_buf_str(&known), "\taufs\n"))
        return cb_fail(err, CB_EMISSING,
                       "this kernel has no aufs (/proc/filesystems): Linux never took it in");
    return cb_fail(err, CB_EMISSING, "cbench mounts no aufs: engines no longer have such a driver");
}

/* ---- all of them ------------------------------------------------------------------------------------- */

static provisioner *const provisioners[CB_IMAGE_KINDS][CB_PROVISIONS] = {
    [CB_IMAGE_HOST] =
        {
            [CB_PROVISION_NATIVE] = host_copy,
            [CB_PROVISION_COPY] = host_copy,
            [CB_PROVISION_UNPACK] = host_unpack,
            [CB_PROVISION_REFLINK] = host_reflink,
            /* What the others are held against: a host has no images. */
            [CB_PROVISION_OVERLAY] = host_copy,
            [CB_PROVISION_BTRFS] = host_copy,
            [CB_PROVISION_QCOW2] = host_copy,
            [CB_PROVISION_DEVICEMAPPER] = host_copy,
            [CB_PROVISION_AUFS] = host_copy,
        },
    [CB_IMAGE_CONTAINER] =
        {
            [CB_PROVISION_NATIVE] = container_overlay,
            [CB_PROVISION_COPY] = container_copy,
            [CB_PROVISION_UNPACK] = container_unpack,
            [CB_PROVISION_REFLINK] = container_reflink,
            [CB_PROVISION_OVERLAY] = container_overlay,
            [CB_PROVISION_BTRFS] = container_btrfs,
            [CB_PROVISION_DEVICEMAPPER] = container_devicemapper,
            [CB_PROVISION_AUFS] = container_aufs,
        },
    [CB_IMAGE_VM] =
        {
            [CB_PROVISION_NATIVE] = vm_qcow2,
            [CB_PROVISION_COPY] = vm_copy,
            [CB_PROVISION_UNPACK] = vm_unpack,
            [CB_PROVISION_REFLINK] = vm_reflink,
            [CB_PROVISION_QCOW2] = vm_qcow2,
        },
};

int cb_provision(const struct cb_images *im, enum cb_image_kind kind, enum cb_provision how,
                 struct cb_image_cost *out, struct cb_err *err)
{
    struct job job = {.im = im};
    struct cb_err ignored; /* the run's end removes what cannot be removed now */
    if (!provisioners[kind][how])
        return cb_fail(err, CB_EMISSING, "a %s is not provided that way",
                       kind == CB_IMAGE_VM ? "disk image" : "container's image");
    if (cb_images_fresh(im, "instance", job.dir, err) < 0)
        return -1;
    int got = provisioners[kind][how](&job, out, err);
    (void)cb_remove_tree(job.dir, &ignored);
    return got;
}
