#include "runners/channels.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/base/proc.h"

/* Each step takes milliseconds; a second one on a loaded machine. */
#define STEP_TIMEOUT_NS (10 * CB_NS_PER_S)

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int open_pair(int *ours, int *theirs, struct cb_err *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return cb_fail_sys(err, errno, "socketpair");
    *ours = ends[0];
    *theirs = ends[1];
    return 0;
}

static int open_all(struct cb_channels *c, struct cb_err *err)
{
    int ends[2];
    c->log = memfd_create("cbench-stderr", MFD_CLOEXEC);
    if (c->log < 0)
        return cb_fail_sys(err, errno, "memfd_create");
    if (pipe2(ends, O_CLOEXEC))
        return cb_fail_sys(err, errno, "pipe");
    c->errors = ends[0];
    c->child.errors = ends[1];
    return open_pair(&c->gate, &c->child.gate, err) || open_pair(&c->stream, &c->child.stream, err) ? -1 : 0;
}

int cb_channels_open(struct cb_channels *c, struct cb_err *err)
{
    *c = (struct cb_channels){-1, -1, -1, -1, {-1, -1, -1}};
    if (open_all(c, err) == 0)
        return 0;
    cb_channels_close(c);
    return -1;
}

void cb_channels_be_parent(struct cb_channels *c)
{
    close_fd(&c->child.gate);
    close_fd(&c->child.errors);
    close_fd(&c->child.stream);
}

void cb_channels_be_child(struct cb_channels *c)
{
    close_fd(&c->gate);
    close_fd(&c->errors);
    close_fd(&c->stream);
}

void cb_channels_be_only(struct cb_channels *c)
{
    const int keep[] = {c->child.gate, c->child.errors, c->child.stream, c->log};
    cb_close_all_but(keep, sizeof keep / sizeof *keep);
    c->gate = c->errors = c->stream = -1;
}

void cb_channels_close(struct cb_channels *c)
{
    cb_channels_be_parent(c);
    cb_channels_be_child(c);
    close_fd(&c->log);
}

/* Until there is something to read or the other side is gone. */
static int await_any(struct pollfd *p, nfds_t fds, const char *what, struct cb_err *err)
{
    uint64_t deadline = cb_deadline_in(STEP_TIMEOUT_NS);
    int n;
    do
        n = poll(p, fds, cb_deadline_poll_ms(deadline));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return cb_fail_sys(err, errno, "wait for %s", what);
    return n ? 0 : cb_fail(err, CB_ETIMEOUT, "%s: nothing happened for 10 s", what);
}

static int await(int fd, const char *what, struct cb_err *err)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return await_any(&p, 1, what, err);
}

/* What the child died of, where it said so. */
static int ask_why(struct cb_channels *c, struct cb_err *err)
{
    if (await(c->errors, "the child's error", err) || cb_err_recv(c->errors, err))
        return -1;
    return cb_fail(err, CB_ESYS, "the child died on its way to exec");
}

int cb_channels_await_ready(struct cb_channels *c, struct cb_err *err)
{
    char byte;
    if (await(c->gate, "the child's preparations", err))
        return -1;
    return recv(c->gate, &byte, 1, 0) == 1 ? 0 : ask_why(c, err);
}

int cb_channels_let_go(struct cb_channels *c, struct cb_err *err)
{
    return send(c->gate, "", 1, MSG_NOSIGNAL) == 1 ? 0 : ask_why(c, err);
}

/* The first byte of the agent is as good a proof as the end of file, and may be there sooner: a zygote closes
 * its copy of the pipe when it gets to run. */
int cb_channels_await_exec(struct cb_channels *c, struct cb_err *err)
{
    struct pollfd p[] = {{.fd = c->errors, .events = POLLIN}, {.fd = c->stream, .events = POLLIN}};
    if (await_any(p, 2, "exec", err))
        return -1;
    return p[0].revents && cb_err_recv(c->errors, err) ? -1 : 0;
}

int cb_channels_ready(struct cb_channels *c, struct cb_err *err)
{
    return send(c->child.gate, "", 1, MSG_NOSIGNAL) == 1 ? 0 : cb_fail_sys(err, errno, "say ready");
}

int cb_channels_wait(struct cb_channels *c, struct cb_err *err)
{
    char byte;
    ssize_t n;
    do
        n = recv(c->child.gate, &byte, 1, 0);
    while (n < 0 && errno == EINTR);
    return n == 1 ? 0 : cb_fail(err, CB_EINTR, "cbench is gone");
}

static size_t how_it_ended(pid_t child, char *out, size_t cap)
{
    siginfo_t info = {.si_pid = 0};
    if (child <= 0 || waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid == 0)
        return 0;
    int n = snprintf(out, cap, "the agent ended with %s %d\n",
                     info.si_code == CLD_EXITED ? "status" : "signal", info.si_status);
    return n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
}

void cb_channels_last_words(const struct cb_channels *c, pid_t child, char *out, size_t cap)
{
    out[0] = '\0';
    size_t used = how_it_ended(child, out, cap), room = cap - used - 1;
    off_t end = c->log < 0 ? 0 : lseek(c->log, 0, SEEK_END);
    if (end <= 0 || room == 0)
        return;
    ssize_t n = pread(c->log, out + used, room, end > (off_t)room ? end - (off_t)room : 0);
    out[used + (size_t)(n > 0 ? n : 0)] = '\0';
}
