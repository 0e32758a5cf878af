/* The memory kernels through their own descriptors: what they say they did is what was done, they notice
 * wrong results, and what cannot run here says why. */
#include "tests/unit/unit.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/kernels/chain.h"
#include "bench/kernels/cpus.h"
#include "bench/kernels/pages.h"
#include "bench/kernels/scratch.h"
#include "bench/kernels/workers.h"
#include "tests/unit/kernels.h"

/* Entries of a directory of /proc: threads of this process, for one. */
static unsigned threads_now(void)
{
    char text[64] = "";
    unsigned n = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(text, sizeof text, f))
        if (sscanf(text, "Threads: %u", &n) == 1)
            break;
    if (f)
        fclose(f);
    return n;
}

#ifdef __SSE2__
#define STORES 2u
#else
#define STORES 1u /* the nt loops are of x86-64 */
#endif

/* A case with two threads, or with one where there is one CPU only. */
static unsigned some_threads(void)
{
    return cb_cpus_count() < 2 ? 1 : 2;
}

/* True when the environment said why it cannot run the case. */
static bool is_missing(const char *bench, const char *params, const char *reason)
{
    struct cb_run run = make_run(bench, params);
    int rc = run.bench->setup(&run, &err);
    end(&run);
    return rc == -1 && err.code == CB_EMISSING && strstr(err.msg, reason);
}

/* --- workers --- */

struct tally {
    uint64_t done[CB_THREADS_MAX];
    int cpu[CB_THREADS_MAX];
};

static int count(void *arg, unsigned index, uint64_t iters, struct cb_err *e)
{
    struct tally *t = arg;
    t->done[index] += iters;
    t->cpu[index] = sched_getcpu();
    return index + 1 == some_threads() && iters == 13 ? cb_fail(e, CB_EUNFIT, "worker %u fell", index) : 0;
}

static void workers_work_together(void)
{
    static struct tally t;
    struct cb_workers *w;
    unsigned n = some_threads(), before = threads_now();
    CU_ASSERT_EQUAL_FATAL(cb_workers_start(&w, n, &err), 0);
    CU_ASSERT_EQUAL(cb_workers_count(w), n);
    CU_ASSERT_EQUAL(threads_now(), before + n - 1);
    for (unsigned i = 0; i < 100; i++) {
        if (i % 2)
            cb_workers_arm(w);
        CU_ASSERT_EQUAL(cb_workers_run(w, count, &t, i, &err), i == 13 ? -1 : 0);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "fell"));
    for (unsigned i = 0; i < n; i++)
        CU_ASSERT_EQUAL(t.done[i], 4950);
    CU_ASSERT(n == 1 || t.cpu[0] != t.cpu[1]);
    cb_workers_arm(w); /* a batch that never comes */
    cb_workers_stop(w);
    CU_ASSERT_EQUAL(threads_now(), before);
}

static void workers_need_cpus(void)
{
    struct cb_workers *w;
    CU_ASSERT_EQUAL(cb_workers_start(&w, cb_cpus_count() + 1, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    cb_workers_stop(w);
    CU_ASSERT_EQUAL(cb_workers_start(&w, 0, &err), 0);
    CU_ASSERT_EQUAL(cb_workers_count(w), cb_cpus_count());
    cb_workers_stop(w);
    CU_ASSERT(is_missing("mem.stream", "size=64K,threads=4096", "needs 4096 CPUs"));
}

/* --- pages --- */

static void reserved_pages_are_huge_or_missing(void)
{
    char *p = cb_pages_map(3 << 20, CB_PAGES_2M, &err);
    if (!p) {
        CU_ASSERT_EQUAL(err.code, CB_EMISSING);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "reserve"));
        return;
    }
    CU_ASSERT_EQUAL((uintptr_t)p % CB_HUGE, 0);
    cb_pages_unmap(p, 3 << 20, CB_PAGES_2M);
    CU_ASSERT_EQUAL(msync(p, CB_PAGE, MS_ASYNC), -1); /* nothing is mapped there any more */
}

/* Small pages where huge ones were asked for must not pass. */
static void small_pages_are_noticed(void)
{
    char *p = cb_pages_map(CB_HUGE, CB_PAGES_4K, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    memset(p, 1, CB_HUGE);
    CU_ASSERT_EQUAL(cb_pages_check(p, CB_HUGE, CB_PAGES_4K, &err), 0);
    CU_ASSERT_EQUAL(cb_pages_check(p, CB_HUGE, CB_PAGES_THP, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "for 0 of 2048 KiB"));
    cb_pages_unmap(p, CB_HUGE, CB_PAGES_4K);
}

/* --- chains --- */

/* Follows a chain to where it began; every link must be met once. `changes` counts steps from one run of
 * `group` neighbours to another. */
static void follow(const struct cb_chain *c, uint64_t group, uint64_t *changes)
{
    CB_AUTOFREE bool *seen = calloc(c->links, sizeof *seen);
    const struct cb_link *at = c->memory;
    CU_ASSERT_PTR_NOT_NULL_FATAL(seen);
    *changes = 0;
    for (uint64_t i = 0; i < c->links; i++) {
        uint64_t index = cb_chain_index(c, at), next;
        CU_ASSERT_FATAL(index < c->links && !seen[index] && at == cb_chain_at(c, index));
        seen[index] = true;
        at = at->next;
        next = cb_chain_index(c, at);
        *changes += index / group != next / group;
    }
    CU_ASSERT_PTR_EQUAL(at, c->memory);
}

static void chains_stay_within_groups(void)
{
    enum { LINKS = 1000, GROUP = 64 }; /* the last group is shorter */
    static const struct {
        uint64_t links, stride, group, changes;
    } rows[] = {{LINKS, CB_LINE, GROUP, 16},  {LINKS, CB_PAGE, GROUP, 16}, {LINKS, CB_LINE, LINKS, 16 * 16},
                {LINKS, CB_LINE, 0, 16 * 16}, {1, CB_PAGE, 0, 0},          {3, CB_LINE, 1, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_chain c = {.links = rows[i].links, .stride = rows[i].stride, .group = rows[i].group};
        struct cb_rng rng;
        uint64_t changes;
        cb_rng_seed(&rng, i);
        c.memory = cb_pages_map(c.links * c.stride, CB_PAGES_4K, &err);
        CU_ASSERT_PTR_NOT_NULL_FATAL(c.memory);
        CU_ASSERT_EQUAL_FATAL(cb_chain_make(&c, &rng, &err), 0);
        follow(&c, GROUP, &changes);
        /* One change a group where the order keeps to groups; nearly every hop where it does not. */
        CU_ASSERT(rows[i].group == GROUP ? changes == rows[i].changes : changes >= rows[i].changes);
        cb_pages_unmap(c.memory, c.links * c.stride, CB_PAGES_4K);
    }
}

static void chase_has_localities(void)
{
    static const char *const rows[] = {"size=64000,tlb=2m", "size=64000,tlb=page", "size=5M,tlb=2m"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_run run = run_case(make_run("mem.chase", rows[i]), 1000, 2);
        CU_ASSERT_EQUAL(run.work, 2000);
    }
}

/* --- mem.stream --- */

static void stream_counts_all_threads(void)
{
    static const struct {
        const char *op;
        uint64_t moved;
    } rows[] = {{"copy", 2}, {"scale", 2}, {"add", 3}, {"triad", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (unsigned nt = 0; nt < STORES; nt++) {
            char params[64];
            snprintf(params, sizeof params, "op=%s,size=256K,store=%s,threads=%u", rows[i].op,
                     nt ? "nt" : "regular", some_threads());
            struct cb_run run = run_case(make_run("mem.stream", params), 5, 2);
            CU_ASSERT_EQUAL(run.work, 2 * 5 * some_threads() * rows[i].moved * 65536);
        }
}

static void stream_notices_an_idle_thread(void)
{
    struct cb_run run = make_run("mem.stream", "size=256K,threads=0");
    CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
    CU_ASSERT_EQUAL(batch(&run, 1), 0);
    CU_ASSERT_EQUAL(batch(&run, 0), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "computed -1 where"));
    end(&run);
}

static void stream_parts_need_a_page(void)
{
    if (cb_cpus_count() < 2)
        return;
    struct cb_run run = make_run("mem.stream", "size=4K,threads=2");
    CU_ASSERT_EQUAL(run.bench->setup(&run, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    end(&run);
}

/* --- mem.tlb, mem.gups --- */

static void tlb_takes_a_page_a_hop(void)
{
    enum { PAGES = 100 };
    static bool seen[PAGES];
    struct cb_run run = make_run("mem.tlb", "pages=100");
    CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < PAGES; i++) {
        run.sink = 0;
        CU_ASSERT_EQUAL(batch(&run, 1), 0);
        CU_ASSERT_FATAL(run.sink - 1 < PAGES && !seen[run.sink - 1]);
        seen[run.sink - 1] = true;
    }
    CU_ASSERT_EQUAL(run.work, PAGES);
    end(&run);
}

static void gups_counts_updates(void)
{
    char params[64];
    struct cb_run run = run_case(make_run("mem.gups", "size=100K"), 50, 3);
    CU_ASSERT_EQUAL(run.work, 3 * 50 * 128);
    snprintf(params, sizeof params, "size=8M,threads=%u", some_threads());
    run = run_case(make_run("mem.gups", params), 200, 4);
    CU_ASSERT_EQUAL(run.work, 4 * 200 * 128 * some_threads());
}

/* A batch that does less, or other, than it was asked for does not stand the replay. */
static void gups_notices_updates_not_done(void)
{
    struct cb_run run = make_run("mem.gups", "size=64K");
    CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
    CU_ASSERT_EQUAL(batch(&run, 100), 0);
    CU_ASSERT_EQUAL(batch(&run, 100), 0);
    CU_ASSERT_EQUAL(run.bench->reset(&run, 100, &err), 0);
    CU_ASSERT_EQUAL(run.bench->loop(&run, 90, &err), 0);
    CU_ASSERT_EQUAL(run.bench->reset(&run, 1, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "of 12800 updates were not done right"));
    end(&run);
}

/* --- mem.map, mem.fault, mem.cow --- */

static long minor_faults(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return use.ru_minflt;
}

/* All pages are there before the call, each time. */
static void map_touches_pages(void)
{
    static const char *const ops[] = {"mmap", "munmap", "mprotect", "madvise"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        char params[64];
        snprintf(params, sizeof params, "op=%s,region=1M,others=%u", ops[i], some_threads() - 1);
        struct cb_run run = make_run("mem.map", params);
        CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
        CU_ASSERT_EQUAL(batch(&run, 1), 0);
        long before = minor_faults();
        CU_ASSERT_EQUAL(batch(&run, 3), 0);
        /* A kernel may let a page that was writable before be written again without a fault. */
        CU_ASSERT(i == 2 || minor_faults() - before >= (long)(3 * (1 << 20) / sysconf(_SC_PAGESIZE)));
        CU_ASSERT_EQUAL(run.work, 4);
        CU_ASSERT_EQUAL(hist.total, 4);
        CU_ASSERT(hist.min > 0);
        end(&run);
    }
    CU_ASSERT(is_missing("mem.map", "others=4000", "needs 4001 CPUs"));
}

/* Resident pages of this process. */
static long resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fscanf(f, "%*d %ld", &pages), 1);
    fclose(f);
    return pages;
}

static void map_leaves_nothing(void)
{
    long before = resident();
    run_case(make_run("mem.map", "op=mmap,region=4M"), 20, 1);
    run_case(make_run("mem.map", "op=munmap,region=4M"), 20, 1);
    run_case(make_run("mem.map", "op=mprotect,region=4M"), 20, 1);
    CU_ASSERT(resident() - before < 4 << 20 >> 12);
}

static void fault_populates(void)
{
    struct cb_run run = make_run("mem.fault", "region=1M,populate=populate");
    if (run.bench->setup(&run, &err) < 0) {
        CU_ASSERT_EQUAL(err.code, CB_EMISSING);
        end(&run);
        return;
    }
    long before = minor_faults();
    CU_ASSERT_EQUAL(batch(&run, 8), 0);
    uint64_t pages = (1 << 20) / (uint64_t)sysconf(_SC_PAGESIZE);
    CU_ASSERT(minor_faults() - before >= (long)(8 * pages)); /* counted with and without an exception */
    CU_ASSERT_EQUAL(run.work, 8 * pages);
    CU_ASSERT_EQUAL(hist.total, 8);
    end(&run);
}

static void huge_pages_are_counted_as_one(void)
{
    struct cb_run run = make_run("mem.fault", "region=6M,page=thp");
    if (run.bench->setup(&run, &err) == 0) {
        CU_ASSERT_EQUAL(batch(&run, 2), 0);
        CU_ASSERT_EQUAL(run.work, 2 * 3);
    } else {
        CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    }
    end(&run);
    run = make_run("mem.fault", "region=1M,page=thp");
    CU_ASSERT_EQUAL(run.bench->setup(&run, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    end(&run);
}

static void cow_copies_each_page(void)
{
    struct rusage before, after;
    struct cb_run run = make_run("mem.cow", "region=1M");
    CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
    getrusage(RUSAGE_CHILDREN, &before);
    CU_ASSERT_EQUAL(batch(&run, 3), 0);
    getrusage(RUSAGE_CHILDREN, &after);
    CU_ASSERT(after.ru_minflt - before.ru_minflt >= 3 * 256);
    CU_ASSERT_EQUAL(run.work, 3 * 256);
    CU_ASSERT_EQUAL(hist.total, 3);
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    end(&run);
}

/* --- mem.copy --- */

static void copy_counts_bytes(void)
{
    static const char *const rows[] = {
        "size=64",
        "size=4K,skew=63",
        "size=64K,how=libc",
        "op=memset,size=64",
        "op=memset",
        "op=memset,how=libc",
#ifdef __x86_64__
        "size=4K,how=rep,skew=7",
        "op=memset,how=rep",
#endif
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_run run = make_run("mem.copy", rows[i]);
        uint64_t size = cb_run_param(&run, "size");
        run = run_case(run, 7, 2);
        CU_ASSERT_EQUAL(run.work, 14 * size);
    }
}

static void copy_notices_work_not_done(void)
{
    static const char *const rows[] = {"size=64", "size=64K", "op=memset,size=4K"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_run run = make_run("mem.copy", rows[i]);
        CU_ASSERT_EQUAL_FATAL(run.bench->setup(&run, &err), 0);
        CU_ASSERT_EQUAL(batch(&run, 1), 0);
        CU_ASSERT_EQUAL(batch(&run, 0), -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "wrong bytes"));
        end(&run);
    }
    struct cb_run run = make_run("mem.copy", "size=100");
    CU_ASSERT_EQUAL(run.bench->setup(&run, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    end(&run);
}

/* --- mem.c2c, mem.loaded, mem.alloc --- */

static void ball_goes_back_and_forth(void)
{
    if (cb_cpus_count() < 2) {
        CU_ASSERT(is_missing("mem.c2c", "", "needs 2 CPUs"));
        return;
    }
    struct cb_run run = run_case(make_run("mem.c2c", ""), 1000, 2);
    CU_ASSERT_EQUAL(run.work, 2000);
    CU_ASSERT_EQUAL(run.sink, 2 * 2000);
}

static void load_is_counted(void)
{
    uint64_t last = 0;
    for (unsigned load = 0; load <= 100; load += 50) {
        char params[64];
        snprintf(params, sizeof params, "size=1M,load=%u", load);
        if (cb_cpus_count() < 2) {
            CU_ASSERT(is_missing("mem.loaded", params, "needs 2 CPUs"));
            continue;
        }
        unsigned before = threads_now();
        struct cb_run run = run_case(make_run("mem.loaded", params), 500000, 1);
        CU_ASSERT(load ? run.work > last : run.work == 500000 * 64);
        CU_ASSERT_EQUAL(threads_now(), before);
        last = 500000 * 64;
    }
}

static void alloc_counts_operations(void)
{
    char params[64];
    snprintf(params, sizeof params, "threads=%u", some_threads());
    struct cb_run run = run_case(make_run("mem.alloc", params), 5000, 2);
    CU_ASSERT_EQUAL(run.work, 2 * 2 * 5000 * some_threads());
}

const struct cb_suite cb_suite = {
    "kernels of memory",
    {
        {"workers work together", workers_work_together},
        {"workers need CPUs", workers_need_cpus},
        {"reserved pages are huge or missing", reserved_pages_are_huge_or_missing},
        {"small pages are noticed", small_pages_are_noticed},
        {"chains stay within groups", chains_stay_within_groups},
        {"chase has localities", chase_has_localities},
        {"stream counts all threads", stream_counts_all_threads},
        {"stream notices an idle thread", stream_notices_an_idle_thread},
        {"stream's parts need a page", stream_parts_need_a_page},
        {"tlb takes a page a hop", tlb_takes_a_page_a_hop},
        {"gups counts updates", gups_counts_updates},
        {"gups notices updates not done", gups_notices_updates_not_done},
        {"map touches pages", map_touches_pages},
        {"map leaves nothing", map_leaves_nothing},
        {"fault populates", fault_populates},
        {"huge pages are counted as one", huge_pages_are_counted_as_one},
        {"cow copies each page", cow_copies_each_page},
        {"copy counts bytes", copy_counts_bytes},
        {"copy notices work not done", copy_notices_work_not_done},
        {"a ball goes back and forth", ball_goes_back_and_forth},
        {"load is counted", load_is_counted},
        {"alloc counts operations", alloc_counts_operations},
        CU_TEST_INFO_NULL,
    }};
