/* What else differs between the arms than the environment: from facts, and from the one benchmark that no
 * environment should change. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/buf.h"
#include "bench/base/units.h"
#include "results/effect.h"
#include "results/void.h"

/* One question to an arm: writes a note, or nothing. What concerns the whole run is said when the baseline is
 * asked. */
struct subject {
    const struct cb_dataset *d;
    const struct cb_rows *rows;
    const struct cb_ds_arm *arm, *base;
};

static const char *host_fact(const struct subject *s, const char *key)
{
    return cb_kv_get(&s->d->run.host, key, "");
}

/* A fact that could not be read says nothing about a difference. */
static const char *known(const struct cb_ds_arm *a, const char *key)
{
    const char *v = cb_kv_get(&a->facts, key, "");
    return *v && strcmp(v, "unknown") != 0 ? v : NULL;
}

/* Both arms' values where both are known and differ. */
static bool differ(const struct subject *s, const char *key, const char **arm, const char **base)
{
    *arm = known(s->arm, key);
    *base = known(s->base, key);
    return *arm && *base && strcmp(*arm, *base) != 0;
}

static void host_is_virtual(const struct subject *s, struct cb_buf *out)
{
    if (s->arm != s->base || strcmp(host_fact(s, "virtualised"), "true") != 0)
        return;
    const char *by = host_fact(s, "hypervisor");
    if (cb_host_is_emulated(s->d)) {
        cb_buf_printf(out, "the host is itself emulated (%s): no number here says anything of a real machine",
                      by);
        return;
    }
    cb_buf_printf(
        out, "the host is itself a virtual machine (%s): not bare metal, and what runs beside it is unknown",
        *by ? by : "unknown hypervisor");
}

static void accelerator(const struct subject *s, struct cb_buf *out)
{
    static const struct {
        const char *class, *means;
    } classes[] = {
        {"tcg", "runs under emulation (TCG), not hardware virtualisation: its numbers say nothing about KVM"},
        {"kvm-nested", "runs under nested KVM: every exit passes through another hypervisor"},
        {"kvm-paravirtual",
         "runs under a paravirtual KVM without hardware support: exits and page tables cost otherwise"},
    };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (strcmp(s->arm->accelerator, classes[i].class) != 0)
            continue;
        cb_buf_printf(out, "%s %s", s->arm->name, classes[i].means);
        const char *why = known(s->arm, "accelerator.reason");
        if (why)
            cb_buf_printf(out, " (%s)", why);
    }
}

/* "0-3,6" -> 5; 0 where it is no such list. */
static uint64_t count_cpus(const char *list)
{
    uint64_t n = 0;
    while (*list) {
        char *end;
        unsigned long first = strtoul(list, &end, 10), last = first;
        if (end == list)
            return 0;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (last < first || (*end && *end != ','))
            return 0;
        n += last - first + 1;
        list = *end ? end + 1 : end;
    }
    return n;
}

static uint64_t cpus_of(const struct cb_ds_arm *a)
{
    const char *list = known(a, "cpus.allowed");
    return list ? count_cpus(list) : 0;
}

/* CPUs as seen from inside: a guest numbers its own, but how many there are must not differ. */
static bool unequal_number(const struct cb_ds_arm *a, const struct cb_ds_arm *b)
{
    return known(a, "cpus.allowed") && known(b, "cpus.allowed") && cpus_of(a) != cpus_of(b);
}

/* The CPUs of "2-3" or of "2 | 3 | 2-3", a list of lists. Those of it that make no sense are no CPUs. */
static void cpus_in(const char *lists, cpu_set_t *out)
{
    CPU_ZERO(out);
    for (const char *p = lists; *(p += strcspn(p, "0123456789"));) {
        char *end;
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (unsigned long cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++)
            CPU_SET(cpu, out);
        p = end;
    }
}

/* What the host's kernel allowed the threads of the arm. Those of qemu may be pinned one by one: what counts
 * is what they have together. */
static bool unequal_threads(const struct cb_ds_arm *a, const struct cb_ds_arm *b)
{
    const char *x = known(a, "cpus.threads"), *y = known(b, "cpus.threads");
    cpu_set_t p, q;
    if (!x || !y)
        return false;
    cpus_in(x, &p);
    cpus_in(y, &q);
    return !CPU_EQUAL(&p, &q);
}

bool cb_unequal_pinning(const struct cb_ds_arm *a, const struct cb_ds_arm *b)
{
    return unequal_number(a, b) || unequal_threads(a, b);
}

static void pinning(const struct subject *s, struct cb_buf *out)
{
    if (unequal_number(s->arm, s->base))
        cb_buf_printf(out, "%s may use %llu CPUs, %s %llu: unequal pinning, nothing here is comparable",
                      s->arm->name, (unsigned long long)cpus_of(s->arm), s->base->name,
                      (unsigned long long)cpus_of(s->base));
    else if (unequal_threads(s->arm, s->base))
        cb_buf_printf(
            out,
            "threads of %s ran on CPUs %s, those of %s on %s: unequal pinning, nothing here is comparable",
            s->arm->name, known(s->arm, "cpus.threads"), s->base->name, known(s->base, "cpus.threads"));
}

static void void_blocks(const struct subject *s, struct cb_buf *out)
{
    struct cb_voids v = cb_voids(s->d);
    if (s->arm != s->base || !v.voided)
        return;
    cb_buf_printf(out, "%u of %u blocks are void%s%s: %s", v.voided, v.blocks,
                  v.voided < v.blocks ? " and left out" : "",
                  v.unfit ? ", so many that this machine was unfit for measuring" : "",
                  s->d->blocks[v.first].void_reason);
}

/* Runs of a time before evidence was recorded have none at all, and nothing is said of them. */
static void others_unseen(const struct subject *s, struct cb_buf *out)
{
    const struct cb_dataset *d = s->d;
    if (s->arm != s->base || !d->nevidence)
        return;
    for (size_t i = 0; i < d->nevidence; i++)
        if (!strcmp(d->evidence[i].key, "pressure.cpu_some_us"))
            return;
    cb_buf_puts(out, "this kernel does not tell how long tasks wait for a CPU (PSI): blocks that other tasks "
                     "disturbed count like all others");
}

static void out_of_time(const struct subject *s, struct cb_buf *out)
{
    const struct cb_ds_run *r = &s->d->run;
    if (s->arm == s->base && r->target > 0 && !strcmp(r->stopped, "budget"))
        cb_buf_printf(out,
                      "stopped: budget. The time was over before every interval was within %g %%: verdicts "
                      "may be inconclusive",
                      100 * r->target);
}

static void peer_shares(const struct subject *s, struct cb_buf *out)
{
    if (s->arm == s->base && !strcmp(host_fact(s, "cpus.shared"), "true"))
        cb_buf_puts(
            out,
            "the network peer and cbench itself share CPUs with what is measured: network results include "
            "waiting for them");
}

/* "none: no veth" -> "no veth"; NULL for an arm with a link, or of which nothing is known. */
static const char *no_link(const struct cb_ds_arm *a)
{
    const char *net = known(a, "network");
    return net && !strncmp(net, "none: ", 6) ? net + 6 : NULL;
}

static bool measures_network(const struct cb_dataset *d)
{
    for (size_t i = 0; i < d->ncases; i++)
        if (!strncmp(d->cases[i].bench, "net.", 4))
            return true;
    return false;
}

/* Without a link for the host nobody has one: that is said once. */
static void network(const struct subject *s, struct cb_buf *out)
{
    const char *why = no_link(s->arm);
    bool run_has_none = no_link(s->base) != NULL;
    if (!why || !measures_network(s->d) || (run_has_none && s->arm != s->base))
        return;
    cb_buf_printf(out, "%s has no network link (%s): network cases are skipped",
                  run_has_none ? "the run" : s->arm->name, *why ? why : "not said why");
}

/* Where the scratch directory or the disk image lies, as seen from the host. */
static void backing(const struct subject *s, struct cb_buf *out)
{
    const char *arm, *base;
    if (differ(s, "scratch.device", &arm, &base) || differ(s, "scratch.mount", &arm, &base))
        cb_buf_printf(out, "%s keeps its files on %s, %s on %s: file results compare devices too",
                      s->arm->name, arm, s->base->name, base);
}

/* The smaller of what there is and what the group may use; 0 where either cannot be seen. */
static uint64_t usable_memory(const struct cb_ds_arm *a)
{
    struct cb_err ignored;
    const char *total = known(a, "memory.total"), *limit = known(a, "memory.limit");
    uint64_t t, l;
    if (!total || !limit || cb_parse_u64(total, 0, UINT64_MAX, &t, &ignored) < 0)
        return 0;
    return cb_parse_u64(limit, 0, UINT64_MAX, &l, &ignored) == 0 && l < t ? l : t;
}

static void memory(const struct subject *s, struct cb_buf *out)
{
    /* A guest's kernel keeps some of its memory for itself; a fifth is more than that. */
    uint64_t arm = usable_memory(s->arm), base = usable_memory(s->base);
    if (!arm || !base || (arm >= base / 5 * 4 && base >= arm / 5 * 4))
        return;
    cb_buf_printf(out, "%s has %llu MiB of memory, %s %llu: caching and reclaim differ", s->arm->name,
                  (unsigned long long)(arm >> 20), s->base->name, (unsigned long long)(base >> 20));
}

/* How far ctl.spin may be from that of the baseline: the same instructions, which no kernel is asked for. */
#define SPEED_APART 0.01

static const struct cb_row *spin_of(const struct subject *s)
{
    for (size_t i = 0; i < s->rows->n; i++)
        if (&s->d->arms[s->rows->at[i].arm] == s->arm &&
            !strcmp(s->rows->at[i].metric->name, "ctl.spin.time"))
            return &s->rows->at[i];
    return NULL;
}

/* Emulation and the positive control are slower by intent. */
static void cpu_speed(const struct subject *s, struct cb_buf *out)
{
    const struct cb_row *spin = spin_of(s);
    if (!spin || !strcmp(s->arm->accelerator, "tcg") || cb_arm_slowdown(s->arm) > 0)
        return;
    /* Comparisons with NAN are false: no interval, no note. */
    if (spin->ci95[0] > 1 + SPEED_APART || spin->ci95[1] < 1 - SPEED_APART)
        cb_buf_printf(out,
                      "the CPU of %s takes %.3g times as long for the same instructions as that of %s "
                      "(ctl.spin, 95 %% interval %.3f to %.3f): every other cost contains that",
                      s->arm->name, spin->ratio, s->base->name, spin->ci95[0], spin->ci95[1]);
}

/* Facts whose plain difference is the note. */
static void fact_note(const struct subject *s, const char *key, const char *what, const char *means,
                      struct cb_buf *out)
{
    const char *arm, *base;
    if (differ(s, key, &arm, &base))
        cb_buf_printf(out, "%s: %s %s, %s has %s: %s", s->arm->name, what, arm, s->base->name, base, means);
}

static void kernel(const struct subject *s, struct cb_buf *out)
{
    fact_note(s, "kernel", "kernel", "what one kernel does faster than the other counts as overhead", out);
}

/* An arm that keeps nothing wins every comparison of commits. */
static void unsafe_disk(const struct subject *s, struct cb_buf *out)
{
    const char *disk = known(s->arm, "disk");
    if (disk && strstr(disk, "cache=unsafe"))
        cb_buf_printf(out,
                      "%s drops flushes (cache=unsafe): what it has synced is not on the disk, file results "
                      "say nothing about a machine that keeps data",
                      s->arm->name);
}

/* No difference by accident, but one that a name hides. */
static void preset(const struct subject *s, struct cb_buf *out)
{
    const char *what = known(s->arm, "preset");
    if (what)
        cb_buf_printf(out, "%s stands for %s", s->arm->name, what);
}

static void clock_source(const struct subject *s, struct cb_buf *out)
{
    fact_note(s, "clock.source", "clock source",
              "reading the time costs differently, which latencies of single operations contain", out);
}

static void huge_pages(const struct subject *s, struct cb_buf *out)
{
    fact_note(s, "thp", "transparent huge pages", "memory results compare page sizes too", out);
}

static void page_size(const struct subject *s, struct cb_buf *out)
{
    fact_note(s, "page.size", "page size", "memory results compare page sizes too", out);
}

static void randomisation(const struct subject *s, struct cb_buf *out)
{
    fact_note(s, "aslr", "address randomisation", "one fixed memory layout is compared with many", out);
}

static bool has_item(const char *list, const char *item, size_t n)
{
    for (const char *at = list; (at = strstr(at, item)) != NULL; at++)
        if ((at == list || at[-1] == ' ') && (at[n] == ';' || !at[n]))
            return true;
    return false;
}

/* Items of "a; b; c" that the other list has not. */
static void only_in(const char *list, const char *other, struct cb_buf *out)
{
    const char *between = "";
    for (const char *item = list; *item;) {
        size_t n = strcspn(item, ";");
        char *copy = strndup(item, n);
        if (copy && !has_item(other, copy, n)) {
            cb_buf_printf(out, "%s%s", between, copy);
            between = ", ";
        }
        free(copy);
        item += n;
        item += strspn(item, "; ");
    }
    if (!*between)
        cb_buf_puts(out, "nothing more");
}

static void mitigations(const struct subject *s, struct cb_buf *out)
{
    const char *arm, *base;
    if (!differ(s, "mitigations", &arm, &base))
        return;
    cb_buf_printf(out, "%s has other CPU mitigations (", s->arm->name);
    only_in(arm, base, out);
    cb_buf_printf(out, ") than %s (", s->base->name);
    only_in(base, arm, out);
    cb_buf_puts(out, "): system calls, faults and switches cost otherwise");
}

static void group(const struct subject *s, struct cb_buf *out)
{
    const char *missing = known(s->arm, "cgroup.missing");
    if (missing)
        cb_buf_printf(out, "%s: control groups lack %s: its limits are not those of the other arms",
                      s->arm->name, missing);
}

/* Worst first. */
static void (*const questions[])(const struct subject *, struct cb_buf *) = {
    void_blocks, host_is_virtual, accelerator,   pinning, cpu_speed,     unsafe_disk, kernel,
    peer_shares, backing,         network,       memory,  group,         mitigations, clock_source,
    huge_pages,  page_size,       randomisation, preset,  others_unseen, out_of_time,
};

static int add_note(struct cb_notes *out, const char *text)
{
    char **more = reallocarray(out->at, out->n + 1, sizeof *more);
    if (!more)
        return -1;
    out->at = more;
    more[out->n] = strdup(text);
    return more[out->n++] ? 0 : -1;
}

static int ask(const struct cb_dataset *d, const struct cb_rows *rows, size_t question, size_t arm,
               struct cb_notes *out)
{
    CB_AUTOBUF struct cb_buf text = {0};
    const struct subject s = {.d = d, .rows = rows, .arm = &d->arms[arm], .base = &d->arms[d->run.baseline]};
    if (!strcmp(s.arm->status, "skipped"))
        return 0;
    questions[question](&s, &text);
    if (!cb_buf_ok(&text))
        return -1;
    return text.len ? add_note(out, cb_buf_str(&text)) : 0;
}

int cb_confounds(const struct cb_dataset *d, const struct cb_rows *rows, struct cb_notes *out,
                 struct cb_err *err)
{
    *out = (struct cb_notes){0};
    if (d->run.baseline >= d->narms)
        return cb_fail(err, CB_EUSAGE, "run %s has no baseline arm", d->run.id);
    for (size_t q = 0; q < sizeof questions / sizeof *questions; q++)
        for (size_t a = 0; a < d->narms; a++)
            if (ask(d, rows, q, a, out) < 0) {
                cb_notes_free(out);
                return cb_fail(err, CB_ESYS, "notes: out of memory");
            }
    return 0;
}

void cb_notes_free(struct cb_notes *n)
{
    for (size_t i = 0; i < n->n; i++)
        free(n->at[i]);
    free(n->at);
    *n = (struct cb_notes){0};
}
