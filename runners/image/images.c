#include "runners/image/images.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "runners/image/disk.h"
#include "runners/image/pack.h"
#include "runners/image/tree.h"
#include "runners/image/unpack.h"
#include "runners/initramfs.h"
#include "runners/vmspec.h"

#define MIB (UINT64_C(1) << 20)
/* mke2fs needs room for a journal: below this it makes none, and the guest's filesystem would be another. */
#define DISK_LEAST (16 * MIB)

/* ---- places and files -------------------------------------------------------------------------------- */

int cb_images_path(const struct cb_images *im, char out[CB_IMAGES_PATH_MAX], struct cb_err *err,
                   const char *form, ...)
{
    va_list args;
    int n = snprintf(out, CB_IMAGES_PATH_MAX, "%s/", im->dir);
    va_start(args, form);
    int more = vsnprintf(out + n, (size_t)(CB_IMAGES_PATH_MAX - n), form, args);
    va_end(args);
    return more < 0 || n + more >= CB_IMAGES_PATH_MAX ? cb_fail_sys(err, ENAMETOOLONG, "%s", im->dir) : 0;
}

int cb_images_fresh(const struct cb_images *im, const char *name, char out[CB_IMAGES_PATH_MAX],
                    struct cb_err *err)
{
    if (cb_images_path(im, out, err, "%s", name) < 0 || cb_remove_tree(out, err) < 0)
        return -1;
    return cb_mkdirs(out, 0755, err);
}

int cb_images_write(const char *path, const struct cb_buf *bytes, struct cb_err *err)
{
    CB_AUTOFD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return cb_fail_sys(err, errno, "create %s", path);
    return cb_write_all(fd, cb_buf_str(bytes), bytes->len, err) < 0 ? cb_wrap(err, "%s", path) : 0;
}

int cb_images_length(const char *path, uint64_t *out, struct cb_err *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return cb_fail_sys(err, errno, "look at %s", path);
    *out = (uint64_t)st.st_size;
    return 0;
}

uint64_t cb_images_disk_bytes(const struct cb_payload *p)
{
    uint64_t bytes = (2 * cb_payload_bytes(p) + MIB - 1) / MIB * MIB;
    return bytes < DISK_LEAST ? DISK_LEAST : bytes;
}

/* That a form holds the payload, byte for byte: looked at once, when it is made. */
static int same_files(const struct cb_images *im, const char *dir, struct cb_err *err)
{
    char digest[CB_SHA256_HEX];
    if (cb_tree_digest_of(dir, digest, err) < 0)
        return -1;
    return strcmp(digest, im->digest) == 0 ? 0 : cb_fail(err, CB_ESYS, "%s does not hold the payload", dir);
}

/* Sizes on disk are those of blocks that the filesystem has chosen, and no later measurement pays for their
 * writing. */
static int settle(const struct cb_images *im, struct cb_err *err)
{
    CB_AUTOFD int fd = open(im->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || syncfs(fd) < 0 ? cb_fail_sys(err, errno, "sync %s", im->dir) : 0;
}

/* ---- the three forms --------------------------------------------------------------------------------- */

static int make_host(struct cb_images *im, struct cb_err *err)
{
    char tree[CB_IMAGES_PATH_MAX], path[CB_IMAGES_PATH_MAX];
    CB_AUTOBUF struct cb_buf packed = {0};
    if (cb_images_path(im, tree, err, "tree") < 0 || cb_images_path(im, path, err, "tree.tar.gz") < 0)
        return -1;
    const struct cb_selection all = {.payload = &im->payload, .parts = CB_PARTS_ALL, .tree = tree};
    if (same_files(im, tree, err) < 0 || cb_pack_tar_gzip(&all, &packed, err) < 0)
        return -1;
    return cb_images_write(path, &packed, err);
}

int cb_images_layers(const char *layout, const struct cb_selection *all, struct cb_oci_image *out,
                     struct cb_err *err)
{
    static const char *const names[CB_PARTS] = {"base", "libraries", "application"};
    for (unsigned i = 0; i < CB_PARTS; i++) {
        struct cb_selection part = *all;
        part.parts = 1u << i;
        if (cb_oci_layer_add(layout, &part, names[i], &out->layers[out->n++], err) < 0)
            return -1;
    }
    return 0;
}

static int unpack_layers(struct cb_images *im, const char *layout, struct cb_err *err)
{
    char blob[CB_OCI_PATH_MAX], rootfs[CB_IMAGES_PATH_MAX], dir[CB_IMAGES_PATH_MAX], name[24];
    if (cb_images_fresh(im, "rootfs", rootfs, err) < 0)
        return -1;
    for (unsigned i = 0; i < im->container.n; i++) {
        snprintf(name, sizeof name, "layers/%u", i);
        if (cb_oci_blob_path(layout, im->container.layers[i].blob.digest, blob, err) < 0 ||
            cb_images_fresh(im, name, dir, err) < 0 || cb_unpack(blob, dir, CB_UNPACK_LAYER, err) < 0 ||
            cb_unpack(blob, rootfs, CB_UNPACK_MERGE, err) < 0)
            return -1;
    }
    return same_files(im, rootfs, err);
}

static int make_container(struct cb_images *im, struct cb_err *err)
{
    char tree[CB_IMAGES_PATH_MAX], layout[CB_IMAGES_PATH_MAX];
    if (cb_images_path(im, tree, err, "tree") < 0 || cb_images_fresh(im, "oci", layout, err) < 0)
        return -1;
    const struct cb_selection all = {.payload = &im->payload, .tree = tree};
    im->container = (struct cb_oci_image){0};
    if (cb_oci_layout_make(layout, err) < 0 || cb_images_layers(layout, &all, &im->container, err) < 0 ||
        cb_oci_image_add(layout, "payload", &im->container, err) < 0)
        return -1;
    return unpack_layers(im, layout, err);
}

/* The files of the machine that the arm "vm" is. What it runs on changes nothing about them. */
static int make_initramfs(struct cb_images *im, struct cb_err *err)
{
    static const struct cb_vm_means none;
    struct cb_arm vm;
    struct cb_vm_spec spec;
    char path[CB_IMAGES_PATH_MAX];
    CB_AUTOBUF struct cb_buf plain = {0};
    CB_AUTOBUF struct cb_buf packed = {0};
    if (cb_arm_parse("vm", &vm, err) < 0 ||
        cb_vm_spec_make(&vm, &none, im->site->topo.nsut, im->site->memory, &spec, err) < 0 ||
        cb_guest_kernel_find(im->site->cache_dir, spec.kernel, spec.modules, &im->kernel, err) < 0 ||
        cb_initramfs(im->site->agent_path, &im->kernel, spec.modules, &plain, err) < 0 ||
        cb_images_path(im, path, err, "initramfs") < 0 || cb_images_write(path, &plain, err) < 0)
        return -1;
    if (cb_pack_gzip(plain.data, plain.len, &packed, err) < 0 ||
        cb_images_path(im, path, err, "initramfs.gz") < 0)
        return -1;
    return cb_images_write(path, &packed, err);
}

static int make_vm(struct cb_images *im, struct cb_err *err)
{
    char tree[CB_IMAGES_PATH_MAX], raw[CB_IMAGES_PATH_MAX], packed[CB_IMAGES_PATH_MAX],
        check[CB_IMAGES_PATH_MAX];
    if (cb_images_path(im, tree, err, "tree") < 0 || cb_images_path(im, raw, err, "disk.raw") < 0 ||
        cb_images_path(im, packed, err, "disk.qcow2") < 0 || cb_images_fresh(im, "check", check, err) < 0)
        return -1;
    if (make_initramfs(im, err) < 0 || cb_disk_make(tree, raw, cb_images_disk_bytes(&im->payload), err) < 0 ||
        cb_qcow2_pack(raw, packed, err) < 0 || cb_disk_extract(raw, check, err) < 0 ||
        same_files(im, check, err) < 0)
        return -1;
    return cb_remove_tree(check, err);
}

/* ---- what a run has ---------------------------------------------------------------------------------- */

int cb_image_kind_of(const struct cb_arm *arm, enum cb_image_kind *kind, struct cb_err *err)
{
    static const char *const runners[CB_IMAGE_KINDS] = {"host", "container", "vm"};
    for (*kind = 0; *kind < CB_IMAGE_KINDS; ++*kind)
        if (strcmp(arm->runner->name, runners[*kind]) == 0)
            return 0;
    return cb_fail(err, CB_EMISSING, "no image is made for arms of %s", arm->runner->name);
}

void cb_images_free(struct cb_images *im)
{
    while (im) {
        struct cb_images *others = im->others;
        cb_payload_free(&im->payload);
        free(im);
        im = others;
    }
}

static int begin(struct cb_images *im, struct cb_err *err)
{
    char tree[CB_IMAGES_PATH_MAX];
    if (cb_path(im->dir, sizeof im->dir, err, "%s/images-%llu", im->site->work_dir,
                (unsigned long long)im->size) < 0 ||
        cb_payload_make(&im->payload, im->site->agent_path, im->size, 0, err) < 0 ||
        cb_payload_digest(&im->payload, im->digest, err) < 0 || cb_images_fresh(im, "tree", tree, err) < 0)
        return -1;
    return cb_tree_install(&im->payload, tree, err);
}

static struct cb_images *find(struct cb_site *site, uint64_t size)
{
    struct cb_images *im = site->images;
    while (im && im->size != size)
        im = im->others;
    return im;
}

int cb_images_get(struct cb_site *site, uint64_t size, enum cb_image_kind kind, struct cb_images **out,
                  struct cb_err *err)
{
    static int (*const makers[CB_IMAGE_KINDS])(struct cb_images *,
                                               struct cb_err *) = {make_host, make_container, make_vm};
    struct cb_images *im = find(site, size);
    if (!im) {
        im = calloc(1, sizeof *im);
        if (!im)
            return cb_fail_sys(err, ENOMEM, "images");
        *im = (struct cb_images){.site = site, .size = size};
        if (begin(im, err) < 0) {
            cb_images_free(im);
            return -1;
        }
        im->others = site->images;
        site->images = im;
    }
    if (!im->made[kind] && (makers[kind](im, err) < 0 || settle(im, err) < 0))
        return cb_wrap(err, "make the image");
    im->made[kind] = true;
    *out = im;
    return 0;
}
