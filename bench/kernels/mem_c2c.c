/* A cache line goes from one CPU to another and back: each writes it when it has seen the other's value. */
#include <stdatomic.h>
#include <stdlib.h>

#include "bench/kernels/scratch.h"
#include "bench/kernels/workers.h"

struct c2c {
    _Atomic uint64_t *ball; /* alone on its page */
    unsigned other;
    struct cb_workers *workers;
};

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct c2c *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->other = (unsigned)cb_run_param(run, "other");
    if (cb_workers_start(&s->workers, s->other + 1u, err) < 0)
        return -1;
    s->ball = cb_scratch_map(CB_PAGE, err);
    return s->ball ? 0 : -1;
}

static void await(_Atomic uint64_t *ball, uint64_t value)
{
    while (atomic_load_explicit(ball, memory_order_acquire) != value)
        ; /* no pause: it would wait longer than the line takes */
}

/* Odd values are the first one's, even ones the other's. CPUs between the two have nothing to do. */
static int work(void *arg, unsigned index, uint64_t iters, struct cb_err *err)
{
    const struct c2c *s = arg;
    (void)err;
    if (index == 0)
        for (uint64_t i = 1; i <= iters; i++) {
            atomic_store_explicit(s->ball, 2 * i - 1, memory_order_release);
            await(s->ball, 2 * i);
        }
    else if (index == s->other)
        for (uint64_t i = 1; i <= iters; i++) {
            await(s->ball, 2 * i - 1);
            atomic_store_explicit(s->ball, 2 * i, memory_order_release);
        }
    return 0;
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct c2c *s = run->state;
    (void)iters;
    (void)err;
    cb_workers_arm(s->workers);
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct c2c *s = run->state;
    atomic_store(s->ball, 0);
    int failed = cb_workers_run(s->workers, work, s, iters, err);
    run->work += iters;
    run->sink += atomic_load(s->ball);
    return failed;
}

static void teardown(struct cb_run *run)
{
    struct c2c *s = run->state;
    if (!s)
        return;
    cb_workers_stop(s->workers);
    cb_scratch_unmap((void *)s->ball, CB_PAGE);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_mem_c2c = {
    .name = "mem.c2c",
    .summary = "a cache line on its way from one CPU to another",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            /* An iteration is there and back. */
            {.quantity = "latency",
             .unit = "ns",
             .better = CB_LOWER,
             .derive = CB_WALL_PER_ITER,
             .scale = 0.5},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "other",
             .help = "which of the environment's CPUs is the second one, the first is 0; without pinned CPUs "
                     "in a virtual machine the time says nothing",
             .type = CB_PARAM_INT,
             .def = "1",
             .min = 1,
             .max = CB_THREADS_MAX - 1},
            {.name = NULL},
        },
    .variants = (const struct cb_variant[]){{"", CB_SET_FULL}, {.params = NULL}},
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
