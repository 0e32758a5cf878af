#include "bench/kernels/ctl_parent.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/kernels/cpus.h"

/* Of a small server; 4096 entries of page tables, which takes longer to copy than a bare process. */
#define TOUCHED (UINT64_C(16) << 20)

int cb_parent_setup(const struct cb_run *run, struct cb_parent *parent, struct cb_err *err)
{
    parent->pages = cb_run_param(run, "page") ? CB_PAGES_THP : CB_PAGES_4K;
    /* Elsewhere a child could run beside its parent, or not: the scheduler's choice would be measured. */
    if (cb_cpus_pin(0, err) < 0 || !(parent->memory = cb_pages_map(TOUCHED, parent->pages, err)))
        return -1;
    memset(parent->memory, 1, TOUCHED);
    return cb_pages_check(parent->memory, TOUCHED, parent->pages, err);
}

static int await_child(pid_t pid, struct cb_err *err)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return cb_fail_sys(err, errno, "wait for the child");
    if (WIFSIGNALED(status))
        return cb_fail(err, CB_ESYS, "the child was killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return cb_fail_sys(err, WEXITSTATUS(status), "the child");
    return 0;
}

int cb_parent_loop(struct cb_run *run, uint64_t iters, void (*child)(const struct cb_run *run),
                   struct cb_err *err)
{
    for (uint64_t i = 0; i < iters; i++) {
        pid_t pid = fork();
        if (pid < 0)
            return cb_fail_sys(err, errno, "fork");
        if (pid == 0) {
            child(run);
            _exit(EPROTO); /* it must not have returned */
        }
        if (await_child(pid, err) < 0)
            return -1;
    }
    run->sink += iters;
    return 0;
}

void cb_parent_teardown(struct cb_parent *parent)
{
    cb_pages_unmap(parent->memory, TOUCHED, parent->pages);
    parent->memory = NULL;
}

const struct cb_metric cb_parent_metrics[] = {
    {.quantity = "time", .unit = "us", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-3},
    {.quantity = NULL},
};

const struct cb_param cb_parent_params[] = {
    {.name = "page",
     .help = "pages of the parent's 16 MiB",
     .type = CB_PARAM_ENUM,
     .def = "4k",
     .choices = "4k|thp"},
    {.name = NULL},
};

const struct cb_variant cb_parent_variants[] = {
    {"page=4k", CB_SET_STANDARD},
    {"page=thp", CB_SET_FULL},
    {.params = NULL},
};
