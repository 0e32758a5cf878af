/* Evidence of noise: what the kernel counts and how the machine is set, read beside the timings and never
 * during one. The same reader serves the host and, through the agent, the inside of a guest. Items are the
 * rows of a table in noise.c; what a machine does not have is left out, never made up. */
#ifndef CB_BASE_NOISE_H
#define CB_BASE_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CB_NOISE_KEY   32 /* bytes of a key and of a value, with NUL */
#define CB_NOISE_VALUE 64
#define CB_NOISE_ITEMS 64

/* Counters only grow, and what matters is by how much; of a state what matters is whether it stays. */
enum cb_noise_kind { CB_NOISE_COUNTER, CB_NOISE_STATE };

/* Where to look. */
struct cb_noise_place {
    const char *root; /* in front of every path: "" but in tests */
    const int *cpus;  /* those whose time, interrupts, frequency and throttling count */
    int ncpus;
    /* Directories of the arm's control group by what is asked of them, NULL where there is none. Time is
     * summed over processes: v1 charges it elsewhere, and qemu has only its first thread in the group. */
    const char *group_cpu, *group_memory, *group_procs;
};

struct cb_noise {
    unsigned n;
    struct cb_noise_item {
        char key[CB_NOISE_KEY], value[CB_NOISE_VALUE];
    } at[CB_NOISE_ITEMS];
};

/* Reads everything that is there, in the table's order. */
void cb_noise_read(const struct cb_noise_place *place, struct cb_noise *out);
/* Appends an item that came from elsewhere; false when it does not fit: it is left out. */
bool cb_noise_add(struct cb_noise *n, const char *key, const char *value);
/* The value, or NULL. */
const char *cb_noise_get(const struct cb_noise *n, const char *key);
/* False for a key that is in no row. */
bool cb_noise_kind(const char *key, enum cb_noise_kind *kind);

/* A child of this process has ended and is about to be reaped: what it waited for a CPU counts as this
 * process's own wait from now on. */
void cb_noise_child_ended(pid_t pid);

#endif
