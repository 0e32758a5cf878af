/* What the first write to a file of an image costs: an overlay copies the whole file into its upper layer,
 * with all of its bytes synced, before one byte can change. To be compared: `second`, the same write once the
 * file is there, and `copy`, the same bytes copied and synced on scratch, without this overlay.
 *
 * The overlay is the benchmark's own, or, where nobody may mount, as in a container, one that came with the
 * environment. There a copy-up cannot be undone: each uses up a name. So one file lies beside the lower
 * layer, and each iteration begins, outside of the time that is kept, with a new link to it in the layer. A
 * copy-up breaks the link and copies all of the file. A lower layer that changes under a mounted overlay is
 * undefined for names that the overlay has looked up; these are new ones, and each copy is looked at in its
 * layer.
 *
 * The lower file is in the page cache: writing is what is measured, not reading. */
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

/* Bytes 0 to 7 of a page are its number. */
#define WRITTEN_AT 8

enum op { OP_FIRST, OP_SECOND, OP_COPY };

struct copyup {
    enum op op;
    uint64_t size;
    struct cb_overlay overlay; /* OP_COPY uses its directories only */
    char file[PATH_MAX];       /* whose links are copied up */
    char before, after;        /* the byte that is written, in the file and in its copy */
    uint32_t tag, links;       /* make the name of the next link, which no case had before */
    /* The link, what the overlay shows of it, and its copy; empty before the first. */
    char lower[PATH_MAX], seen[PATH_MAX], upper[PATH_MAX];
};

static int make_file(struct copyup *s, struct cb_err *err)
{
    char name[32];
    if (cb_path(name, sizeof name, err, "file-%08x", s->tag) < 0 ||
        cb_overlay_path(&s->overlay, name, s->file, sizeof s->file, err) < 0)
        return -1;
    CB_AUTOFD int fd = open(s->file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return cb_fail_sys(err, errno, "create %s", s->file);
    if (cb_scratch_fill(fd, s->size, CB_PAGE, err) < 0)
        return cb_wrap(err, "fill %s", s->file);
    if (pread(fd, &s->before, 1, WRITTEN_AT) != 1)
        return cb_fail_sys(err, errno, "read %s", s->file);
    s->after = (char)~s->before;
    return 0;
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
    s->tag = cb_scratch_tag();
    int rc = s->op == OP_COPY ? cb_overlay_make(&s->overlay, run, 1, false, err)
                              : cb_overlay_open(&s->overlay, run, err);
    return rc < 0 ? -1 : make_file(s, err);
}

/* --- one iteration --- */

/* Opening for writing is what makes the overlay copy. */
static int write_byte(const struct copyup *s, struct cb_err *err)
{
    CB_AUTOFD int fd = open(s->seen, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open %s", s->seen);
    return pwrite(fd, &s->after, 1, WRITTEN_AT) == 1 ? 0 : cb_fail_sys(err, errno, "write to %s", s->seen);
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
    return pwrite(to, &s->after, 1, WRITTEN_AT) == 1 ? 0 : cb_fail_sys(err, errno, "write to %s", s->upper);
}

static int unlink_if_there(const char *path, struct cb_err *err)
{
    return unlink(path) < 0 && errno != ENOENT ? cb_fail_sys(err, errno, "unlink %s", path) : 0;
}

/* The link goes first: the overlay then has nothing to hide below the copy, and leaves no whiteout. */
static int drop_link(const struct copyup *s, struct cb_err *err)
{
    if (!s->lower[0])
        return 0;
    return unlink_if_there(s->lower, err) < 0 ||
                   unlink_if_there(s->op == OP_COPY ? s->upper : s->seen, err) < 0
               ? -1
               : 0;
}

static int name_in(const struct copyup *s, const char *layer, char *path, struct cb_err *err)
{
    char name[64];
    return cb_path(name, sizeof name, err, "%s/%08x-%u", layer, s->tag, s->links) < 0
               ? -1
               : cb_overlay_path(&s->overlay, name, path, PATH_MAX, err);
}

/* A file that is in the lower layer only; with `second` one that the upper layer has already. */
static int make_fresh(struct copyup *s, struct cb_err *err)
{
    if (drop_link(s, err) < 0)
        return -1;
    s->links++;
    if (name_in(s, "l0", s->lower, err) < 0 || name_in(s, "root", s->seen, err) < 0 ||
        name_in(s, "upper", s->upper, err) < 0)
        return -1;
    if (link(s->file, s->lower) < 0)
        return cb_fail_sys(err, errno, "link %s", s->lower);
    return s->op == OP_SECOND ? write_byte(s, err) : 0;
}

/* The upper layer has all of the file, the written byte in it, and the lower one has not changed. */
static int check(const struct copyup *s, struct cb_err *err)
{
    struct stat st;
    char above, below;
    CB_AUTOFD int upper = open(s->upper, O_RDONLY | O_CLOEXEC), lower = open(s->lower, O_RDONLY | O_CLOEXEC);
    if (upper < 0 || lower < 0 || fstat(upper, &st) < 0)
        return cb_fail_sys(err, errno, "look at what was copied");
    if ((uint64_t)st.st_size != s->size || pread(upper, &above, 1, WRITTEN_AT) != 1 ||
        pread(lower, &below, 1, WRITTEN_AT) != 1 || above != s->after || below != s->before)
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
    struct cb_err ignored;
    if (s) {
        drop_link(s, &ignored);
        if (s->file[0])
            unlink(s->file);
        cb_overlay_remove(&s->overlay);
    }
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_fs_copyup = {
    .name = "fs.copyup",
    .summary = "a one-byte write to a file of an overlay's lower layer",
    .revision = 2,
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
