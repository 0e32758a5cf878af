#include "bench/base/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/buf.h"
#include "bench/base/cleanup.h"
#include "bench/base/clock.h"

void cb_err_send(int fd, const struct cb_err *err)
{
    /* Smaller than PIPE_BUF: one write is all or nothing, and there is no one to tell of a failure. */
    ssize_t n = write(fd, err, sizeof *err);
    (void)n;
}

int cb_err_recv(int fd, struct cb_err *err)
{
    struct cb_err got;
    size_t have = 0;
    while (have < sizeof got) {
        ssize_t n = read(fd, (char *)&got + have, sizeof got - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cb_fail_sys(err, errno, "read the child's error");
        if (n == 0)
            break;
        have += (size_t)n;
    }
    if (have == 0)
        return 0;
    if (have < sizeof got || got.code <= CB_OK || got.code > CB_EUNFIT)
        return cb_fail(err, CB_EPROTO, "the child sent a garbled error");
    cb_fail(err, got.code, "%.*s", (int)sizeof got.msg - 1, got.msg);
    err->sys = got.sys;
    return -1;
}

/* The descriptor, or /dev/null for -1, as a new one above 2: dup2 onto 0..2 must not overwrite a source that
 * is still to come. */
static int above_stdio(int fd, struct cb_err *err)
{
    CB_AUTOFD int null = -1;
    if (fd < 0 && (fd = null = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
        return cb_fail_sys(err, errno, "open /dev/null");
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return high < 0 ? cb_fail_sys(err, errno, "duplicate descriptor %d", fd) : high;
}

static int wire_stdio(const struct cb_spawn *s, struct cb_err *err)
{
    const int from[3] = {s->fd_in, s->fd_out, s->fd_err};
    int high[3];
    for (int i = 0; i < 3; i++)
        if ((high[i] = above_stdio(from[i], err)) < 0)
            return -1;
    for (int i = 0; i < 3; i++)
        if (dup2(high[i], i) < 0)
            return cb_fail_sys(err, errno, "descriptor %d", i);
    return 0;
}

/* Handlers do not survive exec, but ignored signals and the mask do. */
static void default_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int pin(int cpu, struct cb_err *err)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) < 0 ? cb_fail_sys(err, errno, "pin to CPU %d", cpu) : 0;
}

int cb_die_with_parent(pid_t parent, struct cb_err *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return cb_fail_sys(err, errno, "PR_SET_PDEATHSIG");
    /* It may have died before that. 0: the parent is outside of our pid namespace. */
    pid_t now = getppid();
    return now != parent && now != 0 ? cb_fail_sys(err, ESRCH, "parent") : 0;
}

/* The child's way to exec; returns only on failure. */
static int become(const struct cb_spawn *s, pid_t parent, struct cb_err *err)
{
    char *const *argv = (char *const *)s->argv;
    char *const *envp = s->envp ? (char *const *)s->envp : environ;
    default_signals();
    if (wire_stdio(s, err) < 0)
        return -1;
    if (s->cpu >= 0 && pin(s->cpu, err) < 0)
        return -1;
    if (s->die_with_parent && cb_die_with_parent(parent, err) < 0)
        return -1;
    if (s->before_exec && s->before_exec(s->arg, err) < 0)
        return -1;
    if (s->search)
        execvpe(argv[0], argv, envp);
    else
        execve(argv[0], argv, envp);
    cb_fail_sys(err, errno, "exec %s", argv[0]);
    /* Of a search EACCES says only that one directory of PATH was closed to us. */
    if (err->sys == ENOENT || (s->search && err->sys == EACCES))
        err->code = CB_EMISSING;
    return -1;
}

static __attribute__((noreturn)) void child(const struct cb_spawn *s, pid_t parent, int report)
{
    struct cb_err err;
    int high = above_stdio(report, &err);
    if (high >= 0) {
        become(s, parent, &err);
        report = high;
    }
    cb_err_send(report, &err);
    _exit(127);
}

int cb_pidfd(pid_t pid, struct cb_err *err)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? cb_fail_sys(err, errno, "pidfd_open") : fd;
}

int cb_spawn(const struct cb_spawn *s, pid_t *pid, int *pidfd, struct cb_err *err)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return cb_fail_sys(err, errno, "pipe");
    pid_t parent = getpid();
    *pid = fork();
    if (*pid == 0)
        child(s, parent, report[1]);
    int cause = errno;
    close(report[1]);
    CB_AUTOFD int from_child = report[0];
    if (*pid < 0)
        return cb_fail_sys(err, cause, "fork");
    if (cb_err_recv(from_child, err) < 0 || (pidfd && (*pidfd = cb_pidfd(*pid, err)) < 0)) {
        cb_kill_wait(*pid);
        *pid = -1;
        return -1;
    }
    return 0;
}

int cb_wait(pid_t pid, uint64_t deadline, int *status, struct cb_err *err)
{
    CB_AUTOFD int fd = cb_pidfd(pid, err);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (fd < 0)
        return -1;
    int n;
    do
        n = poll(&p, 1, cb_deadline_poll_ms(deadline));
    while (n == 0 && cb_deadline_remaining_ns(deadline) > 0);
    if (n == 0)
        return cb_fail(err, CB_ETIMEOUT, "process %d did not end in time", (int)pid);
    if (n < 0 && errno == EINTR)
        return cb_fail(err, CB_EINTR, "interrupted by a signal");
    if (n < 0)
        return cb_fail_sys(err, errno, "poll");
    if (waitpid(pid, status, 0) < 0)
        return cb_fail_sys(err, errno, "wait for process %d", (int)pid);
    return 0;
}

void cb_kill_wait(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* The end of what a command wrote to stderr: its last line says why it failed. */
struct tail {
    char text[400];
    size_t len;
};

static void tail_add(struct tail *t, const char *bytes, size_t n)
{
    size_t room = sizeof t->text - 1;
    if (n > room) {
        bytes += n - room;
        n = room;
    }
    size_t keep = t->len + n > room ? room - n : t->len;
    memmove(t->text, t->text + t->len - keep, keep);
    memcpy(t->text + keep, bytes, n);
    t->len = keep + n;
    t->text[t->len] = '\0';
}

static const char *tail_last_line(struct tail *t)
{
    while (t->len > 0 && t->text[t->len - 1] == '\n')
        t->text[--t->len] = '\0';
    const char *newline = strrchr(t->text, '\n');
    return newline ? newline + 1 : t->text;
}

/* A command whose output is being read. */
struct capture {
    struct pollfd from[2]; /* stdout, stderr; fd -1 when it ended */
    size_t room;           /* bytes of stdout that may still come */
    struct cb_buf *out;
    struct tail errors;
};

static int take_chunk(struct capture *c, int i, struct cb_err *err)
{
    char chunk[4096];
    ssize_t n = read(c->from[i].fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR)
        return 0;
    if (n < 0)
        return cb_fail_sys(err, errno, "read");
    if (n == 0)
        c->from[i].fd = -1;
    else if (i == 1)
        tail_add(&c->errors, chunk, (size_t)n);
    else if ((size_t)n > c->room)
        return cb_fail_sys(err, EFBIG, "read its output");
    else {
        cb_buf_add(c->out, chunk, (size_t)n);
        c->room -= (size_t)n;
    }
    return 0;
}

static int pump(struct capture *c, uint64_t deadline, struct cb_err *err)
{
    while (c->from[0].fd >= 0 || c->from[1].fd >= 0) {
        int n = poll(c->from, 2, cb_deadline_poll_ms(deadline));
        if (n < 0 && errno == EINTR)
            return cb_fail(err, CB_EINTR, "interrupted by a signal");
        if (n < 0)
            return cb_fail_sys(err, errno, "poll");
        if (cb_deadline_remaining_ns(deadline) == 0)
            return cb_fail(err, CB_ETIMEOUT, "did not end in time");
        for (int i = 0; i < 2; i++)
            if (c->from[i].revents && take_chunk(c, i, err) < 0)
                return -1;
    }
    return 0;
}

/* Output first, then the exit status: a child whose pipe is full never ends. */
static int collect(struct capture *c, pid_t pid, uint64_t deadline, struct cb_err *err)
{
    int status;
    if (pump(c, deadline, err) < 0 || cb_wait(pid, deadline, &status, err) < 0) {
        cb_kill_wait(pid);
        return -1;
    }
    if (WIFSIGNALED(status))
        return cb_fail(err, CB_ESYS, "killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return cb_fail(err, CB_ESYS, "exit status %d: %s", WEXITSTATUS(status), tail_last_line(&c->errors));
    return c->out && !cb_buf_ok(c->out) ? cb_fail_sys(err, ENOMEM, "keep its output") : 0;
}

static void close_now(int *fd)
{
    cb_cleanup_fd(fd);
    *fd = -1;
}

/* A pipe of which the reading end stays here. */
static int make_pipe(int *read_end, int *write_end, struct cb_err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return cb_fail_sys(err, errno, "pipe");
    *read_end = ends[0];
    *write_end = ends[1];
    return 0;
}

int cb_capture(const char *const *argv, uint64_t timeout_ns, size_t max, struct cb_buf *out,
               struct cb_err *err)
{
    CB_AUTOFD int out_read = -1;
    CB_AUTOFD int out_write = -1;
    CB_AUTOFD int err_read = -1;
    CB_AUTOFD int err_write = -1;
    pid_t pid;
    if ((out && make_pipe(&out_read, &out_write, err) < 0) || make_pipe(&err_read, &err_write, err) < 0)
        return -1;
    struct cb_spawn s = {.argv = argv,
                         .search = true,
                         .fd_in = -1,
                         .fd_out = out_write,
                         .fd_err = err_write,
                         .cpu = -1,
                         .die_with_parent = true};
    if (cb_spawn(&s, &pid, NULL, err) < 0)
        return -1;
    /* Ours too would keep the pipes from ending. */
    close_now(&out_write);
    close_now(&err_write);
    struct capture c = {.from = {{.fd = out_read, .events = POLLIN}, {.fd = err_read, .events = POLLIN}},
                        .room = max,
                        .out = out};
    return collect(&c, pid, cb_deadline_in(timeout_ns), err) < 0 ? cb_wrap(err, "%s", argv[0]) : 0;
}

void cb_close_all_but(const int *keep, size_t n)
{
    DIR *d = opendir("/proc/self/fd");
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        int fd = atoi(e->d_name);
        bool kept = fd <= STDERR_FILENO || fd == dirfd(d);
        for (size_t i = 0; i < n; i++)
            kept |= fd == keep[i];
        if (!kept)
            close(fd);
    }
    closedir(d);
}
