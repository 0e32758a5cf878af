/* A link into the run's network for arms that live in the host's own network namespace, so that host
 * networking crosses the same kind of link as a container's. */
#ifndef CB_RUNNERS_HOSTLINK_H
#define CB_RUNNERS_HOSTLINK_H

#include "bench/base/err.h"
#include "runners/linkname.h"
#include "runners/runner.h"

/* Makes the slot's veth and gives it its address, without any route: sockets must be bound to it
 * (SO_BINDTODEVICE), then the kernel takes the peer to be on the link. CB_EMISSING with the reason where
 * there is no fabric, or where the host's filters (strict reverse path, a firewall) let nothing through. */
int cb_hostlink_make(const struct cb_site *site, unsigned slot, char name[CB_LINK_NAME_MAX],
                     struct cb_err *err);
/* Takes it away again; returns when it is gone. */
void cb_hostlink_remove(const struct cb_site *site, unsigned slot);

#endif
