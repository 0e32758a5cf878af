/* A short connection: connect, one byte there, one back, close. The peer closes first, as a server does that
 * answers and hangs up. So the waiting of closed connections (TIME_WAIT) is on its side, the client's ports
 * are free again at once, and no option that real clients do not use (SO_LINGER 0) is needed. The peer's
 * kernel takes a new connection in place of a waiting one by its timestamp. */
#include <errno.h>
#include <sys/socket.h>

#include "bench/agent.h"
#include "bench/base/cleanup.h"
#include "bench/kernels/sock.h"

static int echo(int fd, unsigned char request, struct cb_err *err)
{
    unsigned char answer;
    if (cb_sock_send(fd, &request, 1, err) < 0 || cb_sock_recv(fd, &answer, 1, err) < 0)
        return -1;
    if (answer != request)
        return cb_fail(err, CB_EPROTO, "the peer answered byte %u to byte %u", answer, request);
    return 0;
}

static int transact(const struct cb_run *run, unsigned char request, struct cb_err *err)
{
    char more;
    CB_AUTOFD int fd = cb_sock_try(run, CB_PEER_CLOSE, err);
    if (fd < 0 || echo(fd, request, err) < 0)
        return -1;
    ssize_t n = recv(fd, &more, 1, 0);
    if (n < 0)
        return cb_fail_sys(err, errno, "wait for the peer to close");
    return n ? cb_fail(err, CB_EPROTO, "the peer sent more than its answer") : 0;
}

/* The first connection waits for the link. */
static int setup(struct cb_run *run, struct cb_err *err)
{
    CB_AUTOFD int fd = cb_sock_connect(run, CB_PEER_CLOSE, CB_SOCK_PATIENCE_NS, err);
    return fd < 0 ? -1 : 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    for (uint64_t i = 0; i < iters; i++)
        if (transact(run, (unsigned char)i, err) < 0)
            return -1;
    run->work += iters;
    run->sink += iters;
    return 0;
}

const struct cb_bench cb_net_crr = {
    .name = "net.crr",
    .summary = "TCP connect, one byte there and back, close",
    .revision = 1,
    .needs = CB_NEED_PEER,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "time", .unit = "us", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-3},
            {.quantity = NULL},
        },
    .setup = setup,
    .loop = loop,
};
