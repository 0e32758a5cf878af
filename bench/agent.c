/* The agent: answers the host's messages; every case runs in a child of its own, so that nothing a benchmark
 * does to its process reaches the next one. */
#include "bench/agent.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/noise.h"
#include "bench/base/proc.h"
#include "bench/harness.h"
#include "bench/wire.h"

#define NO_CASE    0 /* id of an error that belongs to no case */
#define FOREVER    UINT64_MAX
#define EXIT_ERROR 1 /* of a case that sent its error */

struct agent {
    int out;
    int (*configure)(const char *device, const char *address, struct cb_err *err);
    struct cb_wire_env env;
    struct cb_lines in;
};

/* Values and error texts can hold what a file or a name held; the protocol takes no control characters and
 * no half of a UTF-8 sequence that a limit cut. */
static void copy_printable(char *out, size_t cap, const char *text)
{
    size_t i = 0;
    for (; text[i] && i < cap - 1; i++)
        out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    out[i] = '\0';
}

static int send_error(int out, uint32_t id, const struct cb_err *what, struct cb_err *err)
{
    struct cb_wire_msg m = {.verb = CB_VERB_ERROR, .error = {.id = id, .code = what->code}};
    copy_printable(m.error.text, sizeof m.error.text, what->msg);
    return cb_wire_send(out, &m, err);
}

/* --- one case, in its child ---------------------------------------------- */

struct one_case {
    int out;
    const struct cb_wire_run *plan;
    uint32_t samples; /* lines sent */
};

static int send_mark(void *arg, uint32_t seq, struct cb_err *err)
{
    const struct one_case *c = arg;
    struct cb_wire_msg m = {.verb = CB_VERB_MARK,
                            .mark = {.id = c->plan->id, .seq = seq, .clock_ns = cb_now_ns()}};
    return cb_wire_send(c->out, &m, err);
}

static int send_sample(void *arg, const struct cb_sample *s, int warm, struct cb_err *err)
{
    struct one_case *c = arg;
    struct cb_wire_msg m = {
        .verb = CB_VERB_SAMPLE,
        .sample = {.id = c->plan->id, .warm = warm != 0, .sample = *s, .clock_ns = cb_now_ns()}};
    c->samples++;
    return cb_wire_send(c->out, &m, err);
}

static bool wants_histogram(const struct cb_bench *b)
{
    for (const struct cb_metric *m = b->metrics; m->quantity; m++)
        if (m->derive == CB_HIST_QUANTILE)
            return true;
    return false;
}

/* The text of a histogram is longer than a line: it is cut at commas, and every part is a text of its own. */
static int send_histogram(const struct one_case *c, const struct cb_hist *h, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf text = {0};
    struct cb_wire_msg m = {.verb = CB_VERB_HIST};
    if (h->total == 0)
        return cb_fail(err, CB_EUNFIT, "it took no single latency");
    cb_hist_print(h, &text);
    if (!cb_buf_ok(&text))
        return cb_fail_sys(err, ENOMEM, "print the histogram");
    for (const char *p = cb_buf_str(&text); *p;) {
        size_t len = strlen(p), most = sizeof m.hist.counts - 1;
        if (len > most)
            for (len = most; p[len] != ',';)
                len--;
        m.hist = (struct cb_wire_hist){.id = c->plan->id, .min_ns = h->min, .max_ns = h->max};
        memcpy(m.hist.counts, p, len);
        if (cb_wire_send(c->out, &m, err) < 0)
            return -1;
        p += len + (p[len] == ',');
    }
    return 0;
}

/* Both fill *last, the line that ends the case. */
static int calibrate(const struct one_case *c, struct cb_run *run, struct cb_wire_msg *last,
                     struct cb_err *err)
{
    *last = (struct cb_wire_msg){.verb = CB_VERB_CALIB, .calib = {.id = c->plan->id}};
    return cb_harness_calibrate(run, c->plan->time_ns, &last->calib.iters, &last->calib.wall_ns, err);
}

static int sample(struct one_case *c, struct cb_run *run, struct cb_wire_msg *last, struct cb_err *err)
{
    struct cb_harness_out out = {.begin = send_mark, .end = send_sample, .arg = c};
    if (cb_harness_sample(run, c->plan, &out, err) < 0)
        return -1;
    if (wants_histogram(run->bench) && send_histogram(c, run->hist, err) < 0)
        return -1;
    *last = (struct cb_wire_msg){
        .verb = CB_VERB_DONE,
        .done = {.id = c->plan->id, .samples = c->samples, .checksum = run->sink},
    };
    return 0;
}

/* Fills *run from what the host asked for and from the environment. */
static int prepare(struct cb_run *run, const struct cb_wire_run *plan, const struct cb_wire_env *env,
                   struct cb_err *err)
{
    const struct cb_bench *b = run->bench = cb_bench_find(plan->bench);
    if (!b)
        return cb_fail(err, CB_EUSAGE, "no benchmark '%s'", plan->bench);
    if (b->needs & CB_NEED_LIFECYCLE)
        return cb_fail(err, CB_EUSAGE, "it is measured from outside");
    if (b->needs & CB_NEED_SCRATCH && !*env->scratch)
        return cb_fail(err, CB_EMISSING, "there is no scratch directory here");
    if (b->needs & CB_NEED_PEER && !*env->peer)
        return cb_fail(err, CB_EMISSING, "there is no network peer here");
    run->scratch = *env->scratch ? env->scratch : NULL;
    run->peer = *env->peer ? env->peer : NULL;
    run->device = env->device;
    run->slow_ppm = env->slow_ppm;
    cb_rng_seed(&run->rng, plan->seed);
    cb_hist_reset(run->hist);
    return cb_params_parse(b, plan->params, run->param, err);
}

static int measure(struct one_case *c, struct cb_run *run, struct cb_wire_msg *last, struct cb_err *err)
{
    if (run->bench->setup && run->bench->setup(run, err) < 0)
        return cb_wrap(err, "setup");
    return c->plan->iters ? sample(c, run, last, err) : calibrate(c, run, last, err);
}

/* The last line is sent after the teardown: the host may go on when it has it. */
static int run_case(struct one_case *c, const struct cb_wire_env *env, struct cb_err *err)
{
    static struct cb_hist hist; /* a case is a process */
    struct cb_run run = {.hist = &hist};
    struct cb_wire_msg last;
    if (prepare(&run, c->plan, env, err) < 0)
        return -1;
    int failed = measure(c, &run, &last, err);
    if (run.bench->teardown)
        run.bench->teardown(&run);
    return failed ? -1 : cb_wire_send(c->out, &last, err);
}

/* Exit status 0: the last line was sent. EXIT_ERROR: `error` was sent. Anything else is the parent's to
 * report. */
static __attribute__((noreturn)) void case_child(const struct agent *a, const struct cb_wire_run *plan,
                                                 pid_t parent)
{
    struct one_case c = {.out = a->out, .plan = plan};
    struct cb_err err, ignored;
    setpgid(0, 0);
    if (cb_die_with_parent(parent, &err) == 0 && run_case(&c, &a->env, &err) == 0)
        _exit(0);
    cb_wrap(&err, "%s", plan->bench);
    _exit(send_error(a->out, plan->id, &err, &ignored) == 0 ? EXIT_ERROR : EXIT_ERROR + 1);
}

/* --- the agent ----------------------------------------------------------- */

/* Until the child ended, the host hung up, or the time is over. No wake-up in between: it would be noise. */
static int wait_case(const struct agent *a, pid_t pid, const struct cb_wire_run *plan, struct cb_err *err)
{
    uint64_t deadline = cb_deadline_in(plan->timeout_ns);
    CB_AUTOFD int ended = cb_pidfd(pid, err);
    struct pollfd p[2] = {{.fd = ended, .events = POLLIN}, {.fd = a->in.fd, .events = 0}};
    if (ended < 0)
        return -1;
    for (;;) {
        int n = poll(p, 2, cb_deadline_poll_ms(deadline));
        if (n < 0 && errno != EINTR)
            return cb_fail_sys(err, errno, "poll");
        if (n > 0 && p[0].revents)
            return 0;
        if (n > 0)
            return cb_fail(err, CB_EPROTO, "the host hung up");
        if (cb_deadline_remaining_ns(deadline) == 0)
            return cb_fail(err, CB_ETIMEOUT, "%s: not done after %.1f s", plan->bench,
                           (double)plan->timeout_ns / (double)CB_NS_PER_S);
    }
}

/* Everything the case started is in its group. As process 1 the agent inherits the orphans. */
static int reap_case(pid_t pid, struct cb_err *err)
{
    int status;
    kill(-pid, SIGKILL);
    cb_noise_child_ended(pid);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return cb_fail_sys(err, errno, "wait for the case");
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    if (WIFSIGNALED(status))
        return cb_fail(err, CB_ESYS, "its process was killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) > EXIT_ERROR)
        return cb_fail(err, CB_ESYS, "its process ended with status %d", WEXITSTATUS(status));
    return 0;
}

static int start_case(const struct agent *a, const struct cb_wire_run *plan, pid_t *pid, struct cb_err *err)
{
    pid_t parent = getpid();
    *pid = fork();
    if (*pid < 0)
        return cb_fail_sys(err, errno, "fork");
    if (*pid == 0)
        case_child(a, plan, parent);
    setpgid(*pid, *pid); /* both sides do it: whoever comes first */
    return 0;
}

static int on_run(struct agent *a, const struct cb_wire_run *plan, struct cb_err *err)
{
    struct cb_err late, status;
    pid_t pid;
    if (start_case(a, plan, &pid, &status) < 0)
        return send_error(a->out, plan->id, &status, err);
    int failed = wait_case(a, pid, plan, &late);
    if (reap_case(pid, &status) == 0)
        return 0; /* it spoke its last word, though perhaps in the very moment in which its time was over */
    return send_error(a->out, plan->id, failed ? &late : &status, err);
}

static int on_env(struct agent *a, const struct cb_wire_env *env, struct cb_err *err)
{
    struct cb_err why;
    struct cb_wire_msg ready = {.verb = CB_VERB_READY};
    int failed = 0;
    a->env = *env;
    if (a->configure)
        failed = a->configure(env->device, env->address, &why);
    else if (*env->address)
        failed = cb_fail(&why, CB_EUSAGE, "the link's address is not the agent's to set here");
    return failed ? send_error(a->out, NO_CASE, &why, err) : cb_wire_send(a->out, &ready, err);
}

static void send_fact(void *arg, const char *key, const char *value)
{
    const struct agent *a = arg;
    struct cb_wire_msg m = {.verb = CB_VERB_FACT};
    struct cb_err ignored; /* a link that broke shows when `ready` is sent */
    copy_printable(m.fact.key, sizeof m.fact.key, key);
    copy_printable(m.fact.value, sizeof m.fact.value, value);
    cb_wire_send(a->out, &m, &ignored);
}

static int on_facts(struct agent *a, struct cb_err *err)
{
    struct cb_wire_msg ready = {.verb = CB_VERB_READY};
    cb_facts_each(a->env.scratch, send_fact, a);
    return cb_wire_send(a->out, &ready, err);
}

/* The CPUs that this process may use: all of a guest's, those of the arm elsewhere. */
static int own_cpus(int cpus[CPU_SETSIZE])
{
    cpu_set_t set;
    int n = 0;
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set))
            cpus[n++] = cpu;
    return n;
}

static int on_noise(struct agent *a, struct cb_err *err)
{
    int cpus[CPU_SETSIZE];
    const struct cb_noise_place here = {.root = "", .cpus = cpus, .ncpus = own_cpus(cpus)};
    struct cb_wire_msg ready = {.verb = CB_VERB_READY};
    struct cb_noise seen;
    cb_noise_read(&here, &seen);
    for (unsigned i = 0; i < seen.n; i++)
        send_fact(a, seen.at[i].key, seen.at[i].value);
    return cb_wire_send(a->out, &ready, err);
}

/* A second process here, for a host that has no way of its own to start one: it has the stream to itself
 * until it ends. */
static int on_enter(struct agent *a, struct cb_err *err)
{
    const struct cb_spawn second = {.argv = (const char *const[]){"/proc/self/exe", "run", NULL},
                                    .fd_in = a->in.fd,
                                    .fd_out = a->out,
                                    .fd_err = STDERR_FILENO,
                                    .cpu = -1,
                                    .die_with_parent = true};
    struct cb_wire_msg ready = {.verb = CB_VERB_READY};
    struct cb_err why;
    pid_t pid;
    if (cb_spawn(&second, &pid, NULL, &why) < 0)
        return send_error(a->out, NO_CASE, &why, err);
    while (waitpid(pid, NULL, 0) < 0)
        if (errno != EINTR)
            return cb_fail_sys(err, errno, "wait for the second agent");
    return cb_wire_send(a->out, &ready, err);
}

static int on_ping(struct agent *a, const struct cb_wire_ping *ping, struct cb_err *err)
{
    struct cb_wire_msg m = {.verb = CB_VERB_PONG, .ping = {.seq = ping->seq, .clock_ns = cb_now_ns()}};
    return cb_wire_send(a->out, &m, err);
}

/* Hello first: it ends the start, and hashing is not part of starting. */
static int say_hello(int out, struct cb_err *err)
{
    struct cb_wire_msg hello = {.verb = CB_VERB_HELLO,
                                .hello = {.build = CB_BUILD_ID, .pid = (uint32_t)getpid()}};
    struct cb_wire_msg digest = {.verb = CB_VERB_DIGEST};
    if (cb_wire_send(out, &hello, err) < 0 || cb_sha256_file("/proc/self/exe", digest.digest.sha256, err) < 0)
        return -1;
    return cb_wire_send(out, &digest, err);
}

/* 1: goes on. 0: the host said bye. */
static int answer(struct agent *a, const struct cb_wire_msg *m, struct cb_err *err)
{
    int failed;
    switch (m->verb) {
    case CB_VERB_ENV:
        failed = on_env(a, &m->env, err);
        break;
    case CB_VERB_FACTS:
        failed = on_facts(a, err);
        break;
    case CB_VERB_NOISE:
        failed = on_noise(a, err);
        break;
    case CB_VERB_ENTER:
        failed = on_enter(a, err);
        break;
    case CB_VERB_RUN:
        failed = on_run(a, &m->run, err);
        break;
    case CB_VERB_PING:
        failed = on_ping(a, &m->ping, err);
        break;
    case CB_VERB_BYE:
        return 0;
    default:
        return cb_fail(err, CB_EPROTO, "%s is not for an agent", cb_verb_name(m->verb));
    }
    return failed ? -1 : 1;
}

static int converse(struct agent *a, struct cb_err *err)
{
    struct cb_wire_msg m;
    char *line;
    int more = say_hello(a->out, err) < 0 ? -1 : 1;
    while (more > 0 && (more = cb_lines_next(&a->in, FOREVER, &line, err)) > 0)
        more = cb_wire_decode(line, &m, err) < 0 ? -1 : answer(a, &m, err);
    return more;
}

int cb_agent_serve(int in, int out,
                   int (*configure)(const char *device, const char *address, struct cb_err *err))
{
    static struct agent a; /* 17 KiB, and every case's child has its own */
    struct cb_err err, ignored;
    a = (struct agent){.out = out, .configure = configure};
    cb_lines_init(&a.in, in);
    signal(SIGPIPE, SIG_IGN); /* a host that hung up is an error like any other */
    if (converse(&a, &err) == 0)
        return 0;
    send_error(out, NO_CASE, &err, &ignored);
    return 1;
}

static int list(void)
{
    for (const struct cb_bench *const *b = cb_benchmarks; *b; b++)
        printf("%-12s %s\n", (*b)->name, (*b)->summary);
    return 0;
}

/* The kernel hands its own command line's unknown words to process 1: they are no role. */
static bool is_init(int argc, char **argv)
{
    return getpid() == 1 && (argc < 2 || !strcmp(argv[0], "/init"));
}

int main(int argc, char **argv)
{
    if (is_init(argc, argv) || (argc == 2 && !strcmp(argv[1], "init")))
        cb_init_main();
    if (argc == 2 && !strcmp(argv[1], CB_ROLE_EXIT))
        return 0;
    if (argc == 2 && !strcmp(argv[1], "list"))
        return list();
    if (argc == 2 && !strcmp(argv[1], "run"))
        return cb_agent_serve(STDIN_FILENO, STDOUT_FILENO, NULL);
    if (argc == 3 && !strcmp(argv[1], "peer"))
        return cb_peer_main(argv[2]);
    fprintf(stderr, "usage: cbench-agent list | run | peer ADDRESS | init | exit\n");
    return 2;
}
