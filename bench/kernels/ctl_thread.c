/* A thread made and joined. In a container the C library asks for clone3 first, which the filter answers with
 * ENOSYS as it cannot see its flags, and then for clone. */
#include <pthread.h>
#include <stdlib.h>

#include "bench/kernels/cpus.h"
#include "bench/kernels/scratch.h"

/* The default is the limit of the process's own stack, and arms may differ in it. The C library keeps the
 * stack of a thread that ended for the next one: mapping it is not in here. */
#define STACK_BYTES (256 * 1024)

struct thread {
    pthread_attr_t attr;
};

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct thread *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    int failed = pthread_attr_init(&s->attr);
    if (!failed)
        failed = pthread_attr_setstacksize(&s->attr, STACK_BYTES);
    if (failed)
        return cb_fail_sys(err, failed, "choose the size of a stack");
    return cb_cpus_pin(0, err); /* or a thread might run beside its maker, or might not */
}

static void *nothing(void *arg)
{
    return arg;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct thread *s = run->state;
    for (uint64_t i = 0; i < iters; i++) {
        pthread_t thread;
        void *result = NULL;
        int failed = pthread_create(&thread, &s->attr, nothing, run);
        if (failed)
            return cb_fail_sys(err, failed, "make a thread");
        failed = pthread_join(thread, &result);
        if (failed)
            return cb_fail_sys(err, failed, "join a thread");
        run->sink += result == run;
    }
    return 0;
}

static void teardown(struct cb_run *run)
{
    free(run->state);
    run->state = NULL;
}

const struct cb_bench cb_ctl_thread = {
    .name = "ctl.thread",
    .summary = "a thread made and joined",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "time", .unit = "us", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-3},
            {.quantity = NULL},
        },
    .variants = (const struct cb_variant[]){{"", CB_SET_FULL}, {.params = NULL}},
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
