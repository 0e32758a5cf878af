/* Threads that do one job side by side, again for every batch. They are made once, in setup: starting a
 * thread costs as much as some of the work that is timed. */
#ifndef CB_KERNELS_CREW_H
#define CB_KERNELS_CREW_H

#include "bench/base/err.h"

struct cb_crew;

/* `size` members, of which the caller is the first; `job` is called with each one's index, 0 to size - 1. */
int cb_crew_start(unsigned size, int (*job)(void *arg, unsigned index, struct cb_err *err), void *arg,
                  struct cb_crew **out, struct cb_err *err);
/* All members do the job once. -1 with the error of the first, by index, that failed. */
int cb_crew_run(struct cb_crew *crew, struct cb_err *err);
/* Only while no job is in progress; NULL is fine. */
void cb_crew_stop(struct cb_crew *crew);

#endif
