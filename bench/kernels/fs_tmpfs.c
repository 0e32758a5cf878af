/* Files without a device: the system call, the layers above a filesystem and the copy, and nothing else. What
 * fs.rand and fs.meta cost more than this is the filesystem and its device.
 *
 * A mount of our own would need privileges that a container has not. So the first tmpfs of a list is taken:
 * shared memory is one nearly everywhere, a small virtual machine has its /tmp on one. Both are the same code
 * over the same page cache; limits on their size do not matter for 16 MiB. A memfd would have no names. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bench/kernels/scratch.h"

#define SIZE   (UINT64_C(16) << 20) /* bytes of the file; a container has 64 MiB of shared memory */
#define BLOCKS (SIZE / CB_PAGE)

enum op { OP_READ, OP_WRITE, OP_CREATE };

struct name {
    char text[16];
};

struct memory_files {
    enum op op;
    int dir;
    int file; /* of read and write */
    char *buffer;
    uint32_t *order; /* permutation of the file's blocks */
    struct name *names;
    uint64_t files, next; /* files: that create has names for */
    char path[64];
};

/* --- where --- */

static const char *find_tmpfs(void)
{
    static const char *const places[] = {"/dev/shm", "/tmp", "/run"};
    struct statfs fs;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (statfs(places[i], &fs) == 0 && fs.f_type == TMPFS_MAGIC && access(places[i], W_OK) == 0)
            return places[i];
    return NULL;
}

static int make_place(struct memory_files *s, struct cb_err *err)
{
    const char *tmpfs = find_tmpfs();
    if (!tmpfs)
        return cb_fail(err, CB_EMISSING, "none of /dev/shm, /tmp and /run is a tmpfs that can be written to");
    snprintf(s->path, sizeof s->path, "%s/cbench-XXXXXX", tmpfs);
    if (!mkdtemp(s->path)) {
        s->path[0] = '\0';
        return cb_fail_sys(err, errno, "make a directory in %s", tmpfs);
    }
    s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return s->dir < 0 ? cb_fail_sys(err, errno, "open %s", s->path) : 0;
}

/* --- read, write --- */

static int transfer(const struct memory_files *s, bool writes, uint64_t block, struct cb_err *err)
{
    off_t at = (off_t)(block * CB_PAGE);
    if (writes)
        cb_scratch_stamp(s->buffer, block);
    ssize_t n = writes ? pwrite(s->file, s->buffer, CB_PAGE, at) : pread(s->file, s->buffer, CB_PAGE, at);
    if (n < 0)
        return cb_fail_sys(err, errno, "%s block %llu", writes ? "write" : "read", (unsigned long long)block);
    if (n != (ssize_t)CB_PAGE || !cb_scratch_stamped(s->buffer, block))
        return cb_fail(err, CB_ESYS, "block %llu is not what was written", (unsigned long long)block);
    return 0;
}

/* All pages are there before the clock runs, as blocks of a device are. */
static int make_file(struct memory_files *s, struct cb_rng *rng, struct cb_err *err)
{
    s->order = malloc(BLOCKS * sizeof *s->order);
    if (!s->order)
        return cb_fail_sys(err, errno, "allocate the order of blocks");
    s->buffer = cb_scratch_buffer(CB_PAGE, err);
    if (!s->buffer)
        return -1;
    s->file = openat(s->dir, "data", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->file < 0)
        return cb_fail_sys(err, errno, "create %s/data", s->path);
    unlinkat(s->dir, "data", 0); /* no runner clears here: a killed case must not keep the memory */
    for (uint32_t i = 0; i < BLOCKS; i++) {
        s->order[i] = i;
        if (transfer(s, true, i, err) < 0)
            return -1;
    }
    cb_rng_shuffle(rng, s->order, BLOCKS, sizeof *s->order);
    return 0;
}

/* --- create --- */

static int create(const struct memory_files *s, const char *name, struct cb_err *err)
{
    int fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return cb_fail_sys(err, errno, "create %s/%s", s->path, name);
    close(fd);
    return 0;
}

static void unlink_all(struct memory_files *s)
{
    for (uint64_t i = 0; i < s->files; i++)
        unlinkat(s->dir, s->names[i].text, 0); /* a batch that failed did not make them all */
    s->files = 0;
}

static int make_names(struct memory_files *s, uint64_t files, struct cb_err *err)
{
    struct name *names = reallocarray(s->names, files, sizeof *names);
    if (!names)
        return cb_fail_sys(err, errno, "allocate %llu names", (unsigned long long)files);
    s->names = names;
    s->files = files;
    s->next = 0;
    for (uint64_t i = 0; i < files; i++)
        snprintf(names[i].text, sizeof names[i].text, "f%08x", (unsigned)i);
    return 0;
}

/* --- the benchmark --- */

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct memory_files *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->dir = s->file = -1;
    s->op = cb_run_param(run, "op");
    if (make_place(s, err) < 0)
        return -1;
    return s->op == OP_CREATE ? 0 : make_file(s, &run->rng, err);
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct memory_files *s = run->state;
    if (s->op != OP_CREATE)
        return 0;
    unlink_all(s);
    return make_names(s, iters, err);
}

static int step(struct memory_files *s, struct cb_err *err)
{
    uint64_t i = s->next++;
    if (s->op == OP_CREATE)
        return create(s, s->names[i].text, err);
    return transfer(s, s->op == OP_WRITE, s->order[i % BLOCKS], err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    for (uint64_t i = 0; i < iters; i++)
        if (step(run->state, err) < 0)
            return -1;
    run->work += iters;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct memory_files *s = run->state;
    if (!s)
        return;
    if (s->file >= 0)
        close(s->file);
    if (s->dir >= 0)
        close(s->dir);
    if (s->path[0])
        cb_scratch_rmdir(s->path);
    cb_scratch_unmap(s->buffer, CB_PAGE);
    free(s->order);
    free(s->names);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_fs_tmpfs = {
    .name = "fs.tmpfs",
    .summary = "a file and names on a tmpfs: no device, no filesystem below",
    .revision = 1,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "time", .unit = "us", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-3},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "op",
             .help = "read or write of 4 KiB at random, or create (with close) of an empty file",
             .type = CB_PARAM_ENUM,
             .def = "read",
             .choices = "read|write|create"},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"op=read", CB_SET_FULL},
            {"op=write", CB_SET_FULL},
            {"op=create", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
