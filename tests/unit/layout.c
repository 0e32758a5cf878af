/* For the end-to-end test of images: writes an image and the same with a library replaced into an OCI layout,
 * and says what each has to move.
 *
 *     layout DIR AGENT    -> "first BYTES" and "updated BYTES" */
#include <inttypes.h>
#include <stdio.h>

#include "runners/image/images.h"

#define PAYLOAD (UINT64_C(11) << 20) /* the default of image.update */

static int make(const char *dir, struct cb_payload *p, struct cb_oci_image *first,
                struct cb_oci_image *updated, struct cb_err *err)
{
    const struct cb_selection all = {.payload = p};
    const struct cb_selection changed = {.payload = p, .parts = CB_PARTS_ALL, .only_update = true};
    if (cb_oci_layout_make(dir, err) < 0 || cb_images_layers(dir, &all, first, err) < 0 ||
        cb_oci_image_add(dir, "first", first, err) < 0 || cb_payload_update(p, CB_CHANGE_LIBRARY, err) < 0)
        return -1;
    *updated = *first;
    return cb_oci_layer_add(dir, &changed, "update", &updated->layers[updated->n++], err) < 0 ||
                   cb_oci_image_add(dir, "updated", updated, err) < 0
               ? -1
               : 0;
}

int main(int argc, char **argv)
{
    struct cb_payload p = {0};
    struct cb_oci_image first = {0}, updated;
    struct cb_err err;
    if (argc != 3)
        return 2;
    int failed =
        cb_payload_make(&p, argv[2], PAYLOAD, 0, &err) < 0 || make(argv[1], &p, &first, &updated, &err) < 0;
    cb_payload_free(&p);
    if (failed) {
        fprintf(stderr, "layout: %s\n", err.msg);
        return 1;
    }
    printf("first %" PRIu64 "\nupdated %" PRIu64 "\n", cb_oci_transfer(&first, NULL),
           cb_oci_transfer(&updated, &first));
    return 0;
}
