/* Round trips: one message there, one back. With more than one connection, answers wait for each other in the
 * client, whose one thread takes them in turn: that is the latency of a busy client, and `rate` says how many
 * it had. */
#include "bench/agent.h"
#include "bench/kernels/rr.h"

enum proto { PROTO_TCP, PROTO_UDP };

static int setup(struct cb_run *run, struct cb_err *err)
{
    const struct cb_rr_shape shape = {
        .udp = cb_run_param(run, "proto") == PROTO_UDP,
        .request = (unsigned)cb_run_param(run, "request"),
        .response = (unsigned)cb_run_param(run, "response"),
        .conns = (unsigned)cb_run_param(run, "conns"),
    };
    struct cb_rr *rr;
    int failed = cb_rr_open(run, &shape, &rr, err);
    run->state = rr;
    return failed;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    if (cb_rr_loop(run->state, run, iters, err) < 0)
        return -1;
    run->work += iters;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    cb_rr_close(run->state);
    run->state = NULL;
}

const struct cb_bench cb_net_rr = {
    .name = "net.rr",
    .summary = "round trip of a message to the peer",
    .revision = 1,
    .needs = CB_NEED_PEER,
    .metrics =
        (const struct cb_metric[]){
            CB_QUANTILE_US("p50", 0.5),
            CB_QUANTILE_US("p99", 0.99),
            {.quantity = "rate",
             .unit = "k/s",
             .better = CB_HIGHER,
             .derive = CB_WORK_PER_WALL,
             .scale = 1e6},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "proto", .help = "protocol", .type = CB_PARAM_ENUM, .def = "tcp", .choices = "tcp|udp"},
            {.name = "request",
             .help = "bytes to the peer",
             .type = CB_PARAM_INT,
             .def = "1",
             .min = 1,
             .max = CB_PEER_MESSAGE},
            {.name = "response",
             .help = "bytes from the peer",
             .type = CB_PARAM_INT,
             .def = "1",
             .min = 1,
             .max = CB_PEER_MESSAGE},
            {.name = "conns",
             .help = "connections with a request on its way at any time",
             .type = CB_PARAM_INT,
             .def = "1",
             .min = 1,
             .max = CB_RR_CONNS_MAX},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"", CB_SET_QUICK},
            {"proto=udp", CB_SET_STANDARD},
            {"request=100,response=200", CB_SET_FULL},
            {"proto=udp,request=100,response=200", CB_SET_FULL},
            {"conns=16", CB_SET_FULL},
            {"proto=udp,conns=16", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
