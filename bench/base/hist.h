/* A mergeable histogram of latencies in nanoseconds with a fixed relative error: values below 1024 exactly,
 * above in buckets of 1/1024 of their power of two, so that any quantile is within 0.1 % of the value it
 * stands for. The bucketing is the log-linear one of HdrHistogram (Tene). No allocation after init. */
#ifndef CB_BASE_HIST_H
#define CB_BASE_HIST_H

#include <stddef.h>
#include <stdint.h>

#include "bench/base/buf.h"
#include "bench/base/err.h"

#define CB_HIST_SUB     1024u /* buckets to a power of two */
#define CB_HIST_MAX_EXP 36u   /* values up to 2^36 ns = 68 s; larger are counted as that */
#define CB_HIST_BUCKETS (CB_HIST_SUB * (CB_HIST_MAX_EXP - 10 + 1))

struct cb_hist {
    uint64_t total;
    uint64_t min, max; /* exact; min is UINT64_MAX while empty */
    uint32_t count[CB_HIST_BUCKETS];
};

void cb_hist_reset(struct cb_hist *h);
void cb_hist_add(struct cb_hist *h, uint64_t ns);
void cb_hist_merge(struct cb_hist *into, const struct cb_hist *from);
/* The value at quantile q in [0,1]: middle of the bucket that holds the ceil(q*total)-th value; 0 when empty.
 */
double cb_hist_quantile(const struct cb_hist *h, double q);
uint32_t cb_hist_bucket(uint64_t ns);
/* Lowest value of a bucket. */
uint64_t cb_hist_value(uint32_t bucket);
/* Text form "bucket:count,bucket:count" in rising order, for the wire and the store; min and max travel
 * apart. */
void cb_hist_print(const struct cb_hist *h, struct cb_buf *out);
/* Adds the counts of such a text. Hostile input fails with CB_EPROTO and leaves *h in a usable state. Does
 * not touch min and max beyond what the buckets say. */
int cb_hist_scan(struct cb_hist *h, const char *text, struct cb_err *err);

#endif
