/* What names cost. Some operations use up or make files: those get directories of their own for every batch,
 * made in reset, outside of the clock, because old directories are slower than fresh ones. What was made
 * stays until the case ends: removed inodes are what makes the next create slow, see cb_scratch_open_spread.
 * The others walk a fixed tree again and again and find it in the caches. Nothing is synced. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/kernels/scratch.h"

#define FILES_A_DIR 100u
/* Of the fixed tree: its inodes and names are a few MB, more than the caches close to a CPU hold. */
#define FIXED_FILES 2000u

/* "d1b2c3d4e000012/f34", relative to the root: tag, directory, file. */
struct name {
    char text[24];
};
#define DIR_CHARS 15u /* of them before the slash */

struct meta {
    const struct operation *op;
    int root;
    uint32_t tag, dirs; /* dirs: made so far */
    struct name *names;
    uint64_t files, next;
    char path[PATH_MAX];
};

struct operation {
    int (*prepare)(struct meta *s, struct cb_err *err); /* the directories are there; NULL: that is enough */
    int (*run)(struct meta *s, struct name *name, struct cb_err *err);
    bool fixed; /* leaves the tree as it is: one serves all batches */
};

static int failed(const struct meta *s, const char *what, const char *name, struct cb_err *err)
{
    return cb_fail_sys(err, errno, "%s %s/%s", what, s->path, name);
}

/* --- operations --- */

static int create(struct meta *s, struct name *name, struct cb_err *err)
{
    int fd = openat(s->root, name->text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(s, "create", name->text, err);
    close(fd);
    return 0;
}

static int look(struct meta *s, struct name *name, struct cb_err *err)
{
    struct stat st;
    if (fstatat(s->root, name->text, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(s, "stat", name->text, err);
    return 0;
}

static int unlink_name(struct meta *s, struct name *name, struct cb_err *err)
{
    return unlinkat(s->root, name->text, 0) < 0 ? failed(s, "unlink", name->text, err) : 0;
}

static int open_close(struct meta *s, struct name *name, struct cb_err *err)
{
    int fd = openat(s->root, name->text, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(s, "open", name->text, err);
    close(fd);
    return 0;
}

static struct name directory_of(const struct name *name)
{
    struct name dir = *name;
    dir.text[DIR_CHARS] = '\0';
    return dir;
}

/* Reads the whole directory that the file is in. */
static int list(struct meta *s, struct name *name, struct cb_err *err)
{
    const struct name path = directory_of(name);
    unsigned entries = 0;
    int fd = openat(s->root, path.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(s, "open directory", path.text, err);
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return cb_fail_sys(err, ENOMEM, "read %s/%s", s->path, path.text);
    }
    while (readdir(dir)) /* NOLINT(concurrency-mt-unsafe): the stream is ours alone */
        entries++;
    closedir(dir);
    if (entries != FILES_A_DIR + 2) /* "." and ".." */
        return cb_fail(err, CB_ESYS, "%s/%s has %u entries", s->path, path.text, entries);
    return 0;
}

/* Within its directory, to the other of two names: the next pass renames it back. */
static int rename_file(struct meta *s, struct name *name, struct cb_err *err)
{
    struct name to = *name;
    char *first = &to.text[DIR_CHARS + 1];
    *first = *first == 'f' ? 'g' : 'f';
    if (renameat(s->root, name->text, s->root, to.text) < 0)
        return failed(s, "rename", name->text, err);
    *name = to;
    return 0;
}

/* The one file of each directory that gets all of the directory's links. */
static struct name target_of(const struct name *name)
{
    struct name target = directory_of(name);
    memcpy(target.text + DIR_CHARS, "/t", sizeof "/t");
    return target;
}

static int link_file(struct meta *s, struct name *name, struct cb_err *err)
{
    const struct name target = target_of(name);
    return linkat(s->root, target.text, s->root, name->text, 0) < 0 ? failed(s, "link", name->text, err) : 0;
}

static int make_dir(struct meta *s, struct name *name, struct cb_err *err)
{
    return mkdirat(s->root, name->text, 0700) < 0 ? failed(s, "make directory", name->text, err) : 0;
}

static int create_files(struct meta *s, struct cb_err *err)
{
    for (uint64_t i = 0; i < s->files; i++)
        if (create(s, &s->names[i], err) < 0)
            return -1;
    return 0;
}

static int create_targets(struct meta *s, struct cb_err *err)
{
    for (uint64_t i = 0; i < s->files; i += FILES_A_DIR) {
        struct name target = target_of(&s->names[i]);
        if (create(s, &target, err) < 0)
            return -1;
    }
    return 0;
}

/* As the parameter `op` lists them. */
static const struct operation operations[] = {
    {.run = create},
    {.run = look, .prepare = create_files, .fixed = true},
    {.run = unlink_name, .prepare = create_files},
    {.run = open_close, .prepare = create_files, .fixed = true},
    {.run = list, .prepare = create_files, .fixed = true},
    {.run = rename_file, .prepare = create_files, .fixed = true},
    {.run = link_file, .prepare = create_targets},
    {.run = make_dir},
};

/* --- the tree --- */

/* In directories that are not there yet. */
static int make_names(struct meta *s, uint64_t files, struct cb_err *err)
{
    struct name *names = reallocarray(s->names, files, sizeof *names);
    if (!names)
        return cb_fail_sys(err, errno, "allocate %llu names", (unsigned long long)files);
    s->names = names;
    s->files = files;
    s->next = 0;
    for (uint64_t i = 0; i < files; i++)
        snprintf(names[i].text, sizeof names[i].text, "d%08x%06x/f%02u", s->tag,
                 (s->dirs + (unsigned)(i / FILES_A_DIR)) & 0xffffffu, (unsigned)(i % FILES_A_DIR));
    s->dirs += (uint32_t)((files + FILES_A_DIR - 1) / FILES_A_DIR);
    return 0;
}

static int grow_tree(struct meta *s, uint64_t files, struct cb_err *err)
{
    if (make_names(s, files, err) < 0)
        return -1;
    for (uint64_t i = 0; i < files; i += FILES_A_DIR) {
        struct name dir = directory_of(&s->names[i]);
        if (make_dir(s, &dir, err) < 0)
            return -1;
    }
    return s->op->prepare ? s->op->prepare(s, err) : 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct meta *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->root = -1;
    s->tag = cb_scratch_tag();
    s->op = &operations[cb_run_param(run, "op")];
    if (cb_scratch_dir(run, "meta", s->path, sizeof s->path, err) < 0)
        return -1;
    s->root = cb_scratch_open_spread(s->path, err);
    if (s->root < 0)
        return -1;
    if (!s->op->fixed)
        return 0;
    if (grow_tree(s, FIXED_FILES, err) < 0)
        return -1;
    cb_rng_shuffle(&run->rng, s->names, s->files, sizeof *s->names);
    return 0;
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct meta *s = run->state;
    return s->op->fixed ? 0 : grow_tree(s, iters, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct meta *s = run->state;
    for (uint64_t i = 0; i < iters; i++) {
        if (s->op->run(s, &s->names[s->next], err) < 0)
            return -1;
        s->next = s->next + 1 < s->files ? s->next + 1 : 0;
    }
    run->work += iters;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct meta *s = run->state;
    if (!s)
        return;
    if (s->root >= 0) {
        close(s->root);
        cb_scratch_rmdir(s->path);
    }
    free(s->names);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_fs_meta = {
    .name = "fs.meta",
    .summary = "operations on names: empty files and directories",
    .revision = 2, /* 2: a batch's directories come where no inode was removed lately */
    .needs = CB_NEED_SCRATCH,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "time", .unit = "us", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-3},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "op",
             .help =
                 "create (with close), stat, unlink, open (with close), readdir (a directory of 100 files), "
                 "rename (within a directory), link or mkdir; stat, open and readdir of what is cached",
             .type = CB_PARAM_ENUM,
             .def = "create",
             .choices = "create|stat|unlink|open|readdir|rename|link|mkdir"},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"op=create", CB_SET_QUICK},
            {"op=stat", CB_SET_QUICK},
            {"op=unlink", CB_SET_QUICK},
            {"op=open", CB_SET_FULL},
            {"op=readdir", CB_SET_FULL},
            {"op=rename", CB_SET_FULL},
            {"op=link", CB_SET_FULL},
            {"op=mkdir", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
