/* Starting a program from a file: a static one of some MB, the agent itself, that prints a list to nowhere
 * and ends. Warm: what it touches is in the page cache. Cold: nothing of it is, and the first pages come from
 * the device; the file is dropped before each start, outside of the time that is kept. Nothing pads the file:
 * what no page fault asks for is not read, and would make no start slower. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/base/buf.h"
#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/kernels/scratch.h"

#define PROGRAM_MOST (UINT64_C(256) << 20) /* the agent with debug symbols has a few million bytes */

enum cache { CACHE_WARM, CACHE_COLD };

struct starting {
    int fd; /* of the program, read-only: what is open for writing cannot be run */
    bool cold;
    uint64_t bytes;
    char path[PATH_MAX];
    posix_spawn_file_actions_t actions;
    bool actions_ready;
};

static int copy_program(const struct cb_run *run, struct starting *s, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf program = {0};
    if (cb_scratch_path(run, "program", s->path, sizeof s->path, err) < 0)
        return -1;
    CB_AUTOFD int dir = open(run->scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, errno, "open %s", run->scratch);
    if (cb_read_file(AT_FDCWD, "/proc/self/exe", PROGRAM_MOST, &program, err) < 0 ||
        cb_replace_file(dir, "program", program.data, program.len, 0700, err) < 0)
        return -1;
    s->bytes = program.len;
    s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return s->fd < 0 ? cb_fail_sys(err, errno, "open %s", s->path) : 0;
}

/* Descriptors 0 and 1 may be the agent's line to the host. */
static int close_streams(struct starting *s, struct cb_err *err)
{
    int failed = posix_spawn_file_actions_init(&s->actions);
    s->actions_ready = !failed;
    for (int fd = STDIN_FILENO; !failed && fd <= STDERR_FILENO; fd++)
        failed = posix_spawn_file_actions_addclose(&s->actions, fd);
    return failed ? cb_fail_sys(err, failed, "prepare to start %s", s->path) : 0;
}

static int start_and_wait(const struct starting *s, struct cb_err *err)
{
    char *const argv[] = {(char *)s->path, (char[]){"list"}, NULL}, *const envp[] = {NULL};
    int status;
    pid_t pid;
    int failed = posix_spawn(&pid, s->path, &s->actions, NULL, argv, envp);
    if (failed == EACCES)
        return cb_fail(err, CB_EMISSING, "the filesystem of %s lets no program run", s->path);
    if (failed)
        return cb_fail_sys(err, failed, "start %s", s->path);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return cb_fail_sys(err, errno, "wait for %s", s->path);
    return status ? cb_fail(err, CB_ESYS, "%s ended with wait status %d", s->path, status) : 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct starting *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->fd = -1;
    s->cold = cb_run_param(run, "cache") == CACHE_COLD;
    if (copy_program(run, s, err) < 0 || close_streams(s, err) < 0)
        return -1;
    return start_and_wait(s, err); /* finds out whether it works, and warms */
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct starting *s = run->state;
    for (uint64_t i = 0; i < iters; i++) {
        if (s->cold && cb_scratch_drop(s->fd, s->bytes, err) < 0)
            return -1;
        uint64_t before = cb_now_ns();
        if (start_and_wait(s, err) < 0)
            return -1;
        cb_hist_add(run->hist, cb_now_ns() - before);
    }
    run->work += iters;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct starting *s = run->state;
    if (!s)
        return;
    if (s->actions_ready)
        posix_spawn_file_actions_destroy(&s->actions);
    if (s->fd >= 0) {
        close(s->fd);
        unlink(s->path);
    }
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_fs_exec = {
    .name = "fs.exec",
    .summary = "start a static program from a file and wait for its end",
    .revision = 1,
    .needs = CB_NEED_SCRATCH,
    .metrics =
        (const struct cb_metric[]){
            CB_QUANTILE_US("p50", 0.5),
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "cache",
             .help = "warm: the program is in the page cache; cold: it comes from the device",
             .type = CB_PARAM_ENUM,
             .def = "warm",
             .choices = "warm|cold"},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"cache=warm", CB_SET_STANDARD},
            {"cache=cold", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
