#include "runners/image/update.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "runners/image/disk.h"
#include "runners/image/pack.h"
#include "runners/image/tree.h"
#include "runners/image/unpack.h"

/* One update in progress, in a directory of its own. */
struct update {
    const struct cb_images *im;
    const struct cb_payload *next; /* the payload with the update in it */
    enum cb_change change;
    char dir[CB_IMAGES_PATH_MAX];
    char tree[CB_IMAGES_PATH_MAX]; /* all files as they are after the update */
};

typedef int updater(const struct update *u, struct cb_image_cost *out, struct cb_err *err);

/* DIR/name of the update. */
static int path_of(const struct update *u, const char *name, char out[CB_IMAGES_PATH_MAX], struct cb_err *err)
{
    return cb_path(out, CB_IMAGES_PATH_MAX, err, "%s/%s", u->dir, name);
}

static int new_dir(const struct update *u, const char *name, char out[CB_IMAGES_PATH_MAX], struct cb_err *err)
{
    return path_of(u, name, out, err) < 0 ? -1 : cb_mkdirs(out, 0755, err);
}

/* ---- host -------------------------------------------------------------------------------------------- */

/* An archive, unpacked over what is in `into`. */
static int by_archive(const struct update *u, bool only_update, const char *into, struct cb_image_cost *out,
                      struct cb_err *err)
{
    const struct cb_selection files = {
        .payload = u->next, .parts = CB_PARTS_ALL, .only_update = only_update, .tree = u->tree};
    char archive[CB_IMAGES_PATH_MAX];
    CB_AUTOBUF struct cb_buf packed = {0};
    if (path_of(u, "update.tar.gz", archive, err) < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    if (cb_pack_tar_gzip(&files, &packed, err) < 0 || cb_images_write(archive, &packed, err) < 0 ||
        cb_unpack(archive, into, CB_UNPACK_MERGE, err) < 0)
        return -1;
    *out = (struct cb_image_cost){.ns = cb_now_ns() - begin, .bytes = packed.len};
    return 0;
}

static int host_difference(const struct update *u, struct cb_image_cost *out, struct cb_err *err)
{
    char from[CB_IMAGES_PATH_MAX], installed[CB_IMAGES_PATH_MAX];
    if (cb_images_path(u->im, from, err, "tree") < 0 || path_of(u, "installed", installed, err) < 0 ||
        cb_tree_copy(from, installed, CB_COPY_PLAIN, err) < 0)
        return -1;
    return by_archive(u, true, installed, out, err);
}

static int host_whole(const struct update *u, struct cb_image_cost *out, struct cb_err *err)
{
    char installed[CB_IMAGES_PATH_MAX];
    return new_dir(u, "installed", installed, err) < 0 ? -1 : by_archive(u, false, installed, out, err);
}

/* ---- container --------------------------------------------------------------------------------------- */

/* As an engine takes a blob in: its digest is looked at, and it is unpacked beside the layers that are there.
 */
static int take_layer(const struct update *u, const char *layout, const struct cb_oci_layer *layer,
                      struct cb_err *err)
{
    char blob[CB_OCI_PATH_MAX], dir[CB_IMAGES_PATH_MAX], digest[CB_SHA256_HEX];
    if (cb_oci_blob_path(layout, layer->blob.digest, blob, err) < 0 ||
        cb_sha256_file(blob, digest, err) < 0 || new_dir(u, layer->blob.digest, dir, err) < 0)
        return -1;
    if (strcmp(digest, layer->blob.digest) != 0)
        return cb_fail(err, CB_ESYS, "%s is not what its name says", blob);
    return cb_unpack(blob, dir, CB_UNPACK_LAYER, err);
}

/* A new base takes the place of the old one; other changes are a layer on top. */
static struct cb_oci_layer *place_of_change(const struct update *u, struct cb_oci_image *image)
{
    return &image->layers[u->change == CB_CHANGE_BASE ? CB_PART_BASE : image->n++];
}

static int container_layer(const struct update *u, struct cb_image_cost *out, struct cb_err *err)
{
    const struct cb_selection files = {
        .payload = u->next, .parts = CB_PARTS_ALL, .only_update = true, .tree = u->tree};
    struct cb_oci_image image = u->im->container;
    struct cb_oci_layer *layer = place_of_change(u, &image);
    char layout[CB_IMAGES_PATH_MAX];
    if (path_of(u, "oci", layout, err) < 0 || cb_oci_layout_make(layout, err) < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    if (cb_oci_layer_add(layout, &files, "update", layer, err) < 0 ||
        cb_oci_image_add(layout, "updated", &image, err) < 0 || take_layer(u, layout, layer, err) < 0)
        return -1;
    *out = (struct cb_image_cost){.ns = cb_now_ns() - begin,
                                  .bytes = cb_oci_transfer(&image, &u->im->container)};
    return 0;
}

static int container_whole(const struct update *u, struct cb_image_cost *out, struct cb_err *err)
{
    const struct cb_selection files = {.payload = u->next, .tree = u->tree};
    struct cb_oci_image image = {0};
    char layout[CB_IMAGES_PATH_MAX];
    if (path_of(u, "oci", layout, err) < 0 || cb_oci_layout_make(layout, err) < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    if (cb_images_layers(layout, &files, &image, err) < 0 ||
        cb_oci_image_add(layout, "updated", &image, err) < 0)
        return -1;
    for (unsigned i = 0; i < image.n; i++)
        if (take_layer(u, layout, &image.layers[i], err) < 0)
            return -1;
    *out = (struct cb_image_cost){.ns = cb_now_ns() - begin, .bytes = cb_oci_transfer(&image, NULL)};
    return 0;
}

/* ---- virtual machine --------------------------------------------------------------------------------- */

static int vm_whole(const struct update *u, struct cb_image_cost *out, struct cb_err *err)
{
    char raw[CB_IMAGES_PATH_MAX], packed[CB_IMAGES_PATH_MAX], taken[CB_IMAGES_PATH_MAX];
    if (path_of(u, "disk.raw", raw, err) < 0 || path_of(u, "disk.qcow2", packed, err) < 0 ||
        path_of(u, "taken.raw", taken, err) < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    if (cb_disk_make(u->tree, raw, cb_images_disk_bytes(u->next), err) < 0 ||
        cb_qcow2_pack(raw, packed, err) < 0 || cb_qcow2_expand(packed, taken, err) < 0)
        return -1;
    out->ns = cb_now_ns() - begin;
    return cb_images_length(packed, &out->bytes, err);
}

/* What is moved is ready as it comes: a disk that has the old one behind it. */
static int vm_difference(const struct update *u, struct cb_image_cost *out, struct cb_err *err)
{
    char old[CB_IMAGES_PATH_MAX], raw[CB_IMAGES_PATH_MAX], scratch[CB_IMAGES_PATH_MAX],
        moved[CB_IMAGES_PATH_MAX];
    if (cb_images_path(u->im, old, err, "disk.raw") < 0 || path_of(u, "disk.raw", raw, err) < 0 ||
        path_of(u, "scratch.qcow2", scratch, err) < 0 || path_of(u, "difference.qcow2", moved, err) < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    if (cb_file_copy(old, raw, CB_COPY_PLAIN, err) < 0 || cb_disk_update(raw, u->next, u->tree, err) < 0 ||
        cb_qcow2_difference(old, raw, scratch, moved, err) < 0)
        return -1;
    out->ns = cb_now_ns() - begin;
    return cb_images_length(moved, &out->bytes, err);
}

/* ---- all of them ------------------------------------------------------------------------------------- */

static updater *const updaters[CB_IMAGE_KINDS][3] = {
    [CB_IMAGE_HOST] = {[CB_UPDATE_LAYER] = host_difference,
                       [CB_UPDATE_WHOLE] = host_whole,
                       [CB_UPDATE_DIFFERENCE] = host_difference},
    [CB_IMAGE_CONTAINER] = {[CB_UPDATE_LAYER] = container_layer,
                            [CB_UPDATE_WHOLE] = container_whole,
                            [CB_UPDATE_DIFFERENCE] = container_layer},
    [CB_IMAGE_VM] =
        {[CB_UPDATE_LAYER] = vm_whole, [CB_UPDATE_WHOLE] = vm_whole, [CB_UPDATE_DIFFERENCE] = vm_difference},
};

/* All files after the update, as whoever makes the image has them: written once a run. */
static int change_files(struct update *u, struct cb_err *err)
{
    char changing[CB_IMAGES_PATH_MAX];
    if (cb_images_path(u->im, u->tree, err, "changed-%d", (int)u->change) < 0)
        return -1;
    if (access(u->tree, F_OK) == 0)
        return 0;
    if (cb_images_fresh(u->im, "changing", changing, err) < 0 || cb_tree_install(u->next, changing, err) < 0)
        return -1;
    return rename(changing, u->tree) < 0 ? cb_fail_sys(err, errno, "name %s", u->tree) : 0;
}

static int begin(struct update *u, struct cb_payload *next, struct cb_err *err)
{
    return cb_payload_make(next, u->im->site->agent_path, u->im->size, 0, err) < 0 ||
                   cb_payload_update(next, u->change, err) < 0 || change_files(u, err) < 0 ||
                   cb_images_fresh(u->im, "update", u->dir, err) < 0
               ? -1
               : 0;
}

int cb_update(const struct cb_images *im, enum cb_image_kind kind, enum cb_change change,
              enum cb_update_form form, struct cb_image_cost *out, struct cb_err *err)
{
    struct cb_payload next;
    struct update u = {.im = im, .next = &next, .change = change};
    struct cb_err ignored; /* the run's end removes what cannot be removed now */
    int failed = begin(&u, &next, err) < 0 || updaters[kind][form](&u, out, err) < 0;
    if (u.dir[0])
        (void)cb_remove_tree(u.dir, &ignored);
    cb_payload_free(&next);
    return failed ? -1 : 0;
}
