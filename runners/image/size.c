#include "runners/image/size.h"

#include "bench/base/buf.h"
#include "bench/base/io.h"
#include "runners/image/disk.h"
#include "runners/image/pack.h"
#include "runners/image/tree.h"

/* ---- moved ------------------------------------------------------------------------------------------- */

/* Adds the lengths of files; names end with NULL. */
static int add_lengths(const struct cb_images *im, const char *const *names, uint64_t *sum,
                       struct cb_err *err)
{
    char path[CB_IMAGES_PATH_MAX];
    for (; *names; names++) {
        uint64_t length;
        if (cb_images_path(im, path, err, "%s", *names) < 0 || cb_images_length(path, &length, err) < 0)
            return -1;
        *sum += length;
    }
    return 0;
}

static int transfer(const struct cb_images *im, enum cb_image_kind kind, uint64_t *out, struct cb_err *err)
{
    static const char *const host[] = {"tree.tar.gz", NULL}, *const vm[] = {"initramfs.gz", "disk.qcow2",
                                                                            NULL};
    *out = 0;
    if (kind == CB_IMAGE_CONTAINER) {
        *out = cb_oci_transfer(&im->container, NULL);
        return 0;
    }
    /* The kernel's image is compressed as it is. */
    if (kind == CB_IMAGE_VM && cb_images_length(im->kernel.image, out, err) < 0)
        return -1;
    return add_lengths(im, kind == CB_IMAGE_VM ? vm : host, out, err);
}

/* ---- stored ------------------------------------------------------------------------------------------ */

static int stored(const struct cb_images *im, enum cb_image_kind kind, struct cb_tree_size *out,
                  struct cb_err *err)
{
    static const char *const parts[CB_IMAGE_KINDS][4] = {
        {"tree"}, {"layers/0", "layers/1", "layers/2"}, {"initramfs", "disk.raw"}};
    char path[CB_IMAGES_PATH_MAX];
    *out = (struct cb_tree_size){0};
    if (kind == CB_IMAGE_VM && cb_tree_size(im->kernel.image, out, err) < 0)
        return -1;
    for (const char *const *part = parts[kind]; *part; part++)
        if (cb_images_path(im, path, err, "%s", *part) < 0 || cb_tree_size(path, out, err) < 0)
            return -1;
    return 0;
}

/* ---- the next image ---------------------------------------------------------------------------------- */

static int next_host(const struct cb_images *im, const struct cb_payload *next, uint64_t *out,
                     struct cb_err *err)
{
    const struct cb_selection new_parts = {.payload = next, .parts = CB_PARTS_ALL & ~(1u << CB_PART_BASE)};
    CB_AUTOBUF struct cb_buf packed = {0};
    (void)im;
    if (cb_pack_tar_gzip(&new_parts, &packed, err) < 0)
        return -1;
    *out = packed.len;
    return 0;
}

static int next_container(const struct cb_images *im, const struct cb_payload *next, uint64_t *out,
                          struct cb_err *err)
{
    const struct cb_selection all = {.payload = next};
    struct cb_oci_image image = {0};
    char layout[CB_IMAGES_PATH_MAX];
    if (cb_images_path(im, layout, err, "oci") < 0 || cb_images_layers(layout, &all, &image, err) < 0 ||
        cb_oci_image_add(layout, "next", &image, err) < 0)
        return -1;
    *out = cb_oci_transfer(&image, &im->container);
    return 0;
}

/* A disk image has its base in it again; the kernel and the initramfs are there. */
static int next_vm(const struct cb_images *im, const struct cb_payload *next, uint64_t *out,
                   struct cb_err *err)
{
    char dir[CB_IMAGES_PATH_MAX], tree[CB_IMAGES_PATH_MAX], raw[CB_IMAGES_PATH_MAX],
        packed[CB_IMAGES_PATH_MAX];
    if (cb_images_fresh(im, "next", dir, err) < 0 || cb_images_fresh(im, "next/tree", tree, err) < 0 ||
        cb_images_path(im, raw, err, "next/disk.raw") < 0 ||
        cb_images_path(im, packed, err, "next/disk.qcow2") < 0)
        return -1;
    if (cb_tree_install(next, tree, err) < 0 ||
        cb_disk_make(tree, raw, cb_images_disk_bytes(next), err) < 0 || cb_qcow2_pack(raw, packed, err) < 0 ||
        cb_images_length(packed, out, err) < 0)
        return -1;
    return cb_remove_tree(dir, err);
}

static int next(struct cb_images *im, enum cb_image_kind kind, uint64_t *out, struct cb_err *err)
{
    static int (*const find[CB_IMAGE_KINDS])(const struct cb_images *, const struct cb_payload *, uint64_t *,
                                             struct cb_err *) = {next_host, next_container, next_vm};
    struct cb_payload other;
    uint64_t *known = &im->next_bytes[kind];
    int failed = 0;
    if (!*known) {
        failed = cb_payload_make(&other, im->site->agent_path, im->size, 1, err) < 0 ||
                 find[kind](im, &other, known, err) < 0;
        cb_payload_free(&other);
    }
    *out = *known;
    return failed ? -1 : 0;
}

int cb_images_size(struct cb_images *im, enum cb_image_kind kind, enum cb_image_what what, uint64_t *bytes,
                   struct cb_err *err)
{
    struct cb_tree_size size;
    if (what == CB_IMAGE_TRANSFER)
        return transfer(im, kind, bytes, err);
    if (what == CB_IMAGE_NEXT)
        return next(im, kind, bytes, err);
    if (stored(im, kind, &size, err) < 0)
        return -1;
    *bytes = what == CB_IMAGE_APPARENT ? size.apparent : size.allocated;
    return 0;
}
