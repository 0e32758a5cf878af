#include "runners/instance.h"

#include <stdio.h>
#include <string.h>

#include "bench/base/clock.h"
#include "runners/noise.h"

/* An emulated machine boots in 2.5 s on the slowest machine tried; a hung one must not cost more than this.
 */
#define START_TIMEOUT_NS (30 * CB_NS_PER_S)
/* Emulated network cards take up to 7 s until their link is there. */
#define ENV_TIMEOUT_NS (20 * CB_NS_PER_S)
/* Facts, 32 pings and a first look at the counters: under a second in an emulated machine. */
#define GREET_TIMEOUT_NS (20 * CB_NS_PER_S)
/* An emulated machine reads its counters in a tenth of a second. */
#define NOISE_TIMEOUT_NS (5 * CB_NS_PER_S)

void cb_instance_last_words(struct cb_instance *in, struct cb_err *err)
{
    const struct cb_runner *r = in->env.arm->runner;
    char words[sizeof err->msg] = "";
    size_t used = strlen(err->msg);
    if (!r->diagnose || err->code == CB_EINTR)
        return;
    r->diagnose(&in->env, words, sizeof words);
    if (words[0])
        snprintf(err->msg + used, sizeof err->msg - used, "; %s", words);
    for (char *p = err->msg; *p; p++)
        if (*p == '\n')
            *p = ' ';
}

static int launch(struct cb_instance *in, const volatile int *stop, struct cb_err *err)
{
    const struct cb_runner *r = in->env.arm->runner;
    struct cb_link link = {-1, -1};
    if (r->poise && r->poise(&in->env, err) < 0)
        return cb_wrap(err, "poise %s", in->env.arm->name);
    uint64_t begin = cb_now_ns();
    cb_env_stamp_at(&in->env, "begin", begin);
    if (r->up(&in->env, err) < 0)
        return cb_wrap(err, "up %s", in->env.arm->name);
    if (r->launch(&in->env, &link, err) < 0)
        return cb_wrap(err, "launch %s", in->env.arm->name);
    if (cb_session_open(&in->session, &link, in->env.site->agent_sha256, stop, begin + START_TIMEOUT_NS,
                        err) < 0)
        return cb_wrap(err, "%s", in->env.arm->name);
    in->start_ns = in->session.first_byte_ns - begin;
    cb_env_stamp_at(&in->env, "total", in->session.first_byte_ns);
    return 0;
}

static int make_ready(struct cb_instance *in, struct cb_err *err)
{
    if (cb_session_env(&in->session, &in->env.wire, cb_deadline_in(ENV_TIMEOUT_NS), err) < 0)
        return cb_wrap(err, "%s", in->env.arm->name);
    cb_env_stamp_at(&in->env, "ready", in->session.lines.read_ns);
    in->alive = true;
    return 0;
}

static int greet(struct cb_instance *in, struct cb_err *err)
{
    uint64_t deadline = cb_deadline_in(GREET_TIMEOUT_NS);
    if (cb_session_facts(&in->session, in->facts, CB_INSTANCE_FACTS, &in->nfacts, deadline, err) < 0 ||
        cb_session_ping(&in->session, deadline, err) < 0 ||
        cb_session_noise(&in->session, &in->inside[0], deadline, err) < 0) {
        in->alive = false;
        return cb_wrap(err, "%s", in->env.arm->name);
    }
    cb_noise_host(in->env.site, &in->env, &in->host[0]);
    return 0;
}

int cb_instance_prepare(struct cb_instance *in, const struct cb_arm *arm, struct cb_site *site, unsigned slot,
                        struct cb_err *err)
{
    uint64_t begin = cb_now_ns();
    memset(in, 0, sizeof *in);
    in->session.link = (struct cb_link){-1, -1};
    in->env.arm = arm;
    in->env.site = site;
    in->env.slot = slot;
    snprintf(in->env.name, sizeof in->env.name, "%s-%u", site->run_id, slot);
    snprintf(in->env.accelerator, sizeof in->env.accelerator, "none");
    if (arm->runner->prepare && arm->runner->prepare(&in->env, err) < 0)
        return cb_wrap(err, "prepare %s", arm->name);
    in->prepare_ns = cb_now_ns() - begin;
    return 0;
}

int cb_instance_up(struct cb_instance *in, const volatile int *stop, struct cb_err *err)
{
    if (launch(in, stop, err) == 0 && make_ready(in, err) == 0)
        return 0;
    cb_instance_last_words(in, err);
    return -1;
}

int cb_instance_start(struct cb_instance *in, const struct cb_arm *arm, struct cb_site *site, unsigned slot,
                      const volatile int *stop, struct cb_err *err)
{
    if (cb_instance_prepare(in, arm, site, slot, err) < 0 || cb_instance_up(in, stop, err) < 0)
        return -1;
    if (greet(in, err) == 0)
        return 0;
    cb_instance_last_words(in, err);
    return -1;
}

void cb_instance_end(struct cb_instance *in)
{
    struct cb_err ignored; /* its cases are over: all that is lost is evidence */
    cb_noise_host(in->env.site, &in->env, &in->host[1]);
    if (in->alive)
        cb_session_noise(&in->session, &in->inside[1], cb_deadline_in(NOISE_TIMEOUT_NS), &ignored);
}

const char *cb_instance_lacks(const struct cb_instance *in, const struct cb_bench *bench)
{
    if ((bench->needs & CB_NEED_PEER) && !in->env.wire.peer[0])
        return in->env.site->fabric_reason[0] ? in->env.site->fabric_reason
                                              : "this arm has no link to the peer";
    if ((bench->needs & CB_NEED_SCRATCH) && !in->env.wire.scratch[0])
        return "this arm has no scratch directory";
    return NULL;
}

void cb_instance_stop(struct cb_instance *in)
{
    uint64_t begin = cb_now_ns();
    cb_env_stamp_at(&in->env, "end", begin);
    cb_session_close(&in->session);
    in->env.arm->runner->down(&in->env);
    cb_env_stamp(&in->env, "gone"); /* unless the runner knew better */
    if (in->stop_ns == 0)
        in->stop_ns = cb_now_ns() - begin;
    in->alive = false;
}
