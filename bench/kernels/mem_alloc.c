/* malloc and free of blocks from 16 bytes to 64 KiB. It measures the allocator that this program brings with
 * it, and in every arm that is the same one: a control, which should cost nothing anywhere. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "bench/kernels/scratch.h"
#include "bench/kernels/workers.h"

#define LEAST  16u
#define POWERS 12u   /* 16 << 12 = 64 KiB */
#define SLOTS  512u  /* live blocks of a thread: about 4 MiB */
#define STEPS  4096u /* of the plan, which goes round and round */

/* One step frees what is in a slot and fills it with a block of another size. */
struct step {
    uint32_t slot, size;
};

struct part {
    _Alignas(128) struct step plan[STEPS]; /* 128: processors fetch lines in pairs */
    uint32_t next;                         /* step */
    uint64_t *block[SLOTS];                /* begins with a number of its slot */
};

struct alloc {
    struct cb_workers *workers;
    unsigned threads;
    struct part *part;
};

/* As many of each power of two, and all sizes between two of them alike. */
static void make_plan(struct part *p, struct cb_rng *rng)
{
    for (unsigned i = 0; i < STEPS; i++) {
        uint32_t least = LEAST << cb_rng_below(rng, POWERS);
        p->plan[i] = (struct step){.slot = (uint32_t)cb_rng_below(rng, SLOTS),
                                   .size = least + (uint32_t)cb_rng_below(rng, least + 1)};
    }
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct alloc *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    /* The allocator alone: no block is a mapping of its own, and the heap is never given back. */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    if (cb_workers_start(&s->workers, cb_run_param(run, "threads"), err) < 0)
        return -1;
    s->threads = cb_workers_count(s->workers);
    s->part = aligned_alloc(_Alignof(struct part), s->threads * sizeof *s->part);
    if (!s->part)
        return cb_fail_sys(err, ENOMEM, "plan");
    memset(s->part, 0, s->threads * sizeof *s->part);
    for (unsigned t = 0; t < s->threads; t++)
        make_plan(&s->part[t], &run->rng);
    return 0;
}

/* Both ends of a block are written, as one that asked for it would. */
static int step(struct part *p, const struct step *step, struct cb_err *err)
{
    uint64_t **block = &p->block[step->slot];
    if (*block && **block != (step->slot ^ CB_MAGIC))
        return cb_fail(err, CB_ESYS, "mem.alloc: a block holds other data");
    free(*block);
    *block = malloc(step->size);
    if (!*block)
        return cb_fail_sys(err, ENOMEM, "allocate %u bytes", step->size);
    ((volatile char *)*block)[step->size - 1] = 1;
    **block = step->slot ^ CB_MAGIC;
    return 0;
}

static int work(void *arg, unsigned index, uint64_t iters, struct cb_err *err)
{
    struct part *p = &((struct alloc *)arg)->part[index];
    for (uint64_t i = 0; i < iters; i++)
        if (step(p, &p->plan[p->next++ % STEPS], err) < 0)
            return -1;
    return 0;
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct alloc *s = run->state;
    (void)iters;
    (void)err;
    cb_workers_arm(s->workers);
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct alloc *s = run->state;
    int failed = cb_workers_run(s->workers, work, s, iters, err);
    run->work += 2 * iters * s->threads;
    run->sink += iters;
    return failed;
}

static void teardown(struct cb_run *run)
{
    struct alloc *s = run->state;
    if (!s)
        return;
    cb_workers_stop(s->workers);
    for (unsigned t = 0; s->part && t < s->threads; t++)
        for (unsigned k = 0; k < SLOTS; k++)
            free(s->part[t].block[k]);
    free(s->part);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_mem_alloc = {
    .name = "mem.alloc",
    .summary = "malloc and free of the agent's own allocator, a control",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "rate",
             .unit = "Mop/s",
             .better = CB_HIGHER,
             .derive = CB_WORK_PER_WALL,
             .scale = 1e3},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "threads",
             .help = CB_THREADS_HELP "; what is measured is the allocator in the agent's own file, glibc's, "
                                     "with blocks of 16 bytes to 64 KiB",
             .type = CB_PARAM_INT,
             .def = "1",
             .max = CB_THREADS_MAX},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"", CB_SET_FULL},
            {"threads=8", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
