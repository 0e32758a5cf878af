/* The CPUs that the arm gave this process, by index: the same ones in every arm that has the same set. */
#ifndef CB_KERNELS_CPUS_H
#define CB_KERNELS_CPUS_H

#include "bench/bench.h"

/* The parameter of benchmarks in which two processes or threads wake each other. The first one stays on CPU
 * 0; the value is the index of the second one's. Without a choice the scheduler's would be measured, and it
 * is not always the same. */
#define CB_CPUS_PARAM                                                                                        \
    {                                                                                                        \
        .name = "cpus", .help = "the second one runs on the same CPU as the first, or on another",           \
        .type = CB_PARAM_ENUM, .def = "same", .choices = "same|other"                                        \
    }

/* How many there are; 1 when that cannot be read. */
unsigned cb_cpus_count(void);
/* Keeps the calling thread on the index-th of them, counted as they were when the case began (once pinned, a
 * thread sees one). CB_EMISSING when there are not as many: the benchmark needs more than the arm has. What
 * the thread starts afterwards, threads and processes, begins there too. */
int cb_cpus_pin(unsigned index, struct cb_err *err);

#endif
