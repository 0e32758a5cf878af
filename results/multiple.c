#include "results/multiple.h"

#include <math.h>
#include <stdlib.h>

#include "bench/base/cleanup.h"
#include "results/dist.h"

struct ranked {
    double p;
    size_t index;
};

static int by_p(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static struct ranked *rank_all(const double *p, size_t m)
{
    struct ranked *r = reallocarray(NULL, m + 1, sizeof *r);
    for (size_t i = 0; r && i < m; i++)
        r[i] = (struct ranked){p[i], i};
    if (r)
        qsort(r, m, sizeof *r, by_p);
    return r;
}

bool cb_holm(const double *p, size_t m, double *out)
{
    CB_AUTOFREE struct ranked *r = rank_all(p, m);
    if (!r)
        return false;
    double largest = 0; /* a test is not rejected before those with smaller p */
    for (size_t k = 0; k < m; k++) {
        largest = fmax(largest, fmin(1, (double)(m - k) * r[k].p));
        out[r[k].index] = largest;
    }
    return true;
}

bool cb_benjamini_hochberg(const double *p, size_t m, double *out)
{
    CB_AUTOFREE struct ranked *r = rank_all(p, m);
    if (!r)
        return false;
    double smallest = 1;
    for (size_t k = m; k-- > 0;) {
        smallest = fmin(smallest, r[k].p * (double)m / (double)(k + 1));
        out[r[k].index] = smallest;
    }
    return true;
}

void cb_wilson(size_t k, size_t n, double conf, double ci[2])
{
    double z = cb_norm_ppf(1 - (1 - conf) / 2), trials = (double)n, p = (double)k / trials;
    double scale = 1 + z * z / trials, centre = (p + z * z / (2 * trials)) / scale;
    double half = z / scale * sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials));
    ci[0] = fmax(centre - half, 0);
    ci[1] = fmin(centre + half, 1);
}

size_t cb_units_to_decide(size_t m, double alpha)
{
    return (size_t)ceil(log2((double)m / alpha));
}
