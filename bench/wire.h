/* The protocol between the host and the agent: the only file that knows its bytes.
 *
 * Text lines: one verb and `key=value` tokens, at most CB_LINE_MAX bytes with the newline, over a pipe, a
 * unix socket or a virtio-serial port. Values escape space, '%', '=' and anything not printable as %XX; texts
 * are UTF-8 without control characters. Both sides are one build: every message has exactly one spelling,
 * with its keys in the order of its struct; unknown verbs, unknown, repeated, missing or moved keys and
 * values out of range are errors, and no compatibility code exists. What comes from an agent is not trusted.
 *
 *     agent -> host                                   host -> agent
 *     hello   build id; the first byte, at once       env    scratch directory, peer, link, slowdown
 *     digest  sha256 of the agent's own bytes
 *     fact    key, value                              facts  asks for the facts; ended by `ready`
 *     ready   (after env, after the last fact)        noise  asks for evidence of noise, also as facts
 *                                                     enter  starts another agent on the same stream, whose
 *                                                            hello is the answer; after its bye: `ready`
 *     mark    a batch begins                          run    one case
 *     sample  a batch ended                           ping
 *     calib   answer to run with iters=0,             bye
 *             instead of samples and `done`
 *     hist    a part of the case's histogram
 *     done    the case ended well
 *     error   the case failed, the agent goes on
 *     pong
 */
#ifndef CB_BENCH_WIRE_H
#define CB_BENCH_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "bench/base/err.h"
#include "bench/base/io.h"
#include "bench/base/metric.h"
#include "bench/base/sha256.h"
#include "bench/bench.h"

#define CB_WIRE_TEXT      512  /* a fact's value, an error's text */
#define CB_WIRE_HIST      3800 /* histogram text a line */
#define CB_WIRE_ITERS_MAX (UINT64_C(1) << 48)
#define CB_WIRE_NS_MAX    (UINT64_C(3600) * 1000000000u)
#define CB_WIRE_SLOW_MAX  1000000 /* a batch takes twice as long */

enum cb_verb {
    CB_VERB_HELLO,
    CB_VERB_DIGEST,
    CB_VERB_ENV,
    CB_VERB_FACTS,
    CB_VERB_FACT,
    CB_VERB_READY,
    CB_VERB_NOISE,
    CB_VERB_ENTER,
    CB_VERB_RUN,
    CB_VERB_CALIB,
    CB_VERB_MARK,
    CB_VERB_SAMPLE,
    CB_VERB_HIST,
    CB_VERB_DONE,
    CB_VERB_ERROR,
    CB_VERB_PING,
    CB_VERB_PONG,
    CB_VERB_BYE,
};

struct cb_wire_hello {
    char build[64];
    uint32_t pid; /* as seen from inside */
};

/* Of its own after hello: hashing a megabyte takes milliseconds, which would count as part of the start. */
struct cb_wire_digest {
    char sha256[CB_SHA256_HEX];
};

struct cb_wire_env {
    char scratch[128]; /* "" for none */
    char peer[16];     /* numeric IPv4, "" for none */
    char device[16];   /* link to bind sockets to, "" for none */
    char address[20];  /* "198.18.0.4/24": init gives it to its link; "" when the runner has done so */
    uint32_t slow_ppm; /* positive control: every batch is prolonged by this many millionths of itself */
};

struct cb_wire_fact {
    char key[48];
    char value[CB_WIRE_TEXT];
};

struct cb_wire_run {
    uint32_t id; /* the host's number of this case; every answer carries it */
    char bench[CB_NAME_MAX];
    char params[CB_PARAMS_TEXT_MAX];
    uint64_t seed;
    uint64_t iters; /* 0: calibrate and answer `calib` */
    uint32_t samples_min, samples_max;
    uint64_t warm_ns, time_ns; /* also the calibration's target */
    uint64_t timeout_ns;       /* the agent kills the case after this */
};

struct cb_wire_calib {
    uint32_t id;
    uint64_t iters, wall_ns;
};

struct cb_wire_mark {
    uint32_t id, seq;
    uint64_t clock_ns; /* the agent's clock when it wrote the line */
};

struct cb_wire_sample {
    uint32_t id, warm; /* warm: 1 for warm-up */
    uint64_t clock_ns; /* the agent's clock when it wrote the line: ends the bracket that `mark` began */
    struct cb_sample sample;
};

struct cb_wire_hist {
    uint32_t id;
    uint64_t min_ns, max_ns; /* of the whole histogram */
    char counts[CB_WIRE_HIST];
};

struct cb_wire_done {
    uint32_t id, samples; /* lines of `sample` that were sent */
    uint64_t checksum;    /* the case's sink: the work was done */
};

struct cb_wire_error {
    uint32_t id;
    uint32_t code; /* enum cb_code */
    char text[CB_WIRE_TEXT];
};

struct cb_wire_ping {
    uint32_t seq;
    uint64_t clock_ns; /* pong: the agent's clock; ping: 0 */
};

struct cb_wire_msg {
    enum cb_verb verb;
    union {
        struct cb_wire_hello hello;
        struct cb_wire_digest digest;
        struct cb_wire_env env;
        struct cb_wire_fact fact;
        struct cb_wire_run run;
        struct cb_wire_calib calib;
        struct cb_wire_mark mark;
        struct cb_wire_sample sample;
        struct cb_wire_hist hist;
        struct cb_wire_done done;
        struct cb_wire_error error;
        struct cb_wire_ping ping; /* and pong */
    };
};

/* One line, newline included, into `out`; *len is its length. Fails only when a field breaks its own limit.
 */
int cb_wire_encode(const struct cb_wire_msg *m, char out[CB_LINE_MAX], size_t *len, struct cb_err *err);
/* A line without its newline, not changed. Anything but a well-formed message is CB_EPROTO. */
int cb_wire_decode(const char *line, struct cb_wire_msg *m, struct cb_err *err);
/* Encode and write in one write(2). */
int cb_wire_send(int fd, const struct cb_wire_msg *m, struct cb_err *err);
const char *cb_verb_name(enum cb_verb v);

#endif
