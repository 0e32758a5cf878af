/* Small datagrams to the peer, at the highest rate of which at most one in a thousand is lost. How many came
 * is what the receiver counted: a sender is told nothing of what is dropped on the way.
 *
 * The rate is searched for in setup. Batches then send at that rate, so that their time follows from their
 * length, and `rate` is what came of them in the time that they took, from the first datagram to the
 * receiver's answer. Where nothing is lost even if the sender does not pause, it is the sender that limits.
 * After a batch that lost more, and counts with what came, the rate is searched for anew. */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/clock.h"
#include "bench/kernels/scratch.h"
#include "bench/kernels/sock.h"

#define BURST    32   /* datagrams to a system call: an eighth of what the receiver's socket holds */
#define LOSS_MAX 1000 /* one in this many */
#define TRIAL_NS (50 * CB_NS_PER_MS) /* thousands of datagrams, but for emulated machines */
#define SLOWEST  10               /* doublings of the time between bursts: a thousandth of the first rate */
#define HALVINGS 6                /* of the interval between rates that hold and do not: to 2^(1/64), 1 % */
#define SEARCHES 8                /* a case; a machine that is never quiet is not waited for */
#define MIN_SIZE sizeof(uint64_t) /* the round */
#define MAX_SIZE CB_PEER_MESSAGE

struct pps {
    int control, udp;
    uint64_t spacing_ns; /* between the starts of bursts; 0: no pause */
    uint64_t round;      /* answers that the receiver has given */
    bool lost;           /* too much, in the last batch */
    unsigned searches;
    char datagram[MAX_SIZE];
    struct iovec part;
    struct mmsghdr burst[BURST];
};

/* What the kernel refuses for want of room is lost, and the receiver will say so. */
static int send_burst(struct pps *s, struct cb_err *err)
{
    for (unsigned done = 0; done < BURST;) {
        int n = sendmmsg(s->udp, s->burst + done, BURST - done, 0);
        if (n < 0 && errno != EINTR && errno != ENOBUFS)
            return cb_fail_sys(err, errno, "send to the peer");
        done += n > 0 ? (unsigned)n : n < 0 && errno == ENOBUFS;
    }
    return 0;
}

/* What was missed is not caught up with: that would be another rate. */
static uint64_t await_turn(uint64_t turn_ns)
{
    uint64_t now = cb_now_ns();
    while (now < turn_ns)
        now = cb_now_ns();
    return now;
}

static int ask_count(struct pps *s, uint64_t sent, uint64_t *came, struct cb_err *err)
{
    if (cb_sock_send_count(s->control, sent, err) < 0 || cb_sock_recv_count(s->control, came, err) < 0)
        return -1;
    if (*came > sent)
        return cb_fail(err, CB_EPROTO, "the peer got %llu of %llu datagrams", (unsigned long long)*came,
                       (unsigned long long)sent);
    uint64_t wire = htole64(++s->round);
    memcpy(s->datagram, &wire, sizeof wire);
    return 0;
}

static bool holds(uint64_t sent, uint64_t came)
{
    return (sent - came) * LOSS_MAX <= sent;
}

/* Sends for TRIAL_NS. Becomes: the spacing that there was, and whether the loss was within bounds. */
static int try_spacing(struct pps *s, uint64_t *spacing_ns, bool *held, struct cb_err *err)
{
    uint64_t begin = cb_now_ns(), turn = begin, now, bursts = 0, came;
    do {
        turn = await_turn(turn) + *spacing_ns;
        if (send_burst(s, err) < 0)
            return -1;
        bursts++;
        now = cb_now_ns();
    } while (now - begin < TRIAL_NS);
    if (ask_count(s, bursts * BURST, &came, err) < 0)
        return -1;
    *spacing_ns = (now - begin) / bursts;
    *held = holds(bursts * BURST, came);
    return 0;
}

/* Between a spacing that is too fast and one that holds. */
static int halve(struct pps *s, uint64_t fast, uint64_t slow, struct cb_err *err)
{
    for (unsigned i = 0; i < HALVINGS; i++) {
        uint64_t middle = fast + (slow - fast) / 2, was = middle;
        bool held;
        if (try_spacing(s, &was, &held, err) < 0)
            return -1;
        *(held ? &slow : &fast) = middle;
    }
    s->spacing_ns = slow;
    return 0;
}

static int search(struct pps *s, struct cb_err *err)
{
    uint64_t spacing = 0;
    bool held;
    s->searches++;
    s->lost = false;
    s->spacing_ns = 0;
    if (try_spacing(s, &spacing, &held, err) < 0)
        return -1;
    if (held)
        return 0;
    for (unsigned i = 0; i < SLOWEST; i++) {
        uint64_t twice = 2 * spacing, was = twice;
        if (try_spacing(s, &was, &held, err) < 0)
            return -1;
        if (held)
            return halve(s, spacing, twice, err);
        spacing = twice;
    }
    return cb_fail(err, CB_EUNFIT, "more than one in %d datagrams is lost at any rate", LOSS_MAX);
}

static void prepare_burst(struct pps *s, size_t size)
{
    s->part = (struct iovec){s->datagram, size};
    for (unsigned i = 0; i < BURST; i++)
        s->burst[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &s->part, .msg_iovlen = 1}};
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct pps *s = cb_scratch_state(run, sizeof *s, err);
    uint64_t port;
    if (!s)
        return -1;
    s->udp = -1;
    s->control = cb_sock_connect(run, CB_PEER_COUNT, CB_SOCK_PATIENCE_NS, err);
    if (s->control < 0 || cb_sock_recv_count(s->control, &port, err) < 0)
        return -1;
    s->udp = cb_sock_udp(run, (uint16_t)port, err);
    if (s->udp < 0)
        return -1;
    prepare_burst(s, cb_run_param(run, "size"));
    return search(s, err);
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct pps *s = run->state;
    (void)iters;
    return s->lost && s->searches < SEARCHES ? search(s, err) : 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct pps *s = run->state;
    uint64_t turn = 0, came;
    for (uint64_t i = 0; i < iters; i++) {
        turn = await_turn(turn) + s->spacing_ns;
        if (send_burst(s, err) < 0)
            return -1;
    }
    if (ask_count(s, iters * BURST, &came, err) < 0)
        return -1;
    s->lost = !holds(iters * BURST, came);
    run->work += came;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct pps *s = run->state;
    if (!s)
        return;
    if (s->udp >= 0)
        close(s->udp);
    if (s->control >= 0)
        close(s->control);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_net_pps = {
    .name = "net.pps",
    .summary = "UDP datagrams to the peer, at the highest rate that loses at most 0.1 %",
    .revision = 1,
    .needs = CB_NEED_PEER,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "rate",
             .unit = "k/s",
             .better = CB_HIGHER,
             .derive = CB_WORK_PER_WALL,
             .scale = 1e6},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "size",
             .help = "bytes of a datagram, without headers",
             .type = CB_PARAM_INT,
             .def = "64",
             .min = MIN_SIZE,
             .max = MAX_SIZE},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"size=64", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
