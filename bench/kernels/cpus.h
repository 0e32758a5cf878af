/* The CPUs that the arm gave this process, by index: the same ones in every arm that has the same set. */
#ifndef CB_KERNELS_CPUS_H
#define CB_KERNELS_CPUS_H

#include "bench/base/err.h"

/* How many there are; 1 when that cannot be read. */
unsigned cb_cpus_count(void);
/* Keeps the calling thread on the index-th of them, counted as they were when the case began (once pinned, a
 * thread sees one). CB_EMISSING when there are not as many: the benchmark needs more than the arm has. */
int cb_cpus_pin(unsigned index, struct cb_err *err);

#endif
