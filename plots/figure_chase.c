/* Memory latency against working-set size, on double logarithmic axes, with the host's cache sizes. */
#include "plots/figure.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/units.h"
#include "plots/escape.h"
#include "plots/view.h"

static const char name[] = "chase";
static const char title[] = "Memory latency against the size of the data that is walked";

#define PLOT_PX 400
#define SPREAD  1.2 /* sideways, from the first arm's points to the last one's */

struct point {
    unsigned arm;
    char rest[CB_VIEW_TEXT]; /* the case's parameters without its size: "page=thp" */
    uint64_t size;
    double ns, lo, hi;
};

struct points {
    struct point *at; /* owned */
    size_t n;
};

/* Takes the case's parameters apart into size=... and the rest. False when it has no size. */
static bool split_params(const struct cb_ds_case *c, struct point *p)
{
    p->rest[0] = '\0';
    p->size = 0;
    for (const char *s = c->params; *s; s += *s == ',') {
        size_t n = strcspn(s, ","), used = strlen(p->rest);
        if (!strncmp(s, "size=", 5))
            p->size = strtoull(s + 5, NULL, 10);
        else
            snprintf(p->rest + used, sizeof p->rest - used, " %.*s", (int)n, s);
        s += n;
    }
    return p->size > 0;
}

/* Where an arm has no interval the point closes it. */
static bool measured(const struct cb_row *row, struct point *p)
{
    if (!row || !isfinite(row->value) || row->value <= 0)
        return false;
    p->ns = row->value;
    p->lo = isfinite(row->value_lo) && row->value_lo > 0 ? row->value_lo : p->ns;
    p->hi = isfinite(row->value_hi) ? row->value_hi : p->ns;
    return true;
}

/* Points of one line lie side by side, in order of size. */
static int compare(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    if (x->arm != y->arm)
        return x->arm < y->arm ? -1 : 1;
    int rest = strcmp(x->rest, y->rest);
    if (rest)
        return rest;
    return x->size < y->size ? -1 : x->size > y->size;
}

static bool same_line(const struct point *a, const struct point *b)
{
    return a->arm == b->arm && !strcmp(a->rest, b->rest);
}

static int collect(const struct cb_report *r, struct points *out, struct cb_err *err)
{
    const struct cb_dataset *d = r->data;
    out->at = calloc(d->nmetrics * d->narms + 1, sizeof *out->at);
    if (!out->at)
        return cb_fail_sys(err, ENOMEM, "figure");
    for (unsigned i = 0; i < d->nmetrics; i++) {
        const struct cb_ds_metric *m = &d->metrics[i];
        if (strcmp(m->name, "mem.chase.latency") != 0)
            continue;
        for (unsigned a = cb_view_next_shown(d, 0); a < d->narms; a = cb_view_next_shown(d, a + 1)) {
            struct point *p = &out->at[out->n];
            p->arm = a;
            out->n += split_params(&d->cases[m->case_index], p) && measured(cb_rows_find(r->rows, i, a), p);
        }
    }
    qsort(out->at, out->n, sizeof *out->at, compare);
    return 0;
}

/* More than one line an arm: then each says at its end what it is. */
static bool several_lines(const struct points *p)
{
    for (size_t i = 1; i < p->n; i++)
        if (strcmp(p->at[i].rest, p->at[0].rest) != 0)
            return true;
    return false;
}

/* Factor that sets the arms apart sideways, or equal ones would cover each other. */
static double shift(const struct cb_dataset *d, unsigned arm)
{
    return pow(SPREAD, (arm + 0.5) / (double)d->narms - 0.5);
}

static void put_line_begin(const struct cb_dataset *d, const struct point *at, unsigned index,
                           struct cb_buf *data, struct cb_buf *plot)
{
    char arm[CB_VIEW_TEXT], text[2 * CB_VIEW_TEXT];
    snprintf(text, sizeof text, "%s%s: bytes ns low high", cb_view_arm(&d->arms[at->arm], arm, sizeof arm),
             at->rest);
    cb_buf_puts(data, index ? "\n\n" : "");
    cb_figure_put_comment(data, text);
    cb_buf_printf(plot, "%s data index %u using ($1*%.4f):2:3:4 with yerrorlines lw 1.5 ",
                  index ? ", \\\n    " : "plot", index, shift(d, at->arm));
    cb_figure_put_style(plot, d, at->arm);
}

/* One index a line, its part of the plot command beside it. */
static void put_lines(const struct cb_dataset *d, const struct points *p, struct cb_buf *data,
                      struct cb_buf *plot, struct cb_buf *labels)
{
    unsigned index = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct point *at = &p->at[i];
        if (i == 0 || !same_line(at - 1, at))
            put_line_begin(d, at, index++, data, plot);
        cb_buf_printf(data, "%llu %.6g %.6g %.6g\n", (unsigned long long)at->size, at->ns, at->lo, at->hi);
        if (several_lines(p) && (i + 1 == p->n || !same_line(at, at + 1))) {
            cb_buf_puts(labels, "set label ");
            cb_put_gnuplot(labels, at->rest);
            cb_buf_printf(labels, " at %llu, %.6g left offset 0.5,0 font ',10'\n",
                          (unsigned long long)at->size, at->ns);
        }
    }
    cb_buf_puts(plot, "\n");
}

/* Where a cache of the host ends, if it lies on the axis. */
static void put_cache(const struct cb_dataset *d, const char *fact, const char *label, double lo, double hi,
                      struct cb_buf *s)
{
    struct cb_err err;
    char size[CB_VIEW_NUM];
    uint64_t bytes;
    if (cb_parse_size(cb_kv_get(&d->run.host, fact, ""), &bytes, &err) || (double)bytes < lo ||
        (double)bytes > hi)
        return;
    cb_buf_printf(
        s, "set arrow from %llu, graph 0 to %llu, graph 1 nohead dt 2 lc rgb '" CB_FIGURE_GREY "' back\n",
        (unsigned long long)bytes, (unsigned long long)bytes);
    cb_buf_printf(s, "set label '%s %s' at %llu, graph 0.97 left offset 0.5,0 font ',11'\n", label,
                  cb_format_size(bytes, size, sizeof size), (unsigned long long)bytes);
}

/* Sizes at powers of four: a label every two binary steps fits. */
static void put_size_tics(double lo, double hi, struct cb_buf *s)
{
    char size[CB_VIEW_NUM];
    const char *separator = "set xtics (";
    for (uint64_t bytes = 1024; (double)bytes <= hi; bytes *= 4)
        if ((double)bytes >= lo) {
            cb_buf_printf(s, "%s'%s' %llu", separator, cb_format_size(bytes, size, sizeof size),
                          (unsigned long long)bytes);
            separator = ", ";
        }
    cb_buf_puts(s, ")\n");
}

static void put_axes(const struct points *p, double *lo, double *hi, struct cb_buf *s)
{
    double ns_lo = INFINITY, ns_hi = 0;
    *lo = INFINITY;
    *hi = 0;
    for (size_t i = 0; i < p->n; i++) {
        *lo = fmin(*lo, (double)p->at[i].size / 2);
        *hi = fmax(*hi, (double)p->at[i].size * 2);
        ns_lo = fmin(ns_lo, p->at[i].lo / 1.3);
        ns_hi = fmax(ns_hi, p->at[i].hi * 1.6); /* room for the caches' names */
    }
    cb_buf_printf(s, "set logscale xy\nset xrange [%.6g:%.6g]\nset yrange [%.6g:%.6g]\n", *lo, *hi, ns_lo,
                  ns_hi);
    put_size_tics(*lo, *hi, s);
    cb_buf_puts(s, "set ytics ");
    cb_figure_put_tics(s, ns_lo, ns_hi, 9, "ns");
    cb_buf_puts(s, "\nset xlabel 'bytes walked (log scale)'\n"
                   "set ylabel 'time of a load (log scale): lower is better \xE2\x86\x93'\n");
}

static void put_script(const struct cb_dataset *d, const struct points *p, struct cb_buf *s)
{
    int top = cb_figure_top(d, true), height = top + PLOT_PX;
    double lo, hi;
    cb_figure_begin(s, name, title, height);
    cb_figure_put_legend(s, d, true, height);
    cb_buf_printf(s, "set tmargin at screen %.4f\n", 1 - (double)top / height);
    put_axes(p, &lo, &hi, s);
    put_cache(d, "l1d", "L1d", lo, hi, s);
    put_cache(d, "l2", "L2", lo, hi, s);
    put_cache(d, "llc", "last level", lo, hi, s);
}

static int make(const struct cb_report *r, struct cb_buf *script, struct cb_buf *data, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf plot = {0};
    struct points p = {0};
    int rc = collect(r, &p, err);
    if (rc == 0 && p.n == 0)
        rc = 1;
    if (rc == 0) {
        put_script(r->data, &p, script);
        put_lines(r->data, &p, data, &plot, script);
        cb_buf_puts(script, cb_buf_str(&plot));
        rc = cb_figure_done(script, data, err);
    }
    free(p.at);
    return rc;
}

const struct cb_figure cb_figure_chase = {
    .name = name,
    .title = title,
    .reading = "Each step up is a cache level left behind; the dashed lines are the host's cache sizes as "
               "the hardware "
               "reports them. Bars are 95 % intervals over blocks.",
    .make = make,
};
