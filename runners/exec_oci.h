/* config.json of an OCI bundle that isolates as our own container does: the same namespaces, mounts, masked
 * paths, system call filter, limits, no capability, no new privileges. Pure. */
#ifndef CB_RUNNERS_EXEC_OCI_H
#define CB_RUNNERS_EXEC_OCI_H

#include <jansson.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>

struct cb_oci {
    const char *hostname;
    const char *root;         /* directory, relative to the bundle */
    const char *cgroup;       /* below the root of each hierarchy, with a leading '/' */
    const char *cpus, *nodes; /* "1", "0" */
    uint64_t memory;          /* bytes */
    bool swap_counted;        /* the kernel can forbid swap to a group */
};

/* Paths that are hidden, and that are read-only, below /proc and /sys; each ended by NULL. What a kernel has
 * not got is passed over. */
extern const char *const cb_oci_hidden[], *const cb_oci_read_only[];

/* The filter alone, which is also the form of Docker's and Podman's profiles. NULL when out of memory. */
json_t *cb_oci_seccomp(void);
/* "SCMP_CMP_EQ": of those that our filter uses, else NULL. */
const char *cb_oci_comparison(enum scmp_compare op);

/* NULL when out of memory. No network namespace is in it: the runtime is started inside one. */
json_t *cb_oci_config(const struct cb_oci *in);

#endif
