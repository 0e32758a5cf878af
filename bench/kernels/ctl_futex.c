/* From futex wake to the thread that slept on it: what locks and condition variables are made of. */
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/kernels/ctl_pair.h"
#include "bench/kernels/scratch.h"

struct word {
    _Atomic uint32_t rung;
    char rest[60]; /* a cache line for each */
};

struct futex {
    struct cb_pair pair;
    struct word words[2];
};

static int ring(void *arg, struct cb_err *err)
{
    struct word *w = arg;
    atomic_store_explicit(&w->rung, 1, memory_order_release);
    if (syscall(SYS_futex, &w->rung, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) < 0)
        return cb_fail_sys(err, errno, "futex wake");
    return 0;
}

/* EAGAIN: it was rung in this moment. */
static int wait(void *arg, struct cb_err *err)
{
    struct word *w = arg;
    while (atomic_exchange_explicit(&w->rung, 0, memory_order_acquire) == 0)
        if (syscall(SYS_futex, &w->rung, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) < 0 && errno != EAGAIN &&
            errno != EINTR)
            return cb_fail_sys(err, errno, "futex wait");
    return 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    static const struct cb_bell kind = {.ring = ring, .wait = wait};
    struct futex *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->pair.kind = &kind;
    for (int i = 0; i < 2; i++)
        s->pair.side[i].bell = &s->words[i];
    return cb_pair_start(&s->pair, run, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct futex *s = run->state;
    return cb_pair_loop(&s->pair, run, iters, err);
}

static void teardown(struct cb_run *run)
{
    struct futex *s = run->state;
    if (s)
        cb_pair_stop(&s->pair);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_ctl_futex = {
    .name = "ctl.futex",
    .summary = "from futex wake to where the second thread runs",
    .revision = 1,
    .metrics = cb_pair_metrics,
    .params = cb_pair_params,
    .variants = cb_pair_variants,
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
