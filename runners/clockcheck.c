#include "runners/clockcheck.h"

#include <math.h>

#define STAMPS_MIN 6 /* two in each third: one of two may be late */

/* Offsets are differences of clocks with unrelated zeros: taken relative to the first stamp they are small.
 */
static double offset(const struct cb_stamp *s, size_t i)
{
    return (double)(int64_t)(s[i].host_ns - s[0].host_ns) - (double)(int64_t)(s[i].agent_ns - s[0].agent_ns);
}

static double smallest_offset(const struct cb_stamp *s, size_t from, size_t to)
{
    double least = INFINITY;
    for (size_t i = from; i < to; i++)
        least = fmin(least, offset(s, i));
    return least;
}

static double host_elapsed(const struct cb_stamp *s, size_t n)
{
    return (double)(s[n - 1].host_ns - s[0].host_ns);
}

double cb_clock_drift(const struct cb_stamp *s, size_t n)
{
    if (n < STAMPS_MIN || s[n - 1].host_ns <= s[0].host_ns)
        return 0;
    double moved = smallest_offset(s, n - n / 3, n) - smallest_offset(s, 0, n / 3);
    /* The least delayed lines of the outer thirds may be a third of the time apart only: never understate. */
    double apart = fmax(host_elapsed(s, n) / 3, 1);
    return moved / apart;
}

bool cb_clocks_agree(const struct cb_stamp *s, size_t n, uint64_t jitter_ns)
{
    double moved = fabs(cb_clock_drift(s, n)) * fmax(n ? host_elapsed(s, n) / 3 : 0, 1);
    return moved <= CB_CLOCK_TOLERANCE * (n ? host_elapsed(s, n) : 0) + (double)jitter_ns;
}
