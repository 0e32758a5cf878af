#include "bench/base/hist.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define SUB_BITS 10 /* log2(CB_HIST_SUB) */

_Static_assert(CB_HIST_SUB == 1u << SUB_BITS, "the exponent of a bucket is taken from its number");

void cb_hist_reset(struct cb_hist *h)
{
    memset(h, 0, sizeof *h);
    h->min = UINT64_MAX;
}

uint32_t cb_hist_bucket(uint64_t ns)
{
    const uint64_t top = (UINT64_C(1) << CB_HIST_MAX_EXP) - 1;
    if (ns > top)
        ns = top;
    if (ns < CB_HIST_SUB)
        return (uint32_t)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - SUB_BITS;
    /* The leading one of ns >> shift counts as one power of two: rows of CB_HIST_SUB buckets follow on. */
    return shift * CB_HIST_SUB + (uint32_t)(ns >> shift);
}

/* log2 of a bucket's width. */
static unsigned bucket_shift(uint32_t bucket)
{
    return bucket < CB_HIST_SUB ? 0 : bucket / CB_HIST_SUB - 1;
}

uint64_t cb_hist_value(uint32_t bucket)
{
    unsigned shift = bucket_shift(bucket);
    return (uint64_t)(bucket - shift * CB_HIST_SUB) << shift;
}

/* A bucket holds whole nanoseconds from its lowest value on; narrow ones hold one. */
static double bucket_middle(uint32_t bucket)
{
    uint64_t width = UINT64_C(1) << bucket_shift(bucket);
    return (double)cb_hist_value(bucket) + (double)(width - 1) / 2;
}

static void widen(struct cb_hist *h, uint64_t low, uint64_t high)
{
    if (low < h->min)
        h->min = low;
    if (high > h->max)
        h->max = high;
}

void cb_hist_add(struct cb_hist *h, uint64_t ns)
{
    h->count[cb_hist_bucket(ns)]++;
    h->total++;
    widen(h, ns, ns);
}

/* False where the counter cannot hold it. */
static bool add_count(struct cb_hist *h, uint32_t bucket, uint64_t n)
{
    if (n > UINT32_MAX - h->count[bucket])
        return false;
    h->count[bucket] += (uint32_t)n;
    h->total += n;
    return true;
}

void cb_hist_merge(struct cb_hist *into, const struct cb_hist *from)
{
    for (uint32_t i = 0; i < CB_HIST_BUCKETS; i++)
        if (!add_count(into, i, from->count[i]))
            add_count(into, i, UINT32_MAX - into->count[i]);
    widen(into, from->min, from->max);
}

double cb_hist_quantile(const struct cb_hist *h, double q)
{
    if (h->total == 0)
        return 0;
    double rank = ceil(q * (double)h->total);
    uint64_t want = rank < 1 ? 1 : (uint64_t)rank, seen = 0;
    uint32_t last = 0;
    for (uint32_t i = 0; i < CB_HIST_BUCKETS; i++) {
        if (h->count[i] == 0)
            continue;
        last = i;
        seen += h->count[i];
        if (seen >= want)
            break;
    }
    return bucket_middle(last);
}

void cb_hist_print(const struct cb_hist *h, struct cb_buf *out)
{
    const char *comma = "";
    for (uint32_t i = 0; i < CB_HIST_BUCKETS; i++) {
        if (h->count[i] == 0)
            continue;
        cb_buf_printf(out, "%s%u:%u", comma, i, h->count[i]);
        comma = ",";
    }
}

/* Decimal digits without sign, at most 10 of them: enough for a bucket or a count, and never an overflow. */
static bool scan_number(const char **p, uint64_t *out)
{
    const char *start = *p;
    uint64_t n = 0;
    for (; **p >= '0' && **p <= '9' && *p - start < 10; (*p)++)
        n = n * 10 + (uint64_t)(**p - '0');
    *out = n;
    return *p != start && (**p < '0' || **p > '9');
}

/* "bucket:count" */
static bool scan_pair(const char **p, uint64_t *bucket, uint64_t *count)
{
    return scan_number(p, bucket) && *(*p)++ == ':' && scan_number(p, count);
}

int cb_hist_scan(struct cb_hist *h, const char *text, struct cb_err *err)
{
    uint64_t bucket, count, above = 0; /* above: the lowest bucket that may come next */
    const char *p = text;
    while (*p) {
        if (!scan_pair(&p, &bucket, &count) || (*p && *p != ','))
            return cb_fail(err, CB_EPROTO, "histogram: not bucket:count at byte %zu", (size_t)(p - text));
        if (bucket < above || bucket >= CB_HIST_BUCKETS || count == 0)
            return cb_fail(err, CB_EPROTO, "histogram: bucket %llu with count %llu is out of place",
                           (unsigned long long)bucket, (unsigned long long)count);
        if (!add_count(h, (uint32_t)bucket, count))
            return cb_fail(err, CB_EPROTO, "histogram: bucket %llu is full", (unsigned long long)bucket);
        widen(h, cb_hist_value((uint32_t)bucket), cb_hist_value((uint32_t)bucket));
        above = bucket + 1;
        if (*p == ',' && !*++p)
            return cb_fail(err, CB_EPROTO, "histogram: ends in a comma");
    }
    return 0;
}
