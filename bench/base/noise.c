#include "bench/base/noise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/base/clock.h"
#include "bench/base/noise_read.h"

/* Run-queue wait of children that are gone. */
static uint64_t children_wait_ns;

/* --- what the process knows without a file ------------------------------------------------------------ */

static bool elapsed(const struct cb_noise_place *p, const char *unused, const char *unused_too,
                    char out[CB_NOISE_VALUE])
{
    (void)p, (void)unused, (void)unused_too;
    return cb_noise_put_number(out, cb_now_ns());
}

/* What CLOCK_BOOTTIME has gained on CLOCK_MONOTONIC, and that is the time spent suspended: both follow NTP,
 * so that nothing else is in the difference. */
static bool suspended(const struct cb_noise_place *p, const char *unused, const char *unused_too,
                      char out[CB_NOISE_VALUE])
{
    (void)p, (void)unused, (void)unused_too;
    uint64_t running = cb_clock_ns(CLOCK_MONOTONIC), all = cb_clock_ns(CLOCK_BOOTTIME);
    return cb_noise_put_number(out, all > running ? all - running : 0);
}

static bool own_wait(const struct cb_noise_place *p, const char *path, const char *unused,
                     char out[CB_NOISE_VALUE])
{
    char second[CB_NOISE_VALUE];
    (void)unused;
    return cb_noise_word(p, path, "1", second) &&
           cb_noise_put_number(out, strtoull(second, NULL, 10) + children_wait_ns);
}

static bool preempted(const struct cb_noise_place *p, const char *unused, const char *unused_too,
                      char out[CB_NOISE_VALUE])
{
    struct rusage own, gone;
    (void)p, (void)unused, (void)unused_too;
    if (getrusage(RUSAGE_SELF, &own) < 0 || getrusage(RUSAGE_CHILDREN, &gone) < 0)
        return false;
    return cb_noise_put_number(out, (uint64_t)own.ru_nivcsw + (uint64_t)gone.ru_nivcsw);
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
    {"time.source", CB_NOISE_STATE, cb_noise_line,
     "/sys/devices/system/clocksource/clocksource0/current_clocksource", ""},
    {"cpu.all_ns", CB_NOISE_COUNTER, cb_noise_cpu_time, "/proc/stat", "all"},
    {"cpu.user_ns", CB_NOISE_COUNTER, cb_noise_cpu_time, "/proc/stat", "user"},
    {"cpu.tasks_ns", CB_NOISE_COUNTER, cb_noise_cpu_time, "/proc/stat", "tasks"},
    {"cpu.interrupts_ns", CB_NOISE_COUNTER, cb_noise_cpu_time, "/proc/stat", "interrupts"},
    {"cpu.steal_ns", CB_NOISE_COUNTER, cb_noise_cpu_time, "/proc/stat", "steal"},
    {"cpu.interrupts", CB_NOISE_COUNTER, cb_noise_interrupts, "/proc/interrupts", ""},
    {"cpu.core_throttled", CB_NOISE_COUNTER, cb_noise_cpu_sum, CPUS, "thermal_throttle/core_throttle_count"},
    {"cpu.package_throttled", CB_NOISE_COUNTER, cb_noise_cpu_sum, CPUS,
     "thermal_throttle/package_throttle_count"},
    {"cpu.driver", CB_NOISE_STATE, cb_noise_cpu_line, CPUS, "cpufreq/scaling_driver"},
    {"cpu.governor", CB_NOISE_STATE, cb_noise_cpu_line, CPUS, "cpufreq/scaling_governor"},
    {"cpu.khz", CB_NOISE_STATE, cb_noise_cpu_line, CPUS, "cpufreq/scaling_cur_freq"},
    {"cpu.no_turbo", CB_NOISE_STATE, cb_noise_line, CPUS "/intel_pstate/no_turbo", ""},
    {"cpu.boost", CB_NOISE_STATE, cb_noise_line, CPUS "/cpufreq/boost", ""},
    {"cpu.smt", CB_NOISE_STATE, cb_noise_line, CPUS "/smt/active", ""},
    {"cpu.isolated", CB_NOISE_STATE, cb_noise_line, CPUS "/isolated", ""},
    {"cpu.nohz_full", CB_NOISE_STATE, cb_noise_line, CPUS "/nohz_full", ""},
    {"pressure.cpu_some_us", CB_NOISE_COUNTER, cb_noise_pressure, "/proc/pressure/cpu", "some"},
    {"pressure.memory_some_us", CB_NOISE_COUNTER, cb_noise_pressure, "/proc/pressure/memory", "some"},
    {"pressure.io_some_us", CB_NOISE_COUNTER, cb_noise_pressure, "/proc/pressure/io", "some"},
    {"pressure.irq_full_us", CB_NOISE_COUNTER, cb_noise_pressure, "/proc/pressure/irq", "full"},
    {"sched.wait_ns", CB_NOISE_COUNTER, own_wait, "/proc/self/schedstat", ""},
    {"sched.preempted", CB_NOISE_COUNTER, preempted, "", ""},
    {"load.average", CB_NOISE_STATE, cb_noise_word, "/proc/loadavg", "0"},
    {"load.runnable", CB_NOISE_STATE, cb_noise_word, "/proc/loadavg", "3"},
    {"memory.major_faults", CB_NOISE_COUNTER, cb_noise_keyed, "/proc/vmstat", "pgmajfault"},
    {"memory.swapped_in", CB_NOISE_COUNTER, cb_noise_keyed, "/proc/vmstat", "pswpin"},
    {"memory.swapped_out", CB_NOISE_COUNTER, cb_noise_keyed, "/proc/vmstat", "pswpout"},
    {"memory.oom_kills", CB_NOISE_COUNTER, cb_noise_keyed, "/proc/vmstat", "oom_kill"},
    {"memory.swap_kb", CB_NOISE_STATE, cb_noise_keyed, "/proc/meminfo", "SwapTotal:"},
    {"memory.huge_pages", CB_NOISE_STATE, cb_noise_bracketed, "/sys/kernel/mm/transparent_hugepage/enabled",
     ""},
    {"memory.ksm", CB_NOISE_STATE, cb_noise_line, "/sys/kernel/mm/ksm/run", ""},
    {"memory.numa_balancing", CB_NOISE_STATE, cb_noise_line, "/proc/sys/kernel/numa_balancing", ""},
    {"memory.aslr", CB_NOISE_STATE, cb_noise_line, "/proc/sys/kernel/randomize_va_space", ""},
    {"power.mains", CB_NOISE_STATE, cb_noise_first_match, "/sys/class/power_supply/A[CD]*/online", ""},
    {"group.user_ns", CB_NOISE_COUNTER, cb_noise_group_time, "cgroup.procs", "user"},
    {"group.time_ns", CB_NOISE_COUNTER, cb_noise_group_time, "cgroup.procs", "all"},
    {"group.cpus", CB_NOISE_STATE, cb_noise_group_cpus, "cgroup.procs", ""},
    {"group.throttled", CB_NOISE_COUNTER, cb_noise_group_and_above, "cpu.stat", "nr_throttled"},
    {"group.throttled_us", CB_NOISE_COUNTER, cb_noise_group_and_above, "cpu.stat", "throttled_usec"},
    {"group.throttled_ns", CB_NOISE_COUNTER, cb_noise_group_and_above, "cpu.stat", "throttled_time"},
    {"group.oom_kills", CB_NOISE_COUNTER, cb_noise_group_memory, "memory.events", "oom_kill"},
    {"group.oom_kills", CB_NOISE_COUNTER, cb_noise_group_memory, "memory.oom_control", "oom_kill"},
    {"group.limit_hits", CB_NOISE_COUNTER, cb_noise_group_memory, "memory.events", "max"},
    {"group.limit_hits", CB_NOISE_COUNTER, cb_noise_group_memory, "memory.failcnt", ""},
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
    if (cb_noise_word(&here, path, "1", second))
        children_wait_ns += strtoull(second, NULL, 10);
}
