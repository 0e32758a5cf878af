/* Bytes through one TCP connection. A batch ends when the last byte was received, not when it was handed to
 * the kernel: the peer acknowledges what it read, which adds one round trip to a batch. */
#include <stdlib.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/kernels/scratch.h"
#include "bench/kernels/sock.h"

#define CHUNK UINT64_C(131072)

enum dir { DIR_UP, DIR_DOWN };

struct stream {
    int fd;
    enum dir dir;
    char *buffer;
};

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct stream *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->fd = -1;
    s->dir = cb_run_param(run, "dir");
    s->buffer = cb_scratch_buffer(CHUNK, err);
    if (!s->buffer)
        return -1;
    s->fd = cb_sock_connect(run, s->dir == DIR_UP ? CB_PEER_SINK : CB_PEER_SOURCE, CB_SOCK_PATIENCE_NS, err);
    return s->fd < 0 ? -1 : 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct stream *s = run->state;
    char done;
    if (cb_sock_send_count(s->fd, iters * CHUNK, err) < 0)
        return -1;
    for (uint64_t i = 0; i < iters; i++) {
        int rc = s->dir == DIR_UP ? cb_sock_send(s->fd, s->buffer, CHUNK, err)
                                  : cb_sock_recv(s->fd, s->buffer, CHUNK, err);
        if (rc < 0)
            return -1;
    }
    if (s->dir == DIR_UP && cb_sock_recv(s->fd, &done, 1, err) < 0)
        return -1;
    run->work += iters * CHUNK;
    run->sink += iters + (unsigned char)s->buffer[CHUNK - 1];
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct stream *s = run->state;
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    cb_scratch_unmap(s->buffer, CHUNK);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_net_stream = {
    .name = "net.stream",
    .summary = "one TCP stream to or from the peer",
    .revision = 1,
    .needs = CB_NEED_PEER,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "rate", .unit = "Gb/s", .better = CB_HIGHER, .derive = CB_WORK_PER_WALL, .scale = 8},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "dir",
             .help = "up: to the peer; down: from the peer",
             .type = CB_PARAM_ENUM,
             .def = "up",
             .choices = "up|down"},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"dir=up", CB_SET_QUICK},
            {"dir=down", CB_SET_QUICK},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
