/* Sequential reads and writes of large blocks past the page cache. Writes are not flushed: fs.commit measures
 * the flush. */
#include <stdlib.h>

#include "bench/kernels/direct.h"
#include "bench/kernels/scratch.h"

enum op { OP_READ, OP_WRITE };
enum engine { ENGINE_PREAD, ENGINE_URING };

static int setup(struct cb_run *run, struct cb_err *err)
{
    uint64_t size = cb_run_param(run, "size");
    struct cb_direct *d = cb_scratch_state(run, sizeof *d, err);
    if (!d)
        return -1;
    *d = (struct cb_direct){
        .writes = cb_run_param(run, "op") == OP_WRITE,
        .ring_used = cb_run_param(run, "engine") == ENGINE_URING,
        .depth = (uint32_t)cb_run_param(run, "depth"),
        .block = cb_run_param(run, "block"),
        .fd = -1,
    };
    if (d->block % CB_PAGE || size % d->block)
        return cb_fail(err, CB_EUSAGE, "block=%llu must be a multiple of 4096 and divide size=%llu",
                       (unsigned long long)d->block, (unsigned long long)size);
    if (!d->ring_used && d->depth > 1)
        return cb_fail(err, CB_EUSAGE, "engine=pread has one request under way, not depth=%u", d->depth);
    d->blocks = size / d->block;
    return cb_direct_open(d, run, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct cb_direct *d = run->state;
    if (cb_direct_transfer(d, iters, err) < 0)
        return -1;
    run->work += iters * d->block;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    if (run->state)
        cb_direct_close(run->state);
    free(run->state);
    run->state = NULL;
}

static struct cb_counted counted(const uint64_t param[CB_PARAM_MAX])
{
    return (struct cb_counted){param[0] == OP_READ ? CB_COUNTER_DISK_READ : CB_COUNTER_DISK_WRITE, 1};
}

const struct cb_bench cb_fs_seq = {
    .name = "fs.seq",
    .summary = "sequential reads and writes of a file, O_DIRECT",
    .revision = 2,
    .needs = CB_NEED_SCRATCH | CB_NEED_IO_URING,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "rate",
             .unit = "MB/s",
             .better = CB_HIGHER,
             .derive = CB_WORK_PER_WALL,
             .scale = 1e3},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "op",
             .help = "direction",
             .type = CB_PARAM_ENUM,
             .def = "read",
             .choices = "read|write"},
            {.name = "engine",
             .help = "pread and pwrite, one after the other, or io_uring",
             .type = CB_PARAM_ENUM,
             .def = "pread",
             .choices = "pread|uring"},
            {.name = "depth",
             .help = "requests under way; more than 1 with io_uring only",
             .type = CB_PARAM_INT,
             .def = "1",
             .min = 1,
             .max = 64},
            {.name = "block",
             .help = "bytes of one request",
             .type = CB_PARAM_SIZE,
             .def = "1M",
             .min = CB_PAGE,
             .max = UINT64_C(1) << 26},
            {.name = "size",
             .help = "bytes of the data file",
             .type = CB_PARAM_SIZE,
             .def = CB_SCRATCH_SIZE,
             .min = UINT64_C(1) << 20,
             .max = UINT64_C(1) << 40},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"op=read", CB_SET_QUICK},
            {"op=write", CB_SET_QUICK},
            {"op=read,engine=uring", CB_SET_FULL},
            {"op=write,engine=uring", CB_SET_FULL},
            {"op=read,engine=uring,depth=16", CB_SET_FULL},
            {"op=write,engine=uring,depth=16", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
    .counted = counted,
};
