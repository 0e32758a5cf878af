/* Random updates of a table in memory, as HPC Challenge's RandomAccess: each exclusive-ors one word of the
 * table, and which one is known only when the generator is there. Unlike a chase, updates need not wait for
 * each other.
 *
 * The check is HPCC's too: the same updates again restore the table. It takes as long as the batch, and so is
 * made before the next one, untimed; the last batch of a case has none. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "bench/kernels/pages.h"
#include "bench/kernels/scratch.h"
#include "bench/kernels/workers.h"

/* The generator: shift by one, and subtract x^63 + x^2 + x + 1 where a bit falls out. HPCC looks 128 updates
 * ahead at most, and steps that many generators in turn; so does an iteration here. */
#define POLYNOMIAL UINT64_C(7)
#define LANES      128u

/* What one thread does; on lines of its own, which it writes all the time. */
struct part {
    _Alignas(128) uint64_t state[LANES]; /* 128: processors fetch lines in pairs */
    uint64_t before[LANES];              /* at the beginning of the last batch */
    uint64_t wrong;                      /* words that its replay did not restore */
};

struct gups {
    uint64_t *table, words;
    enum cb_pages pages;
    struct cb_workers *workers;
    unsigned threads;
    struct part *part;
    uint64_t last; /* iterations of the last batch */
};

static inline uint64_t step(uint64_t r)
{
    return r << 1 ^ ((int64_t)r < 0 ? POLYNOMIAL : 0);
}

/* By the thread that has this share of the words, so that they come from all threads' nodes. */
static int touch(void *arg, unsigned index, uint64_t iters, struct cb_err *err)
{
    const struct gups *s = arg;
    uint64_t each = s->words / s->threads;
    uint64_t end = index + 1 == s->threads ? s->words : each * (index + 1);
    (void)iters;
    (void)err;
    for (uint64_t i = each * index; i < end; i++)
        s->table[i] = i;
    return 0;
}

static int update(void *arg, unsigned index, uint64_t iters, struct cb_err *err)
{
    const struct gups *s = arg;
    uint64_t *table = s->table, mask = s->words - 1, *state = s->part[index].state;
    (void)err;
    for (uint64_t i = 0; i < iters; i++)
        for (unsigned k = 0; k < LANES; k++) {
            uint64_t r = state[k] = step(state[k]);
            table[r & mask] ^= r; /* threads may lose one to another: the rules allow for some */
        }
    return 0;
}

/* The updates of the last batch once more; here none may be lost. */
static int undo(void *arg, unsigned index, uint64_t iters, struct cb_err *err)
{
    const struct gups *s = arg;
    const struct part *p = &s->part[index];
    (void)err;
    for (unsigned k = 0; k < LANES; k++) {
        uint64_t r = p->before[k];
        for (uint64_t i = 0; i < iters; i++) {
            r = step(r);
            __atomic_fetch_xor(&s->table[r & (s->words - 1)], r, __ATOMIC_RELAXED);
        }
    }
    return 0;
}

/* Counts updates whose word is not what it was at first. They stay wrong, and so what was lost adds up. */
static int inspect(void *arg, unsigned index, uint64_t iters, struct cb_err *err)
{
    const struct gups *s = arg;
    struct part *p = &s->part[index];
    (void)err;
    p->wrong = 0;
    for (unsigned k = 0; k < LANES; k++) {
        uint64_t r = p->before[k];
        for (uint64_t i = 0; i < iters; i++) {
            r = step(r);
            p->wrong += s->table[r & (s->words - 1)] != (r & (s->words - 1));
        }
    }
    return 0;
}

static int replay(const struct gups *s, struct cb_err *err)
{
    uint64_t wrong = 0, updates = s->last * LANES * s->threads;
    if (cb_workers_run(s->workers, undo, (void *)s, s->last, err) < 0 ||
        cb_workers_run(s->workers, inspect, (void *)s, s->last, err) < 0)
        return -1;
    for (unsigned t = 0; t < s->threads; t++)
        wrong += s->part[t].wrong;
    if (wrong > (s->threads == 1 ? 0 : updates / 100)) /* 1 % is HPCC's limit */
        return cb_fail(err, CB_ESYS, "mem.gups: %" PRIu64 " of %" PRIu64 " updates were not done right",
                       wrong, updates);
    return 0;
}

static int start_generators(struct gups *s, struct cb_rng *rng, struct cb_err *err)
{
    s->part = aligned_alloc(_Alignof(struct part), s->threads * sizeof *s->part);
    if (!s->part)
        return cb_fail_sys(err, ENOMEM, "allocate generators");
    for (unsigned t = 0; t < s->threads; t++)
        for (unsigned k = 0; k < LANES; k++) {
            s->part[t].state[k] = cb_rng_next(rng) | 1; /* 0 would stay 0 */
            s->part[t].before[k] = s->part[t].state[k];
        }
    return 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct gups *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->pages = cb_run_param(run, "page");
    uint64_t size = cb_run_param(run, "size");
    for (s->words = 1; s->words <= size / sizeof *s->table / 2;)
        s->words *= 2;
    if (cb_workers_start(&s->workers, cb_run_param(run, "threads"), err) < 0)
        return -1;
    s->threads = cb_workers_count(s->workers);
    if (start_generators(s, &run->rng, err) < 0)
        return -1;
    s->table = cb_pages_map(s->words * sizeof *s->table, s->pages, err);
    if (!s->table || cb_workers_run(s->workers, touch, s, 0, err) < 0)
        return -1;
    return cb_pages_check(s->table, s->words * sizeof *s->table, s->pages, err);
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct gups *s = run->state;
    if (replay(s, err) < 0)
        return -1;
    for (unsigned t = 0; t < s->threads; t++)
        for (unsigned k = 0; k < LANES; k++)
            s->part[t].before[k] = s->part[t].state[k];
    s->last = iters;
    cb_workers_arm(s->workers);
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct gups *s = run->state;
    if (cb_workers_run(s->workers, update, s, iters, err) < 0)
        return -1;
    run->work += iters * LANES * s->threads;
    run->sink += s->part[0].state[0] | 1;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct gups *s = run->state;
    if (!s)
        return;
    cb_workers_stop(s->workers);
    cb_pages_unmap(s->table, s->words * sizeof *s->table, s->pages);
    free(s->part);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_mem_gups = {
    .name = "mem.gups",
    .summary = "random updates of a table in memory, by HPCC's RandomAccess",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "rate", .unit = "GUPS", .better = CB_HIGHER, .derive = CB_WORK_PER_WALL, .scale = 1},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "size",
             .help = "bytes of the table, of which the largest power of two is used",
             .type = CB_PARAM_SIZE,
             .def = "128M",
             .min = 4096,
             .max = UINT64_C(1) << 38},
            {.name = "page",
             .help = CB_PAGES_HELP,
             .type = CB_PARAM_ENUM,
             .def = "4k",
             .choices = CB_PAGES_CHOICES},
            {.name = "threads",
             .help = CB_THREADS_HELP "; they share the table",
             .type = CB_PARAM_INT,
             .def = "1",
             .max = CB_THREADS_MAX},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"size=@dram", CB_SET_STANDARD},
            {"size=@dram,page=thp", CB_SET_FULL},
            {"size=@dram,threads=0", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
