/* Memory bandwidth of one CPU or of several: the four loops of STREAM (McCalpin), with its way of counting
 * bytes: what the loop reads and writes, not the reads that a cache does on its own before a write. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "bench/kernels/scratch.h"
#include "bench/kernels/workers.h"

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

/* Past the caches: no line is read before it is written. The instruction is one of every x86-64. */
#ifdef __SSE2__
#define HAS_NT          true
#define STORE_NT(at, v) _mm_stream_pd((double *)(at), (__m128d)(v))
#define FENCE_NT()      _mm_sfence() /* such stores are not ordered; the time ends when they are done */
#else
#define HAS_NT          false
#define STORE_NT(at, v) (*(at) = (v))
#define FENCE_NT()      ((void)0)
#endif
#define STORE(at, v) (*(at) = (v))

#define LOOP(name, store, value)                                                                             \
    static void name(vec *out, const vec *x, const vec *y, size_t n)                                         \
    {                                                                                                        \
        (void)y;                                                                                             \
        for (size_t i = 0; i < n; i++) {                                                                     \
            OPAQUE(i);                                                                                       \
            store(&out[i], value);                                                                           \
        }                                                                                                    \
    }
#define LOOPS(name, value) LOOP(name, STORE, value) LOOP(name##_nt, STORE_NT, value)

LOOPS(copy, x[i])
LOOPS(scale, SCALAR *x[i])
LOOPS(add, x[i] + y[i])
LOOPS(triad, x[i] + SCALAR * y[i])

enum { A, B, C, ARRAYS };
static const double start[ARRAYS] = {1.0, 2.0, 0.5};

/* In the order of the parameter's choices; `moved` arrays are read or written. */
static const struct op {
    void (*once[2])(vec *out, const vec *x, const vec *y, size_t n); /* by the parameter `store` */
    unsigned out, x, y, moved;
    double result;
} ops[] = {
    {{copy, copy_nt}, C, A, A, 2, 1.0},
    {{scale, scale_nt}, B, C, C, 2, SCALAR * 0.5},
    {{add, add_nt}, C, A, B, 3, 1.0 + 2.0},
    {{triad, triad_nt}, A, B, C, 3, 2.0 + SCALAR * 0.5},
};

/* What one thread works on, the same part of every array. */
struct part {
    size_t first; /* vector of the arrays */
    size_t at;    /* where the next iteration begins, from there; goes round and round the part */
};

struct stream {
    vec *base, *array[ARRAYS]; /* one mapping in three parts */
    size_t n, stretch;         /* vectors: of a thread's part, of an iteration */
    const struct op *op;
    uint64_t store;
    struct cb_workers *workers;
    unsigned threads;
    struct part *part; /* one a thread */
};

/* The k-th of the elements checked: the first of each SPOTS-th part of what `iters` iterations write. */
static double *spot(const struct stream *s, const struct part *p, uint64_t iters, unsigned k)
{
    size_t step = iters * s->stretch / SPOTS;
    return (double *)&s->array[s->op->out][p->first + (p->at + k * step) % s->n];
}

static int check(const struct stream *s, const struct part *p, uint64_t iters, struct cb_err *err)
{
    for (unsigned k = 0; k < SPOTS; k++) {
        double got = *spot(s, p, iters, k);
        if (got != s->op->result)
            return cb_fail(err, CB_ESYS, "mem.stream computed %g where %g is right", got, s->op->result);
    }
    return 0;
}

static uint64_t array_bytes(const struct stream *s)
{
    return s->threads * s->n * sizeof(vec);
}

static bool is_used(const struct op *op, unsigned array)
{
    return array == op->out || array == op->x || array == op->y;
}

/* By the thread that will use it: memory comes from the node of the CPU that touches it first. */
static int touch(void *arg, unsigned index, uint64_t iters, struct cb_err *err)
{
    const struct stream *s = arg;
    (void)iters;
    (void)err;
    for (unsigned k = 0; k < ARRAYS; k++)
        for (size_t i = 0; is_used(s->op, k) && i < s->n; i++)
            s->array[k][s->part[index].first + i] = (vec){start[k], start[k]};
    return 0;
}

/* Parts are of whole iterations. */
static int divide(struct stream *s, uint64_t size, struct cb_err *err)
{
    s->threads = cb_workers_count(s->workers);
    uint64_t each = size / s->threads;
    if (each < CB_PAGE)
        return cb_fail(err, CB_EUSAGE, "size=%llu is less than a page for each of %u threads",
                       (unsigned long long)size, s->threads);
    s->stretch = (each < STRETCH ? CB_PAGE : STRETCH) / sizeof(vec);
    s->n = each / sizeof(vec) / s->stretch * s->stretch;
    s->part = calloc(s->threads, sizeof *s->part);
    if (!s->part)
        return cb_fail_sys(err, ENOMEM, "divide the arrays");
    for (unsigned t = 0; t < s->threads; t++)
        s->part[t].first = t * s->n;
    return 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct stream *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->op = &ops[cb_run_param(run, "op")];
    s->store = cb_run_param(run, "store");
    if (s->store && !HAS_NT)
        return cb_fail(err, CB_EMISSING, "store=nt has no loop for this machine's instructions");
    if (cb_workers_start(&s->workers, cb_run_param(run, "threads"), err) < 0 ||
        divide(s, cb_run_param(run, "size"), err) < 0)
        return -1;
    s->base = cb_scratch_map(ARRAYS * array_bytes(s), err);
    if (!s->base)
        return -1;
    /* Bandwidth, not page walks: huge pages in every arm, where a guest's default may differ from its host's.
     * Refused by kernels without them; nothing else depends on it. */
    (void)madvise(s->base, ARRAYS * array_bytes(s), MADV_HUGEPAGE);
    for (unsigned k = 0; k < ARRAYS; k++)
        s->array[k] = s->base + k * s->threads * s->n;
    return cb_workers_run(s->workers, touch, s, 0, err);
}

/* What the last round left would pass for this batch's work. */
static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct stream *s = run->state;
    (void)err;
    for (unsigned t = 0; t < s->threads; t++)
        for (unsigned k = 0; k < SPOTS; k++)
            *spot(s, &s->part[t], iters, k) = POISON;
    cb_workers_arm(s->workers);
    return 0;
}

static int work(void *arg, unsigned index, uint64_t iters, struct cb_err *err)
{
    const struct stream *s = arg;
    struct part *p = &s->part[index];
    const struct op *op = s->op;
    vec *out = s->array[op->out] + p->first;
    const vec *x = s->array[op->x] + p->first, *y = s->array[op->y] + p->first;
    size_t at = p->at;
    for (uint64_t i = 0; i < iters; i++) {
        op->once[s->store](out + at, x + at, y + at, s->stretch);
        at = at + s->stretch == s->n ? 0 : at + s->stretch;
        __asm__ volatile("" ::: "memory"); /* a later round writes what this one wrote: each must happen */
    }
    if (s->store)
        FENCE_NT();
    int failed = check(s, p, iters, err);
    p->at = at;
    return failed;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct stream *s = run->state;
    int failed = cb_workers_run(s->workers, work, s, iters, err);
    run->work += iters * s->threads * s->op->moved * s->stretch * sizeof(vec);
    run->sink += iters;
    return failed;
}

static void teardown(struct cb_run *run)
{
    struct stream *s = run->state;
    if (!s)
        return;
    cb_workers_stop(s->workers);
    cb_scratch_unmap(s->base, ARRAYS * array_bytes(s));
    free(s->part);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_mem_stream = {
    .name = "mem.stream",
    .summary = "memory bandwidth, by the loops of STREAM",
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
            {.name = "store",
             .help =
                 "regular stores read a line before they write it, which STREAM does not count; nt stores "
                 "go past the caches",
             .type = CB_PARAM_ENUM,
             .def = "regular",
             .choices = "regular|nt"},
            {.name = "threads",
             .help = CB_THREADS_HELP ", which share the arrays",
             .type = CB_PARAM_INT,
             .def = "1",
             .max = CB_THREADS_MAX},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"op=copy,size=@stream", CB_SET_QUICK},
            {"op=scale,size=@stream", CB_SET_QUICK},
            {"op=add,size=@stream", CB_SET_QUICK},
            {"op=triad,size=@stream", CB_SET_QUICK},
            {"op=copy,size=@stream,store=nt", CB_SET_FULL},
            {"op=triad,size=@stream,store=nt", CB_SET_FULL},
            {"op=triad,size=@stream,threads=2", CB_SET_FULL},
            {"op=triad,size=@stream,threads=0", CB_SET_FULL},
            {"op=copy,size=@stream,store=nt,threads=0", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
