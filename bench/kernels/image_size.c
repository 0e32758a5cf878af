/* How large the images are that an arm is started from, with the same files in each: a host's archive of
 * files, a container's image with three layers, a virtual machine's kernel, initramfs and root disk. The
 * container borrows the host's kernel, so that none is counted for it. The runner looks from outside, and no
 * instance has a part in it. */
#include "bench/kernels/image.h"

static const struct cb_metric metrics[] = {
    CB_IMAGE_BYTES,
    {.quantity = NULL},
};

static const struct cb_param params[] = {
    {.name = "what",
     .help = "transfer: compressed, as it is moved; apparent: lengths of files when unpacked; allocated: "
             "blocks of the "
             "same; next: moved for a second image with the same base where the first is",
     .type = CB_PARAM_ENUM,
     .def = "transfer",
     .choices = "transfer|apparent|allocated|next"},
    CB_IMAGE_PAYLOAD,
    {.name = NULL},
};

static const struct cb_variant variants[] = {
    {"what=transfer", CB_SET_STANDARD},
    {"what=apparent", CB_SET_STANDARD},
    {"what=allocated", CB_SET_FULL},
    {"what=next", CB_SET_FULL},
    {.params = NULL},
};

const struct cb_bench cb_image_size = {
    .name = "image.size",
    .summary = "size of an image with the same files in it",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = metrics,
    .params = params,
    .variants = variants,
};
