/* Sockets to the peer: numeric address, bound to the run's link. */
#ifndef CB_KERNELS_SOCK_H
#define CB_KERNELS_SOCK_H

#include "bench/bench.h"

/* Connected TCP socket to the peer's port with TCP_NODELAY and SO_BINDTODEVICE; retries refused and
 * unreachable for 15 s (links of emulated cards come up late). -1 with *err. */
int cb_sock_connect(const struct cb_run *run, int port, struct cb_err *err);
/* All n bytes, or an error (end of stream is one). */
int cb_sock_send(int fd, const void *bytes, size_t n, struct cb_err *err);
int cb_sock_recv(int fd, void *bytes, size_t n, struct cb_err *err);

#endif
