/* A byte goes to a second process over a pipe and comes back: two system calls and two context switches a
 * way. Both processes stay on one CPU, otherwise the scheduler's choice would be measured: the time is
 * bimodal. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/proc.h"
#include "bench/bench.h"
#include "bench/kernels/cpus.h"

struct partner {
    int to, from; /* our ends */
    pid_t pid;
};

/* Sends back each byte until the pipe ends. */
static __attribute__((noreturn)) void answer(pid_t parent, int in, int out)
{
    struct cb_err err;
    char byte;
    if (cb_die_with_parent(parent, &err) < 0)
        _exit(1);
    while (read(in, &byte, 1) == 1 && write(out, &byte, 1) == 1)
        ;
    _exit(0);
}

static int start_partner(struct partner *p, struct cb_err *err)
{
    int there[2], back[2];
    if (pipe2(there, O_CLOEXEC) < 0)
        return cb_fail_sys(err, errno, "pipe");
    p->to = there[1];
    if (pipe2(back, O_CLOEXEC) < 0) {
        close(there[0]);
        return cb_fail_sys(err, errno, "pipe");
    }
    p->from = back[0];
    pid_t parent = getpid();
    p->pid = fork();
    if (p->pid == 0) {
        close(there[1]); /* or the end of the pipe would never be seen */
        answer(parent, there[0], back[1]);
    }
    int cause = errno;
    close(there[0]);
    close(back[1]);
    return p->pid < 0 ? cb_fail_sys(err, cause, "fork") : 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct partner *p = malloc(sizeof *p);
    if (!p)
        return cb_fail_sys(err, ENOMEM, "allocate");
    *p = (struct partner){.to = -1, .from = -1, .pid = -1};
    run->state = p;
    return cb_cpus_pin(0, err) < 0 ? -1 : start_partner(p, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct partner *p = run->state;
    char byte = 1;
    for (uint64_t i = 0; i < iters; i++) {
        if (write(p->to, &byte, 1) != 1)
            return cb_fail_sys(err, errno, "write to the partner");
        if (read(p->from, &byte, 1) != 1)
            return cb_fail(err, CB_ESYS, "the partner process ended");
    }
    run->sink = run->sink + (uint64_t)byte;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct partner *p = run->state;
    if (!p)
        return;
    if (p->to >= 0)
        close(p->to);
    if (p->from >= 0)
        close(p->from);
    cb_kill_wait(p->pid);
    free(p);
    run->state = NULL;
}

static const struct cb_metric metrics[] = {
    {.quantity = "time", .unit = "us", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-3},
    {0},
};

const struct cb_bench cb_ctl_switch = {
    .name = "ctl.switch",
    .summary = "round trip of a byte between two processes on one CPU",
    .revision = 1,
    .metrics = metrics,
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
