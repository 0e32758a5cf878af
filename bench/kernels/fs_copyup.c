/* What the first write to a file of an image costs: an overlay copies the whole file into its upper layer,
 * with all of its bytes synced, before one byte can change. To be compared: `second`, the same write once the
 * file is there, and `copy`, the same bytes copied and synced without an overlay.
 *
 * The overlay is one of the benchmark's own. A container may not mount, and its root's lower layer has no
 * files to spare (every copy-up uses one up): there, first and second are missing, and copy is not. It is the
 * same kernel's overlay that the host arm measures.
 *
 * Each iteration begins with a fresh mount over an empty upper layer, outside of the time that is kept. The
 * lower file is in the page cache: writing is what is measured, not reading. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/kernels/overlay.h"
#include "bench/kernels/scratch.h"

enum op { OP_FIRST, OP_SECOND, OP_COPY };

struct copyup {
    enum op op;
    uint64_t size;
    struct cb_overlay overlay; /* OP_COPY uses its directories only */
    char lower[PATH_MAX], seen[PATH_MAX], upper[PATH_MAX];
};

static int make_lower(const struct copyup *s, struct cb_err *err)
{
    CB_AUTOFD int fd = open(s->lower, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return cb_fail_sys(err, errno, "create %s", s->lower);
    return cb_scratch_fill(fd, s->size, CB_PAGE, err) < 0 ? cb_wrap(err, "fill %s", s->lower) : 0;
}

static int make_paths(struct copyup *s, struct cb_err *err)
{
    return cb_overlay_path(&s->overlay, "l0/file", s->lower, sizeof s->lower, err) < 0 ||
                   cb_overlay_path(&s->overlay, "root/file", s->seen, sizeof s->seen, err) < 0 ||
                   cb_overlay_path(&s->overlay, "upper/file", s->upper, sizeof s->upper, err) < 0
               ? -1
               : 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct copyup *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->op = cb_run_param(run, "op");
    s->size = cb_run_param(run, "size");
    if (s->size % CB_PAGE)
        return cb_fail(err, CB_EUSAGE, "size=%llu is not a multiple of 4096", (unsigned long long)s->size);
    if (cb_overlay_make(&s->overlay, run, 1, s->op != OP_COPY, err) < 0 || make_paths(s, err) < 0)
        return -1;
    return make_lower(s, err);
}

/* --- one iteration --- */

/* Opening for writing is what makes the overlay copy. */
static int write_byte(const struct copyup *s, struct cb_err *err)
{
    CB_AUTOFD int fd = open(s->seen, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open %s", s->seen);
    return pwrite(fd, "x", 1, 8) == 1 ? 0 : cb_fail_sys(err, errno, "write to %s", s->seen);
}

static int copy_bytes(const struct copyup *s, int from, int to, struct cb_err *err)
{
    for (uint64_t left = s->size; left;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, left, 0);
        if (n < 0)
            return cb_fail_sys(err, errno, "copy %s", s->lower);
        if (n == 0)
            return cb_fail(err, CB_ESYS, "%s ended %llu bytes early", s->lower, (unsigned long long)left);
        left -= (uint64_t)n;
    }
    return 0;
}

/* As the overlay does it: copied by the kernel, synced, and written to. */
static int copy_and_write(const struct copyup *s, struct cb_err *err)
{
    CB_AUTOFD int from = open(s->lower, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return cb_fail_sys(err, errno, "open %s", s->lower);
    CB_AUTOFD int to = open(s->upper, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return cb_fail_sys(err, errno, "create %s", s->upper);
    if (copy_bytes(s, from, to, err) < 0)
        return -1;
    if (fsync(to) < 0)
        return cb_fail_sys(err, errno, "sync %s", s->upper);
    return pwrite(to, "x", 1, 8) == 1 ? 0 : cb_fail_sys(err, errno, "write to %s", s->upper);
}

/* An empty upper layer; with `second` one that has the file already. */
static int make_fresh(struct copyup *s, struct cb_err *err)
{
    if (cb_overlay_unmount(&s->overlay, err) < 0)
        return -1;
    if (unlink(s->upper) < 0 && errno != ENOENT)
        return cb_fail_sys(err, errno, "unlink %s", s->upper);
    if (s->op == OP_COPY)
        return 0;
    if (cb_overlay_mount(&s->overlay, err) < 0)
        return -1;
    return s->op == OP_SECOND ? write_byte(s, err) : 0;
}

/* The upper layer has all of the file, the written byte in it, and the lower one has not changed. */
static int check(const struct copyup *s, struct cb_err *err)
{
    struct stat st;
    char byte = 0, below = 'x';
    CB_AUTOFD int upper = open(s->upper, O_RDONLY | O_CLOEXEC), lower = open(s->lower, O_RDONLY | O_CLOEXEC);
    if (upper < 0 || lower < 0 || fstat(upper, &st) < 0)
        return cb_fail_sys(err, errno, "look at what was copied");
    if ((uint64_t)st.st_size != s->size || pread(upper, &byte, 1, 8) != 1 ||
        pread(lower, &below, 1, 8) != 1 || byte != 'x')
        return cb_fail(err, CB_ESYS, "%s is not the file that was written to", s->upper);
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct copyup *s = run->state;
    for (uint64_t i = 0; i < iters; i++) {
        if (make_fresh(s, err) < 0)
            return -1;
        uint64_t before = cb_now_ns();
        if ((s->op == OP_COPY ? copy_and_write : write_byte)(s, err) < 0)
            return -1;
        cb_hist_add(run->hist, cb_now_ns() - before);
        if (check(s, err) < 0)
            return -1;
    }
    run->work += iters;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct copyup *s = run->state;
    if (s)
        cb_overlay_remove(&s->overlay);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_fs_copyup = {
    .name = "fs.copyup",
    .summary = "a one-byte write to a file of an overlay's lower layer",
    .revision = 1,
    .needs = CB_NEED_SCRATCH,
    .metrics =
        (const struct cb_metric[]){
            CB_QUANTILE_US("p50", 0.5),
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "op",
             .help = "first: the write that makes the overlay copy the file; second: one after it; copy: no "
                     "overlay, the file is copied, synced and written to",
             .type = CB_PARAM_ENUM,
             .def = "first",
             .choices = "first|second|copy"},
            {.name = "size",
             .help = "bytes of the file",
             .type = CB_PARAM_SIZE,
             .def = "1M",
             .min = CB_PAGE,
             .max = UINT64_C(1) << 30},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"op=first,size=1M", CB_SET_STANDARD},
            {"op=first,size=4K", CB_SET_FULL},
            {"op=first,size=64M", CB_SET_FULL},
            {"op=second,size=4K", CB_SET_FULL},
            {"op=second,size=1M", CB_SET_FULL},
            {"op=second,size=64M", CB_SET_FULL},
            {"op=copy,size=4K", CB_SET_FULL},
            {"op=copy,size=1M", CB_SET_FULL},
            {"op=copy,size=64M", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
