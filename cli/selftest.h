/* The parts of `cbench selftest`, one a file: each prints its table, or adds to the JSON. */
#ifndef CB_CLI_SELFTEST_H
#define CB_CLI_SELFTEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/base/err.h"

struct cb_selftest {
    json_t *json; /* object, owned; NULL: tables are printed */
    unsigned checks, failed;
};

struct cb_selftest_kernels {
    const char *const *arms; /* ended by NULL */
    const char *benches;     /* globs; NULL: all */
    const char *out, *connect;
    uint64_t seed;
};
/* Twice the iterations take twice the time, nothing is zero, checksums hold: every case of every arm, run as
 * a run would. */
int cb_selftest_kernels(struct cb_selftest *t, const struct cb_selftest_kernels *req, struct cb_err *err);
/* False alarms and detections of `runs` synthetic runs of each kind. */
int cb_selftest_rates(struct cb_selftest *t, unsigned runs, uint64_t seed, struct cb_err *err);

#endif
