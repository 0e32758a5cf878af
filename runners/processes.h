/* What processes use, as the host accounts for it. All of it is read from outside, and of processes that may
 * end at any time: what is gone counts as nothing. */
#ifndef CB_RUNNERS_PROCESSES_H
#define CB_RUNNERS_PROCESSES_H

#include "runners/runner.h"

/* The processes of an instance, which are those in its control group: the agent and its children, or the
 * emulator. cbench's own there (the host arm's launcher) are the harness's, and left out. Returns how many
 * there are, at most `max`; 0 where the instance has no group. */
unsigned cb_processes(const struct cb_env *env, pid_t *out, unsigned max);

/* CPU time of a process, all its threads, also those that ended. */
uint64_t cb_process_cpu_ns(pid_t pid);
/* How often its threads gave up a CPU to wait: as often as they were woken up. */
uint64_t cb_process_waits(pid_t pid);
/* Its proportional share of memory: a page that n processes map counts as 1/n. */
uint64_t cb_process_pss(pid_t pid);

/* CPU time of a process, of all its descendants, and of those of them that ended and were waited for. In
 * steps of the kernel's clock tick (10 ms). */
uint64_t cb_process_tree_cpu_ns(pid_t root);

/* MemAvailable, with the counts of all CPUs in it, where the kernel can be asked for that. */
uint64_t cb_memory_available(void);

#endif
