/* Time, in nanoseconds. CLOCK_MONOTONIC_RAW everywhere: NTP slews CLOCK_MONOTONIC, and not alike in host and
 * guest. */
#ifndef CB_BASE_CLOCK_H
#define CB_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CB_NS_PER_US UINT64_C(1000)
#define CB_NS_PER_MS UINT64_C(1000000)
#define CB_NS_PER_S  UINT64_C(1000000000)

static inline uint64_t cb_clock_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * CB_NS_PER_S + (uint64_t)ts.tv_nsec;
}

static inline uint64_t cb_now_ns(void)
{
    return cb_clock_ns(CLOCK_MONOTONIC_RAW);
}

/* CPU time of the whole process, all threads. Costs about 15 times as much as cb_now_ns: outside the wall
 * bracket. */
static inline uint64_t cb_cpu_ns(void)
{
    return cb_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* Median cost of one cb_now_ns call, and the smallest non-zero step seen between two calls. */
void cb_clock_measure(double *cost_ns, uint64_t *resolution_ns);

void cb_sleep_ns(uint64_t ns);

/* A point in time after which a step has failed. `remaining` is 0 once it passed; poll(2) wants it in ms,
 * rounded up. */
static inline uint64_t cb_deadline_in(uint64_t ns)
{
    return cb_now_ns() + ns;
}
uint64_t cb_deadline_remaining_ns(uint64_t deadline);
int cb_deadline_poll_ms(uint64_t deadline);

#endif
