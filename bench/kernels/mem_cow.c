/* Copy on write: a forked child writes to pages that its parent had dirtied, and the kernel copies each. Only
 * the child's writes are timed, by the child: fork and exit are other benchmarks. The parent dirties all
 * pages again before the next fork. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/base/proc.h"
#include "bench/kernels/cpus.h"
#include "bench/kernels/pages.h"
#include "bench/kernels/scratch.h"

/* The histogram holds whole numbers: time a page goes in with ten binary places. */
#define FIXED_POINT 1024u

struct cow {
    volatile uint64_t *region; /* the first word of each page has what its owner wrote last */
    uint64_t bytes, stamp;
    enum cb_pages pages;
    uint64_t *took_ns; /* shared with the child */
};

#define PAGE_WORDS (CB_PAGE / sizeof(uint64_t))

static void dirty(const struct cow *s, uint64_t stamp)
{
    for (uint64_t at = 0; at < s->bytes / sizeof *s->region; at += PAGE_WORDS)
        s->region[at] = stamp + at;
}

static bool is_dirty(const struct cow *s, uint64_t stamp)
{
    uint64_t wrong = 0;
    for (uint64_t at = 0; at < s->bytes / sizeof *s->region; at += PAGE_WORDS)
        wrong |= s->region[at] ^ (stamp + at);
    return wrong == 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct cow *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->pages = CB_PAGES_4K + cb_run_param(run, "page"); /* reserved pages are short: a copy could get none */
    s->bytes = cb_run_param(run, "region") / CB_PAGE * CB_PAGE;
    s->took_ns = mmap(NULL, sizeof *s->took_ns, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s->took_ns == MAP_FAILED) {
        s->took_ns = NULL;
        return cb_fail_sys(err, errno, "map what the child shares");
    }
    s->region = cb_pages_map(s->bytes, s->pages, err);
    if (!s->region || cb_cpus_pin(0, err) < 0) /* a child on another CPU would find cold caches, or not */
        return -1;
    memset((void *)s->region, 1, s->bytes);
    return cb_pages_check((const void *)s->region, s->bytes, s->pages, err);
}

static __attribute__((noreturn)) void child(const struct cow *s, pid_t parent)
{
    struct cb_err ignored;
    if (cb_die_with_parent(parent, &ignored) < 0 || !is_dirty(s, s->stamp))
        _exit(1);
    uint64_t begin = cb_now_ns();
    dirty(s, ~s->stamp);
    *s->took_ns = cb_now_ns() - begin;
    _exit(is_dirty(s, ~s->stamp) ? 0 : 1);
}

static int fork_once(struct cow *s, struct cb_err *err)
{
    int status;
    pid_t parent = getpid();
    s->stamp++;
    dirty(s, s->stamp);
    *s->took_ns = 0;
    pid_t pid = fork();
    if (pid == 0)
        child(s, parent);
    if (pid < 0)
        return cb_fail_sys(err, errno, "fork");
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return cb_fail_sys(err, errno, "wait for the child");
    if (status != 0 || !is_dirty(s, s->stamp))
        return cb_fail(err, CB_ESYS, "mem.cow: pages of parent and child were not kept apart");
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct cow *s = run->state;
    uint64_t pages = s->bytes / CB_PAGE;
    for (uint64_t i = 0; i < iters; i++) {
        if (fork_once(s, err) < 0)
            return -1;
        cb_hist_add(run->hist, *s->took_ns * FIXED_POINT / pages);
    }
    run->work += iters * pages;
    run->sink += iters * pages;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct cow *s = run->state;
    if (!s)
        return;
    cb_pages_unmap((void *)s->region, s->bytes, s->pages);
    if (s->took_ns)
        munmap(s->took_ns, sizeof *s->took_ns);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_mem_cow = {
    .name = "mem.cow",
    .summary = "a forked child's first write to a page that its parent had dirtied",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "time",
             .unit = "us",
             .better = CB_LOWER,
             .derive = CB_HIST_QUANTILE,
             .scale = 1e-3 / FIXED_POINT,
             .q = 0.5},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "region",
             .help = "bytes that are dirty at the fork; the child writes to every page of 4 KiB",
             .type = CB_PARAM_SIZE,
             .def = "4M",
             .min = 65536,
             .max = UINT64_C(1) << 36},
            {.name = "page",
             .help = "pages of the parent; huge ones may be split or copied, as the kernel likes",
             .type = CB_PARAM_ENUM,
             .def = "4k",
             .choices = "4k|thp"},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"", CB_SET_STANDARD},
            {"page=thp", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
