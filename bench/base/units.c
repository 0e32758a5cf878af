#include "bench/base/units.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/clock.h"

struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit time_units[] = {
    {"ns", 1},          {"us", CB_NS_PER_US},    {"ms", CB_NS_PER_MS},
    {"s", CB_NS_PER_S}, {"m", 60 * CB_NS_PER_S}, {"h", 3600 * CB_NS_PER_S},
};
static const struct unit size_units[] = {
    {"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", UINT64_C(1) << 40},
};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* Leading digits; false without any, and on overflow. */
static bool scan_digits(const char **p, uint64_t *out)
{
    const char *start = *p;
    uint64_t n = 0;
    for (; **p >= '0' && **p <= '9'; (*p)++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(**p - '0'), &n))
            return false;
    *out = n;
    return *p != start;
}

static bool scan_with_unit(const char *text, const struct unit *units, size_t n, uint64_t *out)
{
    const char *p = text;
    uint64_t digits;
    if (!scan_digits(&p, &digits))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!strcmp(p, units[i].suffix))
            return !__builtin_mul_overflow(digits, units[i].factor, out);
    return false;
}

int cb_parse_time(const char *text, uint64_t *ns, struct cb_err *err)
{
    if (!scan_with_unit(text, time_units, COUNT(time_units), ns))
        return cb_fail(err, CB_EUSAGE, "'%s' is not a time such as 250ms, 10s or 5m", text);
    return 0;
}

int cb_parse_size(const char *text, uint64_t *bytes, struct cb_err *err)
{
    if (!scan_with_unit(text, size_units, COUNT(size_units), bytes))
        return cb_fail(err, CB_EUSAGE, "'%s' is not a size such as 4096, 64K or 2G", text);
    return 0;
}

int cb_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct cb_err *err)
{
    const char *p = text;
    uint64_t n;
    if (!scan_digits(&p, &n) || *p)
        return cb_fail(err, CB_EUSAGE, "'%s' is not a whole number", text);
    if (n < min || n > max)
        return cb_fail(err, CB_EUSAGE, "%s is not within %llu and %llu", text, (unsigned long long)min,
                       (unsigned long long)max);
    *out = n;
    return 0;
}

int cb_parse_double(const char *text, double *out, struct cb_err *err)
{
    char *end;
    double v = strtod(text, &end);
    /* strtod takes blanks, hexadecimals, "inf" and "nan" too. */
    if (end == text || *end || text[strspn(text, "0123456789.eE+-")] || !isfinite(v))
        return cb_fail(err, CB_EUSAGE, "'%s' is not a number", text);
    *out = v;
    return 0;
}

char *cb_format_sig3(double v, char *out, size_t cap)
{
    char rounded[32];
    snprintf(rounded, sizeof rounded, "%.2e", v); /* 999.6 becomes 1.00e+03 here, and so 1000 below */
    const char *exponent = strchr(rounded, 'e');
    double size = fabs(strtod(rounded, NULL));
    if (v == 0)
        snprintf(out, cap, "0");
    else if (!isfinite(v) || size >= 1e7 || size < 1e-6)
        snprintf(out, cap, "%.3g", v);
    else {
        int decimals = 2 - (int)strtol(exponent + 1, NULL, 10);
        snprintf(out, cap, "%.*f", decimals > 0 ? decimals : 0, strtod(rounded, NULL));
    }
    return out;
}

char *cb_format_size(uint64_t bytes, char *out, size_t cap)
{
    size_t i = COUNT(size_units) - 1;
    while (i > 0 && (bytes == 0 || bytes % size_units[i].factor))
        i--;
    snprintf(out, cap, "%llu%s", (unsigned long long)(bytes / size_units[i].factor), size_units[i].suffix);
    return out;
}

/* "4 min 10 s" */
static void format_pair(uint64_t seconds, uint64_t unit, const char *big, const char *small, char *out,
                        size_t cap)
{
    uint64_t rest = seconds % unit * 60 / unit;
    if (rest)
        snprintf(out, cap, "%llu %s %llu %s", (unsigned long long)(seconds / unit), big,
                 (unsigned long long)rest, small);
    else
        snprintf(out, cap, "%llu %s", (unsigned long long)(seconds / unit), big);
}

char *cb_format_time(uint64_t ns, char *out, size_t cap)
{
    if (ns >= 3600 * CB_NS_PER_S) {
        format_pair(ns / CB_NS_PER_S, 3600, "h", "min", out, cap);
        return out;
    }
    if (ns >= 60 * CB_NS_PER_S) {
        format_pair(ns / CB_NS_PER_S, 60, "min", "s", out, cap);
        return out;
    }
    size_t i = 3; /* time_units: ns, us, ms, s */
    while (i > 0 && ns < time_units[i].factor)
        i--;
    double v = (double)ns / (double)time_units[i].factor;
    bool decimal = i == 3 || (i > 0 && v < 9.95); /* 2.4 s and 2.4 ms, but 310 ms */
    snprintf(out, cap, "%.*f %s", decimal ? 1 : 0, v, time_units[i].suffix);
    return out;
}
