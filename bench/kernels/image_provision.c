/* From an image that is on the machine to something that can be started and written to: how long it takes,
 * and what one more instance takes up on disk. Nothing is synced, as nothing is by who starts instances.
 *
 * `native` is what an arm is known for: files are copied onto a host, a container has an overlay of the
 * image's layers, a virtual machine a qcow2 file with the disk image behind it. The others are for one arm or
 * another, and the host copies files in their place, as what they are held against. Where there is no such
 * way, or this kernel has none, the reason is told. */
#include "bench/kernels/image.h"

static const struct cb_metric metrics[] = {
    {.quantity = "time", .unit = "ms", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-6},
    CB_IMAGE_BYTES,
    {.quantity = NULL},
};

static const struct cb_param params[] = {
    {.name = "how",
     .help = "native: host copy, container overlay, virtual machine qcow2; unpack: from the form that is "
             "moved; reflink: "
             "blocks are shared; btrfs: a snapshot",
     .type = CB_PARAM_ENUM,
     .def = "native",
     .choices = "native|copy|unpack|reflink|overlay|btrfs|qcow2|devicemapper|aufs"},
    CB_IMAGE_PAYLOAD,
    {.name = NULL},
};

static const struct cb_variant variants[] = {
    {"how=native", CB_SET_STANDARD}, {"how=copy", CB_SET_FULL},  {"how=unpack", CB_SET_FULL},
    {"how=reflink", CB_SET_FULL},    {"how=btrfs", CB_SET_FULL}, {"how=devicemapper", CB_SET_FULL},
    {"how=aufs", CB_SET_FULL},       {.params = NULL},
};

const struct cb_bench cb_image_provision = {
    .name = "image.provision",
    .summary = "from an image to an instance that can be started",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = metrics,
    .params = params,
    .variants = variants,
};
