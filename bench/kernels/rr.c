#include "bench/kernels/rr.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/clock.h"
#include "bench/kernels/sock.h"

/* Longer than any answer takes, so that what is sent again is what was lost (TCP's first timeout, RFC 6298).
 */
#define PATIENCE_S 1
#define TRIES      5

struct conn {
    int fd;
    bool waiting;        /* for its answer */
    unsigned char token; /* of its last request: differs from the one before, so that no late answer passes */
    uint64_t asked_ns;
};

struct cb_rr {
    struct cb_rr_shape shape;
    int epoll; /* -1 with one connection, which waits in recv */
    char request[CB_PEER_MESSAGE], answer[CB_PEER_MESSAGE];
    struct conn conn[CB_RR_CONNS_MAX];
};

/* --- one request ------------------------------------------------------------------------------------- */

static int put(struct cb_rr *rr, const struct conn *c, struct cb_err *err)
{
    rr->request[0] = (char)c->token;
    return cb_sock_send(c->fd, rr->request, rr->shape.request, err);
}

static int ask(struct cb_rr *rr, struct conn *c, struct cb_err *err)
{
    c->token++;
    c->waiting = true;
    c->asked_ns = cb_now_ns();
    return put(rr, c, err);
}

static int check(const struct cb_rr *rr, const struct conn *c, struct cb_err *err)
{
    unsigned char got = (unsigned char)rr->answer[0];
    return got == c->token ? 0
                           : cb_fail(err, CB_EPROTO, "the peer answered byte %u to byte %u", got, c->token);
}

/* 1: the answer. 0: it was none, or none came in time. */
static int take_datagram(struct cb_rr *rr, const struct conn *c, struct cb_err *err)
{
    ssize_t n = recv(c->fd, rr->answer, sizeof rr->answer, 0);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
        return cb_fail_sys(err, errno, "receive from the peer");
    return n == (ssize_t)rr->shape.response && (unsigned char)rr->answer[0] == c->token;
}

static int await_datagram(struct cb_rr *rr, const struct conn *c, struct cb_err *err)
{
    for (unsigned tries = 0; tries < TRIES;) {
        int got = take_datagram(rr, c, err);
        if (got)
            return got < 0 ? -1 : 0;
        if (cb_now_ns() - c->asked_ns < (tries + 1) * PATIENCE_S * CB_NS_PER_S)
            continue; /* an answer to what had been sent twice */
        if (++tries < TRIES && put(rr, c, err) < 0)
            return -1;
    }
    return cb_fail(err, CB_ETIMEOUT, "the peer answered none of %d requests", TRIES);
}

/* Waits for the answer and counts its time. */
static int take(struct cb_rr *rr, struct conn *c, struct cb_hist *hist, struct cb_err *err)
{
    int rc =
        rr->shape.udp ? await_datagram(rr, c, err) : cb_sock_recv(c->fd, rr->answer, rr->shape.response, err);
    if (rc < 0 || check(rr, c, err) < 0)
        return -1;
    cb_hist_add(hist, cb_now_ns() - c->asked_ns);
    c->waiting = false;
    return 0;
}

/* --- loops ------------------------------------------------------------------------------------------- */

static int loop_one(struct cb_rr *rr, struct cb_hist *hist, uint64_t n, struct cb_err *err)
{
    for (uint64_t i = 0; i < n; i++)
        if (ask(rr, &rr->conn[0], err) < 0 || take(rr, &rr->conn[0], hist, err) < 0)
            return -1;
    return 0;
}

/* The answer to a request of this connection; a second answer to what was sent twice is thrown away. */
static int take_ready(struct cb_rr *rr, struct conn *c, struct cb_hist *hist, uint64_t *answered,
                      struct cb_err *err)
{
    if (!c->waiting)
        return recv(c->fd, rr->answer, sizeof rr->answer, MSG_DONTWAIT) == 0
                   ? cb_fail(err, CB_EPROTO, "the peer closed")
                   : 0;
    if (take(rr, c, hist, err) < 0)
        return -1;
    ++*answered;
    return 0;
}

/* Nothing came of any connection: what is missing was lost. `take` sends it again. */
static int take_missing(struct cb_rr *rr, struct cb_hist *hist, uint64_t *answered, struct cb_err *err)
{
    for (unsigned i = 0; i < rr->shape.conns; i++) {
        if (rr->conn[i].waiting && take_ready(rr, &rr->conn[i], hist, answered, err) < 0)
            return -1;
    }
    return 0;
}

/* A first request on each, as far as there are as many. */
static int ask_all(struct cb_rr *rr, uint64_t n, uint64_t *asked, struct cb_err *err)
{
    for (*asked = 0; *asked < rr->shape.conns && *asked < n; ++*asked)
        if (ask(rr, &rr->conn[*asked], err) < 0)
            return -1;
    return 0;
}

static int loop_many(struct cb_rr *rr, struct cb_hist *hist, uint64_t n, struct cb_err *err)
{
    struct epoll_event ready[CB_RR_CONNS_MAX];
    uint64_t asked, answered = 0;
    if (ask_all(rr, n, &asked, err) < 0)
        return -1;
    while (answered < n) {
        int k = epoll_wait(rr->epoll, ready, CB_RR_CONNS_MAX, PATIENCE_S * 1000);
        if (k < 0 && errno != EINTR)
            return cb_fail_sys(err, errno, "wait for answers");
        if (k == 0 && take_missing(rr, hist, &answered, err) < 0)
            return -1;
        for (int i = 0; i < k; i++) {
            struct conn *c = ready[i].data.ptr;
            if (take_ready(rr, c, hist, &answered, err) < 0)
                return -1;
            if (asked == n || c->waiting)
                continue;
            asked++;
            if (ask(rr, c, err) < 0)
                return -1;
        }
    }
    return 0;
}

int cb_rr_loop(struct cb_rr *rr, struct cb_run *run, uint64_t n, struct cb_err *err)
{
    return rr->epoll < 0 ? loop_one(rr, run->hist, n, err) : loop_many(rr, run->hist, n, err);
}

/* --- opening ----------------------------------------------------------------------------------------- */

static int open_tcp(const struct cb_run *run, const struct cb_rr_shape *shape, struct conn *c,
                    struct cb_err *err)
{
    c->fd = cb_sock_connect(run, CB_PEER_RR, CB_SOCK_PATIENCE_NS, err);
    if (c->fd < 0 || cb_sock_send_count(c->fd, shape->request, err) < 0)
        return -1;
    return cb_sock_send_count(c->fd, shape->response, err);
}

static int open_udp(const struct cb_run *run, struct conn *c, struct cb_err *err)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    c->fd = cb_sock_udp(run, CB_PEER_RR, err);
    if (c->fd < 0)
        return -1;
    return setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0
               ? cb_fail_sys(err, errno, "set a timeout")
               : 0;
}

/* Datagrams would vanish while the link comes up: a TCP connection, which waits for it, goes before. */
static int await_link(const struct cb_run *run, struct cb_err *err)
{
    int fd = cb_sock_connect(run, CB_PEER_RR, CB_SOCK_PATIENCE_NS, err);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static int watch(struct cb_rr *rr, struct conn *c, struct cb_err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    return epoll_ctl(rr->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0 ? cb_fail_sys(err, errno, "watch a socket")
                                                                  : 0;
}

static int open_all(const struct cb_run *run, struct cb_rr *rr, struct cb_err *err)
{
    const struct cb_rr_shape *shape = &rr->shape;
    if (shape->udp && await_link(run, err) < 0)
        return -1;
    rr->epoll = shape->conns > 1 ? epoll_create1(EPOLL_CLOEXEC) : -1;
    if (rr->epoll < 0 && shape->conns > 1)
        return cb_fail_sys(err, errno, "epoll");
    for (unsigned i = 0; i < shape->conns; i++) {
        struct conn *c = &rr->conn[i];
        if ((shape->udp ? open_udp(run, c, err) : open_tcp(run, shape, c, err)) < 0)
            return -1;
        if (rr->epoll >= 0 && watch(rr, c, err) < 0)
            return -1;
    }
    return 0;
}

int cb_rr_open(const struct cb_run *run, const struct cb_rr_shape *shape, struct cb_rr **out,
               struct cb_err *err)
{
    const uint16_t size = htole16((uint16_t)shape->response);
    struct cb_rr *rr = *out = NULL;
    if (shape->udp && shape->request < 1 + sizeof size && shape->response != 1)
        return cb_fail(err, CB_EUSAGE, "a datagram of %u bytes is answered by one byte", shape->request);
    rr = *out = calloc(1, sizeof *rr);
    if (!rr)
        return cb_fail_sys(err, ENOMEM, "allocate");
    rr->shape = *shape;
    rr->epoll = -1;
    for (unsigned i = 0; i < CB_RR_CONNS_MAX; i++)
        rr->conn[i].fd = -1;
    memcpy(rr->request + 1, &size, sizeof size); /* see CB_PEER_RR */
    return open_all(run, rr, err);
}

void cb_rr_close(struct cb_rr *rr)
{
    if (!rr)
        return;
    for (unsigned i = 0; i < CB_RR_CONNS_MAX; i++)
        if (rr->conn[i].fd >= 0)
            close(rr->conn[i].fd);
    if (rr->epoll >= 0)
        close(rr->epoll);
    free(rr);
}
