#include "runners/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bench/agent.h"
#include "bench/base/clock.h"
#include "runners/clockcheck.h"

/* How often a wait looks at the stop flag. */
#define STOP_POLL_NS (100 * CB_NS_PER_MS)
/* Enough for the longest of a few dozen round trips to stand for the jitter of a stamp; takes a few ms. */
#define PINGS 32
/* An agent that sends more warm-up batches than this a case is broken. */
#define WARM_MAX 100000
/* Lines whose clocks are compared: enough for the least delayed ones to be among them. */
#define STAMPS_MAX 4096

/* ---- lines
 * ----------------------------------------------------------------------------------------------------- */

static int receive(struct cb_session *s, uint64_t deadline, struct cb_wire_msg *m, struct cb_err *err)
{
    for (;;) {
        if (s->stop && *s->stop)
            return cb_fail(err, CB_EINTR, "interrupted");
        uint64_t slice = cb_deadline_in(STOP_POLL_NS);
        bool last = slice >= deadline;
        char *line;
        int got = cb_lines_next(&s->lines, last ? deadline : slice, &line, err);
        if (got > 0)
            return cb_wire_decode(line, m, err);
        if (got == 0)
            return cb_fail(err, CB_EPROTO, "the agent ended without a word");
        if (err->code != CB_ETIMEOUT || last)
            return -1;
    }
}

static int expect(struct cb_session *s, enum cb_verb verb, uint64_t deadline, struct cb_wire_msg *m,
                  struct cb_err *err)
{
    if (receive(s, deadline, m, err) < 0)
        return -1;
    if (m->verb == CB_VERB_ERROR)
        return cb_fail(err, CB_EPROTO, "the agent says: %s", m->error.text);
    if (m->verb != verb)
        return cb_fail(err, CB_EPROTO, "expected %s, got %s", cb_verb_name(verb), cb_verb_name(m->verb));
    return 0;
}

/* ---- greeting
 * -------------------------------------------------------------------------------------------------- */

static int check_build(const struct cb_wire_hello *h, struct cb_err *err)
{
    if (strcmp(h->build, CB_BUILD_ID) != 0)
        return cb_fail(err, CB_EPROTO, "agent build is %s, this is %s", h->build, CB_BUILD_ID);
    return 0;
}

static int check_digest(const char *theirs, const char *ours, struct cb_err *err)
{
    if (strcmp(theirs, ours) != 0)
        return cb_fail(err, CB_EPROTO, "agent sha256 is %.16s..., the host's is %.16s...", theirs, ours);
    return 0;
}

/* Hello, whose first byte ends the start, then the digest of the bytes that speak. */
static int meet(struct cb_session *s, const char *sha256, uint64_t deadline, struct cb_err *err)
{
    struct cb_wire_msg m;
    if (expect(s, CB_VERB_HELLO, deadline, &m, err) < 0 || check_build(&m.hello, err) < 0)
        return -1;
    s->first_byte_ns = s->lines.read_ns;
    if (expect(s, CB_VERB_DIGEST, deadline, &m, err) < 0 || check_digest(m.digest.sha256, sha256, err) < 0)
        return -1;
    memcpy(s->agent_sha256, m.digest.sha256, sizeof s->agent_sha256);
    return 0;
}

int cb_session_open(struct cb_session *s, struct cb_link *link, const char *sha256, const volatile int *stop,
                    uint64_t deadline, struct cb_err *err)
{
    memset(s, 0, sizeof *s);
    s->link = *link;
    s->stop = stop;
    *link = (struct cb_link){-1, -1};
    cb_lines_init(&s->lines, s->link.from_agent);
    if (meet(s, sha256, deadline, err) == 0)
        return 0;
    cb_link_close(&s->link);
    return cb_wrap(err, "waiting for the agent");
}

int cb_session_env(struct cb_session *s, const struct cb_wire_env *env, uint64_t deadline, struct cb_err *err)
{
    struct cb_wire_msg m = {.verb = CB_VERB_ENV, .env = *env};
    if (cb_wire_send(s->link.to_agent, &m, err) < 0 || expect(s, CB_VERB_READY, deadline, &m, err) < 0)
        return cb_wrap(err, "setting up the agent");
    return 0;
}

/* The next of the facts that answer a question: 1, 0 after the last one, -1. */
static int next_fact(struct cb_session *s, uint64_t deadline, struct cb_wire_msg *m, struct cb_err *err)
{
    if (receive(s, deadline, m, err) < 0)
        return -1;
    if (m->verb == CB_VERB_READY)
        return 0;
    return m->verb == CB_VERB_FACT ? 1 : cb_fail(err, CB_EPROTO, "got %s", cb_verb_name(m->verb));
}

int cb_session_facts(struct cb_session *s, struct cb_fact *facts, unsigned max, unsigned *n,
                     uint64_t deadline, struct cb_err *err)
{
    struct cb_wire_msg m = {.verb = CB_VERB_FACTS};
    int more = cb_wire_send(s->link.to_agent, &m, err) < 0 ? -1 : 1;
    *n = 0;
    while (more > 0 && (more = next_fact(s, deadline, &m, err)) > 0) {
        if (*n == max)
            continue;
        memcpy(facts[*n].key, m.fact.key, sizeof facts[*n].key);
        memcpy(facts[*n].value, m.fact.value, sizeof facts[*n].value);
        ++*n;
    }
    return more < 0 ? cb_wrap(err, "reading facts") : 0;
}

/* What fits no row of ours is not kept: there is only so much that an agent may say. */
int cb_session_noise(struct cb_session *s, struct cb_noise *out, uint64_t deadline, struct cb_err *err)
{
    struct cb_wire_msg m = {.verb = CB_VERB_NOISE};
    enum cb_noise_kind kind;
    int more = cb_wire_send(s->link.to_agent, &m, err) < 0 ? -1 : 1;
    out->n = 0;
    while (more > 0 && (more = next_fact(s, deadline, &m, err)) > 0)
        if (cb_noise_kind(m.fact.key, &kind))
            cb_noise_add(out, m.fact.key, m.fact.value);
    if (more == 0)
        return 0;
    out->n = 0;
    return cb_wrap(err, "reading noise");
}

int cb_session_enter(struct cb_session *s, struct cb_link *link, struct cb_err *err)
{
    struct cb_wire_msg m = {.verb = CB_VERB_ENTER};
    *link = (struct cb_link){-1, fcntl(s->link.from_agent, F_DUPFD_CLOEXEC, 0)};
    if (link->from_agent >= 0)
        link->to_agent = fcntl(s->link.to_agent, F_DUPFD_CLOEXEC, 0);
    if (link->to_agent >= 0 && cb_wire_send(s->link.to_agent, &m, err) == 0)
        return 0;
    if (link->to_agent < 0)
        cb_fail_sys(err, errno, "share the agent's stream");
    cb_link_close(link);
    return -1;
}

int cb_session_entered(struct cb_session *s, uint64_t deadline, struct cb_err *err)
{
    struct cb_wire_msg m;
    return expect(s, CB_VERB_READY, deadline, &m, err) < 0 ? cb_wrap(err, "after the second agent") : 0;
}

int cb_session_ping(struct cb_session *s, uint64_t deadline, struct cb_err *err)
{
    s->mark_jitter_ns = 0;
    for (uint32_t seq = 0; seq < PINGS; seq++) {
        struct cb_wire_msg m = {.verb = CB_VERB_PING, .ping = {.seq = seq}};
        uint64_t sent = cb_now_ns();
        if (cb_wire_send(s->link.to_agent, &m, err) < 0 || expect(s, CB_VERB_PONG, deadline, &m, err) < 0)
            return cb_wrap(err, "pinging the agent");
        if (m.ping.seq != seq)
            return cb_fail(err, CB_EPROTO, "pinging the agent: answer to another ping");
        uint64_t trip = s->lines.read_ns - sent;
        if (trip > s->mark_jitter_ns)
            s->mark_jitter_ns = trip;
    }
    return 0;
}

/* ---- cases
 * ----------------------------------------------------------------------------------------------------- */

/* What is known of the case in progress. */
struct progress {
    const struct cb_wire_run *run;
    uint32_t lines, warm, steady; /* sample lines seen, by kind */
    bool open;                    /* a mark waits for its sample */
    struct cb_wire_mark mark;
    uint64_t mark_host_ns;
    struct cb_stamp stamps[STAMPS_MAX];
    size_t nstamps;
};

static void stamp(struct progress *p, uint64_t agent_ns, uint64_t host_ns)
{
    if (p->nstamps < STAMPS_MAX)
        p->stamps[p->nstamps++] = (struct cb_stamp){agent_ns, host_ns};
}

static int take_mark(struct progress *p, const struct cb_wire_mark *m, uint64_t seen_ns,
                     const struct cb_case_sink *sink, struct cb_err *err)
{
    if (m->id != p->run->id || m->seq != p->lines || p->open)
        return cb_fail(err, CB_EPROTO, "mark out of order");
    p->open = true;
    p->mark = *m;
    p->mark_host_ns = seen_ns;
    stamp(p, m->clock_ns, seen_ns);
    if (p->lines == 0 && sink->begin)
        sink->begin(sink->arg);
    return 0;
}

static int check_sample(const struct progress *p, const struct cb_wire_sample *s, struct cb_err *err)
{
    const struct cb_wire_run *run = p->run;
    if (s->id != run->id || !p->open || s->sample.seq != p->mark.seq)
        return cb_fail(err, CB_EPROTO, "sample out of order");
    if (s->sample.iters != run->iters)
        return cb_fail(err, CB_EPROTO, "sample of another iteration count");
    if (s->clock_ns < p->mark.clock_ns || s->sample.wall_ns == 0 ||
        s->sample.wall_ns > s->clock_ns - p->mark.clock_ns)
        return cb_fail(err, CB_EPROTO, "sample longer than its bracket");
    if (s->warm ? p->warm >= WARM_MAX : p->steady >= run->samples_max)
        return cb_fail(err, CB_EPROTO, "more samples than asked for");
    return 0;
}

static int take_sample(struct cb_session *s, struct progress *p, const struct cb_wire_sample *sample,
                       const struct cb_case_sink *sink, struct cb_err *err)
{
    if (check_sample(p, sample, err) < 0)
        return -1;
    struct cb_batch b = {
        .sample = sample->sample,
        .warm = sample->warm != 0,
        .agent_ns = sample->clock_ns - p->mark.clock_ns,
        .host_ns = s->lines.read_ns - p->mark_host_ns,
    };
    stamp(p, sample->clock_ns, s->lines.read_ns);
    p->open = false;
    p->lines++;
    if (b.warm)
        p->warm++;
    else
        p->steady++;
    sink->batch(sink->arg, &b);
    return 0;
}

static int take_hist(struct cb_hist *hist, const struct cb_wire_hist *h, struct cb_err *err)
{
    if (!hist)
        return 0;
    if (cb_hist_scan(hist, h->counts, err) < 0)
        return -1;
    if (h->min_ns < hist->min)
        hist->min = h->min_ns;
    if (h->max_ns > hist->max)
        hist->max = h->max_ns;
    return 0;
}

static int take_done(const struct progress *p, const struct cb_wire_done *d, struct cb_err *err)
{
    if (d->id != p->run->id || p->open || d->samples != p->lines)
        return cb_fail(err, CB_EPROTO, "the agent counts %u samples, %u came", d->samples, p->lines);
    if (p->steady < p->run->samples_min)
        return cb_fail(err, CB_EPROTO, "only %u samples of at least %u", p->steady, p->run->samples_min);
    return 0;
}

/* The agent reports that the case failed: its own code and text, as far as they make sense from an agent. */
static int take_error(const struct cb_wire_error *e, uint32_t id, int *alive, struct cb_err *err)
{
    if (e->id != id)
        return cb_fail(err, CB_EPROTO, "error of another case");
    *alive = 1;
    enum cb_code code = e->code == CB_EMISSING || e->code == CB_ETIMEOUT ? (enum cb_code)e->code : CB_ESYS;
    return cb_fail(err, code, "%s", e->text);
}

int cb_session_run(struct cb_session *s, const struct cb_wire_run *run, const struct cb_case_sink *sink,
                   struct cb_hist *hist, bool *trusted, uint64_t deadline, int *alive, struct cb_err *err)
{
    struct progress p = {.run = run};
    struct cb_wire_msg m = {.verb = CB_VERB_RUN, .run = *run};
    int got = cb_wire_send(s->link.to_agent, &m, err);
    *alive = 0;
    while (got == 0) {
        if (receive(s, deadline, &m, err) < 0)
            return -1;
        switch (m.verb) {
        case CB_VERB_MARK:
            got = take_mark(&p, &m.mark, s->lines.read_ns, sink, err);
            break;
        case CB_VERB_SAMPLE:
            got = take_sample(s, &p, &m.sample, sink, err);
            break;
        case CB_VERB_HIST:
            got = m.hist.id == run->id ? take_hist(hist, &m.hist, err)
                                       : cb_fail(err, CB_EPROTO, "histogram of another case");
            break;
        case CB_VERB_DONE:
            *alive = take_done(&p, &m.done, err) == 0;
            s->checksum = m.done.checksum;
            *trusted = cb_clocks_agree(p.stamps, p.nstamps, s->mark_jitter_ns);
            return *alive ? 0 : -1;
        case CB_VERB_ERROR:
            return take_error(&m.error, run->id, alive, err);
        default:
            got = cb_fail(err, CB_EPROTO, "%s in the middle of a case", cb_verb_name(m.verb));
        }
    }
    return -1;
}

int cb_session_calibrate(struct cb_session *s, const struct cb_wire_run *run, uint64_t *iters,
                         uint64_t *wall_ns, uint64_t deadline, int *alive, struct cb_err *err)
{
    struct cb_wire_msg m = {.verb = CB_VERB_RUN, .run = *run};
    *alive = 0;
    if (cb_wire_send(s->link.to_agent, &m, err) < 0 || receive(s, deadline, &m, err) < 0)
        return -1;
    if (m.verb == CB_VERB_ERROR)
        return take_error(&m.error, run->id, alive, err);
    if (m.verb != CB_VERB_CALIB || m.calib.id != run->id || m.calib.iters == 0 || m.calib.wall_ns == 0)
        return cb_fail(err, CB_EPROTO, "no calibration in %s", cb_verb_name(m.verb));
    *iters = m.calib.iters;
    *wall_ns = m.calib.wall_ns;
    *alive = 1;
    return 0;
}

void cb_session_close(struct cb_session *s)
{
    struct cb_err ignored;
    struct cb_wire_msg m = {.verb = CB_VERB_BYE};
    if (s->link.to_agent >= 0)
        (void)cb_wire_send(s->link.to_agent, &m, &ignored);
    cb_link_close(&s->link);
}
