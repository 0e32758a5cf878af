/* Latency of a load from memory, by the size of what is loaded from, its pages, and how often the chain
 * changes pages. */
#include <stdlib.h>

#include "bench/kernels/chain.h"
#include "bench/kernels/pages.h"
#include "bench/kernels/scratch.h"

struct chase {
    struct cb_chain chain;
    struct cb_link *at;
    enum cb_pages pages;
};

/* Lines that the cycle stays within, in the order of the parameter's choices. */
static const uint64_t groups[] = {0, CB_HUGE / CB_LINE, CB_PAGE / CB_LINE};

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct chase *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->pages = cb_run_param(run, "page");
    s->chain = (struct cb_chain){.links = cb_run_param(run, "size") / CB_LINE,
                                 .stride = CB_LINE,
                                 .group = groups[cb_run_param(run, "tlb")]};
    s->chain.memory = cb_pages_map(s->chain.links * CB_LINE, s->pages, err);
    if (!s->chain.memory || cb_chain_make(&s->chain, &run->rng, err) < 0)
        return -1;
    s->at = s->chain.memory;
    return cb_pages_check(s->chain.memory, s->chain.links * CB_LINE, s->pages, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    (void)err;
    struct chase *s = run->state;
    s->at = cb_chain_walk(s->at, iters);
    run->work += iters;
    run->sink += cb_chain_index(&s->chain, s->at) + 1;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct chase *s = run->state;
    if (s)
        cb_pages_unmap(s->chain.memory, s->chain.links * CB_LINE, s->pages);
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
             .help = CB_PAGES_HELP,
             .type = CB_PARAM_ENUM,
             .def = "4k",
             .choices = CB_PAGES_CHOICES},
            {.name = "tlb",
             .help = "the order of lines: random over all, or over 2 MiB or a page before the next is begun; "
                     "within a page, prefetchers of neighbouring lines may help",
             .type = CB_PARAM_ENUM,
             .def = "full",
             .choices = "full|2m|page"},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"size=@l1d", CB_SET_QUICK},
            {"size=@l2", CB_SET_QUICK},
            {"size=@llc", CB_SET_QUICK},
            {"size=@dram", CB_SET_QUICK},
            {"size=@dram,tlb=2m", CB_SET_FULL},
            {"size=@dram,tlb=page", CB_SET_FULL},
            {"size=@llc,page=thp", CB_SET_FULL},
            {"size=@dram,page=thp", CB_SET_FULL},
            {"size=@dram,page=2m", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
