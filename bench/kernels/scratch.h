/* Files for the filesystem benchmarks. */
#ifndef CB_KERNELS_SCRATCH_H
#define CB_KERNELS_SCRATCH_H

#include <stdint.h>

#include "bench/bench.h"

/* The instance's data file of `bytes`, filled once with non-zero data and synced; made on first use and
 * shared by the cases of the instance. Returns a descriptor opened with `flags` (O_DIRECT ...), -1 with *err.
 */
int cb_scratch_file(const struct cb_run *run, uint64_t bytes, int flags, struct cb_err *err);
/* `bytes` of memory aligned to 4096, filled with non-zero data; unmap with cb_scratch_unmap. NULL with *err.
 */
void *cb_scratch_buffer(uint64_t bytes, struct cb_err *err);
void cb_scratch_unmap(void *p, uint64_t bytes);
/* A fresh empty directory under scratch; removed by cb_scratch_rmdir with all that is in it (one level of
 * files). */
int cb_scratch_dir(const struct cb_run *run, const char *name, char *path, size_t cap, struct cb_err *err);
void cb_scratch_rmdir(const char *path);

#endif
