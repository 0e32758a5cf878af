/* From a write to an eventfd to the thread that waits for it in epoll_wait and has read it: how event loops
 * are told of work. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/kernels/ctl_pair.h"
#include "bench/kernels/scratch.h"

struct descriptors {
    int event, epoll;
};

struct events {
    struct cb_pair pair;
    struct descriptors fds[2];
};

static int ring(void *arg, struct cb_err *err)
{
    const struct descriptors *d = arg;
    return eventfd_write(d->event, 1) < 0 ? cb_fail_sys(err, errno, "write to the eventfd") : 0;
}

static int wait(void *arg, struct cb_err *err)
{
    const struct descriptors *d = arg;
    struct epoll_event ready;
    eventfd_t count;
    while (epoll_wait(d->epoll, &ready, 1, -1) < 0)
        if (errno != EINTR)
            return cb_fail_sys(err, errno, "epoll_wait");
    return eventfd_read(d->event, &count) < 0 ? cb_fail_sys(err, errno, "read the eventfd") : 0;
}

static int open_descriptors(struct descriptors *d, struct cb_err *err)
{
    struct epoll_event in = {.events = EPOLLIN};
    d->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    d->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (d->event < 0 || d->epoll < 0 || epoll_ctl(d->epoll, EPOLL_CTL_ADD, d->event, &in) < 0)
        return cb_fail_sys(err, errno, "make an eventfd to wait for");
    return 0;
}

static void close_descriptors(const struct descriptors *d)
{
    if (d->event >= 0)
        close(d->event);
    if (d->epoll >= 0)
        close(d->epoll);
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    static const struct cb_bell kind = {.ring = ring, .wait = wait};
    struct events *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->pair.kind = &kind;
    for (int i = 0; i < 2; i++) {
        s->fds[i] = (struct descriptors){-1, -1};
        s->pair.side[i].bell = &s->fds[i];
    }
    for (int i = 0; i < 2; i++)
        if (open_descriptors(&s->fds[i], err) < 0)
            return -1;
    return cb_pair_start(&s->pair, run, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct events *s = run->state;
    return cb_pair_loop(&s->pair, run, iters, err);
}

static void teardown(struct cb_run *run)
{
    struct events *s = run->state;
    if (!s)
        return;
    cb_pair_stop(&s->pair);
    for (int i = 0; i < 2; i++)
        close_descriptors(&s->fds[i]);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_ctl_eventfd = {
    .name = "ctl.eventfd",
    .summary = "from a write to an eventfd to where the second thread got it from epoll",
    .revision = 1,
    .metrics = cb_pair_metrics,
    .params = cb_pair_params,
    .variants = cb_pair_variants,
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
