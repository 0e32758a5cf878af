/* Memory bandwidth of one CPU: the four loops of STREAM (McCalpin), with its way of counting bytes: what the
 * loop reads and writes, not the reads that a cache does on its own before a write. */
#include <errno.h>
#include <stdlib.h>

#include "bench/kernels/scratch.h"

#define SCALAR  3.0
#define POISON  -1.0
#define SPOTS   64u /* elements checked after a batch: a few us beside passes of at least 10 ms */
#define START_A 1.0
#define START_B 2.0
#define START_C 0.5

/* 16 bytes are the vector that every x86-64 and every aarch64 has. Nothing is chosen by what the CPU says of
 * itself: a hypervisor may hide features, and that would be measured as memory. */
typedef double vec __attribute__((vector_size(16)));

struct stream {
    vec *a, *b, *c;
    size_t n;       /* vectors an array */
    uint64_t bytes; /* of an array */
    const struct pass *pass;
    vec *out; /* the array that the pass writes */
};

struct pass {
    void (*once)(const struct stream *s);
    size_t out;      /* which array it writes: 0 a, 1 b, 2 c */
    unsigned arrays; /* that it reads or writes */
    double result;
};

/* Makes the index opaque: a compiler would turn the copy into memcpy, and that chooses by CPUID. */
#define OPAQUE(i) __asm__ volatile("" : "+r"(i))

static void copy(const struct stream *s)
{
    for (size_t i = 0; i < s->n; i++) {
        OPAQUE(i);
        s->c[i] = s->a[i];
    }
}

static void scale(const struct stream *s)
{
    for (size_t i = 0; i < s->n; i++) {
        OPAQUE(i);
        s->b[i] = SCALAR * s->c[i];
    }
}

static void add(const struct stream *s)
{
    for (size_t i = 0; i < s->n; i++) {
        OPAQUE(i);
        s->c[i] = s->a[i] + s->b[i];
    }
}

static void triad(const struct stream *s)
{
    for (size_t i = 0; i < s->n; i++) {
        OPAQUE(i);
        s->a[i] = s->b[i] + SCALAR * s->c[i];
    }
}

/* In the order of the parameter's choices. */
static const struct pass passes[] = {
    {copy, 2, 2, START_A},
    {scale, 1, 2, SCALAR *START_C},
    {add, 2, 3, START_A + START_B},
    {triad, 0, 3, START_B + SCALAR *START_C},
};

static double *spot(const struct stream *s, unsigned k)
{
    return (double *)s->out + k * (s->n * 2 - 1) / (SPOTS - 1);
}

static int check(const struct cb_run *run, struct cb_err *err)
{
    const struct stream *s = run->state;
    for (unsigned k = 0; k < SPOTS; k++)
        if (*spot(s, k) != s->pass->result)
            return cb_fail(err, CB_ESYS, "mem.stream computed %g where %g is right", *spot(s, k),
                           s->pass->result);
    return 0;
}

static void fill(vec *v, size_t n, double value)
{
    for (size_t i = 0; i < n; i++)
        v[i] = (vec){value, value};
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct stream *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->bytes = cb_run_param(run, "size") / CB_PAGE * CB_PAGE;
    s->n = s->bytes / sizeof(vec);
    s->pass = &passes[cb_run_param(run, "op")];
    s->a = cb_scratch_map(3 * s->bytes, err);
    if (!s->a)
        return -1;
    s->b = s->a + s->n;
    s->c = s->b + s->n;
    s->out = (vec *[]){s->a, s->b, s->c}[s->pass->out];
    fill(s->a, s->n, START_A);
    fill(s->b, s->n, START_B);
    fill(s->c, s->n, START_C);
    return 0;
}

/* What the last batch left would pass for this one's work. */
static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    (void)iters, (void)err;
    const struct stream *s = run->state;
    for (unsigned k = 0; k < SPOTS; k++)
        *spot(s, k) = POISON;
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct stream *s = run->state;
    for (uint64_t i = 0; i < iters; i++) {
        s->pass->once(s);
        __asm__ volatile("" ::: "memory"); /* a pass writes what the one before wrote: each must happen */
    }
    run->work += iters * s->pass->arrays * s->bytes;
    run->sink += (uint64_t)*spot(s, 0);
    return check(run, err);
}

static void teardown(struct cb_run *run)
{
    struct stream *s = run->state;
    if (s)
        cb_scratch_unmap(s->a, 3 * s->bytes);
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
