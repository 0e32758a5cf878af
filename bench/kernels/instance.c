/* Instances as the host sees them: their end, a way into them, what they take while they do nothing, and how
 * many there can be. The runner measures it from outside. */
#include "bench/bench.h"

static const struct cb_metric time_ms[] = {
    {.quantity = "time", .unit = "ms", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-6},
    {0},
};

/* Processes reaped, control group, mounts and network namespace gone, which the kernel takes down some time
 * after the last process is. What was provisioned (image, scratch directory) is not undone in it. */
const struct cb_bench cb_stop_total = {
    .name = "stop.total",
    .summary = "time from the request to stop until nothing is left of the instance",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = time_ms,
};

static const struct cb_variant standard[] = {{"", CB_SET_STANDARD}, {.params = NULL}};

/* Host: fork and exec. Container: into its group and namespaces, without privileges, under its filter.
 * Machine: the agent inside forks and execs, since nothing enters a machine from outside: not the same thing,
 * and the arm's facts say so. */
const struct cb_bench cb_exec_total = {
    .name = "exec.total",
    .summary = "time to the first byte of a second process in the running instance",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = time_ms,
    .variants = standard,
};

/* Samples: iterations are instances, work is bytes in use by all of them. */
static const struct cb_metric memory[] = {
    {.quantity = "size", .unit = "MiB", .better = CB_LOWER, .derive = CB_WORK_SLOPE, .scale = 0x1p-20},
    {0},
};

static const struct cb_param memory_params[] = {
    {.name = "view",
     .help = "what is read: memory that the machine has available, proportional shares of the processes, or "
             "what the control groups are charged with",
     .type = CB_PARAM_ENUM,
     .def = "available",
     .choices = "available|pss|cgroup"},
    {.name = "max",
     .help = "most instances that run at a time; emulated machines are fewer",
     .type = CB_PARAM_INT,
     .def = "16",
     .min = 2,
     .max = 128},
    {.name = NULL},
};

static const struct cb_variant memory_variants[] = {{"view=available,max=16", CB_SET_STANDARD},
                                                    {"view=available,max=64", CB_SET_FULL},
                                                    {"view=pss,max=64", CB_SET_FULL},
                                                    {"view=cgroup,max=64", CB_SET_FULL},
                                                    {.params = NULL}};

const struct cb_bench cb_instance_memory = {
    .name = "instance.memory",
    .summary = "memory of one idle instance more: slope over 1, 2, 4, ... of them",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = memory,
    .params = memory_params,
    .variants = memory_variants,
};

/* Samples: iterations are the nanoseconds that were watched, work is wake-ups. */
static const struct cb_metric idle[] = {
    {.quantity = "cpu", .unit = "ms/min", .better = CB_LOWER, .derive = CB_CPU_PER_ITER, .scale = 60e3},
    {.quantity = "wakeups", .unit = "op/s", .better = CB_LOWER, .derive = CB_WORK_PER_WALL, .scale = 1e9},
    {0},
};

static const struct cb_param idle_params[] = {
    {.name = "seconds", .help = "how long", .type = CB_PARAM_INT, .def = "1", .min = 1, .max = 60},
    {.name = NULL},
};

static const struct cb_variant idle_variants[] = {
    {"seconds=1", CB_SET_FULL}, {"seconds=10", CB_SET_FULL}, {.params = NULL}};

const struct cb_bench cb_instance_idle = {
    .name = "instance.idle",
    .summary = "CPU time and wake-ups of an instance that does nothing",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = idle,
    .params = idle_params,
    .variants = idle_variants,
};

static const struct cb_metric density[] = {
    {.quantity = "count", .unit = "instances", .better = CB_HIGHER, .derive = CB_WORK_PER_ITER, .scale = 1},
    {0},
};

static const struct cb_param density_params[] = {
    {.name = "max", .help = "no more than these", .type = CB_PARAM_INT, .def = "100", .min = 2, .max = 137},
    {.name = NULL},
};

static const struct cb_variant full[] = {{"", CB_SET_FULL}, {.params = NULL}};

const struct cb_bench cb_instance_density = {
    .name = "instance.density",
    .summary = "instances at a time until starts take five times as long or memory is scarce",
    .revision = 1,
    .needs = CB_NEED_LIFECYCLE,
    .metrics = density,
    .params = density_params,
    .variants = full,
};
