/* A second process in the running instance, until its first byte: from outside where the runner has a way in,
 * else through the agent, which is a fork and an exec inside, and is called that in the arm's facts. */
#include "bench/base/clock.h"
#include "bench/base/proc.h"
#include "runners/lifecycle.h"

/* The agent hashes itself each time, behind its first byte: a fifth of a second in an emulated machine. */
#define TIMES 5
/* An emulated machine takes a tenth of a second for one. */
#define ENTER_TIMEOUT_NS (10 * CB_NS_PER_S)
#define END_TIMEOUT_NS   (2 * CB_NS_PER_S)

static void reap(pid_t pid)
{
    struct cb_err ignored;
    int status;
    if (pid > 0 && cb_wait(pid, cb_deadline_in(END_TIMEOUT_NS), &status, &ignored) < 0)
        cb_kill_wait(pid);
}

/* Waits for the hello of the agent at the link, which then ends. */
static int hear(struct cb_life *l, struct cb_link *link, uint64_t begin, uint64_t *took, struct cb_err *err)
{
    struct cb_session second;
    if (cb_session_open(&second, link, l->site->agent_sha256, l->stop, begin + ENTER_TIMEOUT_NS, err) < 0)
        return -1;
    *took = second.first_byte_ns - begin;
    cb_session_close(&second);
    return 0;
}

static int from_outside(struct cb_life *l, uint64_t *took, struct cb_err *err)
{
    struct cb_link link;
    uint64_t begin = cb_now_ns();
    pid_t pid = 0;
    if (l->arm->runner->enter(&l->in->env, &link, &pid, err) < 0)
        return -1;
    int got = hear(l, &link, begin, took, err);
    reap(pid);
    return got;
}

/* An agent that does not come back is lost, and the instance with it. */
static int by_agent(struct cb_life *l, uint64_t *took, struct cb_err *err)
{
    struct cb_link link;
    uint64_t begin = cb_now_ns();
    l->in->alive = cb_session_enter(&l->in->session, &link, err) == 0 &&
                   hear(l, &link, begin, took, err) == 0 &&
                   cb_session_entered(&l->in->session, begin + ENTER_TIMEOUT_NS, err) == 0;
    return l->in->alive ? 0 : -1;
}

int cb_life_exec(struct cb_life *l, const struct cb_case *c, struct cb_err *err)
{
    const struct cb_runner *r = l->arm->runner;
    (void)c;
    if (!r->enter && !r->enters_by_agent)
        return cb_fail(err, CB_EMISSING, "there is no way into a running instance of this arm");
    cb_env_fact(&l->in->env, "exec", "%s",
                r->enter ? "a process that enters from the host"
                         : "through the agent inside: a fork and an exec there, no way in from the host");
    for (unsigned i = 0; i < TIMES; i++) {
        struct cb_sample s = {.iters = 1};
        if ((r->enter ? from_outside : by_agent)(l, &s.wall_ns, err) < 0)
            return -1;
        cb_life_sample(l, &s);
    }
    return 0;
}
