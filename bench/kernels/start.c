/* Starts, on the host's clock: from before the first call that makes the environment. The runner measures
 * them from outside, the same way for every arm; what is provisioned before (image, disk, the host arm's
 * control group) is in none of them. */
#include "bench/bench.h"

static const struct cb_metric time_ms[] = {
    {.quantity = "time", .unit = "ms", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-6},
    {0},
};

/* They cost nothing more, but are rows of a report that not everybody wants. */
static const struct cb_variant milestone[] = {{"", CB_SET_STANDARD}, {.params = NULL}};

const struct cb_bench cb_start_total = {
    .name = "start.total",
    .summary = "time from nothing to the first byte of the agent inside",
    .revision = 2, /* 2: with the link to the peer also in runs that use it for nothing else */
    .needs = CB_NEED_LIFECYCLE,
    .metrics = time_ms,
};

const struct cb_bench cb_start_api = {
    .name = "start.api",
    .summary = "time until the call that makes the instance returns: exec, clone, libvirt's create",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = time_ms,
    .variants = milestone,
};

const struct cb_bench cb_start_vmm = {
    .name = "start.vmm",
    .summary = "time until the emulator's process is there",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = time_ms,
    .variants = milestone,
};

const struct cb_bench cb_start_init = {
    .name = "start.init",
    .summary = "time until a container has set itself up, in front of its program",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = time_ms,
    .variants = milestone,
};

const struct cb_bench cb_start_ready = {
    .name = "start.ready",
    .summary = "time until the agent has its disk and its link, and takes work",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = time_ms,
    .variants = milestone,
};

/* Samples: iterations and work are starts; the CPU time is that of cbench and all its descendants. */
static const struct cb_metric rates[] = {
    {.quantity = "rate", .unit = "op/s", .better = CB_HIGHER, .derive = CB_WORK_PER_WALL, .scale = 1e9},
    {.quantity = "cpu", .unit = "ms", .better = CB_LOWER, .derive = CB_CPU_PER_ITER, .scale = 1e-6},
    {0},
};

static const struct cb_param rate_params[] = {
    {.name = "workers",
     .help = "processes that start and stop instances, one after the other each; 0: one for each CPU",
     .type = CB_PARAM_INT,
     .def = "1",
     .min = 0,
     .max = 64},
    {.name = NULL},
};

static const struct cb_variant rate_variants[] = {
    {"workers=1", CB_SET_FULL}, {"workers=2", CB_SET_FULL}, {"workers=0", CB_SET_FULL}, {.params = NULL}};

const struct cb_bench cb_start_rate = {
    .name = "start.rate",
    .summary = "starts and stops a second, and the CPU time of one, by several at once",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = rates,
    .params = rate_params,
    .variants = rate_variants,
};
