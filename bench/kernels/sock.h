/* Sockets to the peer: numeric address, bound to the run's link. */
#ifndef CB_KERNELS_SOCK_H
#define CB_KERNELS_SOCK_H

#include <stddef.h>
#include <stdint.h>

#include "bench/bench.h"

/* Links of emulated cards come up this late. */
#define CB_SOCK_PATIENCE_NS UINT64_C(15000000000)

/* Connected TCP socket to the peer's port, with TCP_NODELAY, bound to run->device. One try; -1 with *err,
 * CB_EMISSING where the environment has no peer. */
int cb_sock_try(const struct cb_run *run, uint16_t port, struct cb_err *err);
/* The same, tried again while the peer refuses or cannot be reached, until `patience_ns` passed. */
int cb_sock_connect(const struct cb_run *run, uint16_t port, uint64_t patience_ns, struct cb_err *err);
/* UDP socket that talks to the peer's port alone, bound to run->device. */
int cb_sock_udp(const struct cb_run *run, uint16_t port, struct cb_err *err);
/* All n bytes, or an error (end of stream is one). */
int cb_sock_send(int fd, const void *bytes, size_t n, struct cb_err *err);
/* The same where more follows at once: what does not fill a segment waits for it. A stream without delay
 * would send a small segment behind every piece. */
int cb_sock_send_more(int fd, const void *bytes, size_t n, struct cb_err *err);
int cb_sock_recv(int fd, void *bytes, size_t n, struct cb_err *err);
/* A number, 8 bytes, little endian. */
int cb_sock_send_count(int fd, uint64_t n, struct cb_err *err);
int cb_sock_recv_count(int fd, uint64_t *n, struct cb_err *err);

#endif
