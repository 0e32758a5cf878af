/* Sequential reads and writes of large blocks past the page cache, one at a time. Writes are not flushed:
 * fs.commit measures the flush. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/kernels/scratch.h"

enum op { OP_READ, OP_WRITE };

struct seq {
    int fd;
    enum op op;
    char *buffer;
    uint64_t block, blocks, next;
};

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct seq *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->fd = -1;
    s->op = cb_run_param(run, "op");
    s->block = cb_run_param(run, "block");
    uint64_t size = cb_run_param(run, "size");
    if (s->block % CB_PAGE || size % s->block)
        return cb_fail(err, CB_EUSAGE, "block=%llu must be a multiple of 4096 and divide size=%llu",
                       (unsigned long long)s->block, (unsigned long long)size);
    s->blocks = size / s->block;
    s->buffer = cb_scratch_buffer(s->block, err);
    if (!s->buffer)
        return -1;
    s->fd = cb_scratch_file(run, size, s->op == OP_READ ? O_RDONLY : O_WRONLY, err);
    return s->fd < 0 ? -1 : 0;
}

static ssize_t transfer(const struct seq *s)
{
    off_t at = (off_t)(s->next * s->block);
    if (s->op == OP_READ)
        return pread(s->fd, s->buffer, s->block, at);
    for (uint64_t in = 0; in < s->block; in += CB_PAGE)
        cb_scratch_stamp(s->buffer + in, ((uint64_t)at + in) / CB_PAGE);
    return pwrite(s->fd, s->buffer, s->block, at);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct seq *s = run->state;
    for (uint64_t i = 0; i < iters; i++) {
        ssize_t n = transfer(s);
        if (n < 0)
            return cb_fail_sys(err, errno, "%s the data file", s->op == OP_READ ? "read" : "write");
        if ((uint64_t)n != s->block)
            return cb_fail(err, CB_ESYS, "%zd of %llu bytes moved", n, (unsigned long long)s->block);
        uint64_t last = s->block - CB_PAGE;
        if (!cb_scratch_stamped(s->buffer + last, (s->next * s->block + last) / CB_PAGE))
            return cb_fail(err, CB_ESYS, "block %llu holds other data than was written",
                           (unsigned long long)s->next);
        s->next = (s->next + 1) % s->blocks;
    }
    run->work += iters * s->block;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct seq *s = run->state;
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    cb_scratch_unmap(s->buffer, s->block);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_fs_seq = {
    .name = "fs.seq",
    .summary = "sequential reads and writes of a file, O_DIRECT",
    .revision = 1,
    .needs = CB_NEED_SCRATCH,
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
            {NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
