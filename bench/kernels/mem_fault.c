/* What the first touch of a page costs: an exception, a zeroed page, a page table entry; in a container also
 * the charge to its cgroup, in a virtual machine also the second set of page tables.
 *
 * One iteration touches every page of a region once and gives all of them back. Giving back is another
 * operation and must not count, however long a batch is, so that the clock is read around the touching. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/kernels/pages.h"
#include "bench/kernels/scratch.h"

/* The histogram holds whole numbers: time a page goes in with ten binary places. */
#define FIXED_POINT 1024u

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

struct fault {
    volatile char *region;
    uint64_t bytes, page;
    enum cb_pages pages;
    int (*fill)(const struct fault *s, struct cb_err *err);
};

static int touch(const struct fault *s, struct cb_err *err)
{
    (void)err;
    for (uint64_t at = 0; at < s->bytes; at += s->page)
        s->region[at] = 1;
    return 0;
}

/* The same pages by one call: without the exceptions. */
static int populate(const struct fault *s, struct cb_err *err)
{
    if (madvise((void *)s->region, s->bytes, MADV_POPULATE_WRITE) == 0)
        return 0;
    if (errno == EINVAL)
        return cb_fail(err, CB_EMISSING, "this kernel cannot populate by madvise (Linux 5.14 can)");
    return cb_fail_sys(err, errno, "populate");
}

static int give_back(const struct fault *s, struct cb_err *err)
{
    if (madvise((void *)s->region, s->bytes, MADV_DONTNEED) < 0)
        return cb_fail_sys(err, errno, "give pages back");
    return 0;
}

/* Once through, to see whether the kernel can. */
static int try(const struct fault *s, struct cb_err *err)
{
    if (s->fill(s, err) < 0 || cb_pages_check((const void *)s->region, s->bytes, s->pages, err) < 0)
        return -1;
    return give_back(s, err);
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct fault *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->pages = CB_PAGES_4K + cb_run_param(run, "page");
    s->fill = cb_run_param(run, "populate") ? populate : touch;
    s->page = s->pages == CB_PAGES_THP ? CB_HUGE : (uint64_t)sysconf(_SC_PAGESIZE);
    s->bytes = cb_run_param(run, "region") / s->page * s->page;
    if (s->bytes == 0)
        return cb_fail(err, CB_EUSAGE, "region is less than a page");
    s->region = cb_pages_map(s->bytes, s->pages, err);
    return s->region ? try(s, err) : -1;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct fault *s = run->state;
    uint64_t pages = s->bytes / s->page;
    assert(pages > 0); /* setup saw to it */
    for (uint64_t i = 0; i < iters; i++) {
        uint64_t before = cb_now_ns();
        int failed = s->fill(s, err);
        cb_hist_add(run->hist, (cb_now_ns() - before) * FIXED_POINT / pages);
        if (failed || give_back(s, err) < 0)
            return -1;
    }
    run->work += iters * pages;
    run->sink += iters * pages;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct fault *s = run->state;
    if (s)
        cb_pages_unmap((void *)s->region, s->bytes, s->pages);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_mem_fault = {
    .name = "mem.fault",
    .summary = "first touch of a page of memory",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "time",
             .unit = "ns",
             .better = CB_LOWER,
             .derive = CB_HIST_QUANTILE,
             .scale = 1.0 / FIXED_POINT,
             .q = 0.5},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "region",
             .help = "bytes touched before they are given back",
             .type = CB_PARAM_SIZE,
             .def = "4M",
             .min = 65536,
             .max = UINT64_C(1) << 36},
            {.name = "populate",
             .help = "touch: a write to every page; populate: one madvise for all, without the exceptions",
             .type = CB_PARAM_ENUM,
             .def = "touch",
             .choices = "touch|populate"},
            {.name = "page",
             .help = "pages of the region, small or transparent huge; the time is that of one",
             .type = CB_PARAM_ENUM,
             .def = "4k",
             .choices = "4k|thp"},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"", CB_SET_QUICK},
            {"populate=populate", CB_SET_FULL},
            {"page=thp,region=16M", CB_SET_FULL},
            {"populate=populate,page=thp,region=16M", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
