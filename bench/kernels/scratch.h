/* The memory and the files that benchmarks work on. */
#ifndef CB_KERNELS_SCRATCH_H
#define CB_KERNELS_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bench/bench.h"

#define CB_PAGE  UINT64_C(4096)    /* the small page, and the block of a data file */
#define CB_HUGE  UINT64_C(2097152) /* the huge page of x86-64, and of aarch64 with small pages of 4 KiB */
#define CB_MAGIC UINT64_C(0x9E3779B97F4A7C15)
/* Default of the parameter `size` of fs.seq and fs.rand: alike, so that one file serves both. */
#define CB_SCRATCH_SIZE "128M"

/* A kernel's own state, zeroed, in run->state; freed by the kernel's teardown. NULL with *err. */
void *cb_scratch_state(struct cb_run *run, size_t size, struct cb_err *err);

/* Anonymous memory that nothing has touched yet, aligned to CB_HUGE so that huge pages do not depend on where
 * the address space had room. NULL with *err. */
void *cb_scratch_map(uint64_t bytes, struct cb_err *err);
/* The same, filled with random bytes: storage and page merging have a short way for zeros. */
void *cb_scratch_buffer(uint64_t bytes, struct cb_err *err);
/* The same on transparent huge pages, where there are some; `bytes` must be a multiple of CB_HUGE. How many
 * pieces small pages make of a device's request is the allocator's luck, other in every process. */
void *cb_scratch_solid(uint64_t bytes, struct cb_err *err);
void cb_scratch_unmap(void *p, uint64_t bytes); /* p may be NULL */

/* A descriptor of the instance's data file of `bytes` (a multiple of 1 MiB), opened with `flags` on top of
 * O_DIRECT; -1 with *err, CB_EMISSING where the filesystem cannot do O_DIRECT. The first call allocates the
 * file, fills it with random data and syncs it; the later cases of the instance find it there. It goes with
 * the scratch directory, which belongs to the runner. */
int cb_scratch_file(const struct cb_run *run, uint64_t bytes, int flags, struct cb_err *err);

/* How many of the pages (of sysconf(_SC_PAGESIZE)) of a readable file are in this kernel's page cache. */
int cb_scratch_cached_pages(int fd, uint64_t bytes, uint64_t *pages, struct cb_err *err);
/* Writes a file back and drops it from this kernel's page cache. CB_EMISSING where it stays: a tmpfs has no
 * other place for it. What is below is not dropped: nobody inside can do that. A virtual machine's disk is
 * opened by its qemu past the host's cache (cache=none), so that cold means the same in all arms: the bytes
 * come from the device, which may have a cache of its own. */
int cb_scratch_drop(int fd, uint64_t bytes, struct cb_err *err);

/* Writes so many random bytes from where the file stands, in pieces of `piece` (both multiples of CB_PAGE,
 * the one of the other), with the numbers below, and syncs them. */
int cb_scratch_fill(int fd, uint64_t bytes, uint64_t piece, struct cb_err *err);

/* Every CB_PAGE of the data file begins with its own number: whoever writes a block keeps it so, whoever
 * reads one checks it. */
static inline void cb_scratch_stamp(void *block, uint64_t number)
{
    number ^= CB_MAGIC;
    memcpy(block, &number, sizeof number);
}

static inline bool cb_scratch_stamped(const void *block, uint64_t number)
{
    number ^= CB_MAGIC;
    return memcmp(block, &number, sizeof number) == 0;
}

/* `path` becomes scratch/name. Fails with CB_EMISSING where the environment has no scratch directory. */
int cb_scratch_path(const struct cb_run *run, const char *name, char *path, size_t cap, struct cb_err *err);
/* A fresh empty directory under scratch, made anew when a killed case has left one; removed by
 * cb_scratch_rmdir with all that is in it. */
int cb_scratch_dir(const struct cb_run *run, const char *name, char *path, size_t cap, struct cb_err *err);
void cb_scratch_rmdir(const char *path);
/* A descriptor of such a directory, for directories below it that have nothing to do with each other; -1 with
 * *err. Where benchmarks create and remove inodes all the time it matters where the next ones come: ext4
 * without a journal steps over every inode of a group that was unlinked in the last minutes, one by one, and
 * a create may take ten times its time. So ext4 is told to spread these directories over its groups, by the
 * hash of their names; with a tag in the name that did not occur before they come where nobody was lately.
 * Other filesystems do not know the mark, and do not need it. */
int cb_scratch_open_spread(const char *path, struct cb_err *err);
/* Another one in every process, now and later. */
uint32_t cb_scratch_tag(void);

#endif
