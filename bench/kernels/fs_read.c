/* Reading a file the ordinary way, through the page cache, from its begin to its end and again. Warm: all of
 * it is there, and what is timed is the system call and the copy. Cold: none of it is, and the kernel reads
 * ahead; the file is dropped before every batch, and in it should one be longer than the file. See
 * cb_scratch_drop for what cold means in a virtual machine. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/kernels/scratch.h"

enum cache { CACHE_WARM, CACHE_COLD };

struct reading {
    int fd;
    bool cold;
    char *buffer;
    uint64_t block, blocks, next;
};

/* Fills the page cache, and makes sure of it. */
static int warm(struct reading *s, struct cb_err *err)
{
    uint64_t size = s->block * s->blocks, cached, pages = size / (uint64_t)sysconf(_SC_PAGESIZE);
    for (uint64_t at = 0; at < size; at += s->block)
        if (pread(s->fd, s->buffer, s->block, (off_t)at) != (ssize_t)s->block)
            return cb_fail_sys(err, errno, "read the data file");
    if (cb_scratch_cached_pages(s->fd, size, &cached, err) < 0)
        return -1;
    if (cached < pages)
        return cb_fail(err, CB_EUNFIT, "the page cache keeps %llu of %llu pages", (unsigned long long)cached,
                       (unsigned long long)pages);
    return 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct reading *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    uint64_t size = cb_run_param(run, "size");
    s->fd = -1;
    s->cold = cb_run_param(run, "cache") == CACHE_COLD;
    s->block = cb_run_param(run, "block");
    if (s->block % CB_PAGE || size % s->block)
        return cb_fail(err, CB_EUSAGE, "block=%llu must be a multiple of 4096 and divide size=%llu",
                       (unsigned long long)s->block, (unsigned long long)size);
    s->blocks = size / s->block;
    s->buffer = cb_scratch_buffer(s->block, err);
    if (!s->buffer)
        return -1;
    s->fd = cb_scratch_cached_file(run, size, O_RDONLY, err);
    if (s->fd < 0)
        return -1;
    return s->cold ? 0 : warm(s, err);
}

static int drop(const struct reading *s, struct cb_err *err)
{
    return cb_scratch_drop(s->fd, s->block * s->blocks, err);
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct reading *s = run->state;
    (void)iters;
    return s->cold ? drop(s, err) : 0;
}

static int read_block(struct reading *s, struct cb_err *err)
{
    uint64_t at = s->next * s->block, last = s->block - CB_PAGE;
    ssize_t n = pread(s->fd, s->buffer, s->block, (off_t)at);
    if (n < 0)
        return cb_fail_sys(err, errno, "read the data file");
    if ((uint64_t)n != s->block)
        return cb_fail(err, CB_ESYS, "%zd of %llu bytes read", n, (unsigned long long)s->block);
    if (!cb_scratch_stamped(s->buffer + last, (at + last) / CB_PAGE))
        return cb_fail(err, CB_ESYS, "block %llu holds other data than was written",
                       (unsigned long long)s->next);
    s->next = s->next + 1 < s->blocks ? s->next + 1 : 0;
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct reading *s = run->state;
    for (uint64_t i = 0; i < iters; i++) {
        /* All of the file was read in this batch. To drop it takes a few per cent of the time that reading
         * did. */
        if (s->cold && i && i % s->blocks == 0 && drop(s, err) < 0)
            return -1;
        if (read_block(s, err) < 0)
            return -1;
    }
    run->work += iters * s->block;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct reading *s = run->state;
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    cb_scratch_unmap(s->buffer, s->block);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_fs_read = {
    .name = "fs.read",
    .summary = "sequential reads of a file through the page cache",
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
            {.name = "cache",
             .help = "warm: all of the file is in the page cache; cold: none of it, in that of the kernel "
                     "that the reader runs on",
             .type = CB_PARAM_ENUM,
             .def = "warm",
             .choices = "warm|cold"},
            {.name = "block",
             .help = "bytes of one read; the default is what cp and cat use",
             .type = CB_PARAM_SIZE,
             .def = "128K",
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
            {"cache=warm", CB_SET_STANDARD},
            {"cache=cold", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
