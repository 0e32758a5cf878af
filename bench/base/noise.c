#include "bench/base/noise.h"

#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench/base/buf.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/units.h"

#define FILE_MAX (4u << 20) /* /proc/interrupts of a machine with 2048 CPUs */

/* Run-queue wait of children that are gone. */
static uint64_t children_wait_ns;

/* --- texts -------------------------------------------------------------------------------------------- */

static bool put_number(char out[CB_NOISE_VALUE], uint64_t v)
{
    snprintf(out, CB_NOISE_VALUE, "%" PRIu64, v);
    return true;
}

/* The whole file under the place's root. */
static bool slurp(const struct cb_noise_place *p, const char *path, struct cb_buf *out)
{
    char full[PATH_MAX];
    struct cb_err ignored;
    return cb_path(full, sizeof full, &ignored, "%s%s", p->root, path) == 0 &&
           cb_read_file(AT_FDCWD, full, FILE_MAX, out, &ignored) == 0;
}

/* The next number of a line, after blanks; *at ends up behind it. False where something else stands. */
static bool take_number(const char **at, uint64_t *out)
{
    char digits[24];
    struct cb_err ignored;
    const char *p = *at + strspn(*at, " \t");
    size_t n = strcspn(p, " \t\n");
    if (n == 0 || n >= sizeof digits)
        return false;
    memcpy(digits, p, n);
    digits[n] = '\0';
    *at = p + n;
    return cb_parse_u64(digits, 0, UINT64_MAX, out, &ignored) == 0;
}

/* Behind the first word of the line that begins with it; NULL where no line does. */
static const char *line_with(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *line = text; *line; line += *line == '\n') {
        if (strncmp(line, word, n) == 0 && (line[n] == ' ' || line[n] == '\t'))
            return line + n;
        line += strcspn(line, "\n");
    }
    return NULL;
}

static uint64_t ticks_ns(uint64_t ticks)
{
    return ticks * (CB_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* --- readers of one file ------------------------------------------------------------------------------ */

/* First line. */
static bool line(const struct cb_noise_place *p, const char *path, const char *unused,
                 char out[CB_NOISE_VALUE])
{
    char full[PATH_MAX];
    struct cb_err ignored;
    (void)unused;
    return cb_path(full, sizeof full, &ignored, "%s%s", p->root, path) == 0 &&
           cb_read_line(full, out, CB_NOISE_VALUE) == 0 && *out;
}

/* "always [madvise] never" -> "madvise" */
static bool bracketed(const struct cb_noise_place *p, const char *path, const char *unused,
                      char out[CB_NOISE_VALUE])
{
    char text[CB_NOISE_VALUE];
    if (!line(p, path, unused, text))
        return false;
    const char *open = strchr(text, '[');
    size_t n = open ? strcspn(open + 1, "]") : 0;
    if (n)
        snprintf(out, CB_NOISE_VALUE, "%.*s", (int)n, open + 1);
    return n > 0;
}

/* First line of the first file that a pattern matches. */
static bool first_match(const struct cb_noise_place *p, const char *pattern, const char *unused,
                        char out[CB_NOISE_VALUE])
{
    char full[PATH_MAX];
    struct cb_err ignored;
    glob_t found = {0};
    (void)unused;
    if (cb_path(full, sizeof full, &ignored, "%s%s", p->root, pattern) < 0)
        return false;
    bool got = glob(full, 0, NULL, &found) == 0 && cb_read_line(found.gl_pathv[0], out, CB_NOISE_VALUE) == 0;
    globfree(&found);
    return got && *out;
}

/* Number behind a key: "oom_kill 3". */
static bool keyed(const struct cb_noise_place *p, const char *path, const char *key, char out[CB_NOISE_VALUE])
{
    CB_AUTOBUF struct cb_buf text = {0};
    uint64_t v;
    const char *at = slurp(p, path, &text) ? line_with(cb_buf_str(&text), key) : NULL;
    return at && take_number(&at, &v) && put_number(out, v);
}

/* "some avg10=.. total=12": microseconds in which some task, or all of them, waited. */
static bool pressure(const struct cb_noise_place *p, const char *path, const char *who,
                     char out[CB_NOISE_VALUE])
{
    CB_AUTOBUF struct cb_buf text = {0};
    uint64_t us;
    const char *at = slurp(p, path, &text) ? line_with(cb_buf_str(&text), who) : NULL;
    const char *total = at ? strstr(at, " total=") : NULL;
    if (!total || total > at + strcspn(at, "\n"))
        return false;
    total += strlen(" total=");
    return take_number(&total, &us) && put_number(out, us);
}

/* Word number `nth`, from 0, of the first line. */
static bool word(const struct cb_noise_place *p, const char *path, const char *nth, char out[CB_NOISE_VALUE])
{
    char text[256];
    char full[PATH_MAX];
    struct cb_err ignored;
    if (cb_path(full, sizeof full, &ignored, "%s%s", p->root, path) < 0 ||
        cb_read_line(full, text, sizeof text) < 0)
        return false;
    const char *at = text;
    for (int i = atoi(nth); i > 0; i--) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    snprintf(out, CB_NOISE_VALUE, "%.*s", (int)strcspn(at, " "), at);
    return *out != '\0';
}

/* --- readers of the arm's CPUs ------------------------------------------------------------------------ */

enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, CPU_FIELDS };

/* Adds the fields that `wanted` has a bit for, of one line of /proc/stat. */
static bool add_cpu(const char *text, int cpu, unsigned wanted, uint64_t *ticks)
{
    char name[16];
    uint64_t v;
    snprintf(name, sizeof name, "cpu%d", cpu);
    const char *at = line_with(text, name);
    for (unsigned i = 0; i < CPU_FIELDS; i++) {
        if (!at || !take_number(&at, &v))
            return false;
        *ticks += wanted & 1u << i ? v : 0;
    }
    return true;
}

static bool cpu_time(const struct cb_noise_place *p, const char *path, const char *what,
                     char out[CB_NOISE_VALUE])
{
    static const struct {
        const char *name;
        unsigned fields;
    } sums[] = {
        {"all", (1u << CPU_FIELDS) - 1},
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
    if (!p->ncpus || !slurp(p, path, &text))
        return false;
    for (int i = 0; i < p->ncpus; i++)
        if (!add_cpu(cb_buf_str(&text), p->cpus[i], wanted, &ticks))
            return false;
    return put_number(out, ticks_ns(ticks));
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
        if (!take_number(&at, &v))
            return 0;
        sum += is_wanted(p, cpus[i]) ? v : 0;
    }
    return sum;
}

static bool interrupts(const struct cb_noise_place *p, const char *path, const char *unused,
                       char out[CB_NOISE_VALUE])
{
    CB_AUTOBUF struct cb_buf text = {0};
    int cpus[CPU_SETSIZE];
    uint64_t sum = 0;
    (void)unused;
    if (!slurp(p, path, &text))
        return false;
    char *rest = text.data, *row = rest ? strsep(&rest, "\n") : NULL;
    int n = row ? interrupt_columns(row, cpus, CPU_SETSIZE) : 0;
    while (n && rest && (row = strsep(&rest, "\n")))
        sum += interrupts_of(p, row, cpus, n);
    return n > 0 && put_number(out, sum);
}

/* Sum of a file that every CPU has; the path takes its number. */
static bool cpu_sum(const struct cb_noise_place *p, const char *dir, const char *file,
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
    return p->ncpus && put_number(out, sum);
}

/* Of the first CPU: arms get CPUs of one kind. */
static bool cpu_line(const struct cb_noise_place *p, const char *dir, const char *file,
                     char out[CB_NOISE_VALUE])
{
    char path[PATH_MAX];
    struct cb_err ignored;
    return p->ncpus && cb_path(path, sizeof path, &ignored, "%s/cpu%d/%s", dir, p->cpus[0], file) == 0 &&
           line(p, path, NULL, out);
}

/* --- readers of the arm's control group --------------------------------------------------------------- */

static bool group_memory(const struct cb_noise_place *p, const char *file, const char *key,
                         char out[CB_NOISE_VALUE])
{
    char path[PATH_MAX];
    struct cb_err ignored;
    if (!p->group_memory || cb_path(path, sizeof path, &ignored, "%s/%s", p->group_memory, file) < 0)
        return false;
    return *key ? keyed(p, path, key, out) : line(p, path, NULL, out);
}

/* A group is held back with the one above it: summed up to the hierarchy's root; above that is no such file.
 */
static bool group_and_above(const struct cb_noise_place *p, const char *file, const char *key,
                            char out[CB_NOISE_VALUE])
{
    char dir[PATH_MAX], path[PATH_MAX], value[CB_NOISE_VALUE];
    struct cb_err ignored;
    uint64_t sum = 0;
    bool any = false;
    if (!p->group_cpu || cb_path(dir, sizeof dir, &ignored, "%s", p->group_cpu) < 0)
        return false;
    for (char *slash; (slash = strrchr(dir, '/')); *slash = '\0') {
        if (cb_path(path, sizeof path, &ignored, "%s/%s", dir, file) < 0 || !keyed(p, path, key, value))
            continue;
        sum += strtoull(value, NULL, 10);
        any = true;
    }
    return any && put_number(out, sum);
}

/* Own time of a process and that of its children that are gone: fields 14 to 17 of its stat. Its name may
 * hold anything, also brackets and blanks. */
static uint64_t process_ticks(const struct cb_noise_place *p, long pid)
{
    CB_AUTOBUF struct cb_buf text = {0};
    char path[64];
    uint64_t sum = 0, v;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    const char *at = slurp(p, path, &text) ? strrchr(cb_buf_str(&text), ')') : NULL;
    for (int field = 2; at && field < 14; field++)
        at = strchr(at + 1, ' ');
    for (int field = 14; at && field <= 17 && take_number(&at, &v); field++)
        sum += v;
    return sum;
}

static bool group_time(const struct cb_noise_place *p, const char *file, const char *unused,
                       char out[CB_NOISE_VALUE])
{
    CB_AUTOBUF struct cb_buf procs = {0};
    char path[PATH_MAX];
    struct cb_err ignored;
    uint64_t ticks = 0;
    (void)unused;
    if (!p->group_procs || cb_path(path, sizeof path, &ignored, "%s/%s", p->group_procs, file) < 0 ||
        !slurp(p, path, &procs))
        return false;
    char *at = procs.data;
    for (long pid; at && (pid = strtol(at, &at, 10)) > 0;)
        ticks += process_ticks(p, pid);
    return put_number(out, ticks_ns(ticks));
}

/* --- readers that need no file of the place ----------------------------------------------------------- */

static bool elapsed(const struct cb_noise_place *p, const char *unused, const char *unused_too,
                    char out[CB_NOISE_VALUE])
{
    (void)p, (void)unused, (void)unused_too;
    return put_number(out, cb_now_ns());
}

/* What CLOCK_BOOTTIME has gained on CLOCK_MONOTONIC, and that is the time spent suspended: both follow NTP,
 * so that nothing else is in the difference. */
static bool suspended(const struct cb_noise_place *p, const char *unused, const char *unused_too,
                      char out[CB_NOISE_VALUE])
{
    (void)p, (void)unused, (void)unused_too;
    uint64_t running = cb_clock_ns(CLOCK_MONOTONIC), all = cb_clock_ns(CLOCK_BOOTTIME);
    return put_number(out, all > running ? all - running : 0);
}

static bool own_wait(const struct cb_noise_place *p, const char *path, const char *unused,
                     char out[CB_NOISE_VALUE])
{
    char second[CB_NOISE_VALUE];
    (void)unused;
    return word(p, path, "1", second) && put_number(out, strtoull(second, NULL, 10) + children_wait_ns);
}

static bool preempted(const struct cb_noise_place *p, const char *unused, const char *unused_too,
                      char out[CB_NOISE_VALUE])
{
    struct rusage own, gone;
    (void)p, (void)unused, (void)unused_too;
    if (getrusage(RUSAGE_SELF, &own) < 0 || getrusage(RUSAGE_CHILDREN, &gone) < 0)
        return false;
    return put_number(out, (uint64_t)own.ru_nivcsw + (uint64_t)gone.ru_nivcsw);
}

/* --- the table ---------------------------------------------------------------------------------------- */

#define CPUS "/sys/devices/system/cpu"

/* Rows with the same key are alternatives: cgroup v1 and v2 tell the same in different files. */
static const struct item {
    const char *key;
    enum cb_noise_kind kind;
    bool (*read)(const struct cb_noise_place *p, const char *path, const char *arg, char out[CB_NOISE_VALUE]);
    const char *path, *arg;
} items[] = {
    {"time.elapsed_ns", CB_NOISE_COUNTER, elapsed, "", ""},
    {"time.suspended_ns", CB_NOISE_COUNTER, suspended, "", ""},
    {"time.source", CB_NOISE_STATE, line, "/sys/devices/system/clocksource/clocksource0/current_clocksource",
     ""},
    {"cpu.all_ns", CB_NOISE_COUNTER, cpu_time, "/proc/stat", "all"},
    {"cpu.tasks_ns", CB_NOISE_COUNTER, cpu_time, "/proc/stat", "tasks"},
    {"cpu.interrupts_ns", CB_NOISE_COUNTER, cpu_time, "/proc/stat", "interrupts"},
    {"cpu.steal_ns", CB_NOISE_COUNTER, cpu_time, "/proc/stat", "steal"},
    {"cpu.interrupts", CB_NOISE_COUNTER, interrupts, "/proc/interrupts", ""},
    {"cpu.core_throttled", CB_NOISE_COUNTER, cpu_sum, CPUS, "thermal_throttle/core_throttle_count"},
    {"cpu.package_throttled", CB_NOISE_COUNTER, cpu_sum, CPUS, "thermal_throttle/package_throttle_count"},
    {"cpu.driver", CB_NOISE_STATE, cpu_line, CPUS, "cpufreq/scaling_driver"},
    {"cpu.governor", CB_NOISE_STATE, cpu_line, CPUS, "cpufreq/scaling_governor"},
    {"cpu.khz", CB_NOISE_STATE, cpu_line, CPUS, "cpufreq/scaling_cur_freq"},
    {"cpu.no_turbo", CB_NOISE_STATE, line, CPUS "/intel_pstate/no_turbo", ""},
    {"cpu.boost", CB_NOISE_STATE, line, CPUS "/cpufreq/boost", ""},
    {"cpu.smt", CB_NOISE_STATE, line, CPUS "/smt/active", ""},
    {"cpu.isolated", CB_NOISE_STATE, line, CPUS "/isolated", ""},
    {"cpu.nohz_full", CB_NOISE_STATE, line, CPUS "/nohz_full", ""},
    {"pressure.cpu_some_us", CB_NOISE_COUNTER, pressure, "/proc/pressure/cpu", "some"},
    {"pressure.memory_some_us", CB_NOISE_COUNTER, pressure, "/proc/pressure/memory", "some"},
    {"pressure.io_some_us", CB_NOISE_COUNTER, pressure, "/proc/pressure/io", "some"},
    {"pressure.irq_full_us", CB_NOISE_COUNTER, pressure, "/proc/pressure/irq", "full"},
    {"sched.wait_ns", CB_NOISE_COUNTER, own_wait, "/proc/self/schedstat", ""},
    {"sched.preempted", CB_NOISE_COUNTER, preempted, "", ""},
    {"load.average", CB_NOISE_STATE, word, "/proc/loadavg", "0"},
    {"load.runnable", CB_NOISE_STATE, word, "/proc/loadavg", "3"},
    {"memory.major_faults", CB_NOISE_COUNTER, keyed, "/proc/vmstat", "pgmajfault"},
    {"memory.swapped_in", CB_NOISE_COUNTER, keyed, "/proc/vmstat", "pswpin"},
    {"memory.swapped_out", CB_NOISE_COUNTER, keyed, "/proc/vmstat", "pswpout"},
    {"memory.oom_kills", CB_NOISE_COUNTER, keyed, "/proc/vmstat", "oom_kill"},
    {"memory.swap_kb", CB_NOISE_STATE, keyed, "/proc/meminfo", "SwapTotal:"},
    {"memory.huge_pages", CB_NOISE_STATE, bracketed, "/sys/kernel/mm/transparent_hugepage/enabled", ""},
    {"memory.ksm", CB_NOISE_STATE, line, "/sys/kernel/mm/ksm/run", ""},
    {"memory.numa_balancing", CB_NOISE_STATE, line, "/proc/sys/kernel/numa_balancing", ""},
    {"memory.aslr", CB_NOISE_STATE, line, "/proc/sys/kernel/randomize_va_space", ""},
    {"power.mains", CB_NOISE_STATE, first_match, "/sys/class/power_supply/A[CD]*/online", ""},
    {"group.time_ns", CB_NOISE_COUNTER, group_time, "cgroup.procs", ""},
    {"group.throttled", CB_NOISE_COUNTER, group_and_above, "cpu.stat", "nr_throttled"},
    {"group.throttled_us", CB_NOISE_COUNTER, group_and_above, "cpu.stat", "throttled_usec"},
    {"group.throttled_ns", CB_NOISE_COUNTER, group_and_above, "cpu.stat", "throttled_time"},
    {"group.oom_kills", CB_NOISE_COUNTER, group_memory, "memory.events", "oom_kill"},
    {"group.oom_kills", CB_NOISE_COUNTER, group_memory, "memory.oom_control", "oom_kill"},
    {"group.limit_hits", CB_NOISE_COUNTER, group_memory, "memory.events", "max"},
    {"group.limit_hits", CB_NOISE_COUNTER, group_memory, "memory.failcnt", ""},
};

#define ITEMS (sizeof items / sizeof *items)

bool cb_noise_add(struct cb_noise *n, const char *key, const char *value)
{
    struct cb_noise_item *at = &n->at[n->n];
    if (n->n == CB_NOISE_ITEMS || !*key || strlen(key) >= sizeof at->key || strlen(value) >= sizeof at->value)
        return false;
    snprintf(at->key, sizeof at->key, "%s", key);
    snprintf(at->value, sizeof at->value, "%s", value);
    n->n++;
    return true;
}

void cb_noise_read(const struct cb_noise_place *place, struct cb_noise *out)
{
    out->n = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        char value[CB_NOISE_VALUE] = "";
        if (items[i].read(place, items[i].path, items[i].arg, value))
            cb_noise_add(out, items[i].key, value);
    }
}

const char *cb_noise_get(const struct cb_noise *n, const char *key)
{
    for (unsigned i = 0; i < n->n; i++)
        if (!strcmp(n->at[i].key, key))
            return n->at[i].value;
    return NULL;
}

bool cb_noise_kind(const char *key, enum cb_noise_kind *kind)
{
    for (size_t i = 0; i < ITEMS; i++)
        if (!strcmp(items[i].key, key)) {
            *kind = items[i].kind;
            return true;
        }
    return false;
}

void cb_noise_child_ended(pid_t pid)
{
    const struct cb_noise_place here = {.root = ""};
    char path[64], second[CB_NOISE_VALUE];
    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
    if (word(&here, path, "1", second))
        children_wait_ns += strtoull(second, NULL, 10);
}
