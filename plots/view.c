#include "plots/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/base/units.h"
#include "plots/escape.h"
#include "results/void.h"
#include "results/control.h"

/* Groups are the first part of a metric's name. */
static const struct {
    const char *key, *title;
} groups[] = {
    {"ctl", "Control path"}, {"mem", "Memory"}, {"fs", "Filesystem"}, {"net", "Network"}, {"start", "Start"},
};

/* Units in which the same quantity is read more easily; each family in rising order. */
static const struct {
    const char *name;
    char family;
    double factor;
} units[] = {
    {"ns", 't', 1},     {"us", 't', 1e3},   {"ms", 't', 1e6},   {"s", 't', 1e9},    {"kB/s", 'B', 1e3},
    {"MB/s", 'B', 1e6}, {"GB/s", 'B', 1e9}, {"kb/s", 'b', 1e3}, {"Mb/s", 'b', 1e6}, {"Gb/s", 'b', 1e9},
};

#define SENTENCE_ARMS 6 /* more make no sentence */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum cb_view_mark cb_view_mark(const struct cb_row *row)
{
    if (!isfinite(row->ratio))
        return CB_MARK_NONE;
    if (row->within_noise)
        return CB_MARK_NOISE;
    double floor = 1 + (isfinite(row->noise_floor) ? row->noise_floor : 0);
    if (row->ci95[0] > 1 && row->ratio > floor)
        return CB_MARK_MORE;
    return row->ci95[1] < 1 && row->ratio < 1 / floor ? CB_MARK_LESS : CB_MARK_UNCLEAR;
}

bool cb_view_untrusted(const struct cb_row *row)
{
    return !strcmp(row->outcome, "untrusted");
}

const char *cb_view_outcome(const struct cb_row *row)
{
    return strcmp(row->outcome, "ok") != 0 ? row->outcome : "no ratio";
}

unsigned cb_view_next_arm(const struct cb_dataset *d, unsigned from)
{
    while (from < d->narms && cb_dataset_role(d, from) != CB_ROLE_TESTED)
        from++;
    return from < d->narms ? from : (unsigned)d->narms;
}

unsigned cb_view_next_shown(const struct cb_dataset *d, unsigned from)
{
    while (from < d->narms && cb_dataset_role(d, from) == CB_ROLE_CONTROL)
        from++;
    return from < d->narms ? from : (unsigned)d->narms;
}

bool cb_view_control(const struct cb_report *r, char *out, size_t cap)
{
    struct cb_control control;
    out[0] = '\0';
    if (!cb_control(r->data, r->rows, &control))
        return false;
    snprintf(out, cap, "Positive control: a planted %.0f %% slowdown was seen in %u of %u metrics.",
             control.slowdown * 100, control.seen, control.of);
    return true;
}

unsigned cb_view_count_arms(const struct cb_dataset *d)
{
    unsigned n = 0;
    for (unsigned a = cb_view_next_arm(d, 0); a < d->narms; a = cb_view_next_arm(d, a + 1))
        n++;
    return n;
}

static const char *emulation(const struct cb_ds_arm *arm)
{
    return arm->accelerator && !strcmp(arm->accelerator, "tcg") ? " (emulated)" : "";
}

char *cb_view_arm(const struct cb_ds_arm *arm, char *out, size_t cap)
{
    snprintf(out, cap, "%s%s", arm->name, emulation(arm));
    return out;
}

char *cb_view_arm_fit(const struct cb_ds_arm *arm, int columns, char *out, size_t cap)
{
    int room = columns - (int)strlen(emulation(arm));
    if (cb_text_width(arm->name) <= room)
        return cb_view_arm(arm, out, cap);
    size_t kept = cb_text_fit(arm->name, room - 2);
    snprintf(out, cap, "%.*s..%s", (int)kept, arm->name, emulation(arm));
    return out;
}

/* Appends text to out as far as there is room. */
static void append(char *out, size_t cap, const char *text)
{
    size_t used = strlen(out);
    snprintf(out + used, cap - used, "%s", text);
}

static size_t group_length(const struct cb_ds_metric *m)
{
    return strcspn(m->name, ".");
}

char *cb_view_group(const struct cb_ds_metric *m, char *out, size_t cap)
{
    size_t n = group_length(m);
    snprintf(out, cap, "%.*s", (int)n, m->name);
    for (size_t i = 0; i < COUNT(groups); i++)
        if (strlen(groups[i].key) == n && !strncmp(groups[i].key, m->name, n))
            snprintf(out, cap, "%s", groups[i].title);
    if (cb_is_cold(m))
        append(out, cap, ", first batch");
    return out;
}

static bool same_group(const struct cb_ds_metric *a, const struct cb_ds_metric *b)
{
    size_t n = group_length(a);
    return n == group_length(b) && !strncmp(a->name, b->name, n) && cb_is_cold(a) == cb_is_cold(b);
}

size_t cb_view_metrics(const struct cb_dataset *d)
{
    size_t n = 0;
    while (n < d->nmetrics && !cb_is_cold(&d->metrics[n]))
        n++;
    return n;
}

bool cb_view_group_begins(const struct cb_dataset *d, size_t i)
{
    return i == 0 || !same_group(&d->metrics[i - 1], &d->metrics[i]);
}

/* True when the text `params` ("size=65536,op=copy") holds exactly this "key=value". */
static bool has_param(const char *params, const char *param, size_t n)
{
    for (const char *p = params; *p; p += *p == ',') {
        size_t len = strcspn(p, ",");
        if (len == n && !strncmp(p, param, n))
            return true;
        p += len;
    }
    return false;
}

/* A parameter that all cases of the benchmark share tells the reader nothing. */
static bool tells_apart(const struct cb_dataset *d, const struct cb_ds_case *c, const char *param, size_t n)
{
    for (size_t i = 0; i < d->ncases; i++)
        if (!strcmp(d->cases[i].bench, c->bench) && !has_param(d->cases[i].params, param, n))
            return true;
    return false;
}

/* "copy" for op=copy, "64K" for size=65536, "depth=32" for other numbers: a bare 32 says little. */
static void append_param(char *out, size_t cap, const char *param, size_t n, bool brief)
{
    char text[CB_VIEW_TEXT];
    struct cb_err err;
    uint64_t number;
    snprintf(text, sizeof text, "%.*s", (int)n, param);
    const char *value = strchr(text, '=') ? strchr(text, '=') + 1 : text;
    bool numeric = !cb_parse_u64(value, 0, UINT64_MAX, &number, &err);
    if (numeric && number && number % 1024 == 0) {
        char size[CB_VIEW_NUM];
        append(out, cap, cb_format_size(number, size, sizeof size));
    } else {
        append(out, cap, numeric && !brief ? text : value);
    }
}

char *cb_view_case(const struct cb_dataset *d, unsigned case_index, bool brief, char *out, size_t cap)
{
    const struct cb_ds_case *c = &d->cases[case_index];
    out[0] = '\0';
    for (const char *p = c->params; *p; p += *p == ',') {
        size_t n = strcspn(p, ",");
        if (tells_apart(d, c, p, n)) {
            if (out[0])
                append(out, cap, " ");
            append_param(out, cap, p, n, brief);
        }
        p += n;
    }
    return out;
}

char *cb_view_label(const struct cb_dataset *d, const struct cb_ds_metric *m, bool brief, char *out,
                    size_t cap)
{
    char variant[CB_VIEW_TEXT];
    cb_view_case(d, m->case_index, brief, variant, sizeof variant);
    snprintf(out, cap, "%s%s%s", m->name, variant[0] ? " " : "", variant);
    return out;
}

const char *cb_view_unit(double *v, const char *unit)
{
    int from = -1, best = -1;
    for (int i = 0; i < (int)COUNT(units); i++)
        if (!strcmp(units[i].name, unit))
            from = i;
    for (int i = 0; from >= 0 && i < (int)COUNT(units); i++)
        if (units[i].family == units[from].family &&
            (best < 0 || fabs(*v) * units[from].factor >= units[i].factor))
            best = i;
    if (best < 0)
        return unit;
    *v *= units[from].factor / units[best].factor;
    return units[best].name;
}

char *cb_view_value(double v, const char *unit, char *out, size_t cap)
{
    char number[CB_VIEW_NUM];
    if (!isfinite(v)) {
        snprintf(out, cap, "-");
        return out;
    }
    const char *scaled = cb_view_unit(&v, unit), *thousands = "";
    if (fabs(v) >= 1e6) {
        v /= 1e6;
        thousands = "M";
    } else if (fabs(v) >= 1e4) {
        v /= 1e3;
        thousands = "k";
    }
    snprintf(out, cap, "%s%s %s", cb_format_sig3(v, number, sizeof number), thousands, scaled);
    return out;
}

char *cb_view_ratio(double ratio, bool brief, char *out, size_t cap)
{
    if (!isfinite(ratio))
        snprintf(out, cap, "-");
    else if (ratio >= 0.9 && ratio < 1.1 && !brief)
        snprintf(out, cap, "%.3f", ratio);
    else if (brief && ratio < 1)
        snprintf(out, cap, "%.2f", ratio);
    else
        cb_format_sig3(ratio, out, cap);
    return out;
}

char *cb_view_interval(const double ci[2], bool brief, char *out, size_t cap)
{
    char lo[CB_VIEW_NUM], hi[CB_VIEW_NUM];
    if (!isfinite(ci[0]) || !isfinite(ci[1]))
        snprintf(out, cap, "[-]");
    else
        snprintf(out, cap, "[%s, %s]", cb_view_ratio(ci[0], brief, lo, sizeof lo),
                 cb_view_ratio(ci[1], brief, hi, sizeof hi));
    return out;
}

char *cb_view_percent(double fraction, char *out, size_t cap)
{
    if (!isfinite(fraction))
        snprintf(out, cap, "-");
    else if (fraction >= 9.995)
        snprintf(out, cap, "x%.3g", 1 + fraction);
    else
        snprintf(out, cap, fraction < 0.0995 ? "%.1f %%" : "%.0f %%", fraction * 100);
    return out;
}

double cb_view_level(const struct cb_report *r)
{
    return r->rows->n ? 100 * r->rows->at[0].ci_level : 95;
}

char *cb_view_blocks(const struct cb_dataset *d, char *out, size_t cap)
{
    struct cb_voids v = cb_voids(d);
    if (v.voided)
        snprintf(out, cap, "%u blocks, %u of them void, for %u planned", v.blocks, v.voided, d->run.blocks);
    else
        snprintf(out, cap, "%u of %u blocks", v.blocks, d->run.blocks);
    return out;
}

/* What one arm costs over the metrics of a group. */
struct group_cost {
    unsigned metrics, within_noise;
    double lo, hi;
    const char *reason;
};

static struct group_cost group_cost(const struct cb_report *r, size_t first, unsigned arm)
{
    struct group_cost cost = {.lo = INFINITY, .hi = -INFINITY, .reason = ""};
    const struct cb_ds_metric *m = r->data->metrics;
    for (size_t i = first; i < r->data->nmetrics && same_group(&m[first], &m[i]); i++) {
        const struct cb_row *row = cb_rows_find(r->rows, (unsigned)i, arm);
        if (!row)
            continue;
        if (!isfinite(row->ratio)) {
            cost.reason = row->reason;
            continue;
        }
        cost.metrics++;
        cost.within_noise += row->within_noise;
        cost.lo = fmin(cost.lo, row->ratio);
        cost.hi = fmax(cost.hi, row->ratio);
    }
    return cost;
}

static void append_cost(char *out, size_t cap, const char *arm, const struct group_cost *c)
{
    char lo[CB_VIEW_NUM], hi[CB_VIEW_NUM], text[2 * CB_VIEW_TEXT + sizeof(((struct cb_row *)0)->reason)];
    cb_view_ratio(c->lo, true, lo, sizeof lo);
    cb_view_ratio(c->hi, true, hi, sizeof hi);
    if (!c->metrics)
        snprintf(text, sizeof text, "%s was not measured%s%s", arm, c->reason[0] ? ": " : "", c->reason);
    else if (!strcmp(lo, hi))
        snprintf(text, sizeof text, "%s costs %sx", arm, lo);
    else
        snprintf(text, sizeof text, "%s costs %s to %sx", arm, lo, hi);
    append(out, cap, text);
    if (c->metrics && c->within_noise) {
        snprintf(text, sizeof text, " (%u of %u within noise)", c->within_noise, c->metrics);
        append(out, cap, text);
    }
}

void cb_view_sentence(const struct cb_report *r, size_t first, char *out, size_t cap)
{
    const struct cb_dataset *d = r->data;
    char name[CB_VIEW_TEXT];
    unsigned left = cb_view_count_arms(d), told = 0;
    cb_view_group(&d->metrics[first], out, cap);
    for (unsigned a = cb_view_next_arm(d, 0); a < d->narms && told < SENTENCE_ARMS;
         a = cb_view_next_arm(d, a + 1), told++) {
        struct group_cost cost = group_cost(r, first, a);
        append(out, cap, told ? ", " : ": compared with the host, ");
        append_cost(out, cap, cb_view_arm(&d->arms[a], name, sizeof name), &cost);
    }
    if (left > told) {
        snprintf(name, sizeof name, ", %u more arms in the table", left - told);
        append(out, cap, name);
    }
    append(out, cap, ".");
}
