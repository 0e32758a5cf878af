/* Distribution of single operations' latencies, one panel a case of which a tail quantile is reported. The
 * axis counts the share of slower operations and is logarithmic, so that the tail has as much room as the
 * middle. */
#include "plots/figure.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "plots/escape.h"
#include "plots/view.h"

static const char name[] = "latency";
static const char title[] = "Latency of single operations: the share that took longer";

#define PANEL_PX   310
#define SHARE_MIN  5e-4 /* bottom of the axis, below p99.9 */
#define SHARE_STEP 0.94 /* a point where the share fell by 6 %: 120 points a curve */

struct chart {
    struct cb_hist *hist; /* scratch: 100 KB are too much for a stack */
    unsigned index;       /* of the next curve in the data file */
    unsigned panels;
    struct cb_buf *data, *plots;
};

static bool counts(const struct cb_dataset *d, const struct cb_ds_result *r)
{
    bool voided =
        r->block < d->nblocks && d->blocks[r->block].void_reason && d->blocks[r->block].void_reason[0];
    return r->hist && r->hist->total && !voided;
}

/* All blocks of one case in one arm. */
static void merge(const struct cb_dataset *d, unsigned case_index, unsigned arm, struct cb_hist *into)
{
    cb_hist_reset(into);
    for (size_t i = 0; i < d->nresults; i++) {
        const struct cb_ds_result *r = &d->results[i];
        if (r->case_index == case_index && r->arm == arm && counts(d, r))
            cb_hist_merge(into, r->hist);
    }
}

/* The metric that makes a case's tail worth a panel, and that knows what its histogram counts; NULL when none
 * does. */
static const struct cb_metric *tail_metric(const struct cb_dataset *d, unsigned case_index)
{
    for (size_t i = 0; i < d->nmetrics; i++) {
        const struct cb_ds_metric *m = &d->metrics[i];
        if (m->case_index == case_index && m->how.derive == CB_HIST_QUANTILE && m->how.q > 0.5)
            return &m->how;
    }
    return NULL;
}

/* "value share": the share of operations that took at least as long. Extends lo and hi by what the axis will
 * show. */
static void put_curve(const struct cb_hist *h, double scale, struct cb_buf *data, double *lo, double *hi)
{
    uint64_t left = h->total;
    double drawn = 2;
    for (uint32_t b = 0; b < CB_HIST_BUCKETS && left; b++) {
        if (!h->count[b])
            continue;
        double value = (double)cb_hist_value(b) * scale, share = (double)left / (double)h->total;
        left -= h->count[b];
        if (share > drawn * SHARE_STEP && left)
            continue;
        drawn = share;
        cb_buf_printf(data, "%.6g %.5g\n", value, share);
        if (share < SHARE_MIN)
            break;
        *lo = fmin(*lo, value);
        *hi = fmax(*hi, value);
    }
    cb_buf_puts(data, "\n\n");
}

static void put_curve_comment(const struct cb_dataset *d, unsigned case_index, unsigned arm, const char *unit,
                              struct cb_buf *data)
{
    char text[CB_VIEW_TEXT], name_of_arm[CB_VIEW_TEXT];
    snprintf(text, sizeof text, "%s, %s: %s, share of operations that took at least as long",
             d->cases[case_index].bench, cb_view_arm(&d->arms[arm], name_of_arm, sizeof name_of_arm), unit);
    cb_figure_put_comment(data, text);
}

static void put_axis(const struct cb_dataset *d, unsigned case_index, const char *unit, double lo, double hi,
                     struct cb_buf *s)
{
    char variant[CB_VIEW_TEXT], heading[2 * CB_VIEW_TEXT];
    cb_view_case(d, case_index, false, variant, sizeof variant);
    snprintf(heading, sizeof heading, "%s%s%s", d->cases[case_index].bench, variant[0] ? " " : "", variant);
    cb_buf_puts(s, "set title offset 0,-0.4 ");
    cb_put_gnuplot(s, heading);
    cb_buf_printf(s, "\nset xrange [%.6g:%.6g]\nset xtics ", lo / 1.1, hi * 1.1);
    cb_figure_put_tics(s, lo / 1.1, hi * 1.1, 9, unit);
    cb_buf_puts(s, "\n");
}

/* One panel, when some arm kept a histogram of the case. */
static void put_case(const struct cb_dataset *d, unsigned case_index, struct chart *c)
{
    CB_AUTOBUF struct cb_buf plot = {0};
    const struct cb_metric *how = tail_metric(d, case_index);
    double lo = INFINITY, hi = -INFINITY;
    if (!how)
        return;
    for (unsigned a = cb_view_next_shown(d, 0); a < d->narms; a = cb_view_next_shown(d, a + 1)) {
        merge(d, case_index, a, c->hist);
        if (!c->hist->total)
            continue;
        put_curve_comment(d, case_index, a, how->unit, c->data);
        put_curve(c->hist, how->scale, c->data, &lo, &hi);
        /* a point now and then, so that curves differ by more than their colour */
        cb_buf_printf(&plot, "%s data index %u using 1:2 with linespoints pointinterval 20 lw 1.5 ",
                      plot.len ? ", \\\n    " : "plot", c->index++);
        cb_figure_put_style(&plot, d, a);
    }
    if (!plot.len)
        return;
    put_axis(d, case_index, how->unit, lo, hi, c->plots);
    cb_buf_printf(c->plots, "%s\nunset label\n", cb_buf_str(&plot));
    c->panels++;
}

static void put_script(const struct cb_dataset *d, const struct chart *c, struct cb_buf *s)
{
    int top = cb_figure_top(d, true), height = top + (int)c->panels * PANEL_PX;
    cb_figure_begin(s, name, title, height);
    cb_figure_put_legend(s, d, true, height);
    cb_buf_printf(s,
                  "set multiplot layout %u,1 margins screen 0.14, 0.95, %.4f, %.4f spacing screen %.4f\n"
                  "set logscale xy\n"
                  "set yrange [1:%g]\n"
                  "set ytics ('all' 1, 'p50: half' 0.5, 'p90: 10 %%%%' 0.1, 'p99: 1 %%%%' 0.01, 'p99.9: 0.1 "
                  "%%%%' 0.001)\n"
                  "set xlabel 'latency of one operation (log scale): shorter is better \xE2\x86\x90'\n"
                  "%sunset multiplot\n",
                  c->panels, 62.0 / height, 1 - (top + 20.0) / height, 104.0 / height, SHARE_MIN,
                  cb_buf_str(c->plots));
}

static int make(const struct cb_report *r, struct cb_buf *script, struct cb_buf *data, struct cb_err *err)
{
    const struct cb_dataset *d = r->data;
    CB_AUTOBUF struct cb_buf plots = {0};
    CB_AUTOFREE struct cb_hist *hist = malloc(sizeof *hist);
    struct chart c = {.hist = hist, .data = data, .plots = &plots};
    if (!hist)
        return cb_fail_sys(err, ENOMEM, "figure");
    for (unsigned i = 0; i < d->ncases; i++)
        put_case(d, i, &c);
    if (!c.panels)
        return 1;
    put_script(d, &c, script);
    return cb_figure_done(script, data, err);
}

const struct cb_figure cb_figure_latency = {
    .name = name,
    .title = title,
    .reading = "Follow a curve upwards: half of all operations are slower than where it passes p50, one in "
               "a thousand "
               "than where it passes p99.9. A curve further to the right is slower.",
    .make = make,
};
