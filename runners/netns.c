#include "runners/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "runners/netlink.h"

static int current(struct cb_err *err)
{
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? cb_fail_sys(err, errno, "open the network namespace") : fd;
}

static int plug(struct cb_fabric *fabric, unsigned slot, const char *device, int netns, struct cb_err *err)
{
    char address[16];
    cb_fabric_address(slot, address);
    /* Plugging ends in the namespace that the fabric was opened from, which need not be this one. */
    if (cb_fabric_plug(fabric, slot, device, netns, err) < 0)
        return -1;
    if (setns(netns, CLONE_NEWNET) < 0)
        return cb_fail_sys(err, errno, "enter the network namespace");
    return cb_net_address(device, address, CB_FABRIC_PREFIX, 1, err) || cb_net_up(device, err) ? -1 : 0;
}

/* Called inside the new namespace. */
static int furnish(struct cb_fabric *fabric, unsigned slot, const char *device, int netns, struct cb_err *err)
{
    struct cb_err ignored; /* a kernel without IPv6 has no such file; links work all the same */
    cb_write_file(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/disable_ipv6", "1", &ignored);
    if (cb_net_up("lo", err) < 0)
        return -1;
    return fabric ? plug(fabric, slot, device, netns, err) : 0;
}

int cb_netns_make(struct cb_fabric *fabric, unsigned slot, const char *device, int *netns, struct cb_err *err)
{
    CB_AUTOFD int home = current(err);
    if (home < 0)
        return -1;
    if (unshare(CLONE_NEWNET) < 0)
        return cb_fail_sys(err, errno, "make a network namespace");
    CB_AUTOFD int made = current(err);
    int failed = made < 0 || furnish(fabric, slot, device, made, err) < 0;
    /* A thread that cannot go home would take the user's network for an arm's. */
    if (setns(home, CLONE_NEWNET) < 0)
        abort();
    if (failed)
        return -1;
    *netns = cb_take_fd(&made);
    return 0;
}
