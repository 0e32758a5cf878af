/* The images of a run: one payload in every form that arms are installed from, made once and kept in the
 * run's work directory. The files of a directory are the host's form, and what the other two are made from.
 *
 *   tree/            the payload's files
 *   tree.tar.gz      as a package of a distribution is moved to a host
 *   oci/             a container's image: one layer each of base, libraries, application
 *   layers/0..2      the same, unpacked: lower directories of an overlay
 *   rootfs/          the same, in one directory
 *   initramfs[.gz]   of a virtual machine: the agent as init and the modules that it needs
 *   disk.raw         its root disk: an ext4 of twice the payload's size, sparse
 *   disk.qcow2       the same, compressed: as it is moved
 *
 * A virtual machine has a kernel of its own beside them; a container borrows the host's. What runs the image
 * is part of neither: no container runtime, no hypervisor and no firmware is counted. */
#ifndef CB_RUNNERS_IMAGE_IMAGES_H
#define CB_RUNNERS_IMAGE_IMAGES_H

#include <stdbool.h>

#include "bench/base/err.h"
#include "runners/guestkernel.h"
#include "runners/image/oci.h"
#include "runners/image/payload.h"
#include "runners/runner.h"

enum cb_image_kind { CB_IMAGE_HOST, CB_IMAGE_CONTAINER, CB_IMAGE_VM, CB_IMAGE_KINDS };

#define CB_IMAGES_PATH_MAX 512

struct cb_images {
    const struct cb_site *site;
    uint64_t size; /* of the payload, without the agent */
    char dir[CB_IMAGES_PATH_MAX / 2];
    struct cb_payload payload;
    char digest[CB_SHA256_HEX]; /* of the payload; every form was found to hold it */
    bool made[CB_IMAGE_KINDS];
    struct cb_oci_image container;
    struct cb_guest_kernel kernel;
    uint64_t next_bytes[CB_IMAGE_KINDS]; /* what cb_image_next found; 0: not asked yet */
    struct cb_images *others;            /* of the run, with payloads of other sizes */
};

/* Which of them an arm is installed from; CB_EMISSING for arms that others make images for. */
int cb_image_kind_of(const struct cb_arm *arm, enum cb_image_kind *kind, struct cb_err *err);
/* Makes what is not there yet. They belong to the site. CB_EMISSING where a program or the guest's kernel is
 * not to be had. */
int cb_images_get(struct cb_site *site, uint64_t size, enum cb_image_kind kind, struct cb_images **out,
                  struct cb_err *err);
/* Only the memory: the files go with the work directory. Accepts NULL. */
void cb_images_free(struct cb_images *im);

/* DIR/name. */
int cb_images_path(const struct cb_images *im, char out[CB_IMAGES_PATH_MAX], struct cb_err *err,
                   const char *form, ...) CB_PRINTF(4, 5);
/* An empty directory there, for what a measurement makes. What was there before is removed. */
int cb_images_fresh(const struct cb_images *im, const char *name, char out[CB_IMAGES_PATH_MAX],
                    struct cb_err *err);
/* Writes a whole file. */
int cb_images_write(const char *path, const struct cb_buf *bytes, struct cb_err *err);
/* Length of a file. */
int cb_images_length(const char *path, uint64_t *out, struct cb_err *err);
/* Bytes of the disk for a payload. */
uint64_t cb_images_disk_bytes(const struct cb_payload *p);
/* A layer for each part. */
int cb_images_layers(const char *layout, const struct cb_selection *all, struct cb_oci_image *out,
                     struct cb_err *err);

#endif
