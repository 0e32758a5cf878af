/* Bytes through TCP connections. A batch ends when the last byte was received, not when it was handed to the
 * kernel: the peer acknowledges what it read, which adds one round trip to a batch.
 *
 * `cpu` is the time of this process alone, `peer-cpu` that of the peer's threads at the other end, which the
 * peer counts itself. Neither what the kernel does for them in the name of others, such as in interrupts, nor
 * what a virtual machine's host does is in either. */
#include <stdlib.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/clock.h"
#include "bench/kernels/crew.h"
#include "bench/kernels/scratch.h"
#include "bench/kernels/sock.h"

#define CHUNK       UINT64_C(131072)
#define FLOWS_MAX   64
#define WARM_NS     (100 * CB_NS_PER_MS)
#define WARM_CHUNKS 8 /* a flow, between two looks at the clock: little, for emulated machines */

enum dir { DIR_UP, DIR_DOWN };

/* One connection, in the hands of one thread. */
struct flow {
    int fd;
    char *buffer;
    uint64_t peer_ns; /* CPU time of the peer for this flow's share of the last batch */
};

struct stream {
    enum dir dir;
    unsigned flows;
    uint64_t chunks; /* of the batch, all flows together */
    struct cb_crew *crew;
    struct flow flow[FLOWS_MAX];
};

static int send_chunk(const struct flow *f, bool last, struct cb_err *err)
{
    return last ? cb_sock_send(f->fd, f->buffer, CHUNK, err)
                : cb_sock_send_more(f->fd, f->buffer, CHUNK, err);
}

static int transfer(const struct stream *s, struct flow *f, uint64_t chunks, struct cb_err *err)
{
    if (cb_sock_send_count(f->fd, chunks * CHUNK, err) < 0)
        return -1;
    for (uint64_t i = 0; i < chunks; i++) {
        int rc = s->dir == DIR_UP ? send_chunk(f, i + 1 == chunks, err)
                                  : cb_sock_recv(f->fd, f->buffer, CHUNK, err);
        if (rc < 0)
            return -1;
    }
    return cb_sock_recv_count(f->fd, &f->peer_ns, err);
}

/* An even share of the batch; what cannot be shared is the first flow's. */
static int work(void *arg, unsigned index, struct cb_err *err)
{
    struct stream *s = arg;
    uint64_t share = s->chunks / s->flows + (index ? 0 : s->chunks % s->flows);
    return transfer(s, &s->flow[index], share, err);
}

static int open_flow(const struct cb_run *run, const struct stream *s, struct flow *f, struct cb_err *err)
{
    f->buffer = cb_scratch_buffer(CHUNK, err);
    if (!f->buffer)
        return -1;
    f->fd = cb_sock_connect(run, s->dir == DIR_UP ? CB_PEER_SINK : CB_PEER_SOURCE, CB_SOCK_PATIENCE_NS, err);
    return f->fd < 0 ? -1 : 0;
}

/* A connection is slow at first, for some 40 ms here: its windows and buffers grow with what went through. */
static int warm(struct stream *s, struct cb_err *err)
{
    uint64_t begin = cb_now_ns();
    s->chunks = WARM_CHUNKS * s->flows;
    do {
        if (cb_crew_run(s->crew, err) < 0)
            return -1;
    } while (cb_now_ns() - begin < WARM_NS);
    return 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct stream *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->dir = cb_run_param(run, "dir");
    s->flows = (unsigned)cb_run_param(run, "flows");
    for (unsigned i = 0; i < s->flows; i++)
        s->flow[i].fd = -1;
    for (unsigned i = 0; i < s->flows; i++)
        if (open_flow(run, s, &s->flow[i], err) < 0)
            return -1;
    return cb_crew_start(s->flows, work, s, &s->crew, err) < 0 ? -1 : warm(s, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct stream *s = run->state;
    s->chunks = iters;
    if (cb_crew_run(s->crew, err) < 0)
        return -1;
    run->work += iters * CHUNK;
    for (unsigned i = 0; i < s->flows; i++)
        run->peer_ns += s->flow[i].peer_ns;
    run->sink += iters + (unsigned char)s->flow[0].buffer[CHUNK - 1];
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct stream *s = run->state;
    if (!s)
        return;
    cb_crew_stop(s->crew);
    for (unsigned i = 0; i < s->flows; i++) {
        if (s->flow[i].fd >= 0)
            close(s->flow[i].fd);
        cb_scratch_unmap(s->flow[i].buffer, CHUNK);
    }
    free(s);
    run->state = NULL;
}

static struct cb_counted counted(const uint64_t param[CB_PARAM_MAX])
{
    return (struct cb_counted){param[0] == DIR_UP ? CB_COUNTER_LINK_OUT : CB_COUNTER_LINK_IN, 1};
}

const struct cb_bench cb_net_stream = {
    .name = "net.stream",
    .summary = "TCP streams to or from the peer",
    .revision = 2,
    .needs = CB_NEED_PEER,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "rate", .unit = "Gb/s", .better = CB_HIGHER, .derive = CB_WORK_PER_WALL, .scale = 8},
            {.quantity = "cpu",
             .unit = "ns/KiB",
             .better = CB_LOWER,
             .derive = CB_CPU_PER_WORK,
             .scale = 1024},
            {.quantity = "peer-cpu",
             .unit = "ns/KiB",
             .better = CB_LOWER,
             .derive = CB_PEER_PER_WORK,
             .scale = 1024},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "dir",
             .help = "up: to the peer; down: from the peer",
             .type = CB_PARAM_ENUM,
             .def = "up",
             .choices = "up|down"},
            {.name = "flows",
             .help = "connections, a thread each",
             .type = CB_PARAM_INT,
             .def = "1",
             .min = 1,
             .max = FLOWS_MAX},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"dir=up,flows=1", CB_SET_QUICK},
            {"dir=down,flows=1", CB_SET_QUICK},
            {"dir=up,flows=4", CB_SET_FULL},
            {"dir=down,flows=4", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
    .counted = counted,
};
