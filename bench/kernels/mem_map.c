/* What a change of the address space costs: one call on a region of which every page was touched. While other
 * CPUs run in the same address space, they must be told to forget their translations of it (TLB shootdown),
 * in most machines by interrupts, and those are what a virtual machine may leave for.
 *
 * The pages must be made anew each time, which takes longer than most of the calls: the clock is read around
 * the call alone. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bench/base/clock.h"
#include "bench/kernels/scratch.h"
#include "bench/kernels/workers.h"

struct map {
    char *region;
    uint64_t bytes;
    int (*once)(struct map *s, uint64_t *ns, struct cb_err *err);
    struct cb_hist *hist;
    struct cb_workers *workers;
    atomic_bool done;
};

/* Small pages in every arm. EINVAL: a kernel without huge pages has no others. */
static int touch(const struct map *s, struct cb_err *err)
{
    if (madvise(s->region, s->bytes, MADV_NOHUGEPAGE) < 0 && errno != EINVAL)
        return cb_fail_sys(err, errno, "ask for small pages");
    for (uint64_t at = 0; at < s->bytes; at += CB_PAGE)
        *(volatile char *)&s->region[at] = 1;
    return 0;
}

static int map_region(struct map *s, struct cb_err *err)
{
    void *p = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return cb_fail_sys(err, errno, "map");
    s->region = p;
    return 0;
}

static int unmap_region(struct map *s, struct cb_err *err)
{
    if (munmap(s->region, s->bytes) < 0)
        return cb_fail_sys(err, errno, "unmap");
    s->region = NULL;
    return 0;
}

static int time_mmap(struct map *s, uint64_t *ns, struct cb_err *err)
{
    uint64_t begin = cb_now_ns();
    int failed = map_region(s, err);
    *ns = cb_now_ns() - begin;
    return failed || touch(s, err) < 0 || unmap_region(s, err) < 0 ? -1 : 0;
}

static int time_munmap(struct map *s, uint64_t *ns, struct cb_err *err)
{
    if (map_region(s, err) < 0 || touch(s, err) < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    int failed = unmap_region(s, err);
    *ns = cb_now_ns() - begin;
    return failed;
}

/* Writable to read-only: that is the direction in which no CPU may go on with what it knows. */
static int time_mprotect(struct map *s, uint64_t *ns, struct cb_err *err)
{
    if (touch(s, err) < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    int failed = mprotect(s->region, s->bytes, PROT_READ);
    *ns = cb_now_ns() - begin;
    if (failed || mprotect(s->region, s->bytes, PROT_READ | PROT_WRITE) < 0)
        return cb_fail_sys(err, errno, "protect");
    return 0;
}

static int time_madvise(struct map *s, uint64_t *ns, struct cb_err *err)
{
    if (touch(s, err) < 0)
        return -1;
    uint64_t begin = cb_now_ns();
    int failed = madvise(s->region, s->bytes, MADV_DONTNEED);
    *ns = cb_now_ns() - begin;
    return failed ? cb_fail_sys(err, errno, "give pages back") : 0;
}

/* In the order of the parameter's choices. */
static const struct op {
    int (*once)(struct map *s, uint64_t *ns, struct cb_err *err);
    bool keeps; /* the region is there between iterations */
} ops[] = {{time_mmap, false}, {time_munmap, false}, {time_mprotect, true}, {time_madvise, true}};

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct map *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    const struct op *op = &ops[cb_run_param(run, "op")];
    s->once = op->once;
    s->hist = run->hist;
    s->bytes = cb_run_param(run, "region") / CB_PAGE * CB_PAGE;
    if (cb_workers_start(&s->workers, cb_run_param(run, "others") + 1, err) < 0)
        return -1;
    return op->keeps ? map_region(s, err) : 0;
}

static int repeat(struct map *s, uint64_t iters, struct cb_err *err)
{
    uint64_t ns;
    for (uint64_t i = 0; i < iters; i++) {
        if (s->once(s, &ns, err) < 0)
            return -1;
        cb_hist_add(s->hist, ns);
    }
    return 0;
}

/* The others are in user mode, in this address space, and touch nothing: they have to be told. */
static int work(void *arg, unsigned index, uint64_t iters, struct cb_err *err)
{
    struct map *s = arg;
    if (index > 0) {
        while (!atomic_load_explicit(&s->done, memory_order_acquire))
            cb_relax();
        return 0;
    }
    int failed = repeat(s, iters, err);
    atomic_store_explicit(&s->done, true, memory_order_release);
    return failed;
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct map *s = run->state;
    (void)iters;
    (void)err;
    cb_workers_arm(s->workers);
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct map *s = run->state;
    atomic_store(&s->done, false);
    if (cb_workers_run(s->workers, work, s, iters, err) < 0)
        return -1;
    run->work += iters;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct map *s = run->state;
    if (!s)
        return;
    cb_workers_stop(s->workers);
    if (s->region)
        munmap(s->region, s->bytes);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_mem_map = {
    .name = "mem.map",
    .summary = "a change of the address space, such as munmap, with pages that were touched",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "time",
             .unit = "us",
             .better = CB_LOWER,
             .derive = CB_HIST_QUANTILE,
             .scale = 1e-3,
             .q = 0.5},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "op",
             .help = "the call: mmap (before pages are touched), munmap, mprotect to read-only, madvise "
                     "(DONTNEED); its time has one reading of the clock in it",
             .type = CB_PARAM_ENUM,
             .def = "munmap",
             .choices = "mmap|munmap|mprotect|madvise"},
            {.name = "region",
             .help = "bytes, of which all pages are touched",
             .type = CB_PARAM_SIZE,
             .def = "1M",
             .min = 65536,
             .max = UINT64_C(1) << 32},
            {.name = "others",
             .help = "CPUs on which a thread of the same process spins meanwhile",
             .type = CB_PARAM_INT,
             .def = "0",
             .max = CB_THREADS_MAX},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"op=munmap", CB_SET_STANDARD},
            {"op=mmap", CB_SET_FULL},
            {"op=mprotect", CB_SET_FULL},
            {"op=madvise", CB_SET_FULL},
            {"op=munmap,others=1", CB_SET_FULL},
            {"op=mprotect,others=1", CB_SET_FULL},
            {"op=madvise,others=3", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
