/* The peer's services for datagrams. */
#include "bench/peer.h"

#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/agent.h"
#include "bench/base/cleanup.h"
#include "bench/kernels/sock.h"

/* What a socket gets by default, set here because that default can be changed; the kernel doubles the number.
 * It holds some 270 small datagrams: much more would hide a rate that the receiver cannot keep up with. */
#define RECEIVE_BUFFER 106496

#define BURST 64 /* datagrams to a system call */
/* Datagrams can come behind the number of how many were sent, where a card has several queues. */
#define LATE_MS 1

/* --- answering --------------------------------------------------------------------------------------- */

static size_t answer_size(const unsigned char *request, size_t n)
{
    uint16_t wire;
    if (n < 1 + sizeof wire)
        return 1;
    memcpy(&wire, request + 1, sizeof wire);
    size_t size = le16toh(wire);
    return size < 1 ? 1 : size > CB_PEER_MESSAGE ? CB_PEER_MESSAGE : size;
}

void cb_peer_answer_datagrams(int fd)
{
    unsigned char bytes[CB_PEER_MESSAGE] = "";
    for (;;) {
        struct sockaddr_in from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &len);
        if (n < 1)
            continue;
        /* One that cannot be sent is one that was lost: who asked will ask again. */
        sendto(fd, bytes, answer_size(bytes, (size_t)n), 0, (struct sockaddr *)&from, len);
    }
}

/* --- counting ---------------------------------------------------------------------------------------- */

struct counter {
    int fd;
    uint64_t round, came; /* answers given; datagrams of this round */
};

/* A socket next to the one that the connection has come to, on a port that the kernel finds. */
static int open_counter(int connection, uint64_t *port)
{
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    const int bytes = RECEIVE_BUFFER;
    CB_AUTOFD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || getsockname(connection, (struct sockaddr *)&at, &len) < 0)
        return -1;
    at.sin_port = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) < 0 ||
        bind(fd, (struct sockaddr *)&at, len) < 0 || getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        return -1;
    *port = ntohs(at.sin_port);
    return cb_take_fd(&fd);
}

/* Counts all that is there. */
static void drain(struct counter *c)
{
    uint64_t round[BURST];
    struct iovec to[BURST];
    struct mmsghdr all[BURST];
    for (size_t i = 0; i < BURST; i++) {
        to[i] = (struct iovec){&round[i], sizeof round[i]}; /* the rest of it is of no interest */
        all[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &to[i], .msg_iovlen = 1}};
    }
    for (;;) {
        int n = recvmmsg(c->fd, all, BURST, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++)
            c->came += all[i].msg_len == sizeof *round && le64toh(round[i]) == c->round;
        if (n < BURST && !(n < 0 && errno == EINTR))
            return;
    }
}

/* What is lost does not come, but what is late may. */
static void wait_for_late(struct counter *c, uint64_t sent)
{
    struct pollfd more = {.fd = c->fd, .events = POLLIN};
    drain(c);
    while (c->came < sent && poll(&more, 1, LATE_MS) > 0)
        drain(c);
}

static int answer_count(int connection, struct counter *c)
{
    struct cb_err gone;
    uint64_t sent;
    if (cb_sock_recv_count(connection, &sent, &gone) < 0)
        return -1;
    wait_for_late(c, sent);
    uint64_t came = c->came;
    c->round++;
    c->came = 0;
    return cb_sock_send_count(connection, came, &gone);
}

void cb_peer_count_datagrams(int connection)
{
    struct cb_err gone;
    uint64_t port;
    CB_AUTOFD int fd = open_counter(connection, &port);
    struct counter c = {.fd = fd};
    if (fd < 0 || cb_sock_send_count(connection, port, &gone) < 0)
        return;
    for (;;) {
        struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = connection, .events = POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return;
        if (p[0].revents)
            drain(&c);
        if (p[1].revents && answer_count(connection, &c) < 0)
            return;
    }
}
