/* Children: their start, their output, their end, and how their errors come back. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/buf.h"
#include "bench/base/clock.h"
#include "bench/base/proc.h"
#include "tests/unit/unit.h"

#define SOON (10 * CB_NS_PER_S) /* generous: a test that needs it has failed */

static int capture(const char *const *argv, size_t max, struct cb_buf *out, struct cb_err *err)
{
    return cb_capture(argv, SOON, max, out, err);
}

static void capture_output(void)
{
    CB_AUTOBUF struct cb_buf out = {0};
    struct cb_err err;
    CU_ASSERT_EQUAL(capture((const char *[]){"echo", "$HOME;", "*", NULL}, 100, &out, &err), 0);
    CU_ASSERT_STRING_EQUAL(cb_buf_str(&out), "$HOME; *\n"); /* no shell has seen it */
    CU_ASSERT_EQUAL(capture((const char *[]){"echo", "again", NULL}, 4, &out, &err), -1);
    CU_ASSERT_EQUAL(err.sys, EFBIG);
    CU_ASSERT_EQUAL(capture((const char *[]){"true", NULL}, 0, NULL, &err), 0);
}

static void capture_failures(void)
{
    CB_AUTOBUF struct cb_buf out = {0};
    struct cb_err err;
    CU_ASSERT_EQUAL(capture((const char *[]){"cat", "/nonexistent", NULL}, 100, &out, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.msg, "cat: exit status 1: cat: /nonexistent: No such file or directory");
    CU_ASSERT_EQUAL(capture((const char *[]){"cb-no-such-program", NULL}, 100, &out, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "cb-no-such-program"));
    CU_ASSERT_EQUAL(cb_capture((const char *[]){"sleep", "100", NULL}, 20 * CB_NS_PER_MS, 100, &out, &err),
                    -1);
    CU_ASSERT_EQUAL(err.code, CB_ETIMEOUT);
}

/* More than a pipe holds on both outputs at once; of stderr only the end is kept. */
static void capture_much(void)
{
    enum { FILES = 3000 };
    static const char *argv[FILES + 3];
    CB_AUTOBUF struct cb_buf out = {0};
    struct cb_err err;
    argv[0] = "cat";
    for (int i = 0; i < FILES; i++)
        argv[1 + i] = i % 2 ? "/etc/passwd" : "/nonexistent/and/long/enough/to/fill/a/pipe/in/some/hundreds";
    argv[FILES + 1] = "/last";
    CU_ASSERT_EQUAL(capture(argv, 100 << 20, &out, &err), -1);
    CU_ASSERT(out.len > 1 << 16);
    CU_ASSERT_STRING_EQUAL(err.msg, "cat: exit status 1: cat: /last: No such file or directory");
}

static int refuse(void *arg, struct cb_err *err)
{
    return cb_fail(err, CB_EUNFIT, "refused because of %s", (const char *)arg);
}

static const struct cb_spawn quiet = {.fd_in = -1, .fd_out = -1, .fd_err = -1, .cpu = -1};

static void spawn_errors_reach_the_parent(void)
{
    static const char *const argv[] = {"/bin/true", NULL}, *const none[] = {"/nonexistent", NULL};
    char reason[] = "reasons";
    struct cb_spawn s = quiet;
    struct cb_err err;
    pid_t pid;
    s.argv = argv;
    s.before_exec = refuse;
    s.arg = reason;
    CU_ASSERT(cb_spawn(&s, &pid, NULL, &err) == -1 && pid <= 0);
    CU_ASSERT(err.code == CB_EUNFIT && !strcmp(err.msg, "refused because of reasons"));
    s.before_exec = NULL;
    s.argv = none;
    CU_ASSERT_EQUAL(cb_spawn(&s, &pid, NULL, &err), -1);
    CU_ASSERT(err.sys == ENOENT && !strcmp(err.msg, "exec /nonexistent: No such file or directory"));
    s.argv = argv;
    s.cpu = CPU_SETSIZE - 1;
    CU_ASSERT_EQUAL(cb_spawn(&s, &pid, NULL, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "pin to CPU"));
    CU_ASSERT(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD); /* none is left behind */
}

/* Sources among 0..2 themselves, crossed: a dup2 in the wrong order would lose one. */
static void spawn_crossed_descriptors(void)
{
    static const char *const argv[] = {"cat", NULL}, *const envp[] = {"PATH=/bin:/usr/bin", NULL};
    char got[16] = "";
    int in[2] = {-1, -1}, out[2] = {-1, -1}, status;
    struct cb_spawn s = quiet;
    struct cb_err err;
    pid_t pid;
    CU_ASSERT_FATAL(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    int saved[2] = {fcntl(0, F_DUPFD_CLOEXEC, 10), fcntl(1, F_DUPFD_CLOEXEC, 10)};
    fflush(stdout);
    dup2(out[1], 0);
    dup2(in[0], 1);
    s = (struct cb_spawn){
        .argv = argv, .envp = envp, .search = true, .fd_in = 1, .fd_out = 0, .fd_err = -1, .cpu = -1};
    int failed = cb_spawn(&s, &pid, NULL, &err);
    dup2(saved[0], 0);
    dup2(saved[1], 1);
    close(saved[0]);
    close(saved[1]);
    close(in[0]);
    close(out[1]);
    CU_ASSERT_EQUAL_FATAL(failed, 0);
    CU_ASSERT_EQUAL(write(in[1], "through", 7), 7);
    close(in[1]);
    CU_ASSERT_EQUAL(read(out[0], got, sizeof got - 1), 7);
    CU_ASSERT_STRING_EQUAL(got, "through");
    close(out[0]);
    CU_ASSERT(cb_wait(pid, cb_deadline_in(SOON), &status, &err) == 0 && status == 0);
}

static void wait_and_kill(void)
{
    static const char *const argv[] = {"/bin/sleep", "1000", NULL};
    struct cb_spawn s = quiet;
    struct cb_err err;
    int status, pidfd;
    pid_t pid;
    s.argv = argv;
    s.die_with_parent = true;
    CU_ASSERT_EQUAL_FATAL(cb_spawn(&s, &pid, &pidfd, &err), 0);
    CU_ASSERT_EQUAL(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
    CU_ASSERT_EQUAL(cb_wait(pid, cb_deadline_in(CB_NS_PER_MS), &status, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_ETIMEOUT);
    kill(pid, SIGTERM);
    CU_ASSERT_EQUAL(cb_wait(pid, cb_deadline_in(SOON), &status, &err), 0);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    close(pidfd);
    CU_ASSERT_EQUAL_FATAL(cb_spawn(&s, &pid, NULL, &err), 0);
    cb_kill_wait(pid);
    CU_ASSERT(waitpid(pid, NULL, 0) < 0 && errno == ECHILD);
    cb_kill_wait(-1); /* ignored, and above all not sent to everyone */
}

static void errors_over_a_pipe(void)
{
    struct cb_err sent, got;
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    cb_fail_sys(&sent, EPERM, "mount");
    cb_err_send(ends[1], &sent);
    CU_ASSERT_EQUAL(cb_err_recv(ends[0], &got), -1);
    CU_ASSERT(got.code == CB_ESYS && got.sys == EPERM && !strcmp(got.msg, sent.msg));
    CU_ASSERT_EQUAL(write(ends[1], "junk", 4), 4);
    close(ends[1]);
    CU_ASSERT(cb_err_recv(ends[0], &got) == -1 && got.code == CB_EPROTO);
    CU_ASSERT_EQUAL(cb_err_recv(ends[0], &got), 0); /* end of file: all was well */
    close(ends[0]);
}

const struct cb_suite cb_suite = {
    "proc",
    {
        {"output captured, no shell", capture_output},
        {"failures say why", capture_failures},
        {"more output than a pipe holds", capture_much},
        {"errors before exec reach the parent", spawn_errors_reach_the_parent},
        {"crossed descriptors", spawn_crossed_descriptors},
        {"wait, time out, kill", wait_and_kill},
        {"errors over a pipe", errors_over_a_pipe},
        CU_TEST_INFO_NULL,
    },
};
