#include "runners/topology.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hwloc.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "bench/base/buf.h"
#include "bench/base/cleanup.h"
#include "bench/base/io.h"

#define PROC_MAX (16u << 20) /* bytes of /proc/cpuinfo: some 2 KiB a CPU, thousands of CPUs */

/* A CPU that this process may use: which core it is part of, and as which of its SMT threads. */
struct pu {
    int cpu, core, thread;
};

/* --- which CPUs -------------------------------------------------------------------------------------- */

/* First threads of all cores come before second ones, so that an arm does not compete with itself; cores in
 * hwloc's order, so that neighbours share caches and memory. */
static int by_thread_and_core(const void *a, const void *b)
{
    const struct pu *x = a, *y = b;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    return x->core == y->core ? 0 : x->core < y->core ? -1 : 1;
}

/* The affinity mask decides: it lies within the cgroup's cpuset, and hwloc knows only the latter. */
static int list_pus(hwloc_topology_t topo, struct pu pus[CB_CPUS_MAX], struct cb_err *err)
{
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        return cb_fail_sys(err, errno, "sched_getaffinity");
    int n = 0, zero = -1;
    hwloc_obj_t last = NULL;
    for (hwloc_obj_t pu = NULL;
         n < CB_CPUS_MAX && (pu = hwloc_get_next_obj_by_type(topo, HWLOC_OBJ_PU, pu));) {
        if (pu->os_index >= CPU_SETSIZE || !CPU_ISSET(pu->os_index, &allowed))
            continue;
        hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topo, HWLOC_OBJ_CORE, pu);
        bool sibling = n > 0 && core && core == last;
        pus[n].cpu = (int)pu->os_index;
        pus[n].core = n == 0 ? 0 : pus[n - 1].core + !sibling;
        pus[n].thread = sibling ? pus[n - 1].thread + 1 : 0;
        if (pus[n].cpu == 0)
            zero = pus[n].core;
        last = core;
        n++;
    }
    /* CPU 0's core last: it takes the interrupts and the housekeeping that the others do not get. */
    for (int i = 0; i < n; i++)
        if (pus[i].core == zero)
            pus[i].core = INT_MAX;
    qsort(pus, (size_t)n, sizeof pus[0], by_thread_and_core);
    return n;
}

static bool core_in_use(const struct pu *pus, int nsut, int core)
{
    for (int i = 0; i < nsut; i++)
        if (pus[i].core == core)
            return true;
    return false;
}

/* The first `want` of the order are the arms'. The harness gets the cores that no arm uses; the arms' SMT
 * siblings only where there is no such core; the arms' own CPUs where there is nothing else. */
static void split(struct cb_topology *t, const struct pu *pus, int n, int want)
{
    t->ncpus = n;
    t->nsut = want < 1 ? 1 : want < n ? want : n;
    for (int i = 0; i < t->nsut; i++)
        t->sut[i] = pus[i].cpu;
    for (int i = t->nsut; i < n; i++)
        if (!core_in_use(pus, t->nsut, pus[i].core))
            t->other[t->nother++] = pus[i].cpu;
    for (int i = t->nsut, whole = t->nother; !whole && i < n; i++)
        t->other[t->nother++] = pus[i].cpu;
    t->shared = t->nother == 0;
    for (int i = 0; t->shared && i < t->nsut; i++)
        t->other[t->nother++] = t->sut[i];
}

/* --- caches, memory, names --------------------------------------------------------------------------- */

static uint64_t cache_size(hwloc_topology_t topo, hwloc_obj_t pu, hwloc_obj_type_t type)
{
    hwloc_obj_t cache = hwloc_get_ancestor_obj_by_type(topo, type, pu);
    return cache ? cache->attr->cache.size : 0;
}

/* Does the CPU tell only the sum of its last-level caches? AMD's old leaf 0x80000006 gives what the package
 * has in all slices together (512 MB of 16), of which a core reaches one. hwloc and the kernel fall back on
 * it where a hypervisor hides leaf 0x8000001d; no size at all is the better answer then. */
static bool llc_is_a_sum(void)
{
#if defined(__x86_64__)
    unsigned a, b, c, d;
    char vendor[13] = "";
    __cpuid(0, a, b, c, d);
    memcpy(vendor, &b, 4);
    memcpy(vendor + 4, &d, 4);
    memcpy(vendor + 8, &c, 4);
    if (strcmp(vendor, "AuthenticAMD") != 0)
        return false;
    __cpuid_count(0x8000001d, 3, a, b, c, d);
    return (a & 0x1f) == 0; /* cache type: none */
#else
    return false;
#endif
}

static void caches_and_node(struct cb_topology *t, hwloc_topology_t topo)
{
    static const hwloc_obj_type_t last_first[] = {HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE,
                                                  HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L1CACHE};
    hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(topo, (unsigned)t->sut[0]);
    if (!pu)
        return;
    t->l1d = cache_size(topo, pu, HWLOC_OBJ_L1CACHE);
    t->l2 = cache_size(topo, pu, HWLOC_OBJ_L2CACHE);
    bool l3_known = !llc_is_a_sum();
    for (size_t i = 0; l3_known && !t->llc && i < sizeof last_first / sizeof last_first[0]; i++)
        t->llc = cache_size(topo, pu, last_first[i]);
    for (hwloc_obj_t node = NULL; (node = hwloc_get_next_obj_by_type(topo, HWLOC_OBJ_NUMANODE, node));)
        if (hwloc_bitmap_isset(node->cpuset, pu->os_index)) {
            t->numa_node = (int)node->os_index;
            return;
        }
}

/* Value of the first line "key<blanks>: value" in the text of a /proc file. NULL where there is none; ends at
 * a newline. */
static const char *proc_value(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) != 0)
            continue;
        const char *colon = line + n + strspn(line + n, " \t");
        if (*colon == ':')
            return colon + 1 + strspn(colon + 1, " \t");
    }
    return NULL;
}

static int value_len(const char *value)
{
    return (int)strcspn(value, "\n");
}

static int load_memory(struct cb_topology *t, struct cb_err *err)
{
    /* Not hwloc's sum over NUMA nodes: some hypervisors fill in one node wrongly. */
    CB_AUTOBUF struct cb_buf text = {0};
    if (cb_read_file(AT_FDCWD, "/proc/meminfo", PROC_MAX, &text, err))
        return -1;
    const char *total = proc_value(cb_buf_str(&text), "MemTotal");
    unsigned long long kib;
    if (!total || sscanf(total, "%llu kB", &kib) != 1)
        return cb_fail(err, CB_ESYS, "/proc/meminfo: no MemTotal");
    t->memory = kib * 1024u;
    return 0;
}

/* x86 names its model; arm64 gives the numbers of implementer and part only. */
static void cpu_model(struct cb_topology *t, const char *cpuinfo)
{
    const char *model = proc_value(cpuinfo, "model name");
    const char *implementer = proc_value(cpuinfo, "CPU implementer"), *part = proc_value(cpuinfo, "CPU part");
    if (model)
        snprintf(t->cpu_model, sizeof t->cpu_model, "%.*s", value_len(model), model);
    else if (implementer && part)
        snprintf(t->cpu_model, sizeof t->cpu_model, "implementer %.*s part %.*s", value_len(implementer),
                 implementer, value_len(part), part);
    else
        snprintf(t->cpu_model, sizeof t->cpu_model, "unknown");
}

static bool has_flag(const char *cpuinfo, const char *flag)
{
    const char *flags = proc_value(cpuinfo, "flags");
    if (!flags)
        return false;
    const char *end = flags + value_len(flags);
    for (size_t n; flags < end; flags += n + (flags[n] == ' ')) {
        n = strcspn(flags, " \n");
        if (n == strlen(flag) && memcmp(flags, flag, n) == 0)
            return true;
    }
    return false;
}

struct name_of {
    const char *raw, *name;
};

static const char *look_up(const struct name_of *table, const char *raw)
{
    for (; table->raw; table++)
        if (strncmp(raw, table->raw, strlen(table->raw)) == 0)
            return table->name;
    return NULL;
}

/* Twelve bytes that hypervisors put into CPUID leaf 0x40000000 by convention. */
static const char *hypervisor_from_cpuid(void)
{
#if defined(__x86_64__)
    static const struct name_of signatures[] = {{"KVMKVMKVM", "kvm"},
                                                {"Linux KVM Hv", "kvm"},
                                                {"VMwareVMware", "vmware"},
                                                {"Microsoft Hv", "hyper-v"},
                                                {"XenVMMXenVMM", "xen"},
                                                {"TCGTCGTCGTCG", "qemu-tcg"},
                                                {"VBoxVBoxVBox", "virtualbox"},
                                                {"bhyve bhyve ", "bhyve"},
                                                {"ACRNACRNACRN", "acrn"},
                                                {" lrpepyh  vr", "parallels"},
                                                {NULL, NULL}};
    unsigned regs[4] = {0};
    char raw[13] = "";
    __cpuid(0x40000000, regs[0], regs[1], regs[2], regs[3]);
    memcpy(raw, &regs[1], 12);
    return look_up(signatures, raw);
#else
    return NULL;
#endif
}

/* The kernel's own detection, where it left a trace. It comes before CPUID: under a paravirtual hypervisor
 * the instruction is not intercepted in user mode and may tell of a hypervisor further out. */
static const char *hypervisor_from_clocks(void)
{
    static const struct name_of clocks[] = {
        {"kvm-clock", "kvm"}, {"hyperv_clocksource", "hyper-v"}, {"xen", "xen"}, {NULL, NULL}};
    char line[128];
    if (cb_read_line("/sys/devices/system/clocksource/clocksource0/available_clocksource", line, sizeof line))
        return NULL;
    for (const struct name_of *c = clocks; c->raw; c++)
        if (strstr(line, c->raw))
            return c->name;
    return NULL;
}

/* Where CPUID is silent or there is none. */
static const char *hypervisor_from_sysfs(void)
{
    static const struct name_of vendors[] = {
        {"QEMU", "qemu"}, {"Amazon EC2", "kvm"},     {"Google", "kvm"}, {"VMware", "vmware"},
        {"Xen", "xen"},   {"innotek", "virtualbox"}, {NULL, NULL}};
    char line[64];
    if (cb_read_line("/sys/hypervisor/type", line, sizeof line) == 0)
        return strcmp(line, "xen") == 0 ? "xen" : NULL;
    if (cb_read_line("/proc/device-tree/hypervisor/compatible", line, sizeof line) == 0)
        return strstr(line, "xen") ? "xen" : "kvm";
    if (cb_read_line("/sys/class/dmi/id/sys_vendor", line, sizeof line) == 0)
        return look_up(vendors, line);
    return NULL;
}

static const char *hypervisor_name(void)
{
    const char *name = hypervisor_from_clocks();
    if (!name)
        name = hypervisor_from_cpuid();
    return name ? name : hypervisor_from_sysfs();
}

/* x86 has a flag for it, which decides: DMI's vendors sell bare metal too, and bare metal has no CPUID leaf
 * 0x40000000. Elsewhere a name is all the evidence there is. */
static void load_hypervisor(struct cb_topology *t, const char *cpuinfo)
{
#if defined(__x86_64__)
    const bool flag_decides = true;
#else
    const bool flag_decides = false;
#endif
    bool flag = has_flag(cpuinfo, "hypervisor");
    const char *name = flag || !flag_decides ? hypervisor_name() : NULL;
    t->virtualised = flag || name;
    snprintf(t->hypervisor, sizeof t->hypervisor, "%s", name ? name : flag ? "unknown" : "");
}

static int load_cpuinfo(struct cb_topology *t, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf text = {0};
    if (cb_read_file(AT_FDCWD, "/proc/cpuinfo", PROC_MAX, &text, err))
        return -1;
    cpu_model(t, cb_buf_str(&text));
    load_hypervisor(t, cb_buf_str(&text));
    return 0;
}

static int from_hwloc(struct cb_topology *t, hwloc_topology_t topo, int want_sut, struct cb_err *err)
{
    struct pu pus[CB_CPUS_MAX];
    if (hwloc_topology_load(topo))
        return cb_fail_sys(err, errno, "hwloc: load the topology");
    int n = list_pus(topo, pus, err);
    if (n < 0)
        return -1;
    if (n == 0)
        return cb_fail(err, CB_ESYS, "hwloc knows none of the CPUs that this process may use");
    split(t, pus, n, want_sut);
    caches_and_node(t, topo);
    return 0;
}

int cb_topology_load(struct cb_topology *t, int want_sut, struct cb_err *err)
{
    hwloc_topology_t topo;
    *t = (struct cb_topology){0};
    if (hwloc_topology_init(&topo))
        return cb_fail(err, CB_ESYS, "hwloc: no topology");
    int failed = from_hwloc(t, topo, want_sut, err);
    hwloc_topology_destroy(topo);
    return failed || load_memory(t, err) || load_cpuinfo(t, err) ? -1 : 0;
}

/* --- lists and pinning ------------------------------------------------------------------------------- */

char *cb_cpulist_format(const int *cpus, int n, char *out, size_t cap)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0, last; i < n && used < cap; i = last + 1) {
        for (last = i; last + 1 < n && cpus[last + 1] == cpus[last] + 1;)
            last++;
        int len = last == i
                      ? snprintf(out + used, cap - used, "%s%d", used ? "," : "", cpus[i])
                      : snprintf(out + used, cap - used, "%s%d-%d", used ? "," : "", cpus[i], cpus[last]);
        used += (size_t)len;
    }
    return out;
}

int cb_pin(int pid, const int *cpus, int n, struct cb_err *err)
{
    char list[128];
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < n; i++)
        CPU_SET(cpus[i], &set);
    if (sched_setaffinity(pid, sizeof set, &set))
        return cb_fail_sys(err, errno, "pin to CPUs %s", cb_cpulist_format(cpus, n, list, sizeof list));
    return 0;
}
