#include "bench/bench.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bench/base/units.h"

#define CB_BENCHMARK(symbol, file) extern const struct cb_bench symbol;
#include "bench/benchmarks.def"
#undef CB_BENCHMARK

#define CB_BENCHMARK(symbol, file) &symbol,
const struct cb_bench *const cb_benchmarks[] = {
#include "bench/benchmarks.def"
    NULL};
#undef CB_BENCHMARK

const struct cb_bench *cb_bench_find(const char *name)
{
    for (const struct cb_bench *const *b = cb_benchmarks; *b; b++)
        if (!strcmp((*b)->name, name))
            return *b;
    return NULL;
}

static unsigned param_count(const struct cb_bench *b)
{
    unsigned n = 0;
    while (b->params && b->params[n].name)
        n++;
    assert(n <= CB_PARAM_MAX);
    return n;
}

/* Index of a parameter, or -1. */
static int param_index(const struct cb_bench *b, const char *name)
{
    for (unsigned i = 0; i < param_count(b); i++)
        if (!strcmp(b->params[i].name, name))
            return (int)i;
    return -1;
}

/* The choice at *rest, which moves on to the next; NULL after the last. */
static const char *next_choice(const char **rest, size_t *len)
{
    const char *choice = *rest;
    if (!choice)
        return NULL;
    *len = strcspn(choice, "|");
    *rest = choice[*len] ? choice + *len + 1 : NULL;
    return choice;
}

static int parse_choice(const struct cb_param *p, const char *text, uint64_t *out, struct cb_err *err)
{
    const char *rest = p->choices, *choice;
    size_t len;
    for (uint64_t i = 0; (choice = next_choice(&rest, &len)); i++)
        if (len == strlen(text) && !memcmp(choice, text, len)) {
            *out = i;
            return 0;
        }
    return cb_fail(err, CB_EUSAGE, "'%s' is not one of %s", text, p->choices);
}

static int parse_size(const struct cb_param *p, const char *text, uint64_t *out, struct cb_err *err)
{
    char min[24], max[24];
    if (cb_parse_size(text, out, err) < 0)
        return -1;
    if (*out < p->min || *out > p->max)
        return cb_fail(err, CB_EUSAGE, "%s is not within %s and %s", text,
                       cb_format_size(p->min, min, sizeof min), cb_format_size(p->max, max, sizeof max));
    return 0;
}

static int parse_value(const struct cb_param *p, const char *text, uint64_t *out, struct cb_err *err)
{
    int failed = -1;
    switch (p->type) {
    case CB_PARAM_INT:
        failed = cb_parse_u64(text, p->min, p->max, out, err);
        break;
    case CB_PARAM_SIZE:
        failed = parse_size(p, text, out, err);
        break;
    case CB_PARAM_ENUM:
        failed = parse_choice(p, text, out, err);
        break;
    }
    return failed ? cb_wrap(err, "parameter %s", p->name) : 0;
}

static int parse_defaults(const struct cb_bench *b, uint64_t out[CB_PARAM_MAX], struct cb_err *err)
{
    memset(out, 0, CB_PARAM_MAX * sizeof *out);
    for (unsigned i = 0; i < param_count(b); i++)
        if (parse_value(&b->params[i], b->params[i].def, &out[i], err) < 0)
            return -1;
    return 0;
}

/* "key=value"; `seen` has a bit a parameter that was given already. */
static int parse_pair(const struct cb_bench *b, char *pair, uint64_t out[CB_PARAM_MAX], unsigned *seen,
                      struct cb_err *err)
{
    char *value = strchr(pair, '=');
    if (!value)
        return cb_fail(err, CB_EUSAGE, "'%s' is not name=value", pair);
    *value++ = '\0';
    int i = param_index(b, pair);
    if (i < 0)
        return cb_fail(err, CB_EUSAGE, "no parameter '%s'", pair);
    if (*seen & 1u << i)
        return cb_fail(err, CB_EUSAGE, "parameter %s is given twice", pair);
    *seen |= 1u << i;
    return parse_value(&b->params[i], value, &out[i], err);
}

int cb_params_parse(const struct cb_bench *b, const char *text, uint64_t out[CB_PARAM_MAX],
                    struct cb_err *err)
{
    char copy[CB_PARAMS_TEXT_MAX], *rest = *text ? copy : NULL, *pair;
    size_t len = strlen(text);
    unsigned seen = 0;
    if (len >= sizeof copy)
        return cb_fail(err, CB_EUSAGE, "%s: parameters of more than %zu bytes", b->name, sizeof copy - 1);
    memcpy(copy, text, len + 1);
    if (parse_defaults(b, out, err) < 0)
        return cb_wrap(err, "%s", b->name);
    while ((pair = strsep(&rest, ",")))
        if (parse_pair(b, pair, out, &seen, err) < 0)
            return cb_wrap(err, "%s", b->name);
    return 0;
}

/* Length of the text, or -1 where the value is no choice. */
static int format_value(const struct cb_param *p, uint64_t value, char *out, size_t cap)
{
    if (p->type != CB_PARAM_ENUM)
        return snprintf(out, cap, "%llu", (unsigned long long)value);
    const char *rest = p->choices, *choice;
    size_t len;
    for (uint64_t i = 0; (choice = next_choice(&rest, &len)); i++)
        if (i == value)
            return snprintf(out, cap, "%.*s", (int)len, choice);
    return -1;
}

int cb_params_format(const struct cb_bench *b, const uint64_t values[CB_PARAM_MAX], char *out, size_t cap)
{
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < param_count(b); i++) {
        char value[64];
        if (format_value(&b->params[i], values[i], value, sizeof value) < 0)
            return -1;
        int n = snprintf(out + used, cap - used, "%s%s=%s", i ? "," : "", b->params[i].name, value);
        if (n < 0 || (size_t)n >= cap - used)
            return -1;
        used += (size_t)n;
    }
    return 0;
}

uint64_t cb_run_param(const struct cb_run *run, const char *name)
{
    int i = param_index(run->bench, name);
    assert(i >= 0);
    return run->param[i];
}
