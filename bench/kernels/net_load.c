/* Round trips in an open loop: requests go out at a fixed rate, whether or not earlier ones were answered,
 * and the time of each runs from when it was meant to go out. So a stall counts for every request that it
 * held up. In a closed loop it would count for one, and the others would not have been sent.
 *
 * The client waits by asking again and again: the lateness of a timer and of a CPU that slept would be taken
 * for the network's. Where the rate cannot be held, requests queue and their latency grows until the batch,
 * which has a fixed number of them, ends; the next batch starts with nothing on its way. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/clock.h"
#include "bench/kernels/scratch.h"
#include "bench/kernels/sock.h"

#define ANSWERS 256 /* taken by one call; any size does */

struct load {
    int fd;
    double interval_ns;
    uint64_t begin_ns, sent, answered; /* of the batch */
};

static uint64_t due_ns(const struct load *l, uint64_t request)
{
    return l->begin_ns + (uint64_t)((double)request * l->interval_ns);
}

/* A full socket is a stall like any other: the answers must be taken before there is room. */
static int send_due(struct load *l, uint64_t requests, struct cb_err *err)
{
    for (uint64_t now = cb_now_ns(); l->sent < requests && due_ns(l, l->sent) <= now; l->sent++) {
        unsigned char byte = (unsigned char)l->sent;
        if (send(l->fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
            continue;
        return errno == EAGAIN || errno == EINTR ? 0 : cb_fail_sys(err, errno, "send to the peer");
    }
    return 0;
}

static int take_answers(struct load *l, struct cb_hist *hist, struct cb_err *err)
{
    unsigned char byte[ANSWERS];
    ssize_t n = recv(l->fd, byte, sizeof byte, MSG_DONTWAIT);
    if (n == 0)
        return cb_fail(err, CB_EPROTO, "the peer closed with %llu answers to come",
                       (unsigned long long)(l->sent - l->answered));
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : cb_fail_sys(err, errno, "receive from the peer");
    uint64_t now = cb_now_ns();
    for (ssize_t i = 0; i < n; i++, l->answered++) {
        if (l->answered == l->sent || byte[i] != (unsigned char)l->answered)
            return cb_fail(err, CB_EPROTO, "the peer answered byte %u to byte %u", byte[i],
                           (unsigned char)l->answered);
        cb_hist_add(hist, now - due_ns(l, l->answered));
    }
    return 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct load *l = cb_scratch_state(run, sizeof *l, err);
    if (!l)
        return -1;
    l->interval_ns = (double)CB_NS_PER_S / (double)cb_run_param(run, "rate");
    l->fd = cb_sock_connect(run, CB_PEER_RR, CB_SOCK_PATIENCE_NS, err);
    if (l->fd < 0 || cb_sock_send_count(l->fd, 1, err) < 0)
        return -1;
    return cb_sock_send_count(l->fd, 1, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct load *l = run->state;
    l->sent = l->answered = 0;
    l->begin_ns = cb_now_ns();
    while (l->answered < iters)
        if (send_due(l, iters, err) < 0 || take_answers(l, run->hist, err) < 0)
            return -1;
    run->work += iters;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct load *l = run->state;
    if (l && l->fd >= 0)
        close(l->fd);
    free(l);
    run->state = NULL;
}

const struct cb_bench cb_net_load = {
    .name = "net.load",
    .summary = "TCP round trip of one byte at a fixed rate of requests, from its intended start",
    .revision = 1,
    .needs = CB_NEED_PEER,
    .metrics =
        (const struct cb_metric[]){
            CB_QUANTILE_US("p50", 0.5),
            CB_QUANTILE_US("p99", 0.99),
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "rate",
             .help = "requests a second; more than an arm can do is a latency that grows with the batch",
             .type = CB_PARAM_INT,
             .def = "2000",
             .min = 1,
             .max = 1000000},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"rate=2000", CB_SET_STANDARD},
            {"rate=500", CB_SET_FULL},
            {"rate=10000", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
