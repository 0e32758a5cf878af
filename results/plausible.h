/* Bounds that no machine of today is beyond: a value that is was not measured but made up, by a compiler that
 * folded the work away, a cache that answered instead of a device, a clock that stood still. */
#ifndef CB_RESULTS_PLAUSIBLE_H
#define CB_RESULTS_PLAUSIBLE_H

#include <stdbool.h>
#include <stddef.h>

/* True for a value of the metric ("mem.chase.latency", in its unit) beyond its bound, with "implausible: 0.3
 * ns, the bound is 0.5 ns (why)" in `reason`. A metric without a bound is always plausible. */
bool cb_implausible(const char *metric, double value, char *reason, size_t cap);

#endif
