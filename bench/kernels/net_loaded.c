/* Round trips beside a stream on the same link: what waits in queues that the stream fills. Setup finds out
 * how many bytes a second one stream to the peer moves here; a thread then sends a share of that, which the
 * kernel paces. The share is of what this arm's own link did: where that is more, the load is more too. With
 * one CPU the two threads share it, as they would in a program that does both. */
#include <errno.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/clock.h"
#include "bench/kernels/rr.h"
#include "bench/kernels/scratch.h"
#include "bench/kernels/sock.h"

#define CHUNK UINT64_C(131072)
#define PIECE (8 * CHUNK) /* of the measurement, between two looks at the clock */
/* The same time for finding out what the link does and for seeing that the stream does its share of it. */
#define LOOK_NS (100 * CB_NS_PER_MS)
/* A stream that moves less than this part of what it should is not the load that was asked for. With one CPU
 * nine tenths of what the link did alone are more than is left beside the round trips: some 0.75 of it is
 * seen. */
#define LEAST 0.6

struct injector {
    int fd;
    char *buffer;
    pthread_t thread;
    bool runs;
    atomic_bool over;
    double ns_per_byte;       /* that it should take */
    uint64_t begin_ns, begin; /* when it began, and what the peer had acknowledged then */
    struct cb_err err;        /* the thread's, once `over` */
};

struct loaded {
    struct cb_rr *rr;
    struct injector stream;
};

/* --- the stream -------------------------------------------------------------------------------------- */

static int send_piece(struct injector *s, struct cb_err *err)
{
    uint64_t peer_cpu_ns;
    if (cb_sock_send_count(s->fd, PIECE, err) < 0)
        return -1;
    for (uint64_t n = 0; n < PIECE; n += CHUNK)
        if (cb_sock_send(s->fd, s->buffer, CHUNK, err) < 0)
            return -1;
    return cb_sock_recv_count(s->fd, &peer_cpu_ns, err);
}

/* Time a byte, with nothing beside it. */
static int measure_link(struct injector *s, double *ns_per_byte, struct cb_err *err)
{
    uint64_t begin = cb_now_ns(), took, bytes = 0;
    do {
        if (send_piece(s, err) < 0)
            return -1;
        bytes += PIECE;
        took = cb_now_ns() - begin;
    } while (took < LOOK_NS);
    *ns_per_byte = (double)took / (double)bytes;
    return 0;
}

/* What the peer has, not what waits in the socket. */
static int acknowledged(const struct injector *s, uint64_t *bytes, struct cb_err *err)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return cb_fail_sys(err, errno, "TCP_INFO");
    *bytes = info.tcpi_bytes_acked;
    return 0;
}

/* Each chunk at its time, so that the load is even; one that was late does not delay the next, so that it is
 * whole. The kernel's own pacing (SO_MAX_PACING_RATE) moves half of what it should at the rates of a link in
 * memory. */
static void *inject(void *arg)
{
    struct injector *s = arg;
    prctl(PR_SET_TIMERSLACK, 1); /* else the kernel may add 50 us, as long as a chunk takes */
    int failed = cb_sock_send_count(s->fd, UINT64_MAX, &s->err);
    for (uint64_t sent = 0; !failed; sent += CHUNK) {
        uint64_t due = s->begin_ns + (uint64_t)((double)sent * s->ns_per_byte), now = cb_now_ns();
        if (now < due)
            cb_sleep_ns(due - now);
        failed = cb_sock_send(s->fd, s->buffer, CHUNK, &s->err);
    }
    atomic_store(&s->over, true);
    return NULL;
}

static int start_stream(struct injector *s, uint64_t percent, struct cb_err *err)
{
    if (measure_link(s, &s->ns_per_byte, err) < 0 || acknowledged(s, &s->begin, err) < 0)
        return -1;
    s->ns_per_byte *= 100.0 / (double)percent;
    s->begin_ns = cb_now_ns();
    int rc = pthread_create(&s->thread, NULL, inject, s);
    if (rc)
        return cb_fail_sys(err, rc, "start a thread");
    s->runs = true;
    return 0;
}

static int check_stream(const struct injector *s, struct cb_err *err)
{
    uint64_t bytes;
    if (atomic_load(&s->over)) {
        *err = s->err;
        return cb_wrap(err, "the stream beside it");
    }
    if (acknowledged(s, &bytes, err) < 0)
        return -1;
    double moved = (double)(bytes - s->begin), want = (double)(cb_now_ns() - s->begin_ns) / s->ns_per_byte;
    if (moved < LEAST * want)
        return cb_fail(err, CB_EUNFIT, "the stream beside it moved %.1f of %.1f MB", moved / 1e6, want / 1e6);
    return 0;
}

static void stop_stream(struct injector *s)
{
    if (s->runs) {
        shutdown(s->fd, SHUT_RDWR); /* which ends its send */
        pthread_join(s->thread, NULL);
    }
    if (s->fd >= 0)
        close(s->fd);
    cb_scratch_unmap(s->buffer, CHUNK);
}

/* --- the benchmark ----------------------------------------------------------------------------------- */

static int setup(struct cb_run *run, struct cb_err *err)
{
    static const struct cb_rr_shape shape = {.request = 1, .response = 1, .conns = 1};
    struct loaded *l = cb_scratch_state(run, sizeof *l, err);
    if (!l)
        return -1;
    l->stream.fd = -1;
    l->stream.buffer = cb_scratch_buffer(CHUNK, err);
    if (!l->stream.buffer || cb_rr_open(run, &shape, &l->rr, err) < 0)
        return -1;
    l->stream.fd = cb_sock_connect(run, CB_PEER_SINK, CB_SOCK_PATIENCE_NS, err);
    if (l->stream.fd < 0 || start_stream(&l->stream, cb_run_param(run, "load"), err) < 0)
        return -1;
    cb_sleep_ns(LOOK_NS);
    return 0;
}

/* Before every batch: the load was there in all of those before. */
static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct loaded *l = run->state;
    (void)iters;
    return check_stream(&l->stream, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct loaded *l = run->state;
    if (cb_rr_loop(l->rr, run, iters, err) < 0)
        return -1;
    run->work += iters;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct loaded *l = run->state;
    if (!l)
        return;
    stop_stream(&l->stream);
    cb_rr_close(l->rr);
    free(l);
    run->state = NULL;
}

const struct cb_bench cb_net_loaded = {
    .name = "net.loaded",
    .summary = "TCP round trip of one byte beside a stream on the same link",
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
            {.name = "load",
             .help = "percent of what a stream alone moves on this arm's link",
             .type = CB_PARAM_INT,
             .def = "50",
             .min = 1,
             .max = 100},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"load=50", CB_SET_FULL},
            {"load=90", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
