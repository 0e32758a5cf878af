/* What a page costs a load: a chain that has one line in every page. With small pages the table of recent
 * translations (TLB) is too small for it from some number of pages on, and each load walks the page tables,
 * in a guest also those of its host; with page=thp the same lines lie in few pages. The difference of the two
 * at the same number is the walk. */
#include <stdlib.h>

#include "bench/kernels/chain.h"
#include "bench/kernels/pages.h"
#include "bench/kernels/scratch.h"

struct tlb {
    struct cb_chain chain;
    struct cb_link *at;
    enum cb_pages pages;
};

static uint64_t bytes_of(const struct cb_chain *c)
{
    return c->links * c->stride;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct tlb *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->pages = cb_run_param(run, "page");
    s->chain = (struct cb_chain){.links = cb_run_param(run, "pages"), .stride = CB_PAGE};
    s->chain.memory = cb_pages_map(bytes_of(&s->chain), s->pages, err);
    if (!s->chain.memory || cb_chain_make(&s->chain, &run->rng, err) < 0)
        return -1;
    s->at = s->chain.memory;
    return cb_pages_check(s->chain.memory, bytes_of(&s->chain), s->pages, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    (void)err;
    struct tlb *s = run->state;
    s->at = cb_chain_walk(s->at, iters);
    run->work += iters;
    run->sink += cb_chain_index(&s->chain, s->at) + 1;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct tlb *s = run->state;
    if (s)
        cb_pages_unmap(s->chain.memory, bytes_of(&s->chain), s->pages);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_mem_tlb = {
    .name = "mem.tlb",
    .summary = "latency of a load when each is from another page",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "latency", .unit = "ns", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "pages",
             .help = "pages of 4 KiB, each with one line of the chain; compare with page=thp, where the same "
                     "lines miss the same caches",
             .type = CB_PARAM_INT,
             .def = "16384",
             .min = 2,
             .max = UINT64_C(1) << 26},
            {.name = "page",
             .help = CB_PAGES_HELP,
             .type = CB_PARAM_ENUM,
             .def = "4k",
             .choices = CB_PAGES_CHOICES},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"pages=32", CB_SET_FULL},
            {"pages=512", CB_SET_FULL},
            {"pages=2048", CB_SET_FULL},
            {"pages=16384", CB_SET_FULL},
            {"pages=512,page=thp", CB_SET_FULL},
            {"pages=2048,page=thp", CB_SET_FULL},
            {"pages=16384,page=thp", CB_SET_FULL},
            {"pages=16384,page=2m", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
