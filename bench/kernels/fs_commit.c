/* What a database's commit costs: append 4 KiB to a log, wait until the device has it. Each is timed for
 * itself: the mean hides what a full journal or a busy device does to the slowest.
 *
 * A disk that says "done" before it is shows up as commits that are too fast. Inside, nothing tells it from a
 * fast disk; so a batch asks for exactly one flush a commit, which can be held against the device's count. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/kernels/scratch.h"

/* A batch that would make the log longer than this starts it again, before the clock runs. */
#define LOG_MOST (UINT64_C(64) << 20)

enum method { METHOD_FDATASYNC, METHOD_FSYNC, METHOD_DSYNC };

struct commit {
    int fd;
    enum method method;
    char *record;
    uint64_t length;
    char path[PATH_MAX];
};

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct commit *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->fd = -1;
    if (cb_scratch_path(run, "commit", s->path, sizeof s->path, err) < 0)
        return -1;
    s->record = cb_scratch_buffer(CB_PAGE, err);
    if (!s->record)
        return -1;
    s->method = cb_run_param(run, "method");
    s->fd = open(s->path,
                 O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW |
                     (s->method == METHOD_DSYNC ? O_DSYNC : 0),
                 0600);
    return s->fd < 0 ? cb_fail_sys(err, errno, "create %s", s->path) : 0;
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct commit *s = run->state;
    if (s->length == 0 || s->length + iters * CB_PAGE <= LOG_MOST)
        return 0;
    if (ftruncate(s->fd, 0) < 0 || fsync(s->fd) < 0)
        return cb_fail_sys(err, errno, "start %s again", s->path);
    s->length = 0;
    return 0;
}

/* O_DSYNC has write itself wait. */
static int sync_log(const struct commit *s)
{
    switch (s->method) {
    case METHOD_FDATASYNC:
        return fdatasync(s->fd);
    case METHOD_FSYNC:
        return fsync(s->fd);
    case METHOD_DSYNC:
        break;
    }
    return 0;
}

static int commit(struct commit *s, struct cb_err *err)
{
    cb_scratch_stamp(s->record, s->length);
    ssize_t n = write(s->fd, s->record, CB_PAGE);
    if (n < 0)
        return cb_fail_sys(err, errno, "append to %s", s->path);
    if ((uint64_t)n != CB_PAGE)
        return cb_fail(err, CB_ESYS, "append to %s: %zd of %llu bytes written", s->path, n,
                       (unsigned long long)CB_PAGE);
    if (sync_log(s) < 0)
        return cb_fail_sys(err, errno, "sync %s", s->path);
    s->length += CB_PAGE;
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct commit *s = run->state;
    for (uint64_t i = 0; i < iters; i++) {
        uint64_t before = cb_now_ns();
        if (commit(s, err) < 0)
            return -1;
        cb_hist_add(run->hist, cb_now_ns() - before);
    }
    run->work += iters;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct commit *s = run->state;
    if (!s)
        return;
    if (s->fd >= 0) {
        close(s->fd);
        unlink(s->path);
    }
    cb_scratch_unmap(s->record, CB_PAGE);
    free(s);
    run->state = NULL;
}

/* A commit that does not reach the device is none. */
static struct cb_counted counted(const uint64_t param[CB_PARAM_MAX])
{
    (void)param;
    return (struct cb_counted){CB_COUNTER_FLUSH, 1};
}

const struct cb_bench cb_fs_commit = {
    .name = "fs.commit",
    .summary = "append 4 KiB to a file and sync it to the device",
    .revision = 1,
    .needs = CB_NEED_SCRATCH,
    .metrics =
        (const struct cb_metric[]){
            CB_QUANTILE_US("p50", 0.5),
            CB_QUANTILE_US("p99", 0.99),
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "method",
             .help = "how to wait for the device; dsync: write(2) itself does, with O_DSYNC",
             .type = CB_PARAM_ENUM,
             .def = "fdatasync",
             .choices = "fdatasync|fsync|dsync"},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"method=fdatasync", CB_SET_QUICK},
            {"method=fsync", CB_SET_FULL},
            {"method=dsync", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
    .counted = counted,
};
