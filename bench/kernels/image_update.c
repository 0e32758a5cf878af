/* An update of an image: what has to be moved, and how long it takes to make it out of the changed files and
 * to take it in. What changes is one configuration file of 4 KiB, one library of a forty-fourth of the
 * payload (by its next version, so that the old one is removed), or all files of the base, which are eight
 * elevenths.
 */
#include "bench/kernels/image.h"

static const struct cb_metric metrics[] = {
    CB_IMAGE_BYTES,
    {.quantity = "time", .unit = "ms", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-6},
    {.quantity = NULL},
};

static const struct cb_param params[] = {
    {.name = "change",
     .help = "what changes",
     .type = CB_PARAM_ENUM,
     .def = "library",
     .choices = "file|library|base"},
    {.name = "form",
     .help = "layer: a container's layer, but the whole disk of a virtual machine, which has no layers; "
             "whole: all of "
             "it; difference: a container's layer, a qcow2 of changed clusters. A host gets the changed "
             "files, or all",
     .type = CB_PARAM_ENUM,
     .def = "layer",
     .choices = "layer|whole|difference"},
    CB_IMAGE_PAYLOAD,
    {.name = NULL},
};

static const struct cb_variant variants[] = {
    {"change=library,form=layer", CB_SET_STANDARD},  {"change=file,form=layer", CB_SET_FULL},
    {"change=base,form=layer", CB_SET_FULL},         {"change=file,form=difference", CB_SET_FULL},
    {"change=library,form=difference", CB_SET_FULL}, {"change=base,form=difference", CB_SET_FULL},
    {"change=library,form=whole", CB_SET_FULL},      {.params = NULL},
};

const struct cb_bench cb_image_update = {
    .name = "image.update",
    .summary = "an update of an image: made, moved, taken in",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = metrics,
    .params = params,
    .variants = variants,
};
