/* Requests on the instance's data file past the page cache: what fs.seq and fs.rand have in common. */
#ifndef CB_KERNELS_DIRECT_H
#define CB_KERNELS_DIRECT_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/bench.h"

/* One request under way, and the block it is about. */
struct cb_direct_slot {
    char *buffer;
    uint64_t block;
    uint64_t begin_ns; /* on the clock, when it was prepared; unused without a histogram */
};

struct cb_direct {
    bool writes;
    bool ring_used;         /* false: pread or pwrite, one after the other */
    uint32_t depth;         /* requests under way; 1 without a ring */
    uint64_t block, blocks; /* bytes of a request, and how many the file has */
    const uint32_t *order;  /* of blocks; NULL: ascending. Borrowed */
    struct cb_hist *hist;   /* takes the time of every request; NULL: no clock is read. Borrowed */

    int fd;
    uint64_t next; /* place in the order: the next batch goes on where the last one ended */
    char *buffers;
    struct cb_direct_slot *slots;
    struct io_uring ring;
    bool ring_ready;
};

/* Opens the data file of block * blocks bytes; the fields of the first part are the caller's to set, the rest
 * is zero. CB_EMISSING: no O_DIRECT or no io_uring here. After a failure too, cb_direct_close is due. */
int cb_direct_open(struct cb_direct *d, const struct cb_run *run, struct cb_err *err);
/* `requests` of them, each block in its turn and round again. Ends when the last one is done. What is read is
 * checked, what is written keeps the numbers of its blocks. */
int cb_direct_transfer(struct cb_direct *d, uint64_t requests, struct cb_err *err);
void cb_direct_close(struct cb_direct *d);

#endif
