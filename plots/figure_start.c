/* Start latency: launch to the agent's first byte, a dot for every block. */
#include "plots/figure.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "plots/escape.h"
#include "plots/view.h"
#include "results/stats.h"

static const char name[] = "start";
static const char title[] = "Start latency of each arm: launch to the agent's first byte";

#define ROW_PX       44 /* height of an arm */
#define NAME_COLUMNS 30 /* width of its name */

/* What is drawn so far. */
struct chart {
    double lo, hi; /* ms */
    unsigned rows;
    struct cb_buf *data, *tics, *medians;
};

/* Dots of neighbouring blocks are set apart a little, the same way every time. */
static double jitter(unsigned block)
{
    return ((int)(block * 3 % 7) - 3) * 0.045;
}

static void put_median(const struct cb_dataset *d, unsigned arm, double ms, struct chart *c)
{
    char text[CB_VIEW_TEXT], value[CB_VIEW_NUM];
    cb_buf_printf(c->tics, "%s", c->rows ? ", " : "");
    cb_put_gnuplot_tic(c->tics, cb_view_arm_fit(&d->arms[arm], NAME_COLUMNS, text, sizeof text));
    cb_buf_printf(c->tics, " %u", c->rows);
    cb_buf_printf(c->medians, "set arrow from %.6g, %.2f to %.6g, %.2f nohead lw 2.5 lc rgb '%s' front\n", ms,
                  c->rows - 0.3, ms, c->rows + 0.3, cb_figure_colour(d, arm));
    cb_buf_printf(c->medians, "set label '%s' at %.6g, %.2f center font ',11'\n",
                  cb_view_value(ms, "ms", value, sizeof value), ms, c->rows - 0.42);
}

/* One index of the data for an arm that started at least once: "ms y" for every block. `ms` has room for all.
 */
static void put_arm(const struct cb_dataset *d, unsigned arm, double *ms, struct chart *c)
{
    char text[CB_VIEW_TEXT];
    size_t n = 0;
    for (size_t i = 0; i < d->ninstances; i++) {
        const struct cb_ds_instance *in = &d->instances[i];
        if (in->arm != arm || !in->start_ns)
            continue;
        if (!n)
            cb_figure_put_comment(c->data, cb_view_arm(&d->arms[arm], text, sizeof text));
        ms[n] = (double)in->start_ns / 1e6;
        c->lo = fmin(c->lo, ms[n]);
        c->hi = fmax(c->hi, ms[n]);
        cb_buf_printf(c->data, "%.6g %.3f\n", ms[n++], c->rows + jitter(in->block));
    }
    if (!n)
        return;
    put_median(d, arm, cb_median(ms, n), c);
    cb_buf_puts(c->data, "\n\n");
    c->rows++;
}

static bool ever_started(const struct cb_dataset *d, unsigned arm)
{
    for (size_t i = 0; i < d->ninstances; i++)
        if (d->instances[i].arm == arm && d->instances[i].start_ns)
            return true;
    return false;
}

static void put_script(const struct cb_dataset *d, const struct chart *c, struct cb_buf *s)
{
    double lo = c->lo / 1.4, hi = c->hi * 1.4; /* room for the medians' labels */
    int top = cb_figure_top(NULL, true), bottom = 64, height = top + bottom + (int)c->rows * ROW_PX;
    unsigned index = 0;
    cb_figure_begin(s, name, title, height);
    cb_buf_printf(s, "set tmargin at screen %.4f\nset bmargin at screen %.4f\n", 1 - (double)top / height,
                  (double)bottom / height);
    cb_buf_printf(s, "set logscale x\nset xrange [%.6g:%.6g]\nset yrange [%u.6:-0.75]\nset xtics ", lo, hi,
                  c->rows - 1);
    cb_figure_put_tics(s, lo, hi, 9, "ms");
    cb_buf_printf(s, "\nset ytics (%s)\n%s", cb_buf_str(c->tics), cb_buf_str(c->medians));
    cb_buf_puts(s, "set xlabel 'time to start (log scale): shorter is better \xE2\x86\x90'\n");
    for (unsigned a = cb_view_next_shown(d, 0); a < d->narms; a = cb_view_next_shown(d, a + 1)) {
        if (!ever_started(d, a))
            continue;
        cb_buf_printf(s, "%s data index %u using 1:2 with points ", index ? ", \\\n    " : "plot", index);
        cb_figure_put_style(s, d, a);
        index++;
    }
    cb_buf_puts(s, "\n");
}

static int make(const struct cb_report *r, struct cb_buf *script, struct cb_buf *data, struct cb_err *err)
{
    const struct cb_dataset *d = r->data;
    CB_AUTOBUF struct cb_buf tics = {0};
    CB_AUTOBUF struct cb_buf medians = {0};
    CB_AUTOFREE double *ms = calloc(d->ninstances + 1, sizeof *ms);
    struct chart c = {.lo = INFINITY, .hi = -INFINITY, .data = data, .tics = &tics, .medians = &medians};
    if (!ms)
        return cb_fail_sys(err, ENOMEM, "figure");
    for (unsigned a = cb_view_next_shown(d, 0); a < d->narms; a = cb_view_next_shown(d, a + 1))
        put_arm(d, a, ms, &c);
    if (!c.rows)
        return 1;
    put_script(d, &c, script);
    return cb_figure_done(script, data, err);
}

const struct cb_figure cb_figure_start = {
    .name = name,
    .title = title,
    .reading = "A dot is one start in one block, the bar the median. The clock is the host's and the same "
               "code stamps it "
               "for every arm: from the request to the first byte of the agent inside.",
    .make = make,
};
