/* Round trip of one byte over an open TCP connection, each timed for itself: two waiting processes and a link
 * have more than one usual answer, and a mean would show none of them. */
#include <stdlib.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/clock.h"
#include "bench/kernels/scratch.h"
#include "bench/kernels/sock.h"

struct rr {
    int fd;
    unsigned char next; /* differs from the byte before: an old answer does not pass for a new one */
};

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct rr *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->fd = cb_sock_connect(run, CB_PEER_ECHO, CB_SOCK_PATIENCE_NS, err);
    return s->fd < 0 ? -1 : 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct rr *s = run->state;
    for (uint64_t i = 0; i < iters; i++) {
        uint64_t before = cb_now_ns();
        if (cb_sock_echo(s->fd, ++s->next, err) < 0)
            return -1;
        cb_hist_add(run->hist, cb_now_ns() - before);
    }
    run->work += iters;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct rr *s = run->state;
    if (s && s->fd >= 0)
        close(s->fd);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_net_rr = {
    .name = "net.rr",
    .summary = "TCP round trip of one byte",
    .revision = 1,
    .needs = CB_NEED_PEER,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "p50",
             .unit = "us",
             .better = CB_LOWER,
             .derive = CB_HIST_QUANTILE,
             .scale = 1e-3,
             .q = 0.5},
            {.quantity = "p99",
             .unit = "us",
             .better = CB_LOWER,
             .derive = CB_HIST_QUANTILE,
             .scale = 1e-3,
             .q = 0.99},
            {.quantity = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
