/* A byte goes to a second process over a pipe and comes back. On one CPU that is two system calls and a
 * context switch a way. With a CPU for each, every way ends in an interrupt to an idle CPU; in a virtual
 * machine that CPU has halted, and the hypervisor has to wake it. */
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
    /* The partner begins where its parent is, and stays there. */
    if (cb_cpus_pin((unsigned)cb_run_param(run, "cpus"), err) < 0 || start_partner(p, err) < 0)
        return -1;
    return cb_cpus_pin(0, err);
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
    .summary = "round trip of a byte between two processes over pipes",
    .revision = 1,
    .metrics = metrics,
    .params = (const struct cb_param[]){CB_CPUS_PARAM, {.name = NULL}},
    .variants =
        (const struct cb_variant[]){
            {"cpus=same", CB_SET_QUICK},
            {"cpus=other", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
