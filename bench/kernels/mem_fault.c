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
#include "bench/kernels/scratch.h"

/* The histogram holds whole numbers: time a page goes in with ten binary places. */
#define FIXED_POINT 1024u

struct fault {
    volatile char *region;
    uint64_t bytes, page;
};

static int give_back(const struct fault *s, struct cb_err *err)
{
    if (madvise((void *)s->region, s->bytes, MADV_DONTNEED) < 0)
        return cb_fail_sys(err, errno, "give pages back");
    return 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct fault *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->page = (uint64_t)sysconf(_SC_PAGESIZE);
    s->bytes = cb_run_param(run, "region") / s->page * s->page;
    s->region = cb_scratch_map(s->bytes, err);
    if (!s->region)
        return -1;
    /* Small pages in every arm. EINVAL: a kernel without huge pages has no others. */
    if (madvise((void *)s->region, s->bytes, MADV_NOHUGEPAGE) < 0 && errno != EINVAL)
        return cb_fail_sys(err, errno, "ask for small pages");
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct fault *s = run->state;
    uint64_t pages = s->bytes / s->page;
    assert(pages > 0); /* the parameter's least value is the largest page there is */
    for (uint64_t i = 0; i < iters; i++) {
        uint64_t before = cb_now_ns();
        for (uint64_t at = 0; at < s->bytes; at += s->page)
            s->region[at] = 1;
        cb_hist_add(run->hist, (cb_now_ns() - before) * FIXED_POINT / pages);
        if (give_back(s, err) < 0)
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
        cb_scratch_unmap((void *)s->region, s->bytes);
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
            {.name = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
