#include "results/stopping.h"

#include <math.h>
#include <stdint.h>

#include "results/dist.h"

size_t cb_blocks_for_width(double sd, size_t n, double target)
{
    double t = n < 2 ? NAN : cb_t_ppf(0.975, (double)(n - 1)) * sd / target;
    double blocks = ceil(t * t);
    if (!(blocks < (double)SIZE_MAX))
        return SIZE_MAX;
    return blocks > (double)n ? (size_t)blocks : n;
}

struct cb_extension cb_extension(size_t wanted, size_t pilot, size_t max, double budget_s, double block_s)
{
    if (wanted > max)
        wanted = max;
    double paid = floor(budget_s / block_s);
    struct cb_extension e = {.blocks = wanted};
    if (paid < (double)wanted) {
        e.by_budget = true;
        e.blocks = paid > (double)pilot ? (size_t)paid : pilot;
    }
    return e;
}

/* Looks grow by 1.4: five of them reach from 10 blocks to 38. */
size_t cb_look(unsigned k)
{
    return (size_t)lround(10 * pow(1.4, k));
}
