/* Random reads and writes of 4 KiB past the page cache. Every block of the file once in a random order that
 * is the same in all arms, then again: no block can be cheap because it was just used. Depth 1 is one pread
 * or pwrite after the other; above, io_uring keeps that many requests under way until a batch runs out.
 *
 * Each request is timed, from when it was prepared until its result was taken, for the tail that the rate
 * does not show. Two clock reads and the histogram take 60 ns, and the rate has them in it: 0.1 % of a
 * request of 70 us at depth 1, 1 % of the 5 us that one takes of the CPU at depth 32. fio reads its
 * clock as often. */
#include <errno.h>
#include <stdlib.h>

#include "bench/kernels/direct.h"
#include "bench/kernels/scratch.h"

enum op { OP_READ, OP_WRITE };

struct rand {
    struct cb_direct direct;
    uint32_t *order; /* permutation of the file's blocks */
};

static int make_order(struct rand *s, struct cb_rng *rng, struct cb_err *err)
{
    uint32_t blocks = (uint32_t)s->direct.blocks;
    s->order = malloc(blocks * sizeof *s->order);
    if (!s->order)
        return cb_fail_sys(err, errno, "allocate the order of blocks");
    for (uint32_t i = 0; i < blocks; i++)
        s->order[i] = i;
    cb_rng_shuffle(rng, s->order, blocks, sizeof *s->order);
    s->direct.order = s->order;
    return 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct rand *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->direct = (struct cb_direct){
        .writes = cb_run_param(run, "op") == OP_WRITE,
        .depth = (uint32_t)cb_run_param(run, "depth"),
        .ring_used = cb_run_param(run, "depth") > 1,
        .block = CB_PAGE,
        .blocks = cb_run_param(run, "size") / CB_PAGE,
        .hist = run->hist,
        .fd = -1,
    };
    if (make_order(s, &run->rng, err) < 0)
        return -1;
    return cb_direct_open(&s->direct, run, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct rand *s = run->state;
    if (cb_direct_transfer(&s->direct, iters, err) < 0)
        return -1;
    run->work += iters;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct rand *s = run->state;
    if (!s)
        return;
    cb_direct_close(&s->direct);
    free(s->order);
    free(s);
    run->state = NULL;
}

static struct cb_counted counted(const uint64_t param[CB_PARAM_MAX])
{
    return (struct cb_counted){param[0] == OP_READ ? CB_COUNTER_DISK_READ : CB_COUNTER_DISK_WRITE,
                               (uint32_t)CB_PAGE};
}

const struct cb_bench cb_fs_rand = {
    .name = "fs.rand",
    .summary = "random reads and writes of 4 KiB, O_DIRECT",
    .revision = 2,
    .needs = CB_NEED_SCRATCH | CB_NEED_IO_URING,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "iops",
             .unit = "op/s",
             .better = CB_HIGHER,
             .derive = CB_WORK_PER_WALL,
             .scale = 1e9},
            CB_QUANTILE_US("p99", 0.99),
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "op",
             .help = "direction",
             .type = CB_PARAM_ENUM,
             .def = "read",
             .choices = "read|write"},
            {.name = "depth",
             .help = "requests under way; 1 uses pread and pwrite, more io_uring",
             .type = CB_PARAM_INT,
             .def = "1",
             .min = 1,
             .max = 1024},
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
            {"op=read,depth=1", CB_SET_QUICK},
            {"op=read,depth=32", CB_SET_QUICK},
            {"op=write,depth=1", CB_SET_QUICK},
            {"op=write,depth=32", CB_SET_QUICK},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
    .counted = counted,
};
