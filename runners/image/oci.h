/* Container images on disk, as the OCI image layout has it (github.com/opencontainers/image-spec,
 * image-layout.md): oci-layout, index.json, and blobs named after their sha256: gzipped tars as layers, a
 * configuration, a manifest. Equal layers give equal bytes; a blob that is there already is not written
 * again, as registries do it. */
#ifndef CB_RUNNERS_IMAGE_OCI_H
#define CB_RUNNERS_IMAGE_OCI_H

#include <stdint.h>

#include "bench/base/err.h"
#include "bench/base/sha256.h"
#include "runners/image/payload.h"

#define CB_OCI_LAYERS_MAX 16
#define CB_OCI_PATH_MAX   512

struct cb_oci_blob {
    char digest[CB_SHA256_HEX]; /* of the bytes in the file */
    uint64_t bytes;
};

struct cb_oci_layer {
    struct cb_oci_blob blob;
    char diff_id[CB_SHA256_HEX]; /* of the tar before it was compressed */
    const char *created_by;      /* borrowed, for the image's history */
};

struct cb_oci_image {
    struct cb_oci_layer layers[CB_OCI_LAYERS_MAX]; /* the lowest first */
    unsigned n;
    struct cb_oci_blob config, manifest;
};

/* A new directory with no image in it; the blobs of one that is there stay. */
int cb_oci_layout_make(const char *layout, struct cb_err *err);
/* Writes one layer. `created_by` is for the history: one word, not what an engine would have run. */
int cb_oci_layer_add(const char *layout, const struct cb_selection *s, const char *created_by,
                     struct cb_oci_layer *out, struct cb_err *err);
/* Writes configuration and manifest of an image whose layers are there, and puts it into the index under
 * `tag`. Images under other tags stay in the index. */
int cb_oci_image_add(const char *layout, const char *tag, struct cb_oci_image *image, struct cb_err *err);
/* Bytes to move for an image where those of `has` (may be NULL) are already: its blobs, each once. */
uint64_t cb_oci_transfer(const struct cb_oci_image *image, const struct cb_oci_image *has);
/* LAYOUT/blobs/sha256/DIGEST. */
int cb_oci_blob_path(const char *layout, const char *digest, char out[CB_OCI_PATH_MAX], struct cb_err *err);

#endif
