/* A tree of small files, as archives of sources and packages have them: unpacked, copied, removed. One
 * iteration is one tree. Reading, writing and removing go through the caches, nothing is synced inside of the
 * clock; what the last batch left is removed and everything written back before the next. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "bench/kernels/scratch.h"

#define DIRS        8u
#define FILES_A_DIR 25u
#define FILES       (DIRS * FILES_A_DIR)
#define SIZE_LEAST  UINT64_C(4096)
#define SIZE_MOST   UINT64_C(1048576)
/* Median 8 KiB, standard deviation a factor of 4: trees of sources are like this. A tree has 5 MB. */
#define MEDIAN_BITS 13
#define SIGMA_BITS  2
#define CHUNK       UINT64_C(131072) /* bytes of one read or write: what cp uses */

enum op { OP_WRITE, OP_COPY, OP_REMOVE };

struct tree {
    enum op op;
    int root;
    uint32_t tag, made, left; /* trees made so far, and of them: used up by remove */
    char *content;            /* SIZE_MOST bytes, and FILES pages for every file to begin elsewhere */
    char *chunk;
    uint32_t size[FILES];
    uint64_t bytes;
    char path[PATH_MAX];
};

/* Standard normal with 16 binary places: the sum of twelve uniform numbers. Whole numbers only, since libm
 * chooses its code by the CPU's features, and all arms must have the same sizes. */
static int64_t normal(struct cb_rng *rng)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < 12; i++)
        sum += (int64_t)cb_rng_below(rng, 1 << 16);
    return sum - (6 << 16);
}

/* Log-normal, but for the straight line between two powers of two. */
static uint32_t file_size(struct cb_rng *rng)
{
    int64_t exponent = (MEDIAN_BITS << 16) + SIGMA_BITS * normal(rng);
    if (exponent < 0)
        exponent = 0;
    uint64_t power = UINT64_C(1) << (exponent >> 16), part = (uint64_t)exponent & 0xffff;
    uint64_t size = power + (power * part >> 16);
    size = size < SIZE_LEAST ? SIZE_LEAST : size;
    return (uint32_t)(size < SIZE_MOST ? size : SIZE_MOST);
}

static void choose_sizes(struct tree *s)
{
    struct cb_rng rng;
    cb_rng_seed(&rng, CB_MAGIC);
    for (unsigned i = 0; i < FILES; i++)
        s->bytes += s->size[i] = file_size(&rng);
}

/* --- one tree --- */

static int tree_path(const struct tree *s, uint32_t number, char *path, size_t cap, struct cb_err *err)
{
    return cb_path(path, cap, err, "%s/t%08x%06x", s->path, s->tag, number & 0xffffffu);
}

/* Its directories, and a descriptor of it. */
static int make_dirs(const struct tree *s, uint32_t number, struct cb_err *err)
{
    char path[PATH_MAX], name[8];
    if (tree_path(s, number, path, sizeof path, err) < 0)
        return -1;
    if (mkdir(path, 0700) < 0)
        return cb_fail_sys(err, errno, "make directory %s", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open %s", path);
    for (unsigned d = 0; d < DIRS; d++)
        if (cb_path(name, sizeof name, err, "d%u", d) == 0 && mkdirat(fd, name, 0700) < 0) {
            close(fd);
            return cb_fail_sys(err, errno, "make directory %s/%s", path, name);
        }
    return fd;
}

static int open_file(int tree, unsigned i, int flags, struct cb_err *err)
{
    char name[16];
    if (cb_path(name, sizeof name, err, "d%u/f%02u", i / FILES_A_DIR, i % FILES_A_DIR) < 0)
        return -1;
    int fd = openat(tree, name, flags | O_CLOEXEC, 0600);
    return fd < 0 ? cb_fail_sys(err, errno, "open %s", name) : fd;
}

static int write_file(const struct tree *s, int tree, unsigned i, struct cb_err *err)
{
    const char *content = s->content + i * CB_PAGE;
    CB_AUTOFD int fd = open_file(tree, i, O_WRONLY | O_CREAT | O_EXCL, err);
    if (fd < 0)
        return -1;
    for (uint64_t at = 0; at < s->size[i]; at += CHUNK) {
        uint64_t n = s->size[i] - at < CHUNK ? s->size[i] - at : CHUNK;
        if (cb_write_all(fd, content + at, n, err) < 0)
            return -1;
    }
    return 0;
}

static int copy_file(const struct tree *s, int from_tree, int to_tree, unsigned i, struct cb_err *err)
{
    uint64_t copied = 0;
    ssize_t n;
    CB_AUTOFD int from = open_file(from_tree, i, O_RDONLY, err);
    CB_AUTOFD int to = from < 0 ? -1 : open_file(to_tree, i, O_WRONLY | O_CREAT | O_EXCL, err);
    if (to < 0)
        return -1;
    while ((n = read(from, s->chunk, CHUNK)) > 0) {
        if (cb_write_all(to, s->chunk, (size_t)n, err) < 0)
            return -1;
        copied += (uint64_t)n;
    }
    if (n < 0)
        return cb_fail_sys(err, errno, "read file %u", i);
    if (copied != s->size[i])
        return cb_fail(err, CB_ESYS, "file %u has %llu bytes, not %u", i, (unsigned long long)copied,
                       s->size[i]);
    return 0;
}

static int write_tree(struct tree *s, struct cb_err *err)
{
    CB_AUTOFD int tree = make_dirs(s, s->made++, err);
    int rc = tree < 0 ? -1 : 0;
    for (unsigned i = 0; rc == 0 && i < FILES; i++)
        rc = write_file(s, tree, i, err);
    return rc < 0 ? cb_wrap(err, "write a tree") : 0;
}

/* From the first tree, which setup made. */
static int copy_tree(struct tree *s, struct cb_err *err)
{
    char path[PATH_MAX];
    if (tree_path(s, 0, path, sizeof path, err) < 0)
        return -1;
    CB_AUTOFD int from = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0)
        return cb_fail_sys(err, errno, "open %s", path);
    CB_AUTOFD int to = make_dirs(s, s->made++, err);
    int rc = to < 0 ? -1 : 0;
    for (unsigned i = 0; rc == 0 && i < FILES; i++)
        rc = copy_file(s, from, to, i, err);
    return rc < 0 ? cb_wrap(err, "copy a tree") : 0;
}

static int remove_tree(struct tree *s, struct cb_err *err)
{
    char path[PATH_MAX];
    if (tree_path(s, s->left++, path, sizeof path, err) < 0)
        return -1;
    if (access(path, F_OK) < 0) /* to remove what is not there is no error, and no work */
        return cb_fail_sys(err, errno, "remove %s", path);
    return cb_remove_tree(path, err);
}

/* --- the benchmark --- */

static int write_back(const struct tree *s, struct cb_err *err)
{
    return syncfs(s->root) < 0 ? cb_fail_sys(err, errno, "sync %s", s->path) : 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct tree *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->root = -1;
    s->op = cb_run_param(run, "op");
    s->tag = cb_scratch_tag();
    choose_sizes(s);
    s->content = cb_scratch_buffer(SIZE_MOST + FILES * CB_PAGE, err);
    s->chunk = s->content ? cb_scratch_buffer(CHUNK, err) : NULL;
    if (!s->chunk || cb_scratch_dir(run, "tree", s->path, sizeof s->path, err) < 0)
        return -1;
    s->root = cb_scratch_open_spread(s->path, err);
    if (s->root < 0 || (s->op == OP_COPY && write_tree(s, err) < 0))
        return -1;
    s->left = s->made;
    return 0;
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct tree *s = run->state;
    while (s->left < s->made)
        if (remove_tree(s, err) < 0)
            return -1;
    for (uint64_t i = 0; s->op == OP_REMOVE && i < iters; i++)
        if (write_tree(s, err) < 0)
            return -1;
    return write_back(s, err);
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    static int (*const ops[])(struct tree *, struct cb_err *) = {
        [OP_WRITE] = write_tree, [OP_COPY] = copy_tree, [OP_REMOVE] = remove_tree};
    struct tree *s = run->state;
    for (uint64_t i = 0; i < iters; i++)
        if (ops[s->op](s, err) < 0)
            return -1;
    run->work += iters * FILES;
    run->sink += iters * s->bytes;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct tree *s = run->state;
    if (!s)
        return;
    if (s->root >= 0) {
        close(s->root);
        cb_scratch_rmdir(s->path);
    }
    cb_scratch_unmap(s->content, SIZE_MOST + FILES * CB_PAGE);
    cb_scratch_unmap(s->chunk, CHUNK);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_fs_tree = {
    .name = "fs.tree",
    .summary = "a tree of 200 small files, 5 MB: unpack, copy, remove",
    .revision = 1,
    .needs = CB_NEED_SCRATCH,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "time", .unit = "ms", .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = 1e-6},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "op",
             .help = "write (as unpacking an archive does), copy (of a cached tree) or remove",
             .type = CB_PARAM_ENUM,
             .def = "write",
             .choices = "write|copy|remove"},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"op=write", CB_SET_STANDARD},
            {"op=copy", CB_SET_FULL},
            {"op=remove", CB_SET_FULL},
            {.params = NULL},
        },
    .setup = setup,
    .reset = reset,
    .loop = loop,
    .teardown = teardown,
};
