/* Does the agent's clock run as the host's does? Lines carry the agent's clock, the host stamps their
 * arrival. A line may come late, by any amount, when a CPU is busy; it never comes early. So the least
 * delayed lines tell: how the smallest offset between the clocks moves over a case is the clocks' doing,
 * everything above it is delay. */
#ifndef CB_RUNNERS_CLOCKCHECK_H
#define CB_RUNNERS_CLOCKCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Clocks that differ by more than this over a case: its samples are not trusted. */
#define CB_CLOCK_TOLERANCE 0.002

struct cb_stamp {
    uint64_t agent_ns, host_ns;
};

/* How much faster the host's clock runs than the agent's, as a fraction of elapsed time (0 when they agree),
 * from the smallest offsets in the first and in the last third of n stamps in order. 0 for fewer than 6. */
double cb_clock_drift(const struct cb_stamp *s, size_t n);
/* True when the drift is within the tolerance, or too small to be told from `jitter_ns`, what a stamp may be
 * off by. */
bool cb_clocks_agree(const struct cb_stamp *s, size_t n, uint64_t jitter_ns);

#endif
