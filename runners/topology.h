/* What the machine looks like, from hwloc: which CPUs the arms get, which are left for the harness and the
 * peer, cache sizes. */
#ifndef CB_RUNNERS_TOPOLOGY_H
#define CB_RUNNERS_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/base/err.h"

#define CB_CPUS_MAX 256

struct cb_topology {
    int ncpus;            /* CPUs this process may use */
    int sut[CB_CPUS_MAX]; /* given to every arm alike (system under test) */
    int nsut;
    int other[CB_CPUS_MAX]; /* for cbench itself and the peer; the same as sut where there is only one CPU */
    int nother;
    bool shared;   /* true: no CPU is left for the peer, sut and other overlap */
    int numa_node; /* of sut[0]; 0 where there is no NUMA */
    uint64_t l1d, l2,
        llc;         /* bytes, of sut[0]'s caches; llc is the last level's size as reported, 0 when unknown */
    uint64_t memory; /* /proc/meminfo MemTotal, bytes */
    char cpu_model[128];
    char hypervisor[32]; /* "kvm", "vmware", ..., "unknown" when the flag is set but nothing named it; "" on
                            bare metal */
    bool virtualised;
};

/* `want_sut` CPUs for the arms (at least 1); whole cores away from CPU 0 first. */
int cb_topology_load(struct cb_topology *t, int want_sut, struct cb_err *err);
/* "1", "2-3,6" into out. */
char *cb_cpulist_format(const int *cpus, int n, char *out, size_t cap);
/* Pins the calling process (pid 0) or another. */
int cb_pin(int pid, const int *cpus, int n, struct cb_err *err);

#endif
