/* The run's private network: one namespace that holds one bridge, and the peer, a native process that lives
 * there pinned away from the system under test. Each arm gets one veth or tap into the bridge. 198.18.0.0/24:
 * the peer (the bridge) is .1, arm slot n is .(n+2). The namespace is anonymous and held by descriptors, so
 * that it ends with the processes of the run. */
#ifndef CB_RUNNERS_FABRIC_H
#define CB_RUNNERS_FABRIC_H

#include "bench/base/err.h"
#include "runners/topology.h"

#define CB_FABRIC_BRIDGE "cbr0" /* inside the run's namespace only */
#define CB_FABRIC_PREFIX 24
#define CB_FABRIC_SLOTS  201 /* .2 to .202 */

struct cb_fabric; /* opaque */

/* Makes namespace, bridge and peer. CB_EMISSING with a reason where namespaces or bridges cannot be had. */
int cb_fabric_open(const char *agent_path, const struct cb_topology *topo, struct cb_fabric **out,
                   struct cb_err *err);
/* Descriptor of the namespace, owned by the fabric. */
int cb_fabric_netns(const struct cb_fabric *f);
/* "198.18.0.1". */
const char *cb_fabric_peer(const struct cb_fabric *f);
/* "198.18.0.N" of an arm's slot (0..200) into out (16 bytes). */
void cb_fabric_address(unsigned slot, char out[16]);
/* A veth: `ifname` appears, down and without address, in the namespace `netns_fd`; the other end hangs in the
 * bridge. */
int cb_fabric_plug(struct cb_fabric *f, unsigned slot, const char *ifname, int netns_fd, struct cb_err *err);
/* The same through a macvlan, which lies on the far end of a veth in the run's namespace. Unplug it: the veth
 * does not die with the macvlan's namespace. */
int cb_fabric_plug_macvlan(struct cb_fabric *f, unsigned slot, const char *ifname, int netns_fd,
                           struct cb_err *err);
/* Makes the router unless it is there. */
int cb_fabric_router(struct cb_fabric *f, struct cb_err *err);
/* As cb_fabric_plug, into the router's bridge: after cb_fabric_router. */
int cb_fabric_plug_nat(struct cb_fabric *f, unsigned slot, const char *ifname, int netns_fd,
                       struct cb_err *err);
/* "198.19.0.1", and "198.19.0.N" of a slot behind it. */
const char *cb_fabric_gateway(const struct cb_fabric *f);
void cb_fabric_inner_address(unsigned slot, char out[16]);
/* Turns off TSO, GSO and GRO of the bridge's end of the slot's latest plug. */
int cb_fabric_no_offload(struct cb_fabric *f, unsigned slot, struct cb_err *err);
/* Waits until packets pass through the bridge's end of the slot's latest plug, whose other end is up. */
int cb_fabric_await_running(struct cb_fabric *f, unsigned slot, uint64_t deadline, struct cb_err *err);
/* Waits until the bridge's end of the slot's latest plug is gone, whose other end went with its namespace. */
int cb_fabric_await_gone(struct cb_fabric *f, unsigned slot, uint64_t deadline, struct cb_err *err);
/* Takes both ends of a slot's latest plug away; for arms whose own end does not die with a namespace. */
void cb_fabric_unplug(struct cb_fabric *f, unsigned slot);
/* Name of the bridge's end of the slot's latest plug. */
void cb_fabric_port(const struct cb_fabric *f, unsigned slot, char out[16]);
/* Bytes through a port of the bridge: a veth's end (cb_fabric_port) or a tap, by name. */
int cb_fabric_counters(struct cb_fabric *f, const char *ifname, uint64_t *rx, uint64_t *tx,
                       struct cb_err *err);
void cb_fabric_close(struct cb_fabric *f); /* NULL is fine */

#endif
