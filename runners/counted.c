#include "runners/counted.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench/base/io.h"

#define SECTOR UINT64_C(512) /* of these counters, whatever the device has (Documentation/block/stat.rst) */

/* Columns of /sys/dev/block/MAJOR:MINOR/stat, from 0. */
enum { SECTORS_READ = 2, SECTORS_WRITTEN = 6, FLUSHES = 15 };

static const char *const names[] = {
    [CB_COUNTER_NONE] = "none",
    [CB_COUNTER_DISK_READ] = "disk_read",
    [CB_COUNTER_DISK_WRITE] = "disk_write",
    [CB_COUNTER_FLUSH] = "flush",
    [CB_COUNTER_LINK_OUT] = "link_out",
    [CB_COUNTER_LINK_IN] = "link_in",
};

/* Filesystems without one device of their own ("0:35": btrfs, tmpfs, a network's) have no such file. */
static bool read_disk(const char *device, unsigned column, uint64_t *out)
{
    char path[64], line[512];
    const char *at = line;
    int used = 0;
    snprintf(path, sizeof path, "/sys/dev/block/%s/stat", device);
    if (!device[0] || cb_read_line(path, line, sizeof line) < 0)
        return false;
    for (unsigned i = 0; i <= column; i++, at += used)
        if (sscanf(at, "%" SCNu64 "%n", out, &used) != 1)
            return false;
    return true;
}

/* A device that never flushed has no cache to be flushed, or does not count. */
static bool read_flushes(const char *device, uint64_t *out)
{
    return read_disk(device, FLUSHES, out) && *out > 0;
}

/* The bridge's own traffic is that of the peer, and one instance at a time talks to it: no need to know what
 * the arm's end is called, which in a guest's case is libvirt's to choose. */
static bool read_link(struct cb_fabric *f, bool out_of_arm, uint64_t *out)
{
    struct cb_err ignored;
    uint64_t rx, tx;
    if (!f || cb_fabric_counters(f, CB_FABRIC_BRIDGE, &rx, &tx, &ignored) < 0)
        return false;
    *out = out_of_arm ? rx : tx;
    return true;
}

static bool read_counter(const struct cb_counting *c, uint64_t *out)
{
    const char *device = c->env->scratch_device;
    bool there = false;
    switch (c->counter) {
    case CB_COUNTER_NONE:
        return false;
    case CB_COUNTER_DISK_READ:
    case CB_COUNTER_DISK_WRITE:
        there = read_disk(device, c->counter == CB_COUNTER_DISK_READ ? SECTORS_READ : SECTORS_WRITTEN, out);
        *out *= SECTOR;
        return there;
    case CB_COUNTER_FLUSH:
        return read_flushes(device, out);
    case CB_COUNTER_LINK_OUT:
    case CB_COUNTER_LINK_IN:
        return read_link(c->env->site->fabric, c->counter == CB_COUNTER_LINK_OUT, out);
    }
    return there;
}

static void take(const struct cb_counting *c, struct cb_noise *n)
{
    char text[24];
    uint64_t value = 0;
    n->n = 0;
    if (!c->env || !read_counter(c, &value))
        return;
    snprintf(text, sizeof text, "%" PRIu64, value);
    cb_noise_add(n, c->key, text);
}

void cb_counting_init(struct cb_counting *c, const struct cb_env *env, const struct cb_case *k,
                      unsigned case_index)
{
    uint64_t values[CB_PARAM_MAX] = {0};
    struct cb_err ignored;
    c->env = NULL;
    c->before.n = c->after.n = 0;
    if (!k->bench->counted || env->site->topo.shared ||
        cb_params_parse(k->bench, k->params, values, &ignored) < 0)
        return;
    struct cb_counted what = k->bench->counted(values);
    c->env = env;
    c->counter = what.counter;
    snprintf(c->key, sizeof c->key, "counted.%u.%s.%u", case_index, names[what.counter], what.each);
}

void cb_counting_before(struct cb_counting *c)
{
    take(c, &c->before);
}

void cb_counting_after(struct cb_counting *c)
{
    take(c, &c->after);
}
