/* What the network peer does with a connection, one service a port. */
#ifndef CB_BENCH_PEER_H
#define CB_BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CB_PEER_CHUNK (UINT64_C(128) << 10) /* bytes of one read or write of a stream */

struct cb_service {
    /* Until the other side is gone, closed or failed: a peer has nobody to tell why. */
    void (*serve)(int fd);
    int type; /* SOCK_STREAM; SOCK_DGRAM, whose socket itself is served */
    uint16_t port;
    bool at_once; /* in the accepting thread, since such a connection is shorter than the start of a thread */
};

/* Datagrams, in peer_udp.c. */
void cb_peer_answer_datagrams(int fd);
void cb_peer_count_datagrams(int fd);

#endif
