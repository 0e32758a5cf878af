#include "runners/fabric.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"
#include "runners/netlink.h"

#define PEER_ADDRESS  "198.18.0.1" /* 198.18.0.0/15 is for benchmarks of networks (RFC 2544) */
#define PEER_DEADLINE (5 * CB_NS_PER_S)

#define ROUTER_ADDRESS "198.18.0.203"
#define ROUTER_BRIDGE  "cbr1"
#define GATEWAY        "198.19.0.1"
#define PORT_PREFIX    "cbp"
#define INNER_PREFIX   "cbn" /* of ports of the router's bridge */

struct slot {
    /* Counts the plugs: the kernel takes a veth down with its namespace, but later, so that its name may
     * still be in use when the slot's next instance comes. 0: not plugged. */
    unsigned short plugs;
    bool inner; /* the latest is in the router's bridge */
};

struct cb_fabric {
    int netns, home; /* the run's namespace, and the one that cbench was started in */
    int router;      /* the namespace behind which addresses are translated, -1: none yet */
    pid_t peer;
    struct slot slots[CB_FABRIC_SLOTS];
};

/* --- going in and out -------------------------------------------------------------------------------- */

/* The calling thread enters the namespace, acts, and leaves. A thread's namespace is its own, sockets keep
 * the one they were opened in, and the two calls cost a microsecond; a helper process would cost more than
 * the plug. */
static int enter(int netns, struct cb_err *err)
{
    return setns(netns, CLONE_NEWNET) ? cb_fail_sys(err, errno, "enter the run's network namespace") : 0;
}

/* A thread that cannot go home would make the user's network out of what was meant for the run's. */
static void leave(const struct cb_fabric *f)
{
    if (setns(f->home, CLONE_NEWNET))
        abort();
}

static int own_netns(struct cb_err *err)
{
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? cb_fail_sys(err, errno, "open the network namespace") : fd;
}

/* --- making ------------------------------------------------------------------------------------------ */

static void set_sysctl(const char *path, const char *value)
{
    struct cb_err ignored; /* a kernel without IPv6, /proc/sys read-only: the links work all the same */
    cb_write_file(AT_FDCWD, path, value, &ignored);
}

static int make_bridge(int netns, const char *name, const char *address, struct cb_err *err)
{
    char locktime[64];
    /* No IPv6: links would send router solicitations and probe for duplicate addresses while we measure. */
    set_sysctl("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
    set_sysctl("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    if (cb_net_up("lo", err) || cb_net_bridge(name, err) ||
        cb_net_address(name, address, CB_FABRIC_PREFIX, 1, err))
        return -1;
    /* A bridge is in service when one of its ports is, which it notices a second later, and its answers are
     * lost until then: this port always is. */
    if (cb_net_veth("cbkeep", name, "cbkeep-far", netns, err) || cb_net_up("cbkeep-far", err))
        return -1;
    /* A slot's address comes back with another hardware address in each block: believe the newest at once. */
    snprintf(locktime, sizeof locktime, "/proc/sys/net/ipv4/neigh/%s/locktime", name);
    set_sysctl(locktime, "0");
    return 0;
}

static int wait_for_peer(int from_peer, struct cb_err *err)
{
    struct cb_lines lines;
    char *line;
    cb_lines_init(&lines, from_peer);
    int n = cb_lines_next(&lines, cb_deadline_in(PEER_DEADLINE), &line, err);
    if (n < 0)
        return cb_wrap(err, "network peer");
    if (n == 0)
        return cb_fail(err, CB_EPROTO, "network peer: ended without a word");
    return strcmp(line, "peer ready") == 0 ? 0
                                           : cb_fail(err, CB_EPROTO, "network peer: said \"%.80s\"", line);
}

static int start_peer(struct cb_fabric *f, const char *agent_path, int cpu, struct cb_err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return cb_fail_sys(err, errno, "pipe");
    CB_AUTOFD int from_peer = ends[0];
    const struct cb_spawn s = {.argv = (const char *const[]){agent_path, "peer", PEER_ADDRESS, NULL},
                               .fd_in = -1,
                               .fd_out = ends[1],
                               .fd_err = -1,
                               .cpu = cpu,
                               .die_with_parent = true};
    int failed = cb_spawn(&s, &f->peer, NULL, err);
    close(ends[1]);
    return failed ? cb_wrap(err, "network peer") : wait_for_peer(from_peer, err);
}

/* Called inside the new namespace. */
static int furnish(struct cb_fabric *f, const char *agent_path, const struct cb_topology *topo,
                   struct cb_err *err)
{
    f->netns = own_netns(err);
    if (f->netns < 0)
        return -1;
    return make_bridge(f->netns, CB_FABRIC_BRIDGE, PEER_ADDRESS, err) ||
                   start_peer(f, agent_path, topo->other[0], err)
               ? -1
               : 0;
}

int cb_fabric_open(const char *agent_path, const struct cb_topology *topo, struct cb_fabric **out,
                   struct cb_err *err)
{
    struct cb_fabric *f = malloc(sizeof *f);
    *out = NULL;
    if (!f)
        return cb_fail_sys(err, ENOMEM, "fabric");
    *f = (struct cb_fabric){.netns = -1, .home = own_netns(err), .router = -1, .peer = -1};
    if (f->home < 0 || unshare(CLONE_NEWNET)) {
        if (f->home >= 0)
            cb_fail_sys(err, errno, "make a network namespace");
        err->code = CB_EMISSING;
        cb_fabric_close(f);
        return -1;
    }
    int failed = furnish(f, agent_path, topo, err);
    leave(f);
    if (failed) {
        cb_fabric_close(f);
        return cb_wrap(err, "the run's network");
    }
    *out = f;
    return 0;
}

void cb_fabric_close(struct cb_fabric *f)
{
    if (!f)
        return;
    cb_kill_wait(f->peer);
    /* Bridge and links go with the namespace, and that with its last descriptor. */
    cb_cleanup_fd(&f->router);
    cb_cleanup_fd(&f->netns);
    cb_cleanup_fd(&f->home);
    free(f);
}

/* --- using ------------------------------------------------------------------------------------------- */

int cb_fabric_netns(const struct cb_fabric *f)
{
    return f->netns;
}

const char *cb_fabric_peer(const struct cb_fabric *f)
{
    (void)f;
    return PEER_ADDRESS;
}

void cb_fabric_address(unsigned slot, char out[16])
{
    snprintf(out, 16, "198.18.0.%u", slot % CB_FABRIC_SLOTS + 2);
}

const char *cb_fabric_gateway(const struct cb_fabric *f)
{
    (void)f;
    return GATEWAY;
}

void cb_fabric_inner_address(unsigned slot, char out[16])
{
    snprintf(out, 16, "198.19.0.%u", slot % CB_FABRIC_SLOTS + 2);
}

void cb_fabric_port(const struct cb_fabric *f, unsigned slot, char out[16])
{
    const struct slot *s = &f->slots[slot % CB_FABRIC_SLOTS];
    snprintf(out, 16, "%s%u.%u", s->inner ? INNER_PREFIX : PORT_PREFIX, slot % CB_FABRIC_SLOTS,
             (unsigned)s->plugs);
}

/* The namespace of a port, by its name. */
static int netns_of(const struct cb_fabric *f, const char *port)
{
    return strncmp(port, INNER_PREFIX, strlen(INNER_PREFIX)) == 0 && f->router >= 0 ? f->router : f->netns;
}

/* The name of the bridge's end of a new plug. */
static int take_port(struct cb_fabric *f, unsigned slot, bool inner, char port[16], struct cb_err *err)
{
    if (slot >= CB_FABRIC_SLOTS)
        return cb_fail(err, CB_EUSAGE, "the run's network has no slot %u", slot);
    f->slots[slot].plugs++;
    f->slots[slot].inner = inner;
    cb_fabric_port(f, slot, port);
    return 0;
}

int cb_fabric_plug(struct cb_fabric *f, unsigned slot, const char *ifname, int netns_fd, struct cb_err *err)
{
    char port[16];
    if (take_port(f, slot, false, port, err) || enter(f->netns, err))
        return -1;
    int failed = cb_net_veth(port, CB_FABRIC_BRIDGE, ifname, netns_fd, err);
    leave(f);
    return failed;
}

/* Called inside the run's namespace. A macvlan on the bridge itself would not reach the peer: it does not
 * talk to the addresses of what it lies on. */
static int make_macvlan(const struct cb_fabric *f, const char *port, const char *ifname, int netns_fd,
                        struct cb_err *err)
{
    char lower[16];
    snprintf(lower, sizeof lower, "m%s", port);
    if (cb_net_veth(port, CB_FABRIC_BRIDGE, lower, f->netns, err))
        return -1;
    if (cb_net_up(lower, err) == 0 && cb_net_macvlan(lower, ifname, netns_fd, err) == 0)
        return 0;
    struct cb_err ignored;
    cb_net_delete(port, &ignored);
    return -1;
}

int cb_fabric_plug_macvlan(struct cb_fabric *f, unsigned slot, const char *ifname, int netns_fd,
                           struct cb_err *err)
{
    char port[16];
    if (take_port(f, slot, false, port, err) || enter(f->netns, err))
        return -1;
    int failed = make_macvlan(f, port, ifname, netns_fd, err);
    leave(f);
    return failed;
}

/* Called inside a new namespace of its own. */
static int furnish_router(struct cb_fabric *f, struct cb_err *err)
{
    f->router = own_netns(err);
    if (f->router < 0 || make_bridge(f->router, ROUTER_BRIDGE, GATEWAY, err) || cb_net_masquerade(err))
        return -1;
    return cb_write_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", "1", err);
}

/* Into the run's bridge, as the host arm's link. */
static int connect_router(const struct cb_fabric *f, struct cb_err *err)
{
    if (enter(f->netns, err) || cb_net_veth("cbup", CB_FABRIC_BRIDGE, "up", f->router, err) ||
        enter(f->router, err))
        return -1;
    return cb_net_address("up", ROUTER_ADDRESS, CB_FABRIC_PREFIX, 1, err) || cb_net_up("up", err) ? -1 : 0;
}

int cb_fabric_router(struct cb_fabric *f, struct cb_err *err)
{
    if (f->router >= 0)
        return 0;
    if (unshare(CLONE_NEWNET))
        return cb_fail_sys(err, errno, "make a network namespace");
    int failed = furnish_router(f, err) || connect_router(f, err);
    leave(f);
    if (!failed)
        return 0;
    cb_cleanup_fd(&f->router); /* with what is in it, and the other end of its link */
    return cb_wrap(err, "address translation");
}

int cb_fabric_plug_nat(struct cb_fabric *f, unsigned slot, const char *ifname, int netns_fd,
                       struct cb_err *err)
{
    char port[16];
    if (take_port(f, slot, true, port, err) || enter(f->router, err))
        return -1;
    int failed = cb_net_veth(port, ROUTER_BRIDGE, ifname, netns_fd, err);
    leave(f);
    return failed;
}

int cb_fabric_no_offload(struct cb_fabric *f, unsigned slot, struct cb_err *err)
{
    char port[16];
    cb_fabric_port(f, slot, port);
    if (enter(netns_of(f, port), err))
        return -1;
    int failed = cb_net_no_offload(port, err);
    leave(f);
    return failed;
}

int cb_fabric_await_running(struct cb_fabric *f, unsigned slot, uint64_t deadline, struct cb_err *err)
{
    char port[16];
    cb_fabric_port(f, slot, port);
    if (enter(netns_of(f, port), err))
        return -1;
    int failed = cb_net_await_running(port, deadline, err);
    leave(f);
    return failed;
}

int cb_fabric_await_gone(struct cb_fabric *f, unsigned slot, uint64_t deadline, struct cb_err *err)
{
    char port[16];
    cb_fabric_port(f, slot, port);
    if (enter(netns_of(f, port), err))
        return -1;
    int failed = cb_net_await_gone(port, deadline, err);
    leave(f);
    return failed;
}

void cb_fabric_unplug(struct cb_fabric *f, unsigned slot)
{
    char port[16];
    struct cb_err ignored;
    if (slot >= CB_FABRIC_SLOTS)
        return;
    cb_fabric_port(f, slot, port);
    if (enter(netns_of(f, port), &ignored))
        return;
    cb_net_delete(port, &ignored);
    leave(f);
}

int cb_fabric_counters(struct cb_fabric *f, const char *ifname, uint64_t *rx, uint64_t *tx,
                       struct cb_err *err)
{
    if (enter(netns_of(f, ifname), err))
        return -1;
    int failed = cb_net_counters(ifname, rx, tx, err);
    leave(f);
    return failed;
}
