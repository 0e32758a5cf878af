/* A network namespace made from outside, for arms whose own program does not make one that the run's bridge
 * could be plugged into: the program is started inside and stays there. */
#ifndef CB_RUNNERS_NETNS_H
#define CB_RUNNERS_NETNS_H

#include "runners/fabric.h"

/* A descriptor (CLOEXEC) of a new namespace: loopback up, and with a fabric (may be NULL) a link `device`
 * into its bridge, up, with the slot's address. It ends with the descriptor and the processes in it. */
int cb_netns_make(struct cb_fabric *fabric, unsigned slot, const char *device, int *netns,
                  struct cb_err *err);

#endif
