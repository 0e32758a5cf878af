#include "runners/hostlink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "runners/netlink.h"

/* An address alone: no neighbours, so neither a network route nor a broadcast address comes with it. */
#define PREFIX 32

/* The kernel uses the larger of this and the link's own setting. 1, strict: the answer must come in where a
 * packet to its sender would go out, by the routing table; that is the user's default route. */
static bool reverse_path_is_strict(void)
{
    char line[8];
    return cb_read_line("/proc/sys/net/ipv4/conf/all/rp_filter", line, sizeof line) == 0 &&
           strcmp(line, "1") == 0;
}

static int set_link(const char *name, const char *family, const char *key, const char *value,
                    struct cb_err *err)
{
    char path[128];
    if (cb_path(path, sizeof path, err, "/proc/sys/net/%s/conf/%s/%s", family, name, key))
        return -1;
    return cb_write_file(AT_FDCWD, path, value, err);
}

static int configure(const char *name, unsigned slot, struct cb_err *err)
{
    char address[16];
    cb_fabric_address(slot, address);
    /* Our own link's settings, which it would inherit from the host's defaults. IPv6 would chatter while we
     * measure; a host without it has no such file. */
    if (set_link(name, "ipv6", "disable_ipv6", "1", err) && err->sys != ENOENT)
        return -1;
    if (set_link(name, "ipv4", "rp_filter", "0", err))
        return -1;
    return cb_net_address(name, address, PREFIX, 0, err) || cb_net_up(name, err) ? -1 : 0;
}

int cb_hostlink_make(const struct cb_site *site, unsigned slot, char name[CB_LINK_NAME_MAX],
                     struct cb_err *err)
{
    if (!site->fabric)
        return cb_fail(err, CB_EMISSING, "%s", site->fabric_reason);
    if (reverse_path_is_strict())
        return cb_fail(
            err, CB_EMISSING,
            "net.ipv4.conf.all.rp_filter=1 drops what comes in on a link without a route (2 does not)");
    CB_AUTOFD int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0)
        return cb_fail_sys(err, errno, "open the network namespace");
    cb_link_name(site->run_id, slot, name);
    if (cb_fabric_plug(site->fabric, slot, name, home, err))
        return -1;
    if (configure(name, slot, err) == 0)
        return 0;
    cb_hostlink_remove(site, slot);
    return -1;
}

void cb_hostlink_remove(const struct cb_site *site, unsigned slot)
{
    if (site->fabric)
        cb_fabric_unplug(site->fabric, slot);
}
