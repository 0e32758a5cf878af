/* How large an image is: four answers to four questions. */
#ifndef CB_RUNNERS_IMAGE_SIZE_H
#define CB_RUNNERS_IMAGE_SIZE_H

#include "runners/image/images.h"

/* In the order of image.size's parameter `what`. */
enum cb_image_what {
    CB_IMAGE_TRANSFER,  /* compressed, as it is moved to a machine that has nothing */
    CB_IMAGE_APPARENT,  /* lengths of the files that it is unpacked to */
    CB_IMAGE_ALLOCATED, /* blocks of the same files */
    /* Compressed, as it is moved to a machine that has the image: another application with libraries of its
     * own, over the same base. */
    CB_IMAGE_NEXT,
};

int cb_images_size(struct cb_images *im, enum cb_image_kind kind, enum cb_image_what what, uint64_t *bytes,
                   struct cb_err *err);

#endif
