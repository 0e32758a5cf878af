/* From an image that is on the machine to something that can be started and written to, by the ways that
 * there are. */
#ifndef CB_RUNNERS_IMAGE_PROVISION_H
#define CB_RUNNERS_IMAGE_PROVISION_H

#include "runners/image/cost.h"
#include "runners/image/images.h"

/* In the order of image.provision's parameter `how`. A host has no images: where others share, it copies, and
 * is what they are held against. */
enum cb_provision {
    CB_PROVISION_NATIVE,  /* what the arm is known for: host: copy, container: overlay, virtual machine: qcow2
                           */
    CB_PROVISION_COPY,    /* every byte, by read and write */
    CB_PROVISION_UNPACK,  /* out of the form that it is moved in */
    CB_PROVISION_REFLINK, /* files that share blocks */
    CB_PROVISION_OVERLAY, /* an overlay mount of the layers */
    CB_PROVISION_BTRFS,   /* a snapshot of a subvolume */
    CB_PROVISION_QCOW2,   /* a new file that has the image behind it */
    CB_PROVISION_DEVICEMAPPER,
    CB_PROVISION_AUFS,
    CB_PROVISIONS,
};

/* Does it once and removes it again. The time is that of doing it, the bytes what it takes up on disk.
 * CB_EMISSING, with the reason, where there is no such way for this image or on this machine. */
int cb_provision(const struct cb_images *im, enum cb_image_kind kind, enum cb_provision how,
                 struct cb_image_cost *out, struct cb_err *err);

#endif
