/* Reading a file the ordinary way, through the page cache; one iteration reads all of it. Warm: all of it is
 * there, and what is timed is the system call and the copy. Cold: none of it is, and the kernel reads ahead,
 * up to the end of the file and no further: a part of a file would make it read more than was asked for. See
 * cb_scratch_drop for what cold means in a virtual machine. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/kernels/scratch.h"

#define BLOCK UINT64_C(131072) /* bytes of one read: what cp and cat use */

enum cache { CACHE_WARM, CACHE_COLD };

struct reading {
    int fd;
    bool cold;
    char *buffer;
    uint64_t size;
    char path[PATH_MAX];
};

static int check_warm(const struct reading *s, struct cb_err *err)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), pages = (s->size + page - 1) / page, cached;
    if (cb_scratch_cached_pages(s->fd, s->size, &cached, err) < 0)
        return -1;
    return cached == pages ? 0
                           : cb_fail(err, CB_EUNFIT, "the page cache keeps %llu of %llu pages",
                                     (unsigned long long)cached, (unsigned long long)pages);
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct reading *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->fd = -1;
    s->cold = cb_run_param(run, "cache") == CACHE_COLD;
    s->size = cb_run_param(run, "size");
    if (s->size % BLOCK)
        return cb_fail(err, CB_EUSAGE, "size=%llu is not a multiple of 128 KiB", (unsigned long long)s->size);
    if (cb_scratch_path(run, "read", s->path, sizeof s->path, err) < 0)
        return -1;
    s->buffer = cb_scratch_buffer(BLOCK, err);
    if (!s->buffer)
        return -1;
    s->fd = open(s->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->fd < 0)
        return cb_fail_sys(err, errno, "create %s", s->path);
    if (cb_scratch_fill(s->fd, s->size, BLOCK, err) < 0)
        return cb_wrap(err, "fill %s", s->path);
    return s->cold ? 0 : check_warm(s, err);
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct reading *s = run->state;
    (void)iters;
    return s->cold ? cb_scratch_drop(s->fd, s->size, err) : 0;
}

static int read_file(const struct reading *s, struct cb_err *err)
{
    const uint64_t last = BLOCK - CB_PAGE;
    for (uint64_t at = 0; at < s->size; at += BLOCK) {
        ssize_t n = pread(s->fd, s->buffer, BLOCK, (off_t)at);
        if (n < 0)
            return cb_fail_sys(err, errno, "read %s", s->path);
        if ((uint64_t)n != BLOCK || !cb_scratch_stamped(s->buffer + last, (at + last) / CB_PAGE))
            return cb_fail(err, CB_ESYS, "%s holds other data at %llu than was written", s->path,
                           (unsigned long long)at);
    }
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct reading *s = run->state;
    for (uint64_t i = 0; i < iters; i++) {
        /* Reset did it for the first. It takes a few per cent of what reading from a fast device does, and
         * batches of more than one cold iteration are rare. */
        if (i && reset(run, 1, err) < 0)
            return -1;
        if (read_file(s, err) < 0)
            return -1;
    }
    run->work += iters * s->size;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct reading *s = run->state;
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
            {.name = "size",
             .help = "bytes of the file",
             .type = CB_PARAM_SIZE,
             .def = "32M",
             .min = BLOCK,
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
