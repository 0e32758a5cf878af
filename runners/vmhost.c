#include "runners/vmhost.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"
#include "runners/vmserve.h"

/* A cold open asks qemu for its capabilities: 1.3 s measured, more on a loaded machine. */
#define OPEN_NS (30 * CB_NS_PER_S)
/* Killing all that there is: milliseconds. */
#define CLOSE_NS (10 * CB_NS_PER_S)
/* Looking a domain up takes well under a millisecond, unless libvirt hangs. */
#define STATE_NS (2 * CB_NS_PER_S)

struct cb_vmhost {
    pid_t reaper;
    int life; /* the reaper ends everything when this closes */
    int sock;
    uint32_t seq;
    bool broken;   /* an answer is overdue, or the other side is gone */
    char root[80]; /* the libvirt driver's directory */
    char versions[128];
};

/* What the children of cb_vmhost_open need; all that they keep open. */
struct ends {
    int life, sock, log;
    struct cb_vm_server server;
};

/* ---- the reaper -------------------------------------------------------------------------------------- */

/* The parent of a process, from the fourth field of its stat line; the second may hold anything. */
static pid_t parent_of(const char *pid)
{
    char path[64], line[512];
    struct cb_err ignored;
    if (cb_path(path, sizeof path, &ignored, "/proc/%s/stat", pid) < 0 ||
        cb_read_line(path, line, sizeof line) < 0)
        return 0;
    const char *name_end = strrchr(line, ')');
    int parent = 0;
    return name_end && sscanf(name_end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static void kill_children(void)
{
    DIR *d = opendir("/proc");
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));)
        if (isdigit((unsigned char)e->d_name[0]) && parent_of(e->d_name) == getpid())
            kill(atoi(e->d_name), SIGKILL);
    closedir(d);
}

/* Orphans of those killed become children of this process in turn, until there is nobody left. */
static void kill_descendants(void)
{
    do
        kill_children();
    while (wait(NULL) > 0 || errno == EINTR);
}

/* Collects who ended; true when that was `server`. */
static bool collect(pid_t server)
{
    bool ended = false;
    for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;)
        ended |= pid == server;
    return ended;
}

/* Returns when cbench is gone or wants an end, or the server is gone. */
static void watch(int life, int signals, pid_t server)
{
    struct pollfd p[] = {{.fd = life, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    for (;;) {
        struct signalfd_siginfo info;
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return;
        if (p[0].revents)
            return;
        if (p[1].revents && read(signals, &info, sizeof info) > 0 && collect(server))
            return;
    }
}

/* A session of its own: the terminal's Ctrl-C is for cbench, which ends us in its own time. */
static void detach(const struct ends *e)
{
    const int keep[] = {e->life, e->sock, e->server.netns};
    setsid();
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGCHLD, SIG_DFL); /* were it ignored, ended children could not be waited for */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(e->log, STDOUT_FILENO); /* libvirt and qemu talk; what matters comes back as an error */
    dup2(e->log, STDERR_FILENO);
    cb_close_all_but(keep, sizeof keep / sizeof *keep);
}

static _Noreturn void be_server(const struct ends *e)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(e->life);
    cb_vm_serve(e->sock, &e->server);
}

static _Noreturn void be_reaper(const struct ends *e)
{
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    detach(e);
    sigprocmask(SIG_SETMASK, &chld, NULL);
    int signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t server = fork();
    if (server == 0)
        be_server(e);
    close(e->sock); /* or cbench would not see the server's end */
    if (server > 0 && signals >= 0)
        watch(e->life, signals, server);
    kill_descendants();
    _exit(0);
}

/* ---- cbench's side ----------------------------------------------------------------------------------- */

static int give_up(struct cb_vmhost *v, struct cb_err *err, enum cb_code code, const char *what)
{
    v->broken = true;
    return cb_fail(err, code, "the libvirt process %s", what);
}

/* The answer to the request with this number; older ones are dropped. */
static int receive(struct cb_vmhost *v, uint32_t seq, uint64_t deadline, struct cb_vm_answer *a,
                   struct cb_err *err)
{
    struct pollfd p = {.fd = v->sock, .events = POLLIN};
    do {
        int n;
        while ((n = poll(&p, 1, cb_deadline_poll_ms(deadline))) < 0)
            if (errno != EINTR)
                return cb_fail_sys(err, errno, "poll");
        if (n == 0)
            return give_up(v, err, CB_ETIMEOUT, "does not answer");
        if (recv(v->sock, a, sizeof *a, 0) != (ssize_t)sizeof *a)
            return give_up(v, err, CB_ESYS, "ended");
    } while (a->seq != seq);
    if (a->result < 0)
        *err = a->err;
    return a->result;
}

static int ask(struct cb_vmhost *v, enum cb_vm_op op, const char *text, uint64_t deadline,
               struct cb_vm_answer *a, struct cb_err *err)
{
    struct cb_vm_request q = {.seq = ++v->seq, .op = op, .deadline = deadline};
    if (v->broken)
        return cb_fail(err, CB_ESYS, "the libvirt process has failed before");
    if (cb_path(q.text, sizeof q.text, err, "%s", text) < 0)
        return -1;
    if (send(v->sock, &q, sizeof q, MSG_NOSIGNAL) < 0)
        return give_up(v, err, CB_ESYS, "ended");
    return receive(v, q.seq, deadline, a, err);
}

int cb_vmhost_create(struct cb_vmhost *v, const char *xml, uint64_t deadline, struct cb_err *err)
{
    struct cb_vm_answer a;
    return ask(v, CB_VM_CREATE, xml, deadline, &a, err);
}

int cb_vmhost_destroy(struct cb_vmhost *v, const char *domain, uint64_t deadline, struct cb_err *err)
{
    struct cb_vm_answer a;
    return ask(v, CB_VM_DESTROY, domain, deadline, &a, err);
}

int cb_vmhost_stopped(struct cb_vmhost *v, const char *domain, char *out, size_t cap)
{
    struct cb_vm_answer a;
    struct cb_err err;
    if (ask(v, CB_VM_STATE, domain, cb_deadline_in(STATE_NS), &a, &err) < 0)
        snprintf(out, cap, "%s", err.msg);
    else
        snprintf(out, cap, "%s", a.text);
    return *out != '\0';
}

/* The child that is to become qemu writes its number there right before. */
static int pid_file(const struct cb_vmhost *v, const char *domain, char *out, size_t cap)
{
    struct cb_err ignored;
    return cb_path(out, cap, &ignored, "%s/run/qemu/%s.pid", v->root, domain);
}

pid_t cb_vmhost_pid(const struct cb_vmhost *v, const char *domain)
{
    char path[256];
    uint64_t pid;
    if (pid_file(v, domain, path, sizeof path) < 0 || cb_read_u64(path, &pid) < 0 || pid > INT32_MAX)
        return 0;
    return (pid_t)pid;
}

/* Files have the time of day. */
uint64_t cb_vmhost_began(const struct cb_vmhost *v, const char *domain)
{
    char path[256];
    struct stat st;
    if (pid_file(v, domain, path, sizeof path) < 0 || stat(path, &st) < 0)
        return 0;
    uint64_t written = (uint64_t)st.st_mtim.tv_sec * CB_NS_PER_S + (uint64_t)st.st_mtim.tv_nsec;
    return cb_now_ns() - (cb_clock_ns(CLOCK_REALTIME) - written);
}

const char *cb_vmhost_versions(const struct cb_vmhost *v)
{
    return v->versions;
}

bool cb_vmhost_usable(const struct cb_vmhost *v)
{
    return v && !v->broken;
}

void cb_vmhost_close(struct cb_vmhost *v)
{
    int status;
    struct cb_err ignored;
    if (!v)
        return;
    cb_cleanup_fd(&v->sock);
    cb_cleanup_fd(&v->life);
    if (v->reaper > 0 && cb_wait(v->reaper, cb_deadline_in(CLOSE_NS), &status, &ignored) < 0)
        cb_kill_wait(v->reaper);
    free(v);
}

static int make_ends(struct cb_vmhost *v, int *life, int *sock, struct cb_err *err)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return cb_fail_sys(err, errno, "pipe");
    *life = pair[0];
    v->life = pair[1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return cb_fail_sys(err, errno, "socketpair");
    *sock = pair[0];
    v->sock = pair[1];
    return 0;
}

static int open_log(const char *path, struct cb_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? cb_fail_sys(err, errno, "open %s", path) : fd;
}

static int start(struct cb_vmhost *v, const struct cb_site *site, struct cb_err *err)
{
    char cache[sizeof site->cache_dir + 16], log[sizeof v->root + 16];
    struct cb_vm_answer first;
    CB_AUTOFD int life = -1;
    CB_AUTOFD int sock = -1;
    if (cb_path(v->root, sizeof v->root, err, "%s/v", site->state_dir) < 0 ||
        cb_path(cache, sizeof cache, err, "%s/libvirt", site->cache_dir) < 0 ||
        cb_path(log, sizeof log, err, "%s/libvirt.log", site->state_dir) < 0)
        return -1;
    CB_AUTOFD int log_fd = open_log(log, err);
    if (log_fd < 0 || make_ends(v, &life, &sock, err) < 0)
        return -1;
    bool embed = !*site->connect;
    struct ends ends = {.life = life, .sock = sock, .log = log_fd};
    ends.server = (struct cb_vm_server){.connect = site->connect,
                                        .root = v->root,
                                        .cache = cache,
                                        .netns = embed && site->fabric ? cb_fabric_netns(site->fabric) : -1};
    v->reaper = fork();
    if (v->reaper < 0)
        return cb_fail_sys(err, errno, "fork");
    if (v->reaper == 0)
        be_reaper(&ends);
    cb_cleanup_fd(&sock); /* or its end would not be seen */
    sock = -1;
    if (receive(v, 0, cb_deadline_in(OPEN_NS), &first, err) < 0)
        return -1;
    return cb_path(v->versions, sizeof v->versions, err, "%s", first.text);
}

int cb_vmhost_open(const struct cb_site *site, struct cb_vmhost **out, struct cb_err *err)
{
    struct cb_vmhost *v = calloc(1, sizeof *v);
    if (!v)
        return cb_fail_sys(err, errno, "start libvirt");
    v->life = v->sock = -1;
    if (start(v, site, err) < 0) {
        cb_vmhost_close(v);
        return cb_wrap(err, "start libvirt");
    }
    *out = v;
    return 0;
}
