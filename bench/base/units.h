/* Numbers as people type and read them. */
#ifndef CB_BASE_UNITS_H
#define CB_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "bench/base/err.h"

/* "250ms", "10s", "5m", "1h", "40us", "7ns" -> nanoseconds. The unit is required. */
int cb_parse_time(const char *text, uint64_t *ns, struct cb_err *err);
/* "4096", "64K", "1M", "2G" (binary) -> bytes. */
int cb_parse_size(const char *text, uint64_t *bytes, struct cb_err *err);
/* Decimal, whole string, no sign. */
int cb_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct cb_err *err);
int cb_parse_double(const char *text, double *out, struct cb_err *err);

/* Writers return `out`. Three significant digits: 104, 10.4, 1.04, 0.104, 1.04e+06 never: plain digits up to
 * 1e7. */
char *cb_format_sig3(double v, char *out, size_t cap);
/* "64K", "1M": exact binary multiples, else plain bytes. */
char *cb_format_size(uint64_t bytes, char *out, size_t cap);
/* "2.4 s", "310 ms", "4 min 10 s": for people. */
char *cb_format_time(uint64_t ns, char *out, size_t cap);

#endif
