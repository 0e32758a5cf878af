#include "bench/kernels/direct.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/clock.h"
#include "bench/kernels/scratch.h"

static uint64_t buffers_size(const struct cb_direct *d)
{
    return (d->depth * d->block + CB_HUGE - 1) / CB_HUGE * CB_HUGE;
}

static int make_slots(struct cb_direct *d, struct cb_err *err)
{
    d->slots = calloc(d->depth, sizeof *d->slots);
    if (!d->slots)
        return cb_fail_sys(err, errno, "allocate %u requests", d->depth);
    d->buffers = cb_scratch_solid(buffers_size(d), err);
    if (!d->buffers)
        return -1;
    for (uint32_t i = 0; i < d->depth; i++)
        d->slots[i].buffer = d->buffers + i * d->block;
    return 0;
}

static int make_ring(struct cb_direct *d, struct cb_err *err)
{
    /* One thread submits and waits: completions are then worked off where it waits, without interrupting it
     * (Linux 6.1). */
    int rc = io_uring_queue_init(d->depth, &d->ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    if (rc == -EINVAL)
        rc = io_uring_queue_init(d->depth, &d->ring, 0);
    if (rc == -ENOSYS || rc == -EPERM || rc == -EACCES) /* old kernel, sysctl, seccomp */
        return cb_fail(err, CB_EMISSING, "io_uring is not available here: %s", strerror(-rc));
    if (rc < 0)
        return cb_fail_sys(err, -rc, "set up io_uring of depth %u", d->depth);
    d->ring_ready = true;
    return 0;
}

int cb_direct_open(struct cb_direct *d, const struct cb_run *run, struct cb_err *err)
{
    d->fd = -1;
    if (make_slots(d, err) < 0 || (d->ring_used && make_ring(d, err) < 0))
        return -1;
    d->fd = cb_scratch_file(run, d->block * d->blocks, d->writes ? O_WRONLY : O_RDONLY, err);
    return d->fd < 0 ? -1 : 0;
}

/* Gives a slot the next block of the order; its offset in the file. */
static uint64_t assign(struct cb_direct *d, struct cb_direct_slot *slot)
{
    slot->block = d->order ? d->order[d->next] : d->next;
    d->next = d->next + 1 < d->blocks ? d->next + 1 : 0;
    uint64_t at = slot->block * d->block;
    for (uint64_t in = 0; d->writes && in < d->block; in += CB_PAGE)
        cb_scratch_stamp(slot->buffer + in, (at + in) / CB_PAGE);
    if (d->hist)
        slot->begin_ns = cb_now_ns();
    return at;
}

/* `result` is what the kernel answered: bytes, or a negative errno. The last page tells whether the block is
 * the one that was asked for, and whole. */
static int accept_result(const struct cb_direct *d, const struct cb_direct_slot *slot, long result,
                         struct cb_err *err)
{
    const uint64_t last = d->block - CB_PAGE;
    const unsigned long long block = slot->block;
    if (d->hist)
        cb_hist_add(d->hist, cb_now_ns() - slot->begin_ns);
    if (result < 0)
        return cb_fail_sys(err, (int)-result, "%s block %llu of the data file", d->writes ? "write" : "read",
                           block);
    if (result != (long)d->block)
        return cb_fail(err, CB_ESYS, "%ld of %llu bytes of block %llu moved", result,
                       (unsigned long long)d->block, block);
    if (!cb_scratch_stamped(slot->buffer + last, (slot->block * d->block + last) / CB_PAGE))
        return cb_fail(err, CB_ESYS, "block %llu holds other data than was written", block);
    return 0;
}

static int transfer_one_by_one(struct cb_direct *d, uint64_t requests, struct cb_err *err)
{
    struct cb_direct_slot *slot = &d->slots[0];
    for (uint64_t i = 0; i < requests; i++) {
        off_t at = (off_t)assign(d, slot);
        ssize_t n =
            d->writes ? pwrite(d->fd, slot->buffer, d->block, at) : pread(d->fd, slot->buffer, d->block, at);
        if (accept_result(d, slot, n < 0 ? -errno : n, err) < 0)
            return -1;
    }
    return 0;
}

static void queue(struct cb_direct *d, struct cb_direct_slot *slot)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&d->ring); /* the ring has a place for every slot */
    uint64_t at = assign(d, slot);
    if (d->writes)
        io_uring_prep_write(sqe, d->fd, slot->buffer, (unsigned)d->block, at);
    else
        io_uring_prep_read(sqe, d->fd, slot->buffer, (unsigned)d->block, at);
    io_uring_sqe_set_data(sqe, slot);
}

/* Waits for one request at least and takes all that are done, each replaced by a new one while *left. */
static int reap(struct cb_direct *d, uint64_t *left, uint64_t *under_way, struct cb_err *err)
{
    struct io_uring_cqe *cqe;
    int rc = io_uring_submit_and_wait(&d->ring, 1);
    if (rc < 0 && rc != -EINTR)
        return cb_fail_sys(err, -rc, "submit to io_uring");
    while (io_uring_peek_cqe(&d->ring, &cqe) == 0) {
        struct cb_direct_slot *slot = io_uring_cqe_get_data(cqe);
        long result = cqe->res;
        io_uring_cqe_seen(&d->ring, cqe);
        --*under_way;
        if (accept_result(d, slot, result, err) < 0)
            return -1;
        if (*left) {
            --*left;
            ++*under_way;
            queue(d, slot);
        }
    }
    return 0;
}

static int transfer_through_ring(struct cb_direct *d, uint64_t requests, struct cb_err *err)
{
    uint64_t under_way = requests < d->depth ? requests : d->depth, left = requests - under_way;
    for (uint64_t i = 0; i < under_way; i++)
        queue(d, &d->slots[i]);
    while (under_way)
        if (reap(d, &left, &under_way, err) < 0)
            return -1;
    return 0;
}

int cb_direct_transfer(struct cb_direct *d, uint64_t requests, struct cb_err *err)
{
    return (d->ring_used ? transfer_through_ring : transfer_one_by_one)(d, requests, err);
}

void cb_direct_close(struct cb_direct *d)
{
    if (d->ring_ready)
        io_uring_queue_exit(&d->ring);
    if (d->fd >= 0)
        close(d->fd);
    cb_scratch_unmap(d->buffers, buffers_size(d));
    free(d->slots);
}
