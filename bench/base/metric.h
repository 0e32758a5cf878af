/* How a number is derived from raw observations. The rule is stored beside the samples, so that any stored
 * run can be computed again bit for bit, also by a later version that no longer has the benchmark. */
#ifndef CB_BASE_METRIC_H
#define CB_BASE_METRIC_H

#include <stdint.h>

enum cb_better { CB_LOWER, CB_HIGHER };

enum cb_derive {
    CB_WALL_PER_ITER, /* wall_ns / iters * scale:   latency, cost of an operation */
    CB_WORK_PER_WALL, /* work / wall_ns * scale:    bytes, operations a time (GB/s at scale 1) */
    CB_HIST_QUANTILE, /* quantile `q` of the case's histogram * scale */
    CB_CPU_PER_ITER,  /* cpu_ns / iters * scale */
    CB_CPU_PER_WORK,  /* cpu_ns / work * scale:     CPU time a byte */
    CB_PEER_PER_WORK, /* peer_ns / work * scale:    the same of the peer */
    CB_WORK_PER_ITER, /* work / iters * scale:      bytes of an image, a count */
    CB_WORK_SLOPE, /* work for one iteration more (Theil-Sen over all samples) * scale: bytes an instance */
    /* The same of the very first batch of an instance: what it costs to do something for the first time. */
    CB_FIRST_WALL_PER_ITER,
    CB_FIRST_WORK_PER_WALL,
};

struct cb_metric {
    const char *quantity; /* "latency", "rate", "p99": last part of the metric's name; NULL ends an array */
    const char *unit;     /* "ns", "GB/s", "op/s" */
    enum cb_better better;
    enum cb_derive derive;
    double scale;
    double q; /* for CB_HIST_QUANTILE */
};

/* A quantile of the case's latencies: CB_QUANTILE_US("p99", .99). */
#define CB_QUANTILE_US(name, at)                                                                             \
    {                                                                                                        \
        .quantity = (name), .unit = "us", .better = CB_LOWER, .derive = CB_HIST_QUANTILE, .scale = 1e-3,     \
        .q = (at),                                                                                           \
    }

struct cb_sample {
    uint32_t seq;
    uint64_t iters;   /* iterations of the loop: the same in all arms */
    uint64_t work;    /* bytes or operations, in the benchmark's own terms; 0 where it has none */
    uint64_t wall_ns; /* the agent's clock */
    uint64_t cpu_ns;  /* CPU time of the agent's case process, all threads */
    uint64_t peer_ns; /* CPU time of the network peer, as it says; 0 where the benchmark does not ask */
};

#endif
