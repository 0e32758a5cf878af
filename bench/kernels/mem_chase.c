/* Latency of a load: a chain of pointers, one to a cache line, in one random cycle (Sattolo), so that no
 * prefetcher knows the next address and no load can start before the last one ended. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bench/base/cleanup.h"
#include "bench/kernels/scratch.h"

struct line {
    struct line *next;
    char rest[56]; /* 64 bytes: the line of every x86-64, and of the aarch64 servers */
};

struct chase {
    struct line *lines, *at;
    uint64_t n;
};

enum page { PAGE_DEFAULT, PAGE_4K, PAGE_THP };

static int advise(const struct chase *s, enum page page, struct cb_err *err)
{
    if (page == PAGE_DEFAULT)
        return 0;
    if (madvise(s->lines, s->n * sizeof *s->lines, page == PAGE_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0)
        return 0;
    if (errno == EINVAL && page == PAGE_4K)
        return 0; /* a kernel without huge pages has no others */
    if (errno == EINVAL)
        return cb_fail(err, CB_EMISSING, "this kernel has no transparent huge pages");
    return cb_fail_sys(err, errno, "choose the page size");
}

/* Sattolo's shuffle of the identity leaves one cycle through all lines. It shuffles numbers, which are
 * sixteen times smaller than the lines: swapping in the lines themselves would miss every cache, and take
 * longer than the measurement where memory is emulated. */
static int link_lines(struct chase *s, struct cb_rng *rng, struct cb_err *err)
{
    CB_AUTOFREE uint32_t *next = malloc(s->n * sizeof *next);
    if (!next)
        return cb_fail_sys(err, ENOMEM, "shuffle");
    for (uint64_t i = 0; i < s->n; i++)
        next[i] = (uint32_t)i;
    for (uint64_t i = s->n - 1; i > 0; i--) {
        uint64_t j = cb_rng_below(rng, i);
        uint32_t t = next[i];
        next[i] = next[j];
        next[j] = t;
    }
    for (uint64_t i = 0; i < s->n; i++)
        s->lines[i].next = &s->lines[next[i]];
    return 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct chase *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->n = cb_run_param(run, "size") / sizeof *s->lines;
    s->lines = cb_scratch_map(s->n * sizeof *s->lines, err);
    if (!s->lines || advise(s, cb_run_param(run, "page"), err) < 0)
        return -1;
    s->at = s->lines;
    return link_lines(s, &run->rng, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    (void)err;
    struct chase *s = run->state;
    struct line *p = s->at;
    for (uint64_t i = iters / 8; i > 0; i--) { /* one branch for eight loads */
        p = p->next->next->next->next;
        p = p->next->next->next->next;
    }
    for (uint64_t i = iters % 8; i > 0; i--)
        p = p->next;
    s->at = p;
    run->work += iters;
    run->sink += (uint64_t)(p - s->lines) + 1;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct chase *s = run->state;
    if (s)
        cb_scratch_unmap(s->lines, s->n * sizeof *s->lines);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_mem_chase = {
    .name = "mem.chase",
    .summary = "latency of a load that depends on the one before",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "latency", .unit = "ns", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "size",
             .help = "bytes that the chain is spread over",
             .type = CB_PARAM_SIZE,
             .def = "64M",
             .min = 256,
             .max = UINT64_C(1) << 38},
            {.name = "page",
             .help = "pages to ask the kernel for; default asks for none, and arms may then differ",
             .type = CB_PARAM_ENUM,
             .def = "4k",
             .choices = "default|4k|thp"},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"size=@l1d", CB_SET_QUICK},
            {"size=@l2", CB_SET_QUICK},
            {"size=@llc", CB_SET_QUICK},
            {"size=@dram", CB_SET_QUICK},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
