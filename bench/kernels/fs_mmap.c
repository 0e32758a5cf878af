/* Reading a mapped file at random: one page fault an access. Minor: the page is in the page cache and has to
 * be mapped only. Major: it has to be read. One iteration touches TOUCHES places; unmapping them, dropping
 * the file and counting the faults is done between two iterations, outside of the time that is kept.
 *
 * The kernel maps what is cached around a fault too, 16 pages by default and aligned, so that only one page
 * of such a window can fault: no two places lie in one. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/kernels/scratch.h"

#define WINDOW  UINT64_C(65536)
#define TOUCHES 64u /* many against two clock reads, few against a batch of major faults */
/* The histogram holds whole numbers: time a fault goes in with ten binary places. */
#define FIXED_POINT 1024u

enum fault { FAULT_MINOR, FAULT_MAJOR };

struct mapped {
    int fd;
    char path[PATH_MAX];
    bool major;
    char *map;
    uint64_t size;
    uint32_t *order; /* permutation of the file's windows */
    uint32_t windows, next;
};

static int make_order(struct mapped *s, struct cb_rng *rng, struct cb_err *err)
{
    s->order = malloc(s->windows * sizeof *s->order);
    if (!s->order)
        return cb_fail_sys(err, errno, "allocate the order of accesses");
    for (uint32_t i = 0; i < s->windows; i++)
        s->order[i] = i;
    cb_rng_shuffle(rng, s->order, s->windows, sizeof *s->order);
    return 0;
}

/* Cached by being written. */
static int make_file(const struct cb_run *run, struct mapped *s, struct cb_err *err)
{
    if (cb_scratch_path(run, "mapped", s->path, sizeof s->path, err) < 0)
        return -1;
    s->fd = open(s->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->fd < 0)
        return cb_fail_sys(err, errno, "create %s", s->path);
    return cb_scratch_fill(s->fd, s->size, CB_PAGE, err) < 0 ? cb_wrap(err, "fill %s", s->path) : 0;
}

static int map_file(struct mapped *s, struct cb_err *err)
{
    void *map = mmap(NULL, s->size, PROT_READ, MAP_SHARED, s->fd, 0);
    if (map == MAP_FAILED)
        return cb_fail_sys(err, errno, "map %s", s->path);
    s->map = map;
    if (madvise(map, s->size, MADV_RANDOM) < 0)
        return cb_fail_sys(err, errno, "advise that accesses are random");
    /* Or one fault could map 2 MiB. EINVAL: a kernel without huge pages. */
    if (madvise(map, s->size, MADV_NOHUGEPAGE) < 0 && errno != EINVAL)
        return cb_fail_sys(err, errno, "ask for small pages");
    return 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct mapped *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->fd = -1;
    s->major = cb_run_param(run, "fault") == FAULT_MAJOR;
    s->size = cb_run_param(run, "size");
    s->windows = (uint32_t)(s->size / WINDOW);
    if (s->size % WINDOW || s->windows < TOUCHES)
        return cb_fail(err, CB_EUSAGE, "size=%llu is not %u times 64 KiB or more",
                       (unsigned long long)s->size, TOUCHES);
    return make_file(run, s, err) < 0 || make_order(s, &run->rng, err) < 0 || map_file(s, err) < 0 ? -1 : 0;
}

/* No access is made twice without this in between. */
static int unmap_pages(const struct mapped *s, struct cb_err *err)
{
    if (madvise(s->map, s->size, MADV_DONTNEED) < 0)
        return cb_fail_sys(err, errno, "unmap pages");
    return s->major ? cb_scratch_drop(s->fd, s->size, err) : 0;
}

struct faults {
    uint64_t minor, major;
};

static struct faults faults_since(struct faults before)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (struct faults){(uint64_t)use.ru_minflt - before.minor, (uint64_t)use.ru_majflt - before.major};
}

/* Every access faulted. A fault that had to be tried again, because a lock was taken, counts as a major one
 * without having read: a few are no sign of a page that was not cached. */
static bool as_wanted(bool major, struct faults f)
{
    return major ? f.major >= TOUCHES : f.minor + f.major >= TOUCHES && f.major <= TOUCHES / 16;
}

/* The place of the next access: the middle of a window. */
static uint64_t next_place(struct mapped *s)
{
    uint64_t at = s->order[s->next] * WINDOW + WINDOW / 2;
    s->next = s->next + 1 < s->windows ? s->next + 1 : 0;
    return at;
}

static int touch(struct cb_run *run, struct cb_err *err)
{
    struct mapped *s = run->state;
    const struct faults before = faults_since((struct faults){0});
    uint64_t wrong = 0, begin = cb_now_ns();
    for (unsigned i = 0; i < TOUCHES; i++) {
        uint64_t at = next_place(s);
        wrong += !cb_scratch_stamped(s->map + at, at / CB_PAGE);
    }
    cb_hist_add(run->hist, (cb_now_ns() - begin) * FIXED_POINT / TOUCHES);
    const struct faults seen = faults_since(before);
    if (wrong)
        return cb_fail(err, CB_ESYS, "%llu pages hold other data than was written",
                       (unsigned long long)wrong);
    if (!as_wanted(s->major, seen))
        return cb_fail(err, CB_EUNFIT, "%u accesses made %llu minor and %llu major faults", TOUCHES,
                       (unsigned long long)seen.minor, (unsigned long long)seen.major);
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    for (uint64_t i = 0; i < iters; i++)
        if (unmap_pages(run->state, err) < 0 || touch(run, err) < 0)
            return -1;
    run->work += iters * TOUCHES;
    run->sink += iters * TOUCHES;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct mapped *s = run->state;
    if (!s)
        return;
    cb_scratch_unmap(s->map, s->size);
    if (s->fd >= 0) {
        close(s->fd);
        unlink(s->path);
    }
    free(s->order);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_fs_mmap = {
    .name = "fs.mmap",
    .summary = "page faults of random accesses to a mapped file",
    .revision = 1,
    .needs = CB_NEED_SCRATCH,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "p50",
             .unit = "us",
             .better = CB_LOWER,
             .derive = CB_HIST_QUANTILE,
             .scale = 1e-3 / FIXED_POINT,
             .q = 0.5},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "fault",
             .help = "minor: the page is in the page cache; major: it comes from the device",
             .type = CB_PARAM_ENUM,
             .def = "minor",
             .choices = "minor|major"},
            {.name = "size",
             .help = "bytes of the file",
             .type = CB_PARAM_SIZE,
             .def = "32M",
             .min = TOUCHES * WINDOW,
             .max = UINT64_C(1) << 40},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"fault=minor", CB_SET_FULL},
            {"fault=major", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
