/* The host's half of a conversation with one agent, the same for every arm. Everything that arrives is
 * checked: build, sha256, ids, counts, order, limits, deadlines. */
#ifndef CB_RUNNERS_SESSION_H
#define CB_RUNNERS_SESSION_H

#include "bench/base/noise.h"
#include "bench/wire.h"
#include "runners/runner.h"

struct cb_session {
    struct cb_link link;
    struct cb_lines lines;
    char agent_sha256[CB_SHA256_HEX]; /* as echoed from inside */
    const volatile int *stop;         /* non-zero: every wait ends with CB_EINTR; may be NULL */
    uint64_t first_byte_ns; /* host clock when the agent's first byte was seen: the end of the start */
    uint64_t
        mark_jitter_ns; /* longest of the ping round trips: how far two stamps of one bracket may be apart */
    uint64_t checksum;  /* what the last case that ended well left behind */
};

/* A batch as the host saw it. */
struct cb_batch {
    struct cb_sample sample;
    int warm;
    uint64_t agent_ns,
        host_ns; /* elapsed between mark and sample line on the agent's clock and on the host's */
};

/* What a case delivers. Called while lines arrive, never while a batch runs. */
struct cb_case_sink {
    void (*batch)(void *arg, const struct cb_batch *b);
    void (*begin)(void *arg); /* set-up is over, the first batch begins; may be NULL */
    void *arg;
};

/* Takes over *link, also when it fails. Waits for hello until `deadline`; a build id or sha256 that differs
 * is CB_EPROTO. */
int cb_session_open(struct cb_session *s, struct cb_link *link, const char *sha256, const volatile int *stop,
                    uint64_t deadline, struct cb_err *err);
/* Tells the environment, waits for ready. */
int cb_session_env(struct cb_session *s, const struct cb_wire_env *env, uint64_t deadline,
                   struct cb_err *err);
/* Asks for the facts; at most `max` are kept, *n are there. */
int cb_session_facts(struct cb_session *s, struct cb_fact *facts, unsigned max, unsigned *n,
                     uint64_t deadline, struct cb_err *err);
/* Asks for the evidence of noise inside; *out is empty when it fails. */
int cb_session_noise(struct cb_session *s, struct cb_noise *out, uint64_t deadline, struct cb_err *err);
/* Has the agent start another one on the same stream: *link is that one's, to be opened and closed as any
 * other. Then wait for the first one to have its stream back. */
int cb_session_enter(struct cb_session *s, struct cb_link *link, struct cb_err *err);
int cb_session_entered(struct cb_session *s, uint64_t deadline, struct cb_err *err);
/* Pings: fills mark_jitter_ns. */
int cb_session_ping(struct cb_session *s, uint64_t deadline, struct cb_err *err);
/* What an iteration costs in this arm: *iters iterations took *wall_ns. `run->iters` must be 0. Errors as
 * cb_session_run. */
int cb_session_calibrate(struct cb_session *s, const struct cb_wire_run *run, uint64_t *iters,
                         uint64_t *wall_ns, uint64_t deadline, int *alive, struct cb_err *err);
/* Runs one case. `hist` (may be NULL) gets the merged histogram; *trusted is set when the case ends well: the
 * agent's clock ran as the host's (runners/clockcheck.h). An `error` line of the agent comes back with the
 * agent's code and text and leaves the session usable (*alive = 1); anything else that fails ends it
 * (*alive = 0). */
int cb_session_run(struct cb_session *s, const struct cb_wire_run *run, const struct cb_case_sink *sink,
                   struct cb_hist *hist, bool *trusted, uint64_t deadline, int *alive, struct cb_err *err);
/* Says bye (not waiting for it), closes the link. Safe twice. */
void cb_session_close(struct cb_session *s);

#endif
