#include "results/void.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/buf.h"
#include "bench/base/units.h"

/* The kernel counts time in ticks of 10 ms and cuts off what is less, in four fields of every process. So
 * much too much or too little can be in a difference; it matters where blocks are short. */
#define ROUNDING_NS 50e6
/* Kernel threads that write an arm's files took up to 6 % of its CPU where filesystem cases ran alone, and
 * cannot be told from the system time of other tasks: so much of that is nobody's fault. */
#define KERNEL_SHARE 0.1
/* The two clocks of which the time suspended is the difference cannot be read in the same moment; a machine
 * that sleeps does so for longer than this. */
#define SUSPEND_NS 100e6

/* One snapshot before and one after: of the whole machine around the block, or of an instance. */
struct window {
    const struct cb_dataset *d;
    const struct cb_ds_evidence *at; /* of the block */
    size_t n;
    int arm;
    bool inside;
};

static const struct cb_ds_evidence *find(const struct window *w, const char *key)
{
    for (const struct cb_ds_evidence *e = w->at; e < w->at + w->n; e++)
        if (e->arm == w->arm && e->inside == w->inside && !strcmp(e->key, key))
            return e;
    return NULL;
}

/* By how much a counter has grown. False where it was not there, or is none: evidence may come from a guest.
 */
static bool growth(const struct window *w, const char *key, double *out)
{
    const struct cb_ds_evidence *e = find(w, key);
    struct cb_err ignored;
    uint64_t before, after;
    if (!e || cb_parse_u64(e->before, 0, UINT64_MAX, &before, &ignored) < 0 ||
        cb_parse_u64(e->after, 0, UINT64_MAX, &after, &ignored) < 0)
        return false;
    *out = after > before ? (double)(after - before) : 0;
    return true;
}

/* ", while vm ran"; nothing for the block as a whole. */
static void put_where(const struct window *w, struct cb_buf *out)
{
    if (w->arm >= 0)
        cb_buf_printf(out, " while %s ran", w->d->arms[w->arm].name);
}

/* --- causes ------------------------------------------------------------------------------------------- */

/* Steal inside a guest is no cause: there it also holds what qemu itself needs of the arm's CPUs, which is
 * part of what the arm costs. */
static void steal(const struct window *w, struct cb_buf *out)
{
    double all, stolen;
    if (w->arm >= 0 || w->inside || !growth(w, "cpu.all_ns", &all) || !growth(w, "cpu.steal_ns", &stolen) ||
        stolen - ROUNDING_NS <= CB_VOID_STEAL * all)
        return;
    cb_buf_printf(out, "steal %.1f %% (limit %g %%)", 100 * stolen / all, 100 * CB_VOID_STEAL);
}

/* Time that tasks outside the arm's group took of its CPUs. A neighbour that computes shows in user time, of
 * which the kernel's own threads have none, and in all of it. */
static bool foreign_time(const struct window *w, double all, double *out)
{
    double user, own_user, tasks, own;
    if (!growth(w, "cpu.user_ns", &user) || !growth(w, "group.user_ns", &own_user) ||
        !growth(w, "cpu.tasks_ns", &tasks) || !growth(w, "group.time_ns", &own))
        return false;
    double computing = fmin(user - own_user, tasks - own), system = tasks - own - KERNEL_SHARE * all;
    *out = fmax(computing, system) - ROUNDING_NS;
    return true;
}

/* PSI tells how long some task of the machine had to wait for a CPU, not for whom: two tasks of a benchmark
 * may wait for each other, and qemu's threads do. So what counts is how much of the arm's CPUs tasks outside
 * of its group took, and that tasks waited for at least as long. On a machine with one CPU cbench and the
 * peer are such tasks, by design, and the report says so. */
static void others(const struct window *w, struct cb_buf *out)
{
    double all, elapsed, foreign, waited_us;
    bool shared = !strcmp(cb_kv_get(&w->d->run.host, "cpus.shared", "false"), "true");
    if (shared || w->arm < 0 || w->inside || !growth(w, "cpu.all_ns", &all) ||
        !growth(w, "time.elapsed_ns", &elapsed) || !foreign_time(w, all, &foreign) ||
        !growth(w, "pressure.cpu_some_us", &waited_us) || all <= 0 || elapsed <= 0)
        return;
    double share = fmin(foreign / all, (1000 * waited_us - ROUNDING_NS) / elapsed);
    if (share <= CB_VOID_OTHERS)
        return;
    cb_buf_printf(out, "other tasks took %.0f %% of the CPUs (limit %g %%)", 100 * share,
                  100 * CB_VOID_OTHERS);
    put_where(w, out);
}

static void rose(const struct window *w, const char *key, const char *what, struct cb_buf *out)
{
    double by;
    if (!growth(w, key, &by) || by == 0)
        return;
    cb_buf_printf(out, "%s (%.0f times)", what, by);
    put_where(w, out);
}

static void hot_core(const struct window *w, struct cb_buf *out)
{
    if (w->arm < 0)
        rose(w, "cpu.core_throttled", "a CPU was slowed because it was hot", out);
}

static void hot_package(const struct window *w, struct cb_buf *out)
{
    if (w->arm < 0)
        rose(w, "cpu.package_throttled", "the CPUs were slowed because they were hot", out);
}

/* No arm has a limit of CPU time: whatever holds it back was set from outside. */
static void held_back(const struct window *w, struct cb_buf *out)
{
    if (!w->inside)
        rose(w, "group.throttled", "the control group was held back", out);
}

static void clock_changed(const struct window *w, struct cb_buf *out)
{
    const struct cb_ds_evidence *e = find(w, "time.source");
    if (!e || !strcmp(e->before, e->after))
        return;
    cb_buf_printf(out, "the clock source went from %s to %s", e->before, e->after);
    put_where(w, out);
}

static void slept(const struct window *w, struct cb_buf *out)
{
    double ns;
    if (w->arm < 0 && growth(w, "time.suspended_ns", &ns) && ns > SUSPEND_NS)
        cb_buf_printf(out, "the machine was suspended for %.1f s", ns / 1e9);
}

/* Of the arm's group, and inside a guest, whose kernel is its own. Elsewhere on the machine the kernel may
 * kill for the memory of a group that is nobody's business here. */
static void out_of_memory(const struct window *w, struct cb_buf *out)
{
    bool own_kernel = w->arm >= 0 && strcmp(w->d->arms[w->arm].accelerator, "none") != 0;
    if (!w->inside)
        rose(w, "group.oom_kills", "the kernel killed for memory", out);
    else if (own_kernel)
        rose(w, "memory.oom_kills", "the guest's kernel killed for memory", out);
}

static void (*const causes[])(const struct window *, struct cb_buf *) = {
    steal, others, hot_core, hot_package, held_back, clock_changed, slept, out_of_memory,
};

/* --- a block, a run ----------------------------------------------------------------------------------- */

static void judge(struct window w, int arm, bool inside, struct cb_buf *out)
{
    w.arm = arm;
    w.inside = inside;
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        CB_AUTOBUF struct cb_buf cause = {0};
        causes[i](&w, &cause);
        if (cause.len)
            cb_buf_printf(out, "%s%s", out->len ? "; " : "", cb_buf_str(&cause));
    }
}

void cb_void_reason(const struct cb_dataset *d, unsigned block, char out[CB_VOID_TEXT])
{
    CB_AUTOBUF struct cb_buf reasons = {0};
    struct window w = {.d = d, .at = d->evidence};
    const struct cb_ds_evidence *end = d->evidence + d->nevidence;
    while (w.at < end && w.at->block != block)
        w.at++;
    while (w.at + w.n < end && w.at[w.n].block == block)
        w.n++;
    judge(w, -1, false, &reasons);
    for (int a = 0; a < (int)d->narms; a++) {
        judge(w, a, false, &reasons);
        judge(w, a, true, &reasons);
    }
    /* Without memory for the reason the block does not count: it might be void. */
    snprintf(out, CB_VOID_TEXT, "%s", cb_buf_ok(&reasons) ? cb_buf_str(&reasons) : "out of memory");
}

struct cb_voids cb_voids(const struct cb_dataset *d)
{
    struct cb_voids v = {.blocks = (unsigned)d->nblocks};
    for (size_t b = d->nblocks; b-- > 0;)
        if (*d->blocks[b].void_reason) {
            v.voided++;
            v.first = (unsigned)b;
        }
    v.unfit = v.voided > CB_VOID_UNFIT * v.blocks;
    return v;
}
