/* Requests and answers in a closed loop: every connection has one request on its way, and the next follows
 * the answer. Each is timed for itself: two waiting processes and a link have more than one usual time, and a
 * mean would show none of them. */
#ifndef CB_KERNELS_RR_H
#define CB_KERNELS_RR_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/bench.h"

#define CB_RR_CONNS_MAX 256

struct cb_rr_shape {
    bool udp;
    unsigned request, response; /* bytes, 1 to CB_PEER_MESSAGE */
    unsigned conns;             /* 1 to CB_RR_CONNS_MAX */
};

struct cb_rr;

/* Connections to the peer; *out is to be closed also where this fails, NULL is fine. A datagram of less than
 * three bytes cannot say how long its answer is to be: CB_EUSAGE where that is not one byte. */
int cb_rr_open(const struct cb_run *run, const struct cb_rr_shape *shape, struct cb_rr **out,
               struct cb_err *err);
/* n requests with their answers, their times into run->hist. A wrong answer is an error; a lost datagram is
 * sent again, and its time runs from the first. */
int cb_rr_loop(struct cb_rr *rr, struct cb_run *run, uint64_t n, struct cb_err *err);
void cb_rr_close(struct cb_rr *rr);

#endif
