/* The agent itself, the very file that goes into every environment, over two pipes: what it answers, and that
 * a case which hangs, dies or is unknown leaves it able to go on. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"
#include "bench/wire.h"
#include "tests/unit/unit.h"

#define SOON (20 * CB_NS_PER_S) /* generous: a test that needs it has failed */

struct dialogue {
    pid_t pid;
    int to;
    struct cb_lines from;
    struct cb_wire_msg last; /* what came last */
};

static void start(struct dialogue *d)
{
    static const char *const argv[] = {CB_TEST_AGENT, "run", NULL};
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    struct cb_err err;
    CU_ASSERT_FATAL(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    const struct cb_spawn s = {.argv = argv,
                               .fd_in = in[0],
                               .fd_out = out[1],
                               .fd_err = STDERR_FILENO,
                               .cpu = -1,
                               .die_with_parent = true};
    CU_ASSERT_EQUAL_FATAL(cb_spawn(&s, &d->pid, NULL, &err), 0);
    close(in[0]);
    close(out[1]);
    d->to = in[1];
    cb_lines_init(&d->from, out[0]);
}

/* The next message of the agent; CB_VERB_BYE, which no agent sends, at the end of the stream. */
static enum cb_verb hear(struct dialogue *d)
{
    struct cb_err err;
    char *line;
    int n = cb_lines_next(&d->from, cb_deadline_in(SOON), &line, &err);
    if (n == 0)
        return CB_VERB_BYE;
    CU_ASSERT_FATAL(n > 0 && cb_wire_decode(line, &d->last, &err) == 0);
    return d->last.verb;
}

static void say(struct dialogue *d, const struct cb_wire_msg *m)
{
    struct cb_err err;
    CU_ASSERT_EQUAL(cb_wire_send(d->to, m, &err), 0);
}

static void greet(struct dialogue *d)
{
    start(d);
    CU_ASSERT_EQUAL(hear(d), CB_VERB_HELLO);
    CU_ASSERT_EQUAL(hear(d), CB_VERB_DIGEST);
}

static int finish(struct dialogue *d)
{
    struct cb_err err;
    int status = -1;
    close(d->to);
    CU_ASSERT_EQUAL(cb_wait(d->pid, cb_deadline_in(SOON), &status, &err), 0);
    close(d->from.fd);
    return status;
}

static struct cb_wire_msg run_message(const char *bench, uint64_t iters)
{
    struct cb_wire_msg m = {.verb = CB_VERB_RUN,
                            .run = {.id = 7,
                                    .iters = iters,
                                    .seed = 1,
                                    .samples_min = 2,
                                    .samples_max = 2,
                                    .time_ns = CB_NS_PER_MS,
                                    .timeout_ns = SOON}};
    snprintf(m.run.bench, sizeof m.run.bench, "%s", bench);
    return m;
}

static void ask(struct dialogue *d, const char *bench, uint64_t iters)
{
    const struct cb_wire_msg m = run_message(bench, iters);
    say(d, &m);
}

/* After whatever was before, the agent runs a case as if nothing had been. */
static void check_goes_on(struct dialogue *d)
{
    ask(d, "ctl.syscall", 10);
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT(hear(d) == CB_VERB_MARK && d->last.mark.id == 7 && d->last.mark.seq == i);
        uint64_t mark = d->last.mark.clock_ns;
        CU_ASSERT(hear(d) == CB_VERB_SAMPLE && d->last.sample.sample.seq == i);
        CU_ASSERT_EQUAL(d->last.sample.warm, i == 0);
        CU_ASSERT_EQUAL(d->last.sample.sample.iters, 10);
        CU_ASSERT(d->last.sample.clock_ns - mark >= d->last.sample.sample.wall_ns);
    }
    CU_ASSERT(hear(d) == CB_VERB_DONE && d->last.done.samples == 3);
}

static void hello_and_bye(void)
{
    const struct cb_wire_msg ping = {.verb = CB_VERB_PING, .ping = {.seq = 42}}, bye = {.verb = CB_VERB_BYE};
    char sha256[CB_SHA256_HEX];
    struct dialogue d;
    struct cb_err err;
    start(&d);
    CU_ASSERT_EQUAL(hear(&d), CB_VERB_HELLO);
    CU_ASSERT_STRING_EQUAL(d.last.hello.build, CB_BUILD_ID);
    CU_ASSERT_EQUAL(d.last.hello.pid, (uint32_t)d.pid);
    CU_ASSERT_EQUAL(hear(&d), CB_VERB_DIGEST);
    CU_ASSERT_EQUAL(cb_sha256_file(CB_TEST_AGENT, sha256, &err), 0);
    CU_ASSERT_STRING_EQUAL(d.last.digest.sha256, sha256);
    say(&d, &ping);
    CU_ASSERT(hear(&d) == CB_VERB_PONG && d.last.ping.seq == 42 && d.last.ping.clock_ns > 0);
    say(&d, &bye);
    CU_ASSERT_EQUAL(hear(&d), CB_VERB_BYE);
    CU_ASSERT_EQUAL(finish(&d), 0);
    greet(&d); /* a host that just hangs up is no error either */
    CU_ASSERT_EQUAL(finish(&d), 0);
}

static void a_second_agent_has_the_stream_for_a_while(void)
{
    const struct cb_wire_msg ping = {.verb = CB_VERB_PING, .ping = {.seq = 42}}, bye = {.verb = CB_VERB_BYE};
    const struct cb_wire_msg enter = {.verb = CB_VERB_ENTER};
    struct dialogue d;
    greet(&d);
    for (int i = 0; i < 2; i++) {
        say(&d, &enter);
        CU_ASSERT_EQUAL(hear(&d), CB_VERB_HELLO);
        CU_ASSERT_NOT_EQUAL(d.last.hello.pid, (uint32_t)d.pid);
        CU_ASSERT_EQUAL(hear(&d), CB_VERB_DIGEST);
        say(&d, &ping);
        CU_ASSERT_EQUAL(hear(&d), CB_VERB_PONG);
        say(&d, &bye);
        CU_ASSERT_EQUAL(hear(&d), CB_VERB_READY); /* the first one's */
    }
    say(&d, &bye);
    CU_ASSERT_EQUAL(hear(&d), CB_VERB_BYE);
    CU_ASSERT_EQUAL(finish(&d), 0);
}

static void facts(void)
{
    const struct cb_wire_msg ask_facts = {.verb = CB_VERB_FACTS};
    char kernel[CB_WIRE_TEXT] = "", expected[CB_WIRE_TEXT];
    struct dialogue d;
    unsigned n = 0;
    greet(&d);
    say(&d, &ask_facts);
    for (; hear(&d) == CB_VERB_FACT; n++) {
        CU_ASSERT(*d.last.fact.value);
        if (!strcmp(d.last.fact.key, "kernel"))
            snprintf(kernel, sizeof kernel, "%s", d.last.fact.value);
        if (!strcmp(d.last.fact.key, "scratch.fs"))
            CU_ASSERT_STRING_EQUAL(d.last.fact.value, "none");
        if (!strcmp(d.last.fact.key, "pid"))
            CU_ASSERT_EQUAL(strtol(d.last.fact.value, NULL, 10), d.pid);
    }
    CU_ASSERT_EQUAL(d.last.verb, CB_VERB_READY);
    CU_ASSERT(n >= 20);
    CU_ASSERT_EQUAL(cb_read_line("/proc/sys/kernel/osrelease", expected, sizeof expected), 0);
    CU_ASSERT_STRING_EQUAL(kernel, expected);
    finish(&d);
}

static void calibration_ends_with_its_line(void)
{
    struct dialogue d;
    greet(&d);
    ask(&d, "ctl.spin", 0);
    CU_ASSERT(hear(&d) == CB_VERB_CALIB && d.last.calib.id == 7);
    CU_ASSERT(d.last.calib.iters > 1 && d.last.calib.wall_ns >= CB_NS_PER_MS / 2);
    check_goes_on(&d);
    finish(&d);
}

static void check_error(struct dialogue *d, enum cb_code code, const char *text)
{
    CU_ASSERT_EQUAL(hear(d), CB_VERB_ERROR);
    CU_ASSERT(d->last.error.id == 7 && d->last.error.code == code);
    if (!strstr(d->last.error.text, text))
        CU_FAIL(d->last.error.text);
}

static void cases_that_cannot_be(void)
{
    struct cb_wire_msg bad = run_message("mem.chase", 1);
    struct dialogue d;
    greet(&d);
    ask(&d, "no.such", 1);
    check_error(&d, CB_EUSAGE, "no benchmark 'no.such'");
    ask(&d, "start.total", 1);
    check_error(&d, CB_EUSAGE, "start.total: it is measured from outside");
    ask(&d, "net.rr", 1);
    check_error(&d, CB_EMISSING, "net.rr: there is no network peer here");
    ask(&d, "fs.seq", 1);
    check_error(&d, CB_EMISSING, "fs.seq: there is no scratch directory here");
    snprintf(bad.run.params, sizeof bad.run.params, "size=1");
    say(&d, &bad);
    check_error(&d, CB_EUSAGE, "parameter size");
    check_goes_on(&d);
    finish(&d);
}

static void env_with_address(void)
{
    struct cb_wire_msg env = {.verb = CB_VERB_ENV, .env = {.device = "lo", .address = "127.0.0.2/8"}};
    struct dialogue d;
    greet(&d);
    say(&d, &env);
    CU_ASSERT(hear(&d) == CB_VERB_ERROR && d.last.error.code == CB_EUSAGE); /* only init sets addresses */
    *env.env.address = '\0';
    say(&d, &env);
    CU_ASSERT_EQUAL(hear(&d), CB_VERB_READY);
    finish(&d);
}

/* A child of the agent's process, or 0. */
static pid_t child_of(pid_t pid)
{
    char path[64], line[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    return cb_read_line(path, line, sizeof line) == 0 ? (pid_t)strtol(line, NULL, 10) : 0;
}

/* A case that would take half a minute, and has begun. */
static pid_t begin_long_case(struct dialogue *d, uint64_t timeout_ns)
{
    struct cb_wire_msg m = run_message("ctl.spin", 100000000);
    m.run.timeout_ns = timeout_ns;
    say(d, &m);
    CU_ASSERT_EQUAL(hear(d), CB_VERB_MARK);
    return child_of(d->pid);
}

static void case_that_hangs(void)
{
    struct dialogue d;
    greet(&d);
    pid_t child = begin_long_case(&d, CB_NS_PER_S);
    check_error(&d, CB_ETIMEOUT, "ctl.spin: not done after 1.0 s");
    CU_ASSERT(child > 0 && kill(child, 0) < 0); /* gone, and waited for */
    check_goes_on(&d);
    finish(&d);
}

static void case_that_dies(void)
{
    struct dialogue d;
    greet(&d);
    pid_t child = begin_long_case(&d, SOON);
    CU_ASSERT_FATAL(child > 0);
    kill(child, SIGSEGV);
    check_error(&d, CB_ESYS, "killed by signal 11");
    check_goes_on(&d);
    finish(&d);
}

/* Nothing keeps running for a host that is gone: not a case, and no process that a case has started. */
static void host_that_hangs_up(void)
{
    struct cb_wire_msg m = run_message("ctl.switch", UINT64_C(1) << 40);
    struct dialogue d;
    greet(&d);
    pid_t child = begin_long_case(&d, 1000 * CB_NS_PER_S);
    CU_ASSERT_EQUAL(finish(&d), 0);
    CU_ASSERT(child > 0 && kill(child, 0) < 0);

    greet(&d);
    say(&d, &m);
    CU_ASSERT_EQUAL(hear(&d), CB_VERB_MARK);
    child = child_of(d.pid);
    pid_t partner = child_of(child);
    CU_ASSERT_FATAL(child > 0 && partner > 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* so that there is no doubt who waits for it */
    CU_ASSERT_EQUAL(finish(&d), 0);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    CU_ASSERT(kill(child, 0) < 0 && kill(partner, 0) < 0);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void host_that_talks_nonsense(void)
{
    static const char *const lines[] = {"nonsense\n", "sample id=1\n", "pong seq=1 clock_ns=1\n", "\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct cb_err err;
        struct dialogue d;
        greet(&d);
        CU_ASSERT_EQUAL(cb_write_all(d.to, lines[i], strlen(lines[i]), &err), 0);
        CU_ASSERT(hear(&d) == CB_VERB_ERROR && d.last.error.code == CB_EPROTO);
        CU_ASSERT_EQUAL(hear(&d), CB_VERB_BYE);
        CU_ASSERT(WEXITSTATUS(finish(&d)) == 1);
    }
}

static void histogram_in_lines(void)
{
    static struct cb_hist hist;
    struct cb_wire_msg m = run_message("mem.fault", 1);
    struct dialogue d;
    struct cb_err err;
    cb_hist_reset(&hist);
    greet(&d);
    say(&d, &m);
    while (hear(&d) == CB_VERB_MARK || d.last.verb == CB_VERB_SAMPLE)
        ;
    for (; d.last.verb == CB_VERB_HIST; hear(&d))
        CU_ASSERT_EQUAL(cb_hist_scan(&hist, d.last.hist.counts, &err), 0);
    CU_ASSERT_EQUAL(d.last.verb, CB_VERB_DONE);
    CU_ASSERT(hist.total >= 2); /* of two steady samples */
    finish(&d);
}

static void roles(void)
{
    CB_AUTOBUF struct cb_buf out = {0};
    struct cb_err err;
    CU_ASSERT_EQUAL(cb_capture((const char *[]){CB_TEST_AGENT, CB_ROLE_EXIT, NULL}, SOON, 0, &out, &err), 0);
    CU_ASSERT_EQUAL(cb_capture((const char *[]){CB_TEST_AGENT, "list", NULL}, SOON, 10000, &out, &err), 0);
    for (const struct cb_bench *const *b = cb_benchmarks; *b; b++)
        CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&out), (*b)->summary));
    CU_ASSERT_EQUAL(cb_capture((const char *[]){CB_TEST_AGENT, NULL}, SOON, 10000, &out, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "exit status 2: usage: cbench-agent"));
}

const struct cb_suite cb_suite = {
    "agent",
    {
        {"hello, digest, ping, bye", hello_and_bye},
        {"a second agent has the stream for a while", a_second_agent_has_the_stream_for_a_while},
        {"facts", facts},
        {"a calibration ends with its line", calibration_ends_with_its_line},
        {"a histogram comes in lines", histogram_in_lines},
        {"cases that cannot be say why", cases_that_cannot_be},
        {"an address is for init to set", env_with_address},
        {"a case that hangs", case_that_hangs},
        {"a case that dies", case_that_dies},
        {"a host that hangs up", host_that_hangs_up},
        {"a host that talks nonsense", host_that_talks_nonsense},
        {"roles", roles},
        CU_TEST_INFO_NULL,
    },
};
