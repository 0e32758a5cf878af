/* What names cost: create an empty file, stat one, unlink one. Files are spread over directories made for the
 * batch, because old directories are slower than fresh ones. Directories and files that a batch uses up are
 * made in reset, outside of the clock; nothing is synced inside of it. stat finds its files in the caches. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/kernels/scratch.h"

#define FILES_A_DIR 100u
/* Files that stat walks: their inodes and names are a few MB, more than the caches close to a CPU hold. */
#define STAT_FILES 2000u

enum op { OP_CREATE, OP_STAT, OP_UNLINK };

struct name {
    char text[24]; /* "d0000012/f34", relative to the root */
};

struct meta {
    enum op op;
    int root;
    struct name *names;
    uint64_t files, next;
    char path[PATH_MAX];
};

static int create(const struct meta *s, const char *name, struct cb_err *err)
{
    int fd = openat(s->root, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return cb_fail_sys(err, errno, "create %s/%s", s->path, name);
    close(fd);
    return 0;
}

static int fill_tree(const struct meta *s, struct cb_err *err)
{
    for (uint64_t i = 0; i < s->files; i++)
        if (create(s, s->names[i].text, err) < 0)
            return -1;
    return 0;
}

static int make_names(struct meta *s, uint64_t files, struct cb_err *err)
{
    struct name *names = reallocarray(s->names, files, sizeof *names);
    if (!names)
        return cb_fail_sys(err, errno, "allocate %llu names", (unsigned long long)files);
    s->names = names;
    s->files = files;
    for (uint64_t i = 0; i < files; i++)
        snprintf(names[i].text, sizeof names[i].text, "d%07u/f%02u", (unsigned)(i / FILES_A_DIR),
                 (unsigned)(i % FILES_A_DIR));
    return 0;
}

/* Marks the root as one whose directories have nothing to do with each other: ext4 spreads them over the
 * disk. Otherwise the files of a batch come where the last batch's were, and ext4 without a journal steps
 * over each inode unlinked in the last minute, one by one: ten times the time of a create. Other filesystems
 * do not know the mark, and do not need it. */
static void spread_directories(const struct meta *s)
{
    int flags;
    if (ioctl(s->root, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= FS_TOPDIR_FL;
        ioctl(s->root, FS_IOC_SETFLAGS, &flags);
    }
}

static void remove_tree(struct meta *s)
{
    if (s->root < 0)
        return;
    close(s->root);
    s->root = -1;
    cb_scratch_rmdir(s->path);
}

/* Fresh directories for so many files, without the files. */
static int make_tree(struct cb_run *run, uint64_t files, struct cb_err *err)
{
    struct meta *s = run->state;
    remove_tree(s);
    if (make_names(s, files, err) < 0 || cb_scratch_dir(run, "meta", s->path, sizeof s->path, err) < 0)
        return -1;
    s->root = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->root < 0)
        return cb_fail_sys(err, errno, "open %s", s->path);
    spread_directories(s);
    for (uint64_t d = 0; d * FILES_A_DIR < files; d++) {
        char dir[sizeof s->names->text];
        snprintf(dir, sizeof dir, "d%07u", (unsigned)d);
        if (mkdirat(s->root, dir, 0700) < 0)
            return cb_fail_sys(err, errno, "make directory %s/%s", s->path, dir);
    }
    return 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct meta *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->root = -1;
    s->op = cb_run_param(run, "op");
    if (s->op != OP_STAT)
        return 0;
    if (make_tree(run, STAT_FILES, err) < 0 || fill_tree(s, err) < 0)
        return -1;
    cb_rng_shuffle(&run->rng, s->names, s->files, sizeof *s->names);
    return 0;
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct meta *s = run->state;
    if (s->op == OP_STAT)
        return 0;
    if (make_tree(run, iters, err) < 0)
        return -1;
    return s->op == OP_UNLINK ? fill_tree(s, err) : 0;
}

static int loop_create(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct meta *s = run->state;
    for (uint64_t i = 0; i < iters; i++)
        if (create(s, s->names[i].text, err) < 0)
            return -1;
    return 0;
}

static int loop_stat(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct meta *s = run->state;
    struct stat st;
    for (uint64_t i = 0; i < iters; i++) {
        if (fstatat(s->root, s->names[s->next].text, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return cb_fail_sys(err, errno, "stat %s/%s", s->path, s->names[s->next].text);
        run->sink += st.st_nlink;
        s->next = s->next + 1 < s->files ? s->next + 1 : 0;
    }
    return 0;
}

static int loop_unlink(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct meta *s = run->state;
    for (uint64_t i = 0; i < iters; i++)
        if (unlinkat(s->root, s->names[i].text, 0) < 0)
            return cb_fail_sys(err, errno, "unlink %s/%s", s->path, s->names[i].text);
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    static int (*const loops[])(struct cb_run *, uint64_t, struct cb_err *) = {
        [OP_CREATE] = loop_create, [OP_STAT] = loop_stat, [OP_UNLINK] = loop_unlink};
    const struct meta *s = run->state;
    if (loops[s->op](run, iters, err) < 0)
        return -1;
    run->work += iters;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct meta *s = run->state;
    if (!s)
        return;
    remove_tree(s);
    free(s->names);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_fs_meta = {
    .name = "fs.meta",
    .summary = "create, stat and unlink of empty files",
    .revision = 1,
    .needs = CB_NEED_SCRATCH,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "time", .unit = "us", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-3},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "op",
             .help = "create (with close), stat of a cached file, or unlink",
             .type = CB_PARAM_ENUM,
             .def = "create",
             .choices = "create|stat|unlink"},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"op=create", CB_SET_QUICK},
            {"op=stat", CB_SET_QUICK},
            {"op=unlink", CB_SET_QUICK},
            {NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
