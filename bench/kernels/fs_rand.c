/* Random reads and writes of 4 KiB past the page cache. Every block of the file once in a random order that
 * is the same in all arms, then again: no block can be cheap because it was just used. Depth 1 is one pread
 * or pwrite after the other; above, io_uring keeps that many requests under way until a batch runs out. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/kernels/scratch.h"

enum op { OP_READ, OP_WRITE };

/* One request under way, and the block it is about. */
struct slot {
    char *buffer;
    uint32_t block;
};

struct rand {
    int fd;
    enum op op;
    uint32_t depth;
    char *buffers; /* depth pages */
    struct slot *slots;
    uint32_t *order; /* permutation of the file's blocks */
    uint32_t blocks, next;
    struct io_uring ring;
    bool ring_ready;
};

static int make_order(struct rand *s, struct cb_rng *rng, struct cb_err *err)
{
    s->order = malloc(s->blocks * sizeof *s->order);
    if (!s->order)
        return cb_fail_sys(err, errno, "allocate the order of blocks");
    for (uint32_t i = 0; i < s->blocks; i++)
        s->order[i] = i;
    cb_rng_shuffle(rng, s->order, s->blocks, sizeof *s->order);
    return 0;
}

static int make_slots(struct rand *s, struct cb_err *err)
{
    s->slots = calloc(s->depth, sizeof *s->slots);
    if (!s->slots)
        return cb_fail_sys(err, errno, "allocate %u requests", s->depth);
    s->buffers = cb_scratch_buffer(s->depth * CB_PAGE, err);
    if (!s->buffers)
        return -1;
    for (uint32_t i = 0; i < s->depth; i++)
        s->slots[i].buffer = s->buffers + i * CB_PAGE;
    return 0;
}

static int make_ring(struct rand *s, struct cb_err *err)
{
    int rc = io_uring_queue_init(s->depth, &s->ring, 0);
    if (rc == -ENOSYS || rc == -EPERM || rc == -EACCES) /* old kernel, sysctl, seccomp */
        return cb_fail(err, CB_EMISSING, "io_uring is not available here: %s", strerror(-rc));
    if (rc < 0)
        return cb_fail_sys(err, -rc, "set up io_uring of depth %u", s->depth);
    s->ring_ready = true;
    return 0;
}

static int setup(struct cb_run *run, struct cb_err *err)
{
    struct rand *s = cb_scratch_state(run, sizeof *s, err);
    if (!s)
        return -1;
    s->fd = -1;
    s->op = cb_run_param(run, "op");
    s->depth = (uint32_t)cb_run_param(run, "depth");
    uint64_t size = cb_run_param(run, "size");
    s->blocks = (uint32_t)(size / CB_PAGE);
    if (make_order(s, &run->rng, err) < 0 || make_slots(s, err) < 0)
        return -1;
    if (s->depth > 1 && make_ring(s, err) < 0)
        return -1;
    s->fd = cb_scratch_file(run, size, s->op == OP_READ ? O_RDONLY : O_WRONLY, err);
    return s->fd < 0 ? -1 : 0;
}

/* Gives a slot the next block of the order; its offset in the file. */
static uint64_t assign(struct rand *s, struct slot *slot)
{
    slot->block = s->order[s->next];
    s->next = (s->next + 1) % s->blocks;
    if (s->op == OP_WRITE)
        cb_scratch_stamp(slot->buffer, slot->block);
    return slot->block * CB_PAGE;
}

/* `result` is what the kernel answered: bytes, or a negative errno. */
static int accept_result(const struct rand *s, const struct slot *slot, long result, struct cb_err *err)
{
    if (result < 0)
        return cb_fail_sys(err, (int)-result, "%s block %u of the data file",
                           s->op == OP_READ ? "read" : "write", slot->block);
    if (result != (long)CB_PAGE)
        return cb_fail(err, CB_ESYS, "%ld bytes of block %u moved", result, slot->block);
    if (!cb_scratch_stamped(slot->buffer, slot->block))
        return cb_fail(err, CB_ESYS, "block %u holds other data than was written", slot->block);
    return 0;
}

static int loop_one(struct rand *s, uint64_t iters, struct cb_err *err)
{
    struct slot *slot = &s->slots[0];
    for (uint64_t i = 0; i < iters; i++) {
        off_t at = (off_t)assign(s, slot);
        ssize_t n = s->op == OP_READ ? pread(s->fd, slot->buffer, CB_PAGE, at)
                                     : pwrite(s->fd, slot->buffer, CB_PAGE, at);
        if (accept_result(s, slot, n < 0 ? -errno : n, err) < 0)
            return -1;
    }
    return 0;
}

static void queue(struct rand *s, struct slot *slot)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring); /* the ring has a place for every slot */
    uint64_t at = assign(s, slot);
    if (s->op == OP_READ)
        io_uring_prep_read(sqe, s->fd, slot->buffer, CB_PAGE, at);
    else
        io_uring_prep_write(sqe, s->fd, slot->buffer, CB_PAGE, at);
    io_uring_sqe_set_data(sqe, slot);
}

/* Waits for one request at least and takes all that are done, each replaced by a new one while *left. */
static int reap(struct rand *s, uint64_t *left, uint64_t *under_way, struct cb_err *err)
{
    struct io_uring_cqe *cqe;
    int rc = io_uring_submit_and_wait(&s->ring, 1);
    if (rc < 0 && rc != -EINTR)
        return cb_fail_sys(err, -rc, "submit to io_uring");
    while (io_uring_peek_cqe(&s->ring, &cqe) == 0) {
        struct slot *slot = io_uring_cqe_get_data(cqe);
        long result = cqe->res;
        io_uring_cqe_seen(&s->ring, cqe);
        --*under_way;
        if (accept_result(s, slot, result, err) < 0)
            return -1;
        if (*left) {
            --*left;
            ++*under_way;
            queue(s, slot);
        }
    }
    return 0;
}

static int loop_ring(struct rand *s, uint64_t iters, struct cb_err *err)
{
    uint64_t under_way = iters < s->depth ? iters : s->depth, left = iters - under_way;
    for (uint64_t i = 0; i < under_way; i++)
        queue(s, &s->slots[i]);
    while (under_way)
        if (reap(s, &left, &under_way, err) < 0)
            return -1;
    return 0;
}

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct rand *s = run->state;
    if ((s->depth > 1 ? loop_ring : loop_one)(s, iters, err) < 0)
        return -1;
    run->work += iters;
    run->sink += iters;
    return 0;
}

static void teardown(struct cb_run *run)
{
    struct rand *s = run->state;
    if (!s)
        return;
    if (s->ring_ready)
        io_uring_queue_exit(&s->ring);
    if (s->fd >= 0)
        close(s->fd);
    cb_scratch_unmap(s->buffers, s->depth * CB_PAGE);
    free(s->slots);
    free(s->order);
    free(s);
    run->state = NULL;
}

const struct cb_bench cb_fs_rand = {
    .name = "fs.rand",
    .summary = "random reads and writes of 4 KiB, O_DIRECT",
    .revision = 1,
    .needs = CB_NEED_SCRATCH | CB_NEED_IO_URING,
    .metrics =
        (const struct cb_metric[]){
            {.quantity = "iops",
             .unit = "op/s",
             .better = CB_HIGHER,
             .derive = CB_WORK_PER_WALL,
             .scale = 1e9},
            {.quantity = NULL},
        },
    .params =
        (const struct cb_param[]){
            {.name = "op",
             .help = "direction",
             .type = CB_PARAM_ENUM,
             .def = "read",
             .choices = "read|write"},
            {.name = "depth",
             .help = "requests under way; 1 uses pread and pwrite, more io_uring",
             .type = CB_PARAM_INT,
             .def = "1",
             .min = 1,
             .max = 1024},
            {.name = "size",
             .help = "bytes of the data file",
             .type = CB_PARAM_SIZE,
             .def = CB_SCRATCH_SIZE,
             .min = UINT64_C(1) << 20,
             .max = UINT64_C(1) << 40},
            {.name = NULL},
        },
    .variants =
        (const struct cb_variant[]){
            {"op=read,depth=1", CB_SET_QUICK},
            {"op=read,depth=32", CB_SET_QUICK},
            {"op=write,depth=1", CB_SET_QUICK},
            {"op=write,depth=32", CB_SET_QUICK},
            {NULL},
        },
    .setup = setup,
    .loop = loop,
    .teardown = teardown,
};
