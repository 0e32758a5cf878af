/* memcpy and memset by size, with loops of their own. The library's choose a variant by what CPUID says: a
 * hypervisor that hides a feature makes them choose another one, and that would be measured as memory. */
#include <stdlib.h>
#include <sys/mman.h>

#include "bench/kernels/chain.h"
#include "bench/kernels/scratch.h"

#define VALUE 0x5A /* what memset writes */
#define SPOTS 16u  /* lines checked after a batch, beside batches of at least 2 ms */

/* The vector of every x86-64 and every aarch64, at any address. */
typedef long long vec __attribute__((vector_size(16), aligned(1), may_alias));

/* Makes the index opaque: a compiler would turn the loops into the library's functions. */
#define OPAQUE(i) __asm__ volatile("" : "+r"(i))

/* Both take whole lines. */
static void copy_vec(char *to, const char *from, size_t n)
{
    for (size_t i = 0; i < n; i += CB_LINE) {
        OPAQUE(i);
        vec a = *(const vec *)(from + i), b = *(const vec *)(from + i + 16);
        vec c = *(const vec *)(from + i + 32), d = *(const vec *)(from + i + 48);
        *(vec *)(to + i) = a;
        *(vec *)(to + i + 16) = b;
        *(vec *)(to + i + 32) = c;
        *(vec *)(to + i + 48) = d;
    }
}

static void set_vec(char *to, const char *from, size_t n)
{
    (void)from;
    vec v = (vec){0} + VALUE * 0x0101010101010101LL;
    for (size_t i = 0; i < n; i += CB_LINE) {
        OPAQUE(i);
        *(vec *)(to + i) = *(vec *)(to + i + 16) = *(vec *)(to + i + 32) = *(vec *)(to + i + 48) = v;
    }
}

#ifdef __x86_64__
#define HAS_REP true
static void copy_rep(char *to, const char *from, size_t n)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void set_rep(char *to, const char *from, size_t n)
{
    (void)from;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(VALUE) : "memory");
}
#else
#define HAS_REP  false
#define copy_rep NULL
#define set_rep  NULL
#endif

static void copy_libc(char *to, const char *from, size_t n)
{
    memcpy(to, from, n);
}

static void set_libc(char *to, const char *from, size_t n)
{
    (void)from;
    memset(to, VALUE, n);
}

/* In the order of the parameters' choices. */
enum { MEMCPY, MEMSET };
enum { VEC, REP, LIBC };
typedef void op(char *to, const char *from, size_t n);
static op *const ops[][3] = {
    [MEMCPY] = {[VEC] = copy_vec, [REP] = copy_rep, [LIBC] = copy_libc},
    [MEMSET] = {[VEC] = set_vec, [REP] = set_rep, [LIBC] = set_libc},
};

struct copy {
    op *once;
    bool copies;
    char *to, *memory; /* memory: the source before it was moved by `skew` */
    const char *from;
    uint64_t size;
};

/* Random data is not needed, and takes long to make where memory is emulated: a number in every line. */
static char *map_numbered(uint64_t bytes, struct cb_err *err)
{
    char *p = cb_scratch_map(bytes, err);
    if (!p)
        return NULL;
    /* Copying, not page walks: huge pages in every arm, where a guest's default may differ from its host's.
     * Refused by kernels without them; nothing else depends on it. */
    (void)madvise(p, bytes, MADV_HUGEPAGE);
    for (uint64_t at = 0; at < bytes; at += CB_LINE)
        cb_scratch_stamp(p + at, at);
    return p;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct copy *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    uint64_t kind = cb_run_param(run, "op"), how = cb_run_param(run, "how");
    s->size = cb_run_param(run, "size");
    s->once = ops[kind][how];
    s->copies = kind == MEMCPY;
    if (how == REP && !HAS_REP)
        return cb_fail(err, CB_EMISSING, "how=rep is an instruction of x86-64");
    if (s->size % CB_LINE)
        return cb_fail(err, CB_EUSAGE, "size=%llu is not a multiple of %llu", (unsigned long long)s->size,
                       (unsigned long long)CB_LINE);
    s->to = map_numbered(s->size, err);
    s->memory = s->to ? map_numbered(s->size + CB_LINE, err) : NULL;
    if (!s->memory)
        return -1;
    s->from = s->memory + cb_run_param(run, "skew");
    return 0;
}

/* The k-th of the lines checked: the first of each SPOTS-th part, and the last. */
static uint64_t spot(const struct copy *s, unsigned k)
{
    uint64_t lines = s->size / CB_LINE;
    return (k + 1 == SPOTS ? lines - 1 : lines / SPOTS * k) * CB_LINE;
}

static void expected(const struct copy *s, uint64_t at, char line[CB_LINE])
{
    if (s->copies)
        memcpy(line, s->from + at, CB_LINE);
    else
        memset(line, VALUE, CB_LINE);
}

/* What the last batch left would pass for this one's work. */
static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct copy *s = run->state;
    (void)iters;
    (void)err;
    for (unsigned k = 0; k < SPOTS; k++) {
        char line[CB_LINE];
        expected(s, spot(s, k), line);
        for (unsigned i = 0; i < CB_LINE; i++)
            s->to[spot(s, k) + i] = (char)~line[i];
    }
    return 0;
}

static int check(const struct copy *s, struct cb_err *err)
{
    for (unsigned k = 0; k < SPOTS; k++) {
        char line[CB_LINE];
        expected(s, spot(s, k), line);
        if (memcmp(s->to + spot(s, k), line, CB_LINE) != 0)
            return cb_fail(err, CB_ESYS, "mem.copy: wrong bytes at %llu", (unsigned long long)spot(s, k));
    }
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct copy *s = run->state;
    op *once = s->once;
    size_t size = s->size;
    for (uint64_t i = 0; i < iters; i++) {
        OPAQUE(size); /* not known to the loop, or short ones would be made for it */
        once(s->to, s->from, size);
        __asm__ volatile("" ::: "memory"); /* the next writes what this one wrote: each must happen */
    }
    run->work += iters * size;
    run->sink += iters;
    return check(s, err);
}

static void teardown(struct cb_run *run)
{
    struct copy *s = run->state;
    if (!s)
        return;
    cb_scratch_unmap(s->to, s->size);
    cb_scratch_unmap(s->memory, s->size + CB_LINE);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_mem_copy = {
    .name = "mem.copy",
    .summary = "memcpy and memset by size",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "rate", .unit = "GB/s", .better = CB_HIGHER, .derive = CB_WORK_PER_WALL, .scale = 1},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "op",
             .help = "bytes are counted once: those written",
             .type = CB_PARAM_ENUM,
             .def = "memcpy",
             .choices = "memcpy|memset"},
            {.name = "how",
             .help = "vec: a loop of 16-byte vectors; rep: rep movsb or stosb of x86-64, which emulators do "
                     "byte by byte; libc: the C library's, "
                     "which chooses by CPUID and so may be another one in another arm",
             .type = CB_PARAM_ENUM,
             .def = "vec",
             .choices = "vec|rep|libc"},
            {.name = "size",
             .help = "bytes, whole lines of 64; the same ones every time, so that small ones are cached",
             .type = CB_PARAM_SIZE,
             .def = "4K",
             .min = CB_LINE,
             .max = UINT64_C(1) << 36},
            {.name = "skew",
             .help = "the source begins so many bytes after a line; the destination begins with one",
             .type = CB_PARAM_INT,
             .def = "0",
             .max = CB_LINE - 1},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"size=4K", CB_SET_STANDARD},
            {"size=64M", CB_SET_STANDARD},
            {"size=64", CB_SET_FULL},
            {"size=256K", CB_SET_FULL},
            {"size=4K,skew=1", CB_SET_FULL},
            {"size=64M,how=rep", CB_SET_FULL},
            {"size=4K,how=libc", CB_SET_FULL},
            {"size=64M,how=libc", CB_SET_FULL},
            {"op=memset,size=4K", CB_SET_FULL},
            {"op=memset,size=64M", CB_SET_FULL},
            {"op=memset,size=64M,how=rep", CB_SET_FULL},
            {"op=memset,size=4K,how=libc", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
