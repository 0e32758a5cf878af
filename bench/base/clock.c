#include "bench/base/clock.h"

#include <limits.h>

#define CLOCK_TRIES 64  /* medians settle well before this */
#define CLOCK_BATCH 256 /* one try is long enough for any resolution */

static void sort_small(double *a, int n)
{
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && a[j] < a[j - 1]; j--) {
            double t = a[j];
            a[j] = a[j - 1];
            a[j - 1] = t;
        }
}

void cb_clock_measure(double *cost_ns, uint64_t *resolution_ns)
{
    double cost[CLOCK_TRIES];
    uint64_t smallest = UINT64_MAX;
    for (int i = 0; i < CLOCK_TRIES; i++) {
        uint64_t first = cb_now_ns(), last = first;
        for (int k = 0; k < CLOCK_BATCH; k++) {
            uint64_t now = cb_now_ns();
            if (now != last && now - last < smallest)
                smallest = now - last;
            last = now;
        }
        cost[i] = (double)(last - first) / CLOCK_BATCH;
    }
    sort_small(cost, CLOCK_TRIES);
    *cost_ns = cost[CLOCK_TRIES / 2];
    *resolution_ns = smallest == UINT64_MAX ? 1 : smallest;
}

void cb_sleep_ns(uint64_t ns)
{
    struct timespec ts = {(time_t)(ns / CB_NS_PER_S), (long)(ns % CB_NS_PER_S)};
    while (nanosleep(&ts, &ts) < 0)
        ;
}

uint64_t cb_deadline_remaining_ns(uint64_t deadline)
{
    uint64_t now = cb_now_ns();
    return now >= deadline ? 0 : deadline - now;
}

int cb_deadline_poll_ms(uint64_t deadline)
{
    uint64_t ms = (cb_deadline_remaining_ns(deadline) + CB_NS_PER_MS - 1) / CB_NS_PER_MS;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}
