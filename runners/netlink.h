/* Links, addresses and bridges by rtnetlink, NAT by nf_tables (libmnl); nothing of `ip` or `nft` is run. All
 * calls act in the calling thread's network namespace. */
#ifndef CB_RUNNERS_NETLINK_H
#define CB_RUNNERS_NETLINK_H

#include <stdint.h>

#include "bench/base/err.h"

/* A bridge, up, without spanning tree and without multicast snooping. */
int cb_net_bridge(const char *name, struct cb_err *err);
/* A veth pair in one request: `name` here, enslaved to `bridge` (may be NULL) and up; `peer` born in the
 * namespace `netns_fd`, down. */
int cb_net_veth(const char *name, const char *bridge, const char *peer, int netns_fd, struct cb_err *err);
/* A macvlan on top of the link `lower`, which is here: `name` is born in the namespace `netns_fd`, down. */
int cb_net_macvlan(const char *lower, const char *name, int netns_fd, struct cb_err *err);
/* Packets leave the link as they would leave a wire's: no larger than its MTU, none put together or cut (TSO,
 * GSO, GRO). */
int cb_net_no_offload(const char *name, struct cb_err *err);
int cb_net_up(const char *name, struct cb_err *err);
/* address "198.18.0.4", prefix 24. `route` 0: no connected route is added (IFA_F_NOPREFIXROUTE), for the
 * host's own namespace. */
int cb_net_address(const char *name, const char *address, int prefix, int route, struct cb_err *err);
int cb_net_default_route(const char *gateway, struct cb_err *err);
/* What is forwarded leaves with the address of the link that it leaves by, and its answers find back. Once a
 * namespace; for those of cbench's own only. */
int cb_net_masquerade(struct cb_err *err);
/* Waits until packets pass: the kernel brings both ends of a veth into service, and the port of a bridge with
 * them, in a work queue some time after they were set up, and drops what comes before. CB_ETIMEOUT. */
int cb_net_await_running(const char *name, uint64_t deadline, struct cb_err *err);
/* Waits until there is no such link: the kernel takes a veth down with the namespace of its other end, some
 * time after the last process has left that. CB_ETIMEOUT. */
int cb_net_await_gone(const char *name, uint64_t deadline, struct cb_err *err);
/* Missing links are fine. */
int cb_net_delete(const char *name, struct cb_err *err);
/* Bytes counters of a link. */
int cb_net_counters(const char *name, uint64_t *rx_bytes, uint64_t *tx_bytes, struct cb_err *err);
/* Calls found for every link whose name starts with `prefix`. */
int cb_net_each(const char *prefix, void (*found)(const char *name, void *arg), void *arg,
                struct cb_err *err);

#endif
