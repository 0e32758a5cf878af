/* Memory bandwidth of one CPU: the four loops of STREAM (McCalpin), with its way of counting bytes: what the
 * loop reads and writes, not the reads that a cache does on its own before a write. */
#include <stdlib.h>

#include "bench/kernels/scratch.h"

#define SCALAR 3.0
#define POISON -1.0
#define SPOTS  64u /* elements checked after a batch: a few us beside passes of at least 10 ms */

/* 16 bytes are the vector that every x86-64 and every aarch64 has. Nothing is chosen by what the CPU says of
 * itself: a hypervisor may hide features, and that would be measured as memory. */
typedef double vec __attribute__((vector_size(16)));

/* Makes the index opaque: a compiler would turn the copy into memcpy, and that chooses by CPUID. */
#define OPAQUE(i) __asm__ volatile("" : "+r"(i))

static void copy(vec *out, const vec *x, const vec *y, size_t n)
{
    (void)y;
    for (size_t i = 0; i < n; i++) {
        OPAQUE(i);
        out[i] = x[i];
    }
}

static void scale(vec *out, const vec *x, const vec *y, size_t n)
{
    (void)y;
    for (size_t i = 0; i < n; i++) {
        OPAQUE(i);
        out[i] = SCALAR * x[i];
    }
}

static void add(vec *out, const vec *x, const vec *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        OPAQUE(i);
        out[i] = x[i] + y[i];
    }
}

static void triad(vec *out, const vec *x, const vec *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        OPAQUE(i);
        out[i] = x[i] + SCALAR * y[i];
    }
}

enum { A, B, C, ARRAYS };
static const double start[ARRAYS] = {1.0, 2.0, 0.5};

/* In the order of the parameter's choices; `moved` arrays are read or written by a pass. */
static const struct pass {
    void (*once)(vec *out, const vec *x, const vec *y, size_t n);
    unsigned out, x, y, moved;
    double result;
} passes[] = {
    {copy, C, A, A, 2, 1.0},
    {scale, B, C, C, 2, SCALAR * 0.5},
    {add, C, A, B, 3, 1.0 + 2.0},
    {triad, A, B, C, 3, 2.0 + SCALAR * 0.5},
};

struct stream {
    vec *base, *array[ARRAYS]; /* one mapping in three parts */
    size_t n;                  /* vectors an array */
    const struct pass *pass;
};

static double *spot(const struct stream *s, unsigned k)
{
    return (double *)s->array[s->pass->out] + k * (s->n * 2 - 1) / (SPOTS - 1);
}

static int check(const struct stream *s, struct cb_err *err)
{
    for (unsigned k = 0; k < SPOTS; k++)
        if (*spot(s, k) != s->pass->result)
            return cb_fail(err, CB_ESYS, "mem.stream computed %g where %g is right", *spot(s, k),
                           s->pass->result);
    return 0;
}

static uint64_t array_bytes(const struct stream *s)
{
    return s->n * sizeof(vec);
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct stream *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->n = cb_run_param(run, "size") / CB_PAGE * CB_PAGE / sizeof(vec);
    s->pass = &passes[cb_run_param(run, "op")];
    s->base = cb_scratch_map(ARRAYS * array_bytes(s), err);
    if (!s->base)
        return -1;
    for (unsigned k = 0; k < ARRAYS; k++) {
        s->array[k] = s->base + k * s->n;
        for (size_t i = 0; i < s->n; i++)
            s->array[k][i] = (vec){start[k], start[k]};
    }
    return 0;
}

/* What the last batch left would pass for this one's work. */
static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    (void)iters, (void)err;
    for (unsigned k = 0; k < SPOTS; k++)
        *spot(run->state, k) = POISON;
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct stream *s = run->state;
    const struct pass *p = s->pass;
    for (uint64_t i = 0; i < iters; i++) {
        p->once(s->array[p->out], s->array[p->x], s->array[p->y], s->n);
        __asm__ volatile("" ::: "memory"); /* a pass writes what the one before wrote: each must happen */
    }
    run->work += iters * p->moved * array_bytes(s);
    run->sink += iters;
    return check(s, err);
}

static void teardown(struct cb_run *run)
{
    struct stream *s = run->state;
    if (s)
        cb_scratch_unmap(s->base, ARRAYS * array_bytes(s));
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_mem_stream = {
    .name = "mem.stream",
    .summary = "memory bandwidth of one CPU, by the loops of STREAM",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "rate", .unit = "GB/s", .better = CB_HIGHER, .derive = CB_WORK_PER_WALL, .scale = 1},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "op",
             .help = "copy c=a, scale b=3c, add c=a+b, triad a=b+3c",
             .type = CB_PARAM_ENUM,
             .def = "triad",
             .choices = "copy|scale|add|triad"},
            {.name = "size",
             .help = "bytes of each of the three arrays: four last-level caches "
                     "at least, or caches are measured",
             .type = CB_PARAM_SIZE,
             .def = "128M",
             .min = 4096,
             .max = UINT64_C(1) << 36},
            {.name = NULL},
        },
    .variants = (const char *const[]){"op=copy,size=@stream", "op=scale,size=@stream", "op=add,size=@stream",
                                      "op=triad,size=@stream", NULL},
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
