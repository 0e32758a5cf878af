/* Latency of memory under load: a chain of loads on the first CPU, while the others read and write memory for
 * a share of their time. What they got done is in the rate: the same share may be less in another arm, and
 * its latency is then that of less load.
 *
 * This kernel reads the clock: a thread that is to rest for a share of its time must know how long it
 * worked. */
#include <stdatomic.h>
#include <stdlib.h>

#include "bench/base/clock.h"
#include "bench/kernels/chain.h"
#include "bench/kernels/pages.h"
#include "bench/kernels/scratch.h"
#include "bench/kernels/workers.h"

typedef long long vec __attribute__((vector_size(16)));

/* Bytes that an injector works through before it rests: many times what reading the clock takes, and few
 * enough for the memory not to see a rest as silence. */
#define STRETCH UINT64_C(16384)

struct loaded {
    struct cb_chain chain;
    struct cb_link *at;
    enum cb_pages pages;
    uint64_t load; /* percent of their time in which the others work */
    char *traffic; /* each of the others has a part */
    uint64_t part;
    struct cb_workers *workers;
    atomic_bool done;
    _Atomic uint64_t injected; /* bytes read and written in the batch */
};

static char *part_of(const struct loaded *s, unsigned index)
{
    return s->traffic + (index - 1) * s->part;
}

/* First touch, by who uses it. */
static int touch(void *arg, unsigned index, uint64_t iters, struct cb_err *err)
{
    const struct loaded *s = arg;
    (void)iters;
    (void)err;
    if (index > 0)
        memset(part_of(s, index), 1, s->part);
    return 0;
}

static void stretch(char *at)
{
    for (uint64_t i = 0; i < STRETCH; i += sizeof(vec))
        *(vec *)(at + i) += 1;
    __asm__ volatile("" ::: "memory");
}

static bool is_done(struct loaded *s)
{
    return atomic_load_explicit(&s->done, memory_order_acquire);
}

static void inject(struct loaded *s, unsigned index)
{
    uint64_t at = 0, bytes = 0;
    while (s->load > 0 && !is_done(s)) {
        uint64_t begin = cb_now_ns();
        stretch(part_of(s, index) + at);
        at = at + STRETCH == s->part ? 0 : at + STRETCH;
        bytes += 2 * STRETCH; /* read, and written back */
        uint64_t until = begin + (cb_now_ns() - begin) * 100 / s->load;
        while (s->load < 100 && !is_done(s) && cb_now_ns() < until)
            cb_relax();
    }
    atomic_fetch_add(&s->injected, bytes);
}

static int work(void *arg, unsigned index, uint64_t iters, struct cb_err *err)
{
    struct loaded *s = arg;
    (void)err;
    if (index > 0) {
        inject(s, index);
        return 0;
    }
    s->at = cb_chain_walk(s->at, iters);
    atomic_store_explicit(&s->done, true, memory_order_release);
    return 0;
}

static int map_traffic(struct loaded *s, struct cb_err *err)
{
    unsigned others = cb_workers_count(s->workers) - 1;
    if (others == 0)
        return cb_fail(err, CB_EMISSING, "needs 2 CPUs, and this environment has 1");
    s->part = s->chain.links * CB_LINE / others / STRETCH * STRETCH;
    if (s->part == 0)
        return cb_fail(err, CB_EUSAGE, "size is too small for %u CPUs", others);
    s->traffic = cb_pages_map(others * s->part, s->pages, err);
    return s->traffic ? cb_workers_run(s->workers, touch, s, 0, err) : -1;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct loaded *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->load = cb_run_param(run, "load");
    s->pages = cb_run_param(run, "page");
    s->chain = (struct cb_chain){.links = cb_run_param(run, "size") / CB_LINE, .stride = CB_LINE};
    if (cb_workers_start(&s->workers, 0, err) < 0 || map_traffic(s, err) < 0)
        return -1;
    s->chain.memory = cb_pages_map(s->chain.links * CB_LINE, s->pages, err);
    if (!s->chain.memory || cb_chain_make(&s->chain, &run->rng, err) < 0)
        return -1;
    s->at = s->chain.memory;
    return cb_pages_check(s->chain.memory, s->chain.links * CB_LINE, s->pages, err);
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct loaded *s = run->state;
    (void)iters;
    (void)err;
    cb_workers_arm(s->workers);
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct loaded *s = run->state;
    atomic_store(&s->done, false);
    atomic_store(&s->injected, 0);
    if (cb_workers_run(s->workers, work, s, iters, err) < 0)
        return -1;
    run->work += iters * CB_LINE + atomic_load(&s->injected);
    run->sink += cb_chain_index(&s->chain, s->at) + 1;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct loaded *s = run->state;
    if (!s)
        return;
    if (s->traffic)
        cb_pages_unmap(s->traffic, (cb_workers_count(s->workers) - 1) * s->part, s->pages);
    cb_workers_stop(s->workers);
    cb_pages_unmap(s->chain.memory, s->chain.links * CB_LINE, s->pages);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_mem_loaded = {
    .name = "mem.loaded",
    .summary = "latency of memory on one CPU while the others use its bandwidth",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "latency", .unit = "ns", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1},
            {.quantity = "rate", .unit = "GB/s", .better = CB_HIGHER, .derive = CB_WORK_PER_WALL, .scale = 1},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "load",
             .help = "percent of their time in which the other CPUs read and write memory; the rate is what "
                     "all CPUs moved, so that equal loads can be told from unequal ones",
             .type = CB_PARAM_INT,
             .def = "100",
             .max = 100},
            {.name = "size",
             .help = "bytes of the chain, and as much for the others together",
             .type = CB_PARAM_SIZE,
             .def = "128M",
             .min = 65536,
             .max = UINT64_C(1) << 38},
            {.name = "page",
             .help = CB_PAGES_HELP,
             .type = CB_PARAM_ENUM,
             .def = "4k",
             .choices = CB_PAGES_CHOICES},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"load=0,size=@dram", CB_SET_FULL},
            {"load=25,size=@dram", CB_SET_FULL},
            {"load=50,size=@dram", CB_SET_FULL},
            {"load=75,size=@dram", CB_SET_FULL},
            {"load=100,size=@dram", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
