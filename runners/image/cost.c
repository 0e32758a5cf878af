#include "runners/image/cost.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/proc.h"

/* What the child leaves, in memory that both see. */
struct outcome {
    int failed; /* stays set when the child dies on its way */
    struct cb_image_cost cost;
    struct cb_err err;
};

static int leave_namespace(struct cb_err *err)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return cb_fail(err, CB_EMISSING, "no mount namespace to be had: %m");
    return 0;
}

static int wait_for(pid_t pid, struct cb_err *err)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return cb_fail_sys(err, errno, "wait");
    return WIFSIGNALED(status) ? cb_fail(err, CB_ESYS, "killed by signal %d", WTERMSIG(status)) : 0;
}

static int run(struct outcome *o, int (*work)(const void *arg, struct cb_image_cost *out, struct cb_err *err),
               const void *arg, struct cb_err *err)
{
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        return cb_fail_sys(err, errno, "fork");
    if (pid == 0) {
        o->failed = cb_die_with_parent(parent, &o->err) < 0 || leave_namespace(&o->err) < 0 ||
                    work(arg, &o->cost, &o->err) < 0;
        _exit(0);
    }
    if (wait_for(pid, err) < 0)
        return -1;
    if (o->failed)
        *err = o->err;
    return o->failed ? -1 : 0;
}

int cb_cost_in_namespace(int (*work)(const void *arg, struct cb_image_cost *out, struct cb_err *err),
                         const void *arg, struct cb_image_cost *out, struct cb_err *err)
{
    struct outcome *o = mmap(NULL, sizeof *o, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (o == MAP_FAILED)
        return cb_fail_sys(err, errno, "share memory with a child");
    o->failed = 1;
    int failed = run(o, work, arg, err);
    *out = o->cost;
    munmap(o, sizeof *o);
    return failed;
}
