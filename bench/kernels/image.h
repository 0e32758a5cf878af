/* What the benchmarks of images share: the payload that images hold, and sizes. */
#ifndef CB_KERNELS_IMAGE_H
#define CB_KERNELS_IMAGE_H

#include "bench/bench.h"

/* The limits are those of runners/image/payload.h. The default is that of a small distribution with an
 * interpreter and a service, scaled down until a run has the time to make it in all its forms. */
#define CB_IMAGE_PAYLOAD                                                                                     \
    {                                                                                                        \
        .name = "payload", .help = "bytes of files in the image, beside the agent", .type = CB_PARAM_SIZE,   \
        .def = "11M", .min = UINT64_C(1) << 20, .max = UINT64_C(1) << 28                                     \
    }

#define CB_IMAGE_BYTES                                                                                       \
    {                                                                                                        \
        .quantity = "bytes", .unit = "MiB", .better = CB_LOWER, .derive = CB_WORK_PER_ITER,                  \
        .scale = 1.0 / (1 << 20)                                                                             \
    }

#endif
