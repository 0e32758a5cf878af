/* Memory bandwidth of one CPU: the four loops of STREAM (McCalpin), with its way of counting bytes: what the
 * loop reads and writes, not the reads that a cache does on its own before a write. */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bench/kernels/scratch.h"

#define SCALAR 3.0
#define POISON -1.0
#define SPOTS  64u /* elements checked after a batch: a few us beside batches of at least 2 ms */
#define STRETCH                                                                                              \
    (64u * 1024u) /* bytes of each array an iteration works through: long against the loop's ends, and       \
                   * short enough for a batch to fit its time where memory is a hundred times slower */

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

/* In the order of the parameter's choices; `moved` arrays are read or written. */
static const struct op {
    void (*once)(vec *out, const vec *x, const vec *y, size_t n);
    unsigned out, x, y, moved;
    double result;
} ops[] = {
    {copy, C, A, A, 2, 1.0},
    {scale, B, C, C, 2, SCALAR * 0.5},
    {add, C, A, B, 3, 1.0 + 2.0},
    {triad, A, B, C, 3, 2.0 + SCALAR * 0.5},
};

struct stream {
    vec *base, *array[ARRAYS]; /* one mapping in three parts */
    size_t n, stretch;         /* vectors: of an array, of an iteration */
    size_t at;                 /* where the next iteration begins; goes round and round the arrays */
    const struct op *op;
};

/* The k-th of the elements checked: the first of each SPOTS-th part of what `iters` iterations write. */
static double *spot(const struct stream *s, size_t from, uint64_t iters, unsigned k)
{
    size_t part = iters * s->stretch / SPOTS;
    return (double *)&s->array[s->op->out][(from + k * part) % s->n];
}

static int check(const struct stream *s, size_t from, uint64_t iters, struct cb_err *err)
{
    for (unsigned k = 0; k < SPOTS; k++) {
        double got = *spot(s, from, iters, k);
        if (got != s->op->result)
            return cb_fail(err, CB_ESYS, "mem.stream computed %g where %g is right", got, s->op->result);
    }
    return 0;
}

static uint64_t array_bytes(const struct stream *s)
{
    return s->n * sizeof(vec);
}

static bool is_used(const struct op *op, unsigned array)
{
    return array == op->out || array == op->x || array == op->y;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct stream *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    uint64_t size = cb_run_param(run, "size");
    s->stretch = (size < STRETCH ? CB_PAGE : STRETCH) / sizeof(vec);
    s->n = size / sizeof(vec) / s->stretch * s->stretch;
    s->op = &ops[cb_run_param(run, "op")];
    s->base = cb_scratch_map(ARRAYS * array_bytes(s), err);
    if (!s->base)
        return -1;
    /* Bandwidth, not page walks: huge pages in every arm, where a guest's default may differ from its host's.
     * Refused by kernels without them; nothing else depends on it. */
    (void)madvise(s->base, ARRAYS * array_bytes(s), MADV_HUGEPAGE);
    for (unsigned k = 0; k < ARRAYS; k++) {
        s->array[k] = s->base + k * s->n;
        for (size_t i = 0; is_used(s->op, k) && i < s->n; i++)
            s->array[k][i] = (vec){start[k], start[k]};
    }
    return 0;
}

/* What the last round left would pass for this batch's work. */
static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct stream *s = run->state;
    (void)err;
    for (unsigned k = 0; k < SPOTS; k++)
        *spot(s, s->at, iters, k) = POISON;
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct stream *s = run->state;
    const struct op *op = s->op;
    size_t from = s->at;
    for (uint64_t i = 0; i < iters; i++) {
        op->once(s->array[op->out] + s->at, s->array[op->x] + s->at, s->array[op->y] + s->at, s->stretch);
        s->at = s->at + s->stretch == s->n ? 0 : s->at + s->stretch;
        __asm__ volatile("" ::: "memory"); /* a later round writes what this one wrote: each must happen */
    }
    run->work += iters * op->moved * s->stretch * sizeof(vec);
    run->sink += iters;
    return check(s, from, iters, err);
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
    .variants =
        (const struct cb_variant[]){
            {"op=copy,size=@stream", CB_SET_QUICK},
            {"op=scale,size=@stream", CB_SET_QUICK},
            {"op=add,size=@stream", CB_SET_QUICK},
            {"op=triad,size=@stream", CB_SET_QUICK},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
