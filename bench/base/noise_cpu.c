#include "bench/base/noise_read.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/io.h"

enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, CPU_FIELDS };

/* Adds the fields that `wanted` has a bit for, of one line of /proc/stat. */
static bool add_cpu(const char *text, int cpu, unsigned wanted, uint64_t *ticks)
{
    char name[16];
    uint64_t v;
    snprintf(name, sizeof name, "cpu%d", cpu);
    const char *at = cb_noise_line_with(text, name);
    for (unsigned i = 0; i < CPU_FIELDS; i++) {
        if (!at || !cb_noise_take_number(&at, &v))
            return false;
        *ticks += wanted & 1u << i ? v : 0;
    }
    return true;
}

bool cb_noise_cpu_time(const struct cb_noise_place *p, const char *path, const char *what,
                       char out[CB_NOISE_VALUE])
{
    static const struct {
        const char *name;
        unsigned fields;
    } sums[] = {
        {"all", (1u << CPU_FIELDS) - 1},
        {"user", 1u << USER | 1u << NICE},
        {"tasks", 1u << USER | 1u << NICE | 1u << SYSTEM},
        {"interrupts", 1u << IRQ | 1u << SOFTIRQ},
        {"steal", 1u << STEAL},
    };
    CB_AUTOBUF struct cb_buf text = {0};
    uint64_t ticks = 0;
    unsigned wanted = 0;
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        if (!strcmp(sums[i].name, what))
            wanted = sums[i].fields;
    if (!p->ncpus || !cb_noise_slurp(p, path, &text))
        return false;
    for (int i = 0; i < p->ncpus; i++)
        if (!add_cpu(cb_buf_str(&text), p->cpus[i], wanted, &ticks))
            return false;
    return cb_noise_put_number(out, cb_noise_ticks_ns(ticks));
}

static bool is_wanted(const struct cb_noise_place *p, int cpu)
{
    for (int i = 0; i < p->ncpus; i++)
        if (p->cpus[i] == cpu)
            return true;
    return false;
}

/* CPUs of the columns of /proc/interrupts, which has none for those that are offline. Returns how many. */
static int interrupt_columns(const char *header, int cpus[], int max)
{
    int n = 0;
    for (const char *at = header; n < max && (at = strstr(at, "CPU")) != NULL; n++)
        cpus[n] = atoi(at += strlen("CPU"));
    return n;
}

/* Interrupts of one line on the wanted CPUs. Lines such as "ERR:" have one number for the whole machine. */
static uint64_t interrupts_of(const struct cb_noise_place *p, const char *at, const int cpus[], int ncolumns)
{
    uint64_t sum = 0, v;
    at += strcspn(at, ":\n");
    at += *at == ':';
    for (int i = 0; i < ncolumns; i++) {
        if (!cb_noise_take_number(&at, &v))
            return 0;
        sum += is_wanted(p, cpus[i]) ? v : 0;
    }
    return sum;
}

bool cb_noise_interrupts(const struct cb_noise_place *p, const char *path, const char *unused,
                         char out[CB_NOISE_VALUE])
{
    CB_AUTOBUF struct cb_buf text = {0};
    int cpus[CPU_SETSIZE];
    uint64_t sum = 0;
    (void)unused;
    if (!cb_noise_slurp(p, path, &text))
        return false;
    char *rest = text.data, *row = rest ? strsep(&rest, "\n") : NULL;
    int n = row ? interrupt_columns(row, cpus, CPU_SETSIZE) : 0;
    while (n && rest && (row = strsep(&rest, "\n")))
        sum += interrupts_of(p, row, cpus, n);
    return n > 0 && cb_noise_put_number(out, sum);
}

bool cb_noise_cpu_sum(const struct cb_noise_place *p, const char *dir, const char *file,
                      char out[CB_NOISE_VALUE])
{
    uint64_t sum = 0, v;
    for (int i = 0; i < p->ncpus; i++) {
        char path[PATH_MAX];
        struct cb_err ignored;
        if (cb_path(path, sizeof path, &ignored, "%s%s/cpu%d/%s", p->root, dir, p->cpus[i], file) < 0 ||
            cb_read_u64(path, &v) < 0)
            return false;
        sum += v;
    }
    return p->ncpus && cb_noise_put_number(out, sum);
}

bool cb_noise_cpu_line(const struct cb_noise_place *p, const char *dir, const char *file,
                       char out[CB_NOISE_VALUE])
{
    char path[PATH_MAX];
    struct cb_err ignored;
    return p->ncpus && cb_path(path, sizeof path, &ignored, "%s/cpu%d/%s", dir, p->cpus[0], file) == 0 &&
           cb_noise_line(p, path, NULL, out);
}
