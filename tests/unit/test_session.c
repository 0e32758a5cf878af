/* The session against agents that are good, late, garbled, lying, silent or flooding. */
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/clock.h"
#include "runners/clockcheck.h"
#include "tests/unit/agents.h"

static void count_batch(void *arg, const struct cb_batch *b)
{
    (void)b;
    ++*(unsigned *)arg;
}

/* Whole conversation with a script: open, env, facts, ping, one case. Returns what cb_session_run (or the
 * first step that failed) returned. */
static int converse(cb_script *script, unsigned *batches, struct cb_hist *hist, int *alive,
                    struct cb_err *err)
{
    static struct cb_session s;
    struct cb_link link;
    struct cb_wire_env env = {.scratch = "/s"};
    struct cb_fact facts[4];
    unsigned nfacts;
    struct cb_wire_run run = {
        .id = 3, .bench = "ctl.spin", .iters = 10, .samples_min = 3, .samples_max = 5, .seed = 1};
    struct cb_case_sink sink = {.batch = count_batch, .arg = batches};
    run.timeout_ns = CB_NS_PER_S;
    bool trusted;
    uint64_t deadline = cb_deadline_in(CB_NS_PER_S);
    *alive = 0;
    *batches = 0;
    int pid = cb_script_start(script, &link);
    int got = cb_session_open(&s, &link, CB_SCRIPT_SHA256, NULL, deadline, err);
    if (got == 0)
        got = cb_session_env(&s, &env, deadline, err);
    if (got == 0)
        got = cb_session_facts(&s, facts, 4, &nfacts, deadline, err);
    if (got == 0)
        got = cb_session_ping(&s, deadline, err);
    if (got == 0)
        got = cb_session_run(&s, &run, &sink, hist, &trusted, deadline, alive, err);
    cb_session_close(&s);
    cb_script_end(pid);
    return got;
}

static void good_agent(void)
{
    struct cb_err err = {0};
    unsigned batches;
    int alive;
    CU_ASSERT_EQUAL(converse(cb_script_good, &batches, NULL, &alive, &err), 0);
    CU_ASSERT_EQUAL(batches, 4);
    CU_ASSERT_EQUAL(alive, 1);
}

/* ---- bad agents, one script a way of being bad
 * ------------------------------------------------------------------- */

static void silent(int fd)
{
    (void)fd;
    pause();
}

static void ends_at_once(int fd)
{
    close(fd);
}

static void garbled(int fd)
{
    cb_script_text(fd, "\x01\x02 hello??\n");
    pause();
}

static void overlong(int fd)
{
    char text[1024];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 64; i++)
        cb_script_text(fd, text);
    pause();
}

static void other_bytes(int fd)
{
    struct cb_wire_msg hello = {.verb = CB_VERB_HELLO, .hello = {.build = CB_BUILD_ID, .pid = 1}};
    struct cb_wire_msg digest = {.verb = CB_VERB_DIGEST};
    memset(digest.digest.sha256, 'b', CB_SHA256_HEX - 1);
    cb_script_send(fd, &hello);
    cb_script_send(fd, &digest);
    pause();
}

static void other_build(int fd)
{
    struct cb_wire_msg m = {.verb = CB_VERB_HELLO, .hello = {.build = "0.0.0-w0", .pid = 1}};
    cb_script_send(fd, &m);
    pause();
}

static void dies_in_case(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    cb_script_batch(fd, &run, 0, 1);
}

static void hangs_in_case(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    cb_script_batch(fd, &run, 0, 1);
    pause();
}

static void too_many_samples(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    for (uint32_t seq = 0;; seq++)
        cb_script_batch(fd, &run, seq, 0);
}

static void too_few_samples(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    cb_script_batch(fd, &run, 0, 0);
    struct cb_wire_msg done = {.verb = CB_VERB_DONE, .done = {.id = run.id, .samples = 1}};
    cb_script_send(fd, &done);
    pause();
}

static void miscounts(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    for (uint32_t seq = 0; seq < 4; seq++)
        cb_script_batch(fd, &run, seq, 0);
    struct cb_wire_msg done = {.verb = CB_VERB_DONE, .done = {.id = run.id, .samples = 9}};
    cb_script_send(fd, &done);
    pause();
}

static void other_iterations(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    run.iters++;
    cb_script_batch(fd, &run, 0, 0);
    pause();
}

static void other_case(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    run.id++;
    cb_script_batch(fd, &run, 0, 0);
    pause();
}

static void skips_a_sequence(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    cb_script_batch(fd, &run, 7, 0);
    pause();
}

static void longer_than_bracket(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    uint64_t now = cb_now_ns();
    struct cb_wire_msg mark = {.verb = CB_VERB_MARK, .mark = {.id = run.id, .clock_ns = now}};
    struct cb_wire_msg sample = {
        .verb = CB_VERB_SAMPLE,
        .sample = {.id = run.id, .clock_ns = now + 1000, .sample = {.iters = run.iters, .wall_ns = 2000}}};
    cb_script_send(fd, &mark);
    cb_script_send(fd, &sample);
    pause();
}

static void sample_without_mark(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    struct cb_wire_msg sample = {
        .verb = CB_VERB_SAMPLE,
        .sample = {.id = run.id, .clock_ns = 5000, .sample = {.iters = run.iters, .wall_ns = 2000}}};
    cb_script_send(fd, &sample);
    pause();
}

static void hello_in_case(int fd)
{
    (void)cb_script_greet(fd);
    cb_script_hello(fd);
    pause();
}

static void bad_agents(void)
{
    const struct {
        cb_script *script;
        enum cb_code code;
        const char *say;
    } table[] = {
        {silent, CB_ETIMEOUT, ""},
        {ends_at_once, CB_EPROTO, "ended"},
        {garbled, CB_EPROTO, ""},
        {overlong, CB_EPROTO, ""},
        {other_bytes, CB_EPROTO, "sha256"},
        {other_build, CB_EPROTO, "build"},
        {dies_in_case, CB_EPROTO, "ended"},
        {hangs_in_case, CB_ETIMEOUT, ""},
        {too_many_samples, CB_EPROTO, "more samples"},
        {too_few_samples, CB_EPROTO, "only 1"},
        {miscounts, CB_EPROTO, "counts 9"},
        {other_iterations, CB_EPROTO, "iteration"},
        {other_case, CB_EPROTO, "order"},
        {skips_a_sequence, CB_EPROTO, "order"},
        {longer_than_bracket, CB_EPROTO, "bracket"},
        {sample_without_mark, CB_EPROTO, "order"},
        {hello_in_case, CB_EPROTO, "hello"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct cb_err err = {0};
        unsigned batches;
        int alive;
        CU_ASSERT_EQUAL(converse(table[i].script, &batches, NULL, &alive, &err), -1);
        CU_ASSERT_EQUAL(err.code, table[i].code);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, table[i].say));
        CU_ASSERT_EQUAL(alive, 0);
        if (err.code != table[i].code || !strstr(err.msg, table[i].say))
            printf("row %zu: code %d, %s\n", i, err.code, err.msg);
    }
}

/* ---- an agent that says itself that a case failed
 * ---------------------------------------------------------------- */

static void case_fails(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    struct cb_wire_msg m = {.verb = CB_VERB_ERROR,
                            .error = {.id = run.id, .code = CB_EMISSING, .text = "no io_uring here"}};
    cb_script_send(fd, &m);
    pause();
}

static void failed_case_leaves_the_session(void)
{
    struct cb_err err = {0};
    unsigned batches;
    int alive;
    CU_ASSERT_EQUAL(converse(case_fails, &batches, NULL, &alive, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "no io_uring here"));
    CU_ASSERT_EQUAL(alive, 1);
}

/* ---- clocks
 * ------------------------------------------------------------------------------------------------------ */

/* The agent's clock runs twice as fast as the host's: every sample is kept, the case is not trusted. */
static void fast_clock(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    uint64_t clock = 1000;
    for (uint32_t seq = 0; seq < 4; seq++) {
        struct cb_wire_msg mark = {.verb = CB_VERB_MARK,
                                   .mark = {.id = run.id, .seq = seq, .clock_ns = clock}};
        cb_script_send(fd, &mark);
        cb_sleep_ns(100 * CB_NS_PER_MS);
        clock += 200 * CB_NS_PER_MS;
        struct cb_wire_msg sample = {
            .verb = CB_VERB_SAMPLE,
            .sample = {.id = run.id,
                       .clock_ns = clock,
                       .sample = {.seq = seq, .iters = run.iters, .wall_ns = 190 * CB_NS_PER_MS}}};
        cb_script_send(fd, &sample);
    }
    struct cb_wire_msg done = {.verb = CB_VERB_DONE, .done = {.id = run.id, .samples = 4}};
    cb_script_send(fd, &done);
    pause();
}

static void clocks_are_compared(void)
{
    cb_script *const scripts[] = {cb_script_good, fast_clock};
    for (int i = 0; i < 2; i++) {
        static struct cb_session s;
        struct cb_err err = {0};
        struct cb_link link;
        unsigned batches = 0;
        int alive;
        bool trusted;
        struct cb_case_sink sink = {.batch = count_batch, .arg = &batches};
        struct cb_wire_run run = {
            .id = 1, .bench = "ctl.spin", .iters = 10, .samples_min = 3, .samples_max = 5};
        run.timeout_ns = CB_NS_PER_S;
        uint64_t deadline = cb_deadline_in(20 * CB_NS_PER_S);
        int pid = cb_script_start(scripts[i], &link);
        CU_ASSERT_EQUAL_FATAL(cb_session_open(&s, &link, CB_SCRIPT_SHA256, NULL, deadline, &err), 0);
        CU_ASSERT_EQUAL(cb_session_ping(&s, deadline, &err), 0);
        CU_ASSERT_EQUAL(cb_session_run(&s, &run, &sink, NULL, &trusted, deadline, &alive, &err), 0);
        CU_ASSERT_EQUAL(batches, 4);
        CU_ASSERT_EQUAL(trusted, i == 0);
        cb_session_close(&s);
        cb_script_end(pid);
    }
}

/* Stamps of a clock that runs at `rate` of the host's, every third line late by `late`. */
static void fill(struct cb_stamp *s, size_t n, double rate, uint64_t late)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t at = 5 * CB_NS_PER_MS * i;
        s[i] = (struct cb_stamp){77 + (uint64_t)((double)at * rate), 1000000 + at + (i % 3 == 1 ? late : 0)};
    }
}

static void delays_are_not_drift(void)
{
    struct cb_stamp s[60];
    fill(s, 60, 1, 0);
    CU_ASSERT(cb_clocks_agree(s, 60, 0));
    fill(s, 60, 1, 40 * CB_NS_PER_MS); /* late by eight batches */
    CU_ASSERT(cb_clocks_agree(s, 60, 0));
    fill(s, 60, 1.01, 40 * CB_NS_PER_MS);
    CU_ASSERT_FALSE(cb_clocks_agree(s, 60, 0));
    fill(s, 60, 0.99, 0);
    CU_ASSERT_FALSE(cb_clocks_agree(s, 60, 0));
    fill(s, 60, 1, 0);
    for (int i = 30; i < 60; i++)
        s[i].agent_ns += 20 * CB_NS_PER_MS; /* a step in the middle */
    CU_ASSERT_FALSE(cb_clocks_agree(s, 60, 0));
    CU_ASSERT(cb_clocks_agree(s, 60, 100 * CB_NS_PER_MS)); /* below what stamps may be off by */
    CU_ASSERT(cb_clocks_agree(s, 5, 0));                   /* too few to say anything */
    CU_ASSERT(cb_clocks_agree(s, 0, 0));
}

/* ---- stop
 * -------------------------------------------------------------------------------------------------------- */

static volatile int stop;

static void set_stop(int sig)
{
    (void)sig;
    stop = 1;
}

static void stop_ends_a_wait(void)
{
    static struct cb_session s;
    struct cb_err err = {0};
    struct cb_link link;
    int pid = cb_script_start(silent, &link);
    signal(SIGALRM, set_stop);
    alarm(1);
    CU_ASSERT_EQUAL(
        cb_session_open(&s, &link, CB_SCRIPT_SHA256, &stop, cb_deadline_in(60 * CB_NS_PER_S), &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EINTR);
    cb_script_end(pid);
}

/* --- noise ------------------------------------------------------------------------------------------- */

static void noise_flood(int fd)
{
    struct cb_wire_msg ready = {.verb = CB_VERB_READY};
    struct cb_wire_msg item = {.verb = CB_VERB_FACT, .fact = {.key = "memory.ksm", .value = "1"}};
    struct cb_wire_msg unknown = {.verb = CB_VERB_FACT, .fact = {.key = "memory.ksm2", .value = "1"}};
    struct cb_wire_msg overlong = item;
    cb_script_hello(fd);
    cb_script_expect(fd);
    memset(overlong.fact.value, '9', sizeof overlong.fact.value - 1);
    cb_script_send(fd, &overlong);
    for (int i = 0; i < 2 * CB_NOISE_ITEMS; i++) {
        cb_script_send(fd, &unknown);
        cb_script_send(fd, &item);
    }
    cb_script_send(fd, &ready);
    pause();
}

static void noise_of_another_kind(int fd)
{
    struct cb_wire_msg item = {.verb = CB_VERB_FACT, .fact = {.key = "memory.ksm", .value = "1"}};
    struct cb_wire_msg pong = {.verb = CB_VERB_PONG};
    cb_script_hello(fd);
    cb_script_expect(fd);
    cb_script_send(fd, &item);
    cb_script_send(fd, &pong);
    pause();
}

static void noise_is_not_believed(void)
{
    static const struct {
        cb_script *script;
        int got;
        unsigned items;
        const char *says;
    } rows[] = {
        {noise_flood, 0, CB_NOISE_ITEMS, ""},
        {noise_of_another_kind, -1, 0, "reading noise: got pong"},
        {cb_script_hello, -1, 0, "reading noise: "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct cb_session s;
        struct cb_link link;
        struct cb_err err = {0};
        struct cb_noise noise = {.n = 7};
        uint64_t deadline = cb_deadline_in(CB_NS_PER_S);
        int pid = cb_script_start(rows[i].script, &link);
        CU_ASSERT_EQUAL(cb_session_open(&s, &link, CB_SCRIPT_SHA256, NULL, deadline, &err), 0);
        CU_ASSERT_EQUAL(cb_session_noise(&s, &noise, deadline, &err), rows[i].got);
        CU_ASSERT_EQUAL(noise.n, rows[i].items);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, rows[i].says));
        cb_session_close(&s);
        cb_script_end(pid);
    }
}

const struct cb_suite cb_suite = {
    "session",
    {{"a good agent", good_agent},
     {"bad agents end with one clear error", bad_agents},
     {"a failed case leaves the session usable", failed_case_leaves_the_session},
     {"the agent's clock is held against the host's", clocks_are_compared},
     {"late lines are not a drift of the clock", delays_are_not_drift},
     {"noise is not believed", noise_is_not_believed},
     {"stop ends a wait", stop_ends_a_wait},
     CU_TEST_INFO_NULL}};
