/* The reader of noise on recorded trees: what a kernel says, what it leaves out, and what no kernel says. */
#include "bench/base/noise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "tests/unit/unit.h"

/* A directory that stands for the root of a machine. */
struct tree {
    char root[64];
};

static struct tree tree_make(void)
{
    struct tree t = {.root = "/tmp/cbench-noise-XXXXXX"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(t.root));
    return t;
}

static void tree_remove(const struct tree *t)
{
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(cb_remove_tree(t->root, &err), 0);
}

static void put_bytes(const struct tree *t, const char *path, const void *bytes, size_t n)
{
    char full[256];
    struct cb_err err = {0};
    snprintf(full, sizeof full, "%s%s", t->root, path);
    char *slash = strrchr(full, '/');
    *slash = '\0';
    CU_ASSERT_EQUAL_FATAL(cb_mkdirs(full, 0755, &err), 0);
    *slash = '/';
    FILE *f = fopen(full, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void put(const struct tree *t, const char *path, const char *text)
{
    put_bytes(t, path, text, strlen(text));
}

static const int cpu1[] = {1}, both[] = {0, 1}, absent[] = {7};

static struct cb_noise read_tree(const struct tree *t, const int *cpus, int ncpus)
{
    const struct cb_noise_place place = {.root = t->root,
                                         .cpus = cpus,
                                         .ncpus = ncpus,
                                         .group_cpu = "/sys/fs/cgroup/a/b",
                                         .group_memory = "/sys/fs/cgroup/a/b",
                                         .group_procs = "/sys/fs/cgroup/a/b"};
    struct cb_noise n;
    cb_noise_read(&place, &n);
    return n;
}

/* The item's value, "-" where there is none. */
static const char *value(const struct cb_noise *n, const char *key)
{
    const char *v = cb_noise_get(n, key);
    return v ? v : "-";
}

#define STAT                                                                                                 \
    "cpu  443100 21626 239970 296928 6763 0 8820 0 0 0\n"                                                    \
    "cpu0 220154 12010 114757 156006 3244 0 2359 4 0 0\n"                                                    \
    "cpu1 222945 9616 125213 140922 3518 3 6461 7 0 0\n"                                                     \
    "cpu10 1 1 1 1 1 1 1 1 1 1\nintr 12 3 4\n"

static uint64_t per_tick(void)
{
    return CB_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
}

static void says_ns(const struct cb_noise *n, const char *key, uint64_t ticks)
{
    char text[CB_NOISE_VALUE];
    snprintf(text, sizeof text, "%llu", (unsigned long long)(ticks * per_tick()));
    CU_ASSERT_STRING_EQUAL(value(n, key), text);
}

static void time_of_the_arms_cpus(void)
{
    struct tree t = tree_make();
    put(&t, "/proc/stat", STAT);
    struct cb_noise n = read_tree(&t, cpu1, 1);
    says_ns(&n, "cpu.all_ns", 222945 + 9616 + 125213 + 140922 + 3518 + 3 + 6461 + 7);
    says_ns(&n, "cpu.user_ns", 222945 + 9616);
    says_ns(&n, "cpu.tasks_ns", 222945 + 9616 + 125213);
    says_ns(&n, "cpu.interrupts_ns", 3 + 6461);
    says_ns(&n, "cpu.steal_ns", 7);
    n = read_tree(&t, both, 2);
    says_ns(&n, "cpu.steal_ns", 11);
    n = read_tree(&t, absent, 1); /* one that went offline */
    CU_ASSERT_STRING_EQUAL(value(&n, "cpu.steal_ns"), "-");
    n = read_tree(&t, NULL, 0);
    CU_ASSERT_STRING_EQUAL(value(&n, "cpu.steal_ns"), "-");
    tree_remove(&t);
}

static void texts_that_no_kernel_writes(void)
{
    static const char *const stats[] = {"",
                                        "cpu1",
                                        "cpu1 ",
                                        "cpu1 1 2 3 4 5 6 7\n",
                                        "cpu1 1 2 3 4 5 6 7 -8\n",
                                        "cpu1 1 2 3 4 5 6 7 99999999999999999999999999999999\n",
                                        "cpu1 1 2 3 4 5 6 7 8x\n",
                                        "cpu1 1 2 3 4 5 6 7\n8\n",
                                        "xcpu1 1 2 3 4 5 6 7 8\n"};
    static const char *const pressures[] = {"some avg10=0.00\nfull total=7\n", "some total=7\n",
                                            "some x total=\n", "some x total=-1\n", "full x total=3\n"};
    for (size_t i = 0; i < sizeof stats / sizeof *stats; i++) {
        struct tree t = tree_make();
        put(&t, "/proc/stat", stats[i]);
        struct cb_noise n = read_tree(&t, cpu1, 1);
        CU_ASSERT_STRING_EQUAL(value(&n, "cpu.steal_ns"), "-");
        tree_remove(&t);
    }
    for (size_t i = 0; i < sizeof pressures / sizeof *pressures; i++) {
        struct tree t = tree_make();
        put(&t, "/proc/pressure/cpu", pressures[i]);
        struct cb_noise n = read_tree(&t, cpu1, 1);
        CU_ASSERT_STRING_EQUAL(value(&n, "pressure.cpu_some_us"), i == 1 ? "7" : "-");
        tree_remove(&t);
    }
    struct tree t = tree_make();
    static const char nul[] = "cpu1 1 2\0 3 4 5 6 7 8 9\n";
    put_bytes(&t, "/proc/stat", nul, sizeof nul - 1);
    put(&t, "/proc/interrupts", "CPUCPUCPU\n");
    put(&t, "/proc/loadavg", "1.0");
    struct cb_noise n = read_tree(&t, cpu1, 1);
    CU_ASSERT_STRING_EQUAL(value(&n, "cpu.steal_ns"), "-");
    CU_ASSERT_STRING_EQUAL(value(&n, "load.average"), "1.0");
    CU_ASSERT_STRING_EQUAL(value(&n, "load.runnable"), "-");
    tree_remove(&t);
}

static void a_machine_without_anything(void)
{
    struct tree t = tree_make();
    struct cb_noise n = read_tree(&t, both, 2);
    CU_ASSERT_EQUAL(n.n, 3); /* clocks and what the process knows of itself need no file */
    CU_ASSERT_STRING_NOT_EQUAL(value(&n, "time.elapsed_ns"), "-");
    CU_ASSERT_STRING_NOT_EQUAL(value(&n, "time.suspended_ns"), "-");
    CU_ASSERT_STRING_NOT_EQUAL(value(&n, "sched.preempted"), "-");
    tree_remove(&t);
}

static void pressure_and_counters_of_memory(void)
{
    struct tree t = tree_make();
    put(&t, "/proc/pressure/cpu",
        "some avg10=38.56 avg60=57.91 avg300=76.19 total=2975189810\nfull avg10=0.00 avg60=0.00 avg300=0.00 "
        "total=5\n");
    put(&t, "/proc/pressure/irq", "full avg10=0.00 avg60=0.00 avg300=0.00 total=6\n");
    put(&t, "/proc/vmstat", "pgmajfault_x 1\npgmajfault 12250\npswpin 3\noom_kill 57\n");
    put(&t, "/proc/meminfo", "MemTotal:       24683620 kB\nSwapTotal:       1048572 kB\n");
    put(&t, "/proc/loadavg", "4.37 6.73 7.26 4/114 10589\n");
    put(&t, "/proc/self/schedstat", "4759829 7976302 2\n");
    struct cb_noise n = read_tree(&t, cpu1, 1);
    CU_ASSERT_STRING_EQUAL(value(&n, "pressure.cpu_some_us"), "2975189810");
    CU_ASSERT_STRING_EQUAL(value(&n, "pressure.irq_full_us"), "6");
    CU_ASSERT_STRING_EQUAL(value(&n, "memory.major_faults"), "12250");
    CU_ASSERT_STRING_EQUAL(value(&n, "memory.swapped_in"), "3");
    CU_ASSERT_STRING_EQUAL(value(&n, "memory.swapped_out"), "-");
    CU_ASSERT_STRING_EQUAL(value(&n, "memory.oom_kills"), "57");
    CU_ASSERT_STRING_EQUAL(value(&n, "memory.swap_kb"), "1048572");
    CU_ASSERT_STRING_EQUAL(value(&n, "load.average"), "4.37");
    CU_ASSERT_STRING_EQUAL(value(&n, "load.runnable"), "4/114");
    CU_ASSERT_STRING_EQUAL(value(&n, "sched.wait_ns"), "7976302");
    tree_remove(&t);
}

/* CPU 1 is offline in the second one: columns are named, not numbered. */
static void interrupts_by_column(void)
{
    struct tree t = tree_make();
    put(&t, "/proc/interrupts",
        "           CPU0       CPU1       \n 24:          1         20  IO-APIC   5-edge      ACPI:Ged 7\n"
        "LOC:       1000       2000   Local timer interrupts\nERR:          9\nMIS:          9\n");
    struct cb_noise n = read_tree(&t, cpu1, 1);
    CU_ASSERT_STRING_EQUAL(value(&n, "cpu.interrupts"), "2020");
    put(&t, "/proc/interrupts", "           CPU0       CPU2\n 24:          1         20  x\n");
    n = read_tree(&t, both, 2);
    CU_ASSERT_STRING_EQUAL(value(&n, "cpu.interrupts"), "1");
    tree_remove(&t);
}

static void how_the_machine_is_set(void)
{
    static const char *const rows[][3] = {
        {"/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n", "time.source"},
        {"/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n", "cpu.governor"},
        {"/sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "2500000\n", "cpu.khz"},
        {"/sys/devices/system/cpu/cpu1/cpufreq/scaling_driver", "intel_pstate\n", "cpu.driver"},
        {"/sys/devices/system/cpu/smt/active", "1\n", "cpu.smt"},
        {"/sys/kernel/mm/ksm/run", "0\n", "memory.ksm"},
        {"/proc/sys/kernel/numa_balancing", "1\n", "memory.numa_balancing"},
        {"/proc/sys/kernel/randomize_va_space", "2\n", "memory.aslr"},
        {"/sys/class/power_supply/ADP1/online", "0\n", "power.mains"},
        {"/sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "3\n", "cpu.core_throttled"},
    };
    struct tree t = tree_make();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        put(&t, rows[i][0], rows[i][1]);
    put(&t, "/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    put(&t, "/sys/devices/system/cpu/isolated", "\n");
    struct cb_noise n = read_tree(&t, cpu1, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *v = value(&n, rows[i][2]);
        CU_ASSERT(strncmp(v, rows[i][1], strlen(v)) == 0 && strlen(v) + 1 == strlen(rows[i][1]));
    }
    CU_ASSERT_STRING_EQUAL(value(&n, "memory.huge_pages"), "madvise");
    CU_ASSERT_STRING_EQUAL(value(&n, "cpu.isolated"), "-");
    n = read_tree(&t, both, 2); /* CPU 0 has no such count: half a sum is none */
    CU_ASSERT_STRING_EQUAL(value(&n, "cpu.core_throttled"), "-");
    tree_remove(&t);
}

static void group_of_version_2(void)
{
    struct tree t = tree_make();
    put(&t, "/sys/fs/cgroup/a/b/cpu.stat", "usage_usec 5\nnr_periods 0\nnr_throttled 1\nthrottled_usec 10\n");
    put(&t, "/sys/fs/cgroup/a/cpu.stat", "nr_throttled 40\nthrottled_usec 500\n");
    put(&t, "/sys/fs/cgroup/cpu.stat", "usage_usec 5\n"); /* the root is never held back */
    put(&t, "/sys/fs/cgroup/a/b/memory.events", "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\n");
    put(&t, "/sys/fs/cgroup/a/b/cgroup.procs", "101\n102\n999\n");
    put(&t, "/proc/101/stat", "101 (a) R) x) S 1 2 3 4 5 6 7 8 9 10 1000 200 30 4 20 0 1\n");
    put(&t, "/proc/102/stat", "102 (qemu-system-x86) R 1 2 3 4 5 6 7 8 9 10 5 0 0 0 20 0 1\n");
    struct cb_noise n = read_tree(&t, cpu1, 1);
    CU_ASSERT_STRING_EQUAL(value(&n, "group.throttled"), "41");
    CU_ASSERT_STRING_EQUAL(value(&n, "group.throttled_us"), "510");
    CU_ASSERT_STRING_EQUAL(value(&n, "group.throttled_ns"), "-");
    CU_ASSERT_STRING_EQUAL(value(&n, "group.oom_kills"), "2");
    CU_ASSERT_STRING_EQUAL(value(&n, "group.limit_hits"), "12");
    says_ns(&n, "group.user_ns", 1030 + 5);
    says_ns(&n, "group.time_ns", 1234 + 5); /* 999 is gone meanwhile */
    tree_remove(&t);
}

static void group_of_version_1(void)
{
    struct tree t = tree_make();
    put(&t, "/sys/fs/cgroup/a/b/cpu.stat", "nr_periods 0\nnr_throttled 2\nthrottled_time 900\n");
    put(&t, "/sys/fs/cgroup/a/b/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
    put(&t, "/sys/fs/cgroup/a/b/memory.failcnt", "77\n");
    struct cb_noise n = read_tree(&t, cpu1, 1);
    CU_ASSERT_STRING_EQUAL(value(&n, "group.throttled"), "2");
    CU_ASSERT_STRING_EQUAL(value(&n, "group.throttled_ns"), "900");
    CU_ASSERT_STRING_EQUAL(value(&n, "group.oom_kills"), "4");
    CU_ASSERT_STRING_EQUAL(value(&n, "group.limit_hits"), "77");
    CU_ASSERT_STRING_EQUAL(value(&n, "group.time_ns"), "-");
    const struct cb_noise_place none = {.root = t.root, .cpus = cpu1, .ncpus = 1};
    cb_noise_read(&none, &n);
    CU_ASSERT_STRING_EQUAL(value(&n, "group.throttled"), "-");
    tree_remove(&t);
}

static void cpus_of_every_thread(void)
{
    struct tree t = tree_make();
    put(&t, "/sys/fs/cgroup/a/b/cgroup.procs", "101\n102\n999\n");
    put(&t, "/proc/101/task/101/status", "Name:\tx\nCpus_allowed:\t2\nCpus_allowed_list:\t10\n");
    put(&t, "/proc/101/task/103/status", "Name:\tx\nCpus_allowed_list:\t10\n");
    put(&t, "/proc/102/task/102/status", "Name:\tx\nCpus_allowed_list:\t10\n");
    struct cb_noise n = read_tree(&t, cpu1, 1);
    CU_ASSERT_STRING_EQUAL(value(&n, "group.cpus"), "10");
    put(&t, "/proc/102/task/102/status", "Name:\tx\nCpus_allowed_list:\t0\n");
    n = read_tree(&t, cpu1, 1);
    CU_ASSERT_STRING_EQUAL(value(&n, "group.cpus"), "10 | 0");
    char odd[400] = "Cpus_allowed_list:\t";
    memset(odd + strlen(odd), '7', 300);
    put(&t, "/proc/102/task/102/status", odd);
    n = read_tree(&t, cpu1, 1);
    CU_ASSERT_EQUAL(strncmp(value(&n, "group.cpus"), "10 | 777", 8), 0);
    tree_remove(&t);
}

static void a_snapshot_has_its_limits(void)
{
    struct cb_noise n = {0};
    char text[CB_NOISE_VALUE + 1];
    enum cb_noise_kind kind;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CU_ASSERT_FALSE(cb_noise_add(&n, "k", text));
    CU_ASSERT_FALSE(cb_noise_add(&n, text, "v"));
    CU_ASSERT_FALSE(cb_noise_add(&n, "", "v"));
    for (int i = 0; i < CB_NOISE_ITEMS; i++)
        CU_ASSERT(cb_noise_add(&n, "k", ""));
    CU_ASSERT_FALSE(cb_noise_add(&n, "k", "v"));
    CU_ASSERT(cb_noise_kind("cpu.steal_ns", &kind) && kind == CB_NOISE_COUNTER);
    CU_ASSERT(cb_noise_kind("time.source", &kind) && kind == CB_NOISE_STATE);
    CU_ASSERT_FALSE(cb_noise_kind("cpu", &kind));
}

/* On the machine that runs the test. */
static void counters_do_not_fall(void)
{
    const struct cb_noise_place here = {.root = "", .cpus = both, .ncpus = 1};
    struct cb_noise before, after;
    cb_noise_read(&here, &before);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    siginfo_t info;
    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    cb_noise_child_ended(pid);
    waitpid(pid, NULL, 0);
    cb_noise_read(&here, &after);
    CU_ASSERT(before.n > 10 && before.n < CB_NOISE_ITEMS);
    for (unsigned i = 0; i < before.n; i++) {
        enum cb_noise_kind kind;
        const char *then = before.at[i].value, *now = cb_noise_get(&after, before.at[i].key);
        CU_ASSERT_PTR_NOT_NULL_FATAL(now);
        CU_ASSERT(cb_noise_kind(before.at[i].key, &kind));
        /* Two clocks cannot be read at the same moment. */
        bool clocks = !strcmp(before.at[i].key, "time.suspended_ns");
        if (kind == CB_NOISE_COUNTER && !clocks)
            CU_ASSERT(strtoull(now, NULL, 10) >= strtoull(then, NULL, 10));
    }
}

const struct cb_suite cb_suite = {"noise",
                                  {{"time of the arm's CPUs", time_of_the_arms_cpus},
                                   {"texts that no kernel writes", texts_that_no_kernel_writes},
                                   {"a machine without anything", a_machine_without_anything},
                                   {"pressure and counters of memory", pressure_and_counters_of_memory},
                                   {"interrupts by column", interrupts_by_column},
                                   {"how the machine is set", how_the_machine_is_set},
                                   {"a group of version 2", group_of_version_2},
                                   {"a group of version 1", group_of_version_1},
                                   {"CPUs of every thread", cpus_of_every_thread},
                                   {"a snapshot has its limits", a_snapshot_has_its_limits},
                                   {"counters do not fall", counters_do_not_fall},
                                   CU_TEST_INFO_NULL}};
