#include "tests/unit/agents.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/clock.h"

int cb_script_start(cb_script *script, struct cb_link *link)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    signal(SIGPIPE, SIG_IGN); /* as cbench itself: an agent that is gone is an error, not a death */
    int pid = fork();
    if (pid == 0) {
        close(pair[0]);
        script(pair[1]);
        _exit(0);
    }
    close(pair[1]);
    *link = (struct cb_link){pair[0], pair[0]};
    return pid;
}

void cb_script_end(int pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

void cb_script_send(int fd, const struct cb_wire_msg *m)
{
    struct cb_err err;
    if (cb_wire_send(fd, m, &err) < 0)
        _exit(1);
}

void cb_script_text(int fd, const char *text)
{
    struct cb_err err;
    if (cb_write_all(fd, text, strlen(text), &err) < 0)
        _exit(1);
}

struct cb_wire_msg cb_script_expect(int fd)
{
    static struct cb_lines lines = {.fd = -1};
    struct cb_wire_msg m;
    struct cb_err err;
    char *line;
    if (lines.fd != fd)
        cb_lines_init(&lines, fd);
    if (cb_lines_next(&lines, cb_deadline_in(20 * CB_NS_PER_S), &line, &err) != 1 ||
        cb_wire_decode(line, &m, &err) < 0)
        _exit(1);
    return m;
}

void cb_script_hello(int fd)
{
    struct cb_wire_msg hello = {.verb = CB_VERB_HELLO, .hello = {.build = CB_BUILD_ID, .pid = 1}};
    struct cb_wire_msg digest = {.verb = CB_VERB_DIGEST, .digest = {CB_SCRIPT_SHA256}};
    cb_script_send(fd, &hello);
    cb_script_send(fd, &digest);
}

static void answer(int fd, const struct cb_wire_msg *m)
{
    struct cb_wire_msg ready = {.verb = CB_VERB_READY};
    struct cb_wire_msg fact = {.verb = CB_VERB_FACT, .fact = {.key = "kernel", .value = "6.1 = \"x\" %"}};
    struct cb_wire_msg source = {.verb = CB_VERB_FACT, .fact = {.key = "time.source", .value = "tsc"}};
    struct cb_wire_msg again = {.verb = CB_VERB_FACT, .fact = {.key = "cpu.steal_ns", .value = "40"}};
    struct cb_wire_msg pong = {.verb = CB_VERB_PONG, .ping = {.seq = m->ping.seq, .clock_ns = cb_now_ns()}};
    if (m->verb == CB_VERB_PING)
        cb_script_send(fd, &pong);
    if (m->verb == CB_VERB_FACTS)
        cb_script_send(fd, &fact);
    if (m->verb == CB_VERB_NOISE) {
        cb_script_send(fd, &fact); /* no item of noise */
        cb_script_send(fd, &source);
        cb_script_send(fd, &again);
    }
    if (m->verb == CB_VERB_FACTS || m->verb == CB_VERB_NOISE || m->verb == CB_VERB_ENV)
        cb_script_send(fd, &ready);
}

struct cb_wire_run cb_script_greet(int fd)
{
    cb_script_hello(fd);
    for (;;) {
        struct cb_wire_msg m = cb_script_expect(fd);
        if (m.verb == CB_VERB_RUN)
            return m.run;
        if (m.verb == CB_VERB_BYE)
            _exit(0);
        answer(fd, &m);
    }
}

void cb_script_batch(int fd, const struct cb_wire_run *run, uint32_t seq, uint32_t warm)
{
    uint64_t begin = cb_now_ns();
    struct cb_wire_msg mark = {.verb = CB_VERB_MARK, .mark = {.id = run->id, .seq = seq, .clock_ns = begin}};
    cb_script_send(fd, &mark);
    cb_sleep_ns(CB_NS_PER_MS);
    uint64_t end = cb_now_ns();
    struct cb_wire_msg sample = {
        .verb = CB_VERB_SAMPLE,
        .sample =
            {.id = run->id,
             .warm = warm,
             .clock_ns = end,
             .sample = {.seq = seq, .iters = run->iters, .work = 1, .wall_ns = end - begin, .cpu_ns = 1000}},
    };
    cb_script_send(fd, &sample);
}

static void run_well(int fd, const struct cb_wire_run *run)
{
    if (run->iters == 0) {
        struct cb_wire_msg calib = {.verb = CB_VERB_CALIB,
                                    .calib = {.id = run->id, .iters = 1000, .wall_ns = 1000000}};
        cb_script_send(fd, &calib);
        return;
    }
    for (uint32_t seq = 0; seq <= run->samples_min; seq++)
        cb_script_batch(fd, run, seq, seq == 0);
    struct cb_wire_msg done = {.verb = CB_VERB_DONE,
                               .done = {.id = run->id, .samples = run->samples_min + 1, .checksum = 1}};
    cb_script_send(fd, &done);
}

void cb_script_good(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    for (;;) {
        run_well(fd, &run);
        struct cb_wire_msg m = cb_script_expect(fd);
        while (m.verb == CB_VERB_NOISE) {
            answer(fd, &m);
            m = cb_script_expect(fd);
        }
        if (m.verb == CB_VERB_BYE)
            return;
        if (m.verb == CB_VERB_RUN)
            run = m.run;
    }
}
