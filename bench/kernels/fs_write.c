/* Saving a file: it is written through the page cache and synced once, and the sync counts. Without it only
 * the copy into memory would be timed, and how soon the kernel starts to write back. The same file is
 * overwritten each time: its blocks are there, and so are its pages. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/kernels/scratch.h"

#define BLOCK UINT64_C(131072) /* bytes of one write: what cp uses */

struct writing {
    int fd;
    char *buffer;
    uint64_t size, stamp;
    char path[PATH_MAX];
};

/* Every page gets a number of its own, in every pass: nothing below can find it written already. */
static int save(struct writing *s, struct cb_err *err)
{
    for (uint64_t at = 0; at < s->size; at += BLOCK) {
        for (uint64_t in = 0; in < BLOCK; in += CB_PAGE)
            cb_scratch_stamp(s->buffer + in, s->stamp++);
        ssize_t n = pwrite(s->fd, s->buffer, BLOCK, (off_t)at);
        if (n < 0)
            return cb_fail_sys(err, errno, "write %s", s->path);
        if ((uint64_t)n != BLOCK)
            return cb_fail(err, CB_ESYS, "write %s: %zd of %llu bytes written", s->path, n,
                           (unsigned long long)BLOCK);
    }
    return fsync(s->fd) < 0 ? cb_fail_sys(err, errno, "sync %s", s->path) : 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct writing *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->fd = -1;
    s->size = cb_run_param(run, "size");
    if (s->size % BLOCK)
        return cb_fail(err, CB_EUSAGE, "size=%llu is not a multiple of %llu", (unsigned long long)s->size,
                       (unsigned long long)BLOCK);
    if (cb_scratch_path(run, "write", s->path, sizeof s->path, err) < 0)
        return -1;
    s->buffer = cb_scratch_buffer(BLOCK, err);
    if (!s->buffer)
        return -1;
    s->fd = open(s->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->fd < 0)
        return cb_fail_sys(err, errno, "create %s", s->path);
    return save(s, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct writing *s = run->state;
    for (uint64_t i = 0; i < iters; i++)
        if (save(s, err) < 0)
            return -1;
    run->work += iters * s->size;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct writing *s = run->state;
    if (!s)
        return;
    if (s->fd >= 0) {
        close(s->fd);
        unlink(s->path);
    }
    cb_scratch_unmap(s->buffer, BLOCK);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_fs_write = {
    .name = "fs.write",
    .summary = "write a file through the page cache and sync it",
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
            {.name = "size",
             .help = "bytes of the file, which is overwritten again and again",
             .type = CB_PARAM_SIZE,
             .def = "16M",
             .min = BLOCK,
             .max = UINT64_C(1) << 40},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"size=16M", CB_SET_STANDARD},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
