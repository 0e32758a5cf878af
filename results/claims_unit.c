/* Units of values in claims. Those of benchmarks are among them; any other is comparable to itself only. */
#include <string.h>

#include "results/claims.h"

static const struct unit {
    const char *name, *base;
    double factor;
} units[] = {
    {"ns", "s", 1e-9},        {"us", "s", 1e-6},
    {"\xc2\xb5s", "s", 1e-6}, /* the micro sign */
    {"\xce\xbcs", "s", 1e-6}, /* and the Greek letter */
    {"ms", "s", 1e-3},        {"s", "s", 1},
    {"min", "s", 60},         {"B/s", "B/s", 1},
    {"kB/s", "B/s", 1e3},     {"MB/s", "B/s", 1e6},
    {"GB/s", "B/s", 1e9},     {"KiB/s", "B/s", 0x1p10},
    {"MiB/s", "B/s", 0x1p20}, {"GiB/s", "B/s", 0x1p30},
    {"b/s", "B/s", 1.0 / 8},  {"kb/s", "B/s", 1e3 / 8},
    {"Mb/s", "B/s", 1e6 / 8}, {"Gb/s", "B/s", 1e9 / 8},
    {"op/s", "op/s", 1},      {"kop/s", "op/s", 1e3},
    {"Mop/s", "op/s", 1e6},   {"B", "B", 1},
    {"kB", "B", 1e3},         {"MB", "B", 1e6},
    {"GB", "B", 1e9},         {"KiB", "B", 0x1p10},
    {"MiB", "B", 0x1p20},     {"GiB", "B", 0x1p30},
};

static const struct unit *find(const char *name)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(units[i].name, name))
            return &units[i];
    return NULL;
}

double cb_unit_factor(const char *from, const char *to)
{
    const struct unit *a = find(from), *b = find(to);
    if (!strcmp(from, to))
        return 1;
    return a && b && !strcmp(a->base, b->base) ? a->factor / b->factor : 0;
}
