/* A program started the old way, fork and exec; vfork and posix_spawn would leave out the copy of the page
 * tables. The program is the agent itself, in a role that ends at once: it is there in every arm, is the same
 * file, has no loader to find, and its pages are in memory. What is not the kernel's is its C library's
 * beginning, which asks the processor what it can do: in a virtual machine each CPUID leaves the guest.
 *
 * The file is opened once. By path each start would also pay for the lookup, and the ways of the arms to the
 * file differ. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/kernels/ctl_parent.h"
#include "bench/kernels/scratch.h"

struct exec {
    struct cb_parent parent;
    int self;
};

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct exec *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->self = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    if (s->self < 0)
        return cb_fail_sys(err, errno, "open /proc/self/exe");
    return cb_parent_setup(run, &s->parent, err);
}

/* No environment: its size is part of what exec copies, and arms have different ones. */
static void become(const struct cb_run *run)
{
    static char name[] = "cbench-agent", role[] = CB_ROLE_EXIT;
    char *const argv[] = {name, role, NULL}, *const envp[] = {NULL};
    const struct exec *s = run->state;
    fexecve(s->self, argv, envp);
    _exit(errno);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    return cb_parent_loop(run, iters, become, err);
}

static void teardown(struct cb_run *run)
{
    struct exec *s = run->state;
    if (!s)
        return;
    if (s->self >= 0)
        close(s->self);
    cb_parent_teardown(&s->parent);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_ctl_exec = {
    .name = "ctl.exec",
    .summary = "fork by a process with 16 MiB in use, exec of a static program, and its end",
    .revision = 1,
    .metrics = cb_parent_metrics,
    .params = cb_parent_params,
    .variants = cb_parent_variants,
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
