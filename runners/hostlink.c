#include "runners/hostlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "runners/netlink.h"

/* An address alone: no neighbours, so neither a network route nor a broadcast address comes with it. */
#define PREFIX 32

#define DISCARD_PORT      9                 /* nobody listens there */
#define SERVICE_TIMEOUT   (5 * CB_NS_PER_S) /* milliseconds; up to a second where the kernel takes its time */
#define ANSWER_TIMEOUT_MS 1500              /* a lost SYN is sent again after one second */

static int set_link(const char *name, const char *family, const char *key, const char *value,
                    struct cb_err *err)
{
    char path[128];
    if (cb_path(path, sizeof path, err, "/proc/sys/net/%s/conf/%s/%s", family, name, key))
        return -1;
    return cb_write_file(AT_FDCWD, path, value, err);
}

static int configure(const struct cb_site *site, unsigned slot, const char *name, struct cb_err *err)
{
    uint64_t deadline = cb_deadline_in(SERVICE_TIMEOUT);
    char address[16];
    cb_fabric_address(slot, address);
    /* Our own link's settings, which it would inherit from the host's defaults. IPv6 would chatter while we
     * measure; a host without it has no such file. */
    if (set_link(name, "ipv6", "disable_ipv6", "1", err) && err->sys != ENOENT)
        return -1;
    if (set_link(name, "ipv4", "rp_filter", "0", err))
        return -1;
    return cb_net_address(name, address, PREFIX, 0, err) || cb_net_up(name, err) ||
                   cb_net_await_running(name, deadline, err) ||
                   cb_fabric_await_running(site->fabric, slot, deadline, err)
               ? -1
               : 0;
}

static int connect_through(int fd, const char *name, const char *peer)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(DISCARD_PORT)};
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int cause = 0;
    socklen_t len = sizeof cause;
    inet_pton(AF_INET, peer, &to.sin_addr);
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)))
        return errno;
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 || errno != EINPROGRESS)
        return errno;
    if (poll(&p, 1, ANSWER_TIMEOUT_MS) != 1)
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &len) ? errno : cause;
}

/* The host's filters are the user's, and they are many: the only way to know is to try. A refused connection
 * is an answer from the peer as good as any. */
static int reach_peer(const char *name, const char *peer, struct cb_err *err)
{
    char filter[8];
    CB_AUTOFD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return cb_fail_sys(err, errno, "socket");
    int cause = connect_through(fd, name, peer);
    if (cause == ECONNREFUSED || cause == 0)
        return 0;
    cb_read_line("/proc/sys/net/ipv4/conf/all/rp_filter", filter, sizeof filter);
    cb_fail_sys(err, cause,
                "the host hears no answer on a link without a route (a packet filter, or "
                "net.ipv4.conf.all.rp_filter, which is %s: 0 always works, 2 where there is a default route)",
                filter);
    err->code = CB_EMISSING;
    return -1;
}

int cb_hostlink_make(const struct cb_site *site, unsigned slot, char name[CB_LINK_NAME_MAX],
                     struct cb_err *err)
{
    if (!site->fabric)
        return cb_fail(err, CB_EMISSING, "%s", site->fabric_reason);
    CB_AUTOFD int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0)
        return cb_fail_sys(err, errno, "open the network namespace");
    cb_link_name(site->run_id, slot, name);
    if (cb_fabric_plug(site->fabric, slot, name, home, err))
        return -1;
    if (configure(site, slot, name, err) == 0 && reach_peer(name, cb_fabric_peer(site->fabric), err) == 0)
        return 0;
    cb_hostlink_remove(site, slot);
    return -1;
}

void cb_hostlink_remove(const struct cb_site *site, unsigned slot)
{
    if (site->fabric)
        cb_fabric_unplug(site->fabric, slot);
}
