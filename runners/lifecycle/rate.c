/* Sustained starts: workers start and stop one instance after the other, all at the same time, each in slots
 * of its own. What is provisioned before a start is so before the first one, and no part of it. One worker is
 * this process itself; more are forked, since what an instance needs of cbench is not shared by threads.
 *
 * CPU time is that of this process and all its descendants, alive or waited for: libvirt and the emulators
 * are among them. What the kernel does in threads of its own (taking down network namespaces) is not. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/proc.h"
#include "runners/lifecycle/fleet.h"
#include "runners/processes.h"

#define WORKERS_MAX 64 /* the parameter's */
/* Starts of a worker: as many as take about a second, and one at least; more than so many tell nothing new.
 */
#define WINDOW_NS  CB_NS_PER_S
#define STARTS_MAX 32
/* How often the parent looks at the stop flag. */
#define STOP_POLL_MS 100

/* What workers and their parent share. */
struct shared {
    volatile int stop;
    struct worker {
        int result;
        struct cb_err err;
    } worker[WORKERS_MAX];
};

static int start_and_stop_all(struct cb_fleet *f, struct cb_err *err)
{
    for (unsigned i = 0; i < f->max; i++) {
        int got = cb_fleet_up(f, err);
        cb_instance_stop(&f->at[i]);
        if (got < 0)
            return -1;
    }
    return 0;
}

static unsigned starts_of(const struct cb_life *l, unsigned workers)
{
    uint64_t each = l->in->start_ns + l->in->stop_ns;
    unsigned n = each ? (unsigned)(WINDOW_NS / each) : 1, room = cb_fleet_max() / workers;
    n = n > STARTS_MAX ? STARTS_MAX : n ? n : 1;
    return n > room ? room : n;
}

/* ---- one worker, which is this process --------------------------------------------------------------- */

static int alone(struct cb_life *l, unsigned starts, struct cb_sample *s, struct cb_err *err)
{
    struct cb_fleet f;
    int got = cb_fleet_open(&f, l, CB_LIFE_SLOT, starts, err) < 0 ? -1 : cb_fleet_prepare_all(&f, err);
    uint64_t begin = cb_now_ns(), cpu = cb_process_tree_cpu_ns(getpid());
    if (got == 0)
        got = start_and_stop_all(&f, err);
    s->wall_ns = cb_now_ns() - begin;
    s->cpu_ns = cb_process_tree_cpu_ns(getpid()) - cpu;
    cb_fleet_down(&f);
    return got;
}

/* ---- several ----------------------------------------------------------------------------------------- */

/* `ready` ends when the last worker has closed its side of it, `gate` when the parent has: go. */
struct crew {
    struct cb_life life; /* of the workers: its stop flag is the shared one */
    struct shared *shared;
    unsigned workers, starts; /* starts of each */
    pid_t pid[WORKERS_MAX];   /* 0: not forked, or reaped */
    int ready[2], gate[2];
};

static void await_end_of_file(int fd)
{
    char byte;
    while (read(fd, &byte, 1) < 0 && errno == EINTR)
        ;
}

static int work(struct crew *c, unsigned i, struct cb_fleet *f, struct cb_err *err)
{
    int got = cb_fleet_open(f, &c->life, CB_LIFE_SLOT + i * c->starts, c->starts, err);
    if (got == 0)
        got = cb_fleet_prepare_all(f, err);
    close(c->ready[1]);
    await_end_of_file(c->gate[0]);
    return got == 0 ? start_and_stop_all(f, err) : -1;
}

static __attribute__((noreturn)) void be_worker(struct crew *c, unsigned i, pid_t parent)
{
    struct worker *w = &c->shared->worker[i];
    struct cb_fleet f = {.at = NULL};
    close(c->ready[0]);
    close(c->gate[1]);
    w->result = cb_die_with_parent(parent, &w->err) < 0 ? -1 : work(c, i, &f, &w->err);
    cb_fleet_down(&f);
    _exit(0);
}

static int fork_workers(struct crew *c, struct cb_err *err)
{
    pid_t parent = getpid();
    for (unsigned i = 0; i < c->workers; i++) {
        c->shared->worker[i].result = -1;
        cb_fail(&c->shared->worker[i].err, CB_ESYS, "worker %u ended without a word", i);
        c->pid[i] = fork();
        if (c->pid[i] < 0)
            return cb_fail_sys(err, errno, "fork");
        if (c->pid[i] == 0)
            be_worker(c, i, parent);
    }
    return 0;
}

static void pass_stop_on(struct crew *c, const struct cb_life *l)
{
    if (l->stop && *l->stop)
        c->shared->stop = 1; /* an instance under way still ends in an orderly way */
}

static void await_ready(struct crew *c, const struct cb_life *l)
{
    struct pollfd p = {.fd = c->ready[0], .events = POLLIN};
    close(c->ready[1]);
    c->ready[1] = -1;
    while (poll(&p, 1, STOP_POLL_MS) <= 0)
        pass_stop_on(c, l);
}

static void await_workers(struct crew *c, const struct cb_life *l)
{
    struct cb_err ignored;
    int status;
    for (unsigned i = 0; i < c->workers; i++) {
        while (c->pid[i] > 0 &&
               cb_wait(c->pid[i], cb_deadline_in(STOP_POLL_MS * CB_NS_PER_MS), &status, &ignored) < 0 &&
               (ignored.code == CB_ETIMEOUT || ignored.code == CB_EINTR))
            pass_stop_on(c, l);
        c->pid[i] = 0;
    }
}

static void let_go(struct crew *c)
{
    cb_cleanup_fd(&c->gate[1]);
    c->gate[1] = -1;
}

static int first_failure(const struct crew *c, struct cb_err *err)
{
    for (unsigned i = 0; i < c->workers; i++)
        if (c->shared->worker[i].result < 0) {
            *err = c->shared->worker[i].err;
            return -1;
        }
    return 0;
}

static int run_crew(struct crew *c, const struct cb_life *l, struct cb_sample *s, struct cb_err *err)
{
    if (pipe2(c->ready, O_CLOEXEC) < 0 || pipe2(c->gate, O_CLOEXEC) < 0)
        return cb_fail_sys(err, errno, "pipe");
    if (fork_workers(c, err) < 0) {
        c->shared->stop = 1;
        let_go(c);
        await_workers(c, l);
        return -1;
    }
    await_ready(c, l);
    pass_stop_on(c, l);
    uint64_t begin = cb_now_ns(), cpu = cb_process_tree_cpu_ns(getpid());
    let_go(c);
    await_workers(c, l);
    s->wall_ns = cb_now_ns() - begin;
    s->cpu_ns = cb_process_tree_cpu_ns(getpid()) - cpu;
    return first_failure(c, err);
}

static int together(struct cb_life *l, unsigned workers, unsigned starts, struct cb_sample *s,
                    struct cb_err *err)
{
    struct crew c = {.life = *l, .workers = workers, .starts = starts, .ready = {-1, -1}, .gate = {-1, -1}};
    void *shared = mmap(NULL, sizeof *c.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return cb_fail_sys(err, errno, "share memory with workers");
    c.shared = shared;
    c.life.stop = &c.shared->stop;
    int got = run_crew(&c, l, s, err);
    for (int i = 0; i < 2; i++) {
        cb_cleanup_fd(&c.ready[i]);
        cb_cleanup_fd(&c.gate[i]);
    }
    munmap(shared, sizeof *c.shared);
    return got;
}

int cb_life_rate(struct cb_life *l, const struct cb_case *c, struct cb_err *err)
{
    unsigned asked = (unsigned)cb_life_param(c, "workers"), cpus = (unsigned)l->site->topo.ncpus;
    unsigned workers = asked ? asked : cpus < WORKERS_MAX ? cpus : WORKERS_MAX;
    if (!asked && workers <= 2)
        return cb_fail(err, CB_EMISSING, "there are %u CPUs: the same as workers=%u", cpus, workers);
    if (workers > 1 && l->arm->runner->one_by_one)
        return cb_fail(err, CB_EMISSING, "%s", l->arm->runner->one_by_one);
    unsigned starts = starts_of(l, workers);
    struct cb_sample s = {.iters = (uint64_t)starts * workers, .work = (uint64_t)starts * workers};
    if ((workers == 1 ? alone(l, starts, &s, err) : together(l, workers, starts, &s, err)) < 0)
        return -1;
    cb_life_sample(l, &s);
    return 0;
}
