/* What an update of an image costs: the bytes to move it, and the time to make it out of the changed files
 * and to take it in where the old image is. */
#ifndef CB_RUNNERS_IMAGE_UPDATE_H
#define CB_RUNNERS_IMAGE_UPDATE_H

#include "runners/image/cost.h"
#include "runners/image/images.h"

/* In the order of image.update's parameter `form`; `change` is in that of enum cb_change.
 *
 *              host                    container                      virtual machine
 *   layer      archive of what         one layer with what changed,   its whole disk image: it has no layers
 *              changed                 configuration, manifest
 *   whole      archive of all files    all layers, as to one that     its whole disk image
 *                                      has nothing
 *   difference as layer                as layer                       qcow2 of the clusters that changed */
enum cb_update_form { CB_UPDATE_LAYER, CB_UPDATE_WHOLE, CB_UPDATE_DIFFERENCE };

/* Makes the update once, takes it in, and removes it again. The changed files themselves are made before:
 * compiling is no part of it. */
int cb_update(const struct cb_images *im, enum cb_image_kind kind, enum cb_change change,
              enum cb_update_form form, struct cb_image_cost *out, struct cb_err *err);

#endif
