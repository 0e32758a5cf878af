/* Forest plot: cost ratio with interval of every metric and arm. Emulation costs tens, containers percents:
 * the range near 1 has a panel of its own. */
#include "plots/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plots/escape.h"
#include "plots/view.h"

#define LABEL_COLUMNS 30   /* of a metric's name; longer ones are cut */
#define LABEL_PX      225  /* that many columns of the 12 px font */
#define SPLIT_AT      0.62 /* of the width: right edge of the panel near 1 */
#define DETAIL_LO     0.8  /* its range */
#define DETAIL_HI     1.25
#define SLOT_PX       20 /* height of a metric with up to two arms */
#define ARM_PX        9  /* and of every arm where there are more */

static const char name[] = "overhead";
static const char title[] = "Cost relative to the host: right of 1 costs more, the grey bands are noise";

/* Ratios of what is drawn, and the lines of the axis they stand on. */
struct extent {
    double lo, hi;
    unsigned slots;
};

static bool drawable(const struct cb_row *row)
{
    return row && isfinite(row->ratio) && row->ratio > 0;
}

/* The interval, closed to the point where there is none. */
static double bound(const struct cb_row *row, int side)
{
    return isfinite(row->ci95[side]) ? row->ci95[side] : row->ratio;
}

/* Slot of a metric from the top: a heading and one for each metric of a group. Headings are counted as they
 * begin. */
static unsigned next_slot(const struct cb_dataset *d, size_t metric, unsigned *slot)
{
    *slot += cb_view_group_begins(d, metric) ? 2 : 1;
    return *slot;
}

static struct extent measure(const struct cb_report *r)
{
    struct extent e = {.lo = INFINITY, .hi = -INFINITY};
    const struct cb_dataset *d = r->data;
    for (size_t i = 0, n = cb_view_metrics(d); i < n; i++) {
        next_slot(d, i, &e.slots);
        for (unsigned a = cb_view_next_arm(d, 0); a < d->narms; a = cb_view_next_arm(d, a + 1)) {
            const struct cb_row *row = cb_rows_find(r->rows, (unsigned)i, a);
            if (!drawable(row))
                continue;
            e.lo = fmin(e.lo, bound(row, 0));
            e.hi = fmax(e.hi, bound(row, 1));
        }
    }
    return e;
}

/* Index 0: "slot lo hi" of the noise floors. */
static void put_noise(const struct cb_report *r, struct cb_buf *data)
{
    unsigned slot = 0;
    cb_figure_put_comment(data, "noise floor: slot low high");
    for (size_t i = 0, n = cb_view_metrics(r->data); i < n; i++) {
        const struct cb_row *base = cb_rows_find(r->rows, (unsigned)i, r->data->run.baseline);
        next_slot(r->data, i, &slot);
        /* 0 keeps the index from being empty, and draws nothing. */
        double floor = base && isfinite(base->noise_floor) ? base->noise_floor : 0;
        cb_buf_printf(data, "%u %.6g %.6g\n", slot, 1 / (1 + floor), 1 + floor);
    }
    cb_buf_puts(data, "\n\n");
}

/* One index an arm: "y ratio low high", the arms of a metric spread over its slot. */
static void put_arm(const struct cb_report *r, unsigned arm, double offset, struct cb_buf *data)
{
    const struct cb_dataset *d = r->data;
    char text[CB_VIEW_TEXT];
    unsigned slot = 0;
    bool any = false;
    cb_figure_put_comment(data, cb_view_arm(&d->arms[arm], text, sizeof text));
    for (size_t i = 0, n = cb_view_metrics(d); i < n; i++) {
        const struct cb_row *row = cb_rows_find(r->rows, (unsigned)i, arm);
        next_slot(d, i, &slot);
        if (!drawable(row))
            continue;
        cb_buf_printf(data, "%.3f %.6g %.6g %.6g ", slot + offset, row->ratio, bound(row, 0), bound(row, 1));
        cb_figure_put_comment(data, cb_view_label(d, row->metric, false, text, sizeof text));
        any = true;
    }
    if (!any)
        cb_buf_puts(data, "NaN NaN NaN NaN\n");
    cb_buf_puts(data, "\n\n");
}

static void put_data(const struct cb_report *r, struct cb_buf *data)
{
    unsigned arms = cb_view_count_arms(r->data), n = 0;
    put_noise(r, data);
    for (unsigned a = cb_view_next_arm(r->data, 0); a < r->data->narms; a = cb_view_next_arm(r->data, a + 1))
        put_arm(r, a, (++n / (arms + 1.0)) - 0.5, data);
}

/* Names of the metrics as tics, headings of their groups at the left edge. */
static void put_labels(const struct cb_dataset *d, struct cb_buf *script)
{
    CB_AUTOBUF struct cb_buf headings = {0};
    char text[CB_VIEW_TEXT];
    unsigned slot = 0;
    for (size_t i = 0, n = cb_view_metrics(d); i < n; i++) {
        next_slot(d, i, &slot);
        if (cb_view_group_begins(d, i)) {
            cb_buf_puts(&headings, "set label ");
            cb_put_gnuplot(&headings, cb_view_group(&d->metrics[i], text, sizeof text));
            cb_buf_printf(&headings, " at screen 0.015, first %u left font ',13'\n", slot - 1);
        }
        cb_view_label(d, &d->metrics[i], false, text, sizeof text);
        text[cb_text_fit(text, LABEL_COLUMNS)] = '\0';
        cb_buf_puts(script, i ? ", " : "set ytics (");
        cb_put_gnuplot_tic(script, text);
        cb_buf_printf(script, " %u", slot);
    }
    cb_buf_printf(script, ") font 'sans-serif,12'\n%s", cb_buf_str(&headings));
}

/* The plot command of one panel. In the panel near 1 points beyond it become arrow heads at its edges. */
static void put_plot(const struct cb_dataset *d, bool near, struct cb_buf *s)
{
    unsigned index = 0;
    cb_buf_puts(s, "plot data index 0 using (1):1:2:3:($1-0.45):($1+0.45) with boxxyerror "
                   "fs solid 0.35 noborder lc rgb '" CB_FIGURE_GREY "'");
    for (unsigned a = cb_view_next_arm(d, 0); a < d->narms; a = cb_view_next_arm(d, a + 1)) {
        cb_buf_printf(s, ", \\\n     data index %u using 2:1:3:4 with xerrorbars lw 1.5 ", ++index);
        cb_figure_put_style(s, d, a);
        if (near)
            cb_buf_printf(
                s,
                ", \\\n     data index %u using ($2 > %g ? %g : $2 < %g ? %g : NaN):1:"
                "($2 > 1 ? '\xE2\x96\xB6' : '\xE2\x97\x80') with labels center font ',9' tc rgb '%s'",
                index, DETAIL_HI, DETAIL_HI, DETAIL_LO, DETAIL_LO, cb_figure_colour(d, a));
    }
    cb_buf_puts(s, "\n");
}

static void put_whole_range(const struct cb_dataset *d, struct extent e, struct cb_buf *s)
{
    double lo = fmin(e.lo * 0.95, 0.9), hi = fmax(e.hi * 1.1, 1.1);
    cb_buf_printf(s, "set xrange [%.6g:%.6g]\nset xtics ", lo, hi);
    cb_figure_put_tics(s, lo, hi, 7, NULL);
    cb_buf_puts(s, "\nset xlabel 'cost ratio (log scale): costs more \xE2\x86\x92'\n");
    put_plot(d, false, s);
}

static void put_detail(const struct cb_dataset *d, struct cb_buf *s)
{
    cb_buf_printf(s,
                  "set xrange [%g:%g]\n"
                  "set xtics (0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.2)\n"
                  "set xlabel 'cost ratio near 1 (log scale)'\n",
                  DETAIL_LO, DETAIL_HI);
    put_plot(d, true, s);
}

static void put_script(const struct cb_dataset *d, struct extent e, struct cb_buf *s)
{
    unsigned arms = cb_view_count_arms(d), slot_px = arms > 2 ? arms * ARM_PX : SLOT_PX;
    int top = cb_figure_top(d, false), bottom = 64, height = top + bottom + (int)(slot_px * e.slots);
    bool split = e.hi > 1.6 || e.lo < 0.65;
    double left = (double)LABEL_PX / CB_FIGURE_WIDTH;
    cb_figure_begin(s, name, title, height);
    cb_figure_put_legend(s, d, false, height);
    put_labels(d, s);
    cb_buf_printf(s,
                  "set logscale x\nset yrange [%u.8:0.2]\n"
                  "set arrow from 1, graph 0 to 1, graph 1 nohead lw 1.2 lc rgb '" CB_FIGURE_GREY "' back\n"
                  "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
                  "set lmargin at screen %.4f\nset rmargin at screen %.4f\n",
                  e.slots, 1 - (double)top / height, (double)bottom / height, left, split ? SPLIT_AT : 0.98);
    if (split) {
        cb_buf_puts(s, "set multiplot\n");
        put_detail(d, s);
        cb_buf_printf(s,
                      "unset label\nset ytics 0,1 format ''\n"
                      "set lmargin at screen %.4f\nset rmargin at screen 0.98\n",
                      SPLIT_AT + 0.03);
    }
    put_whole_range(d, e, s);
    if (split)
        cb_buf_puts(s, "unset multiplot\n");
}

static int make(const struct cb_report *r, struct cb_buf *script, struct cb_buf *data, struct cb_err *err)
{
    struct extent e = measure(r);
    if (!(e.lo <= e.hi))
        return 1;
    put_data(r, data);
    put_script(r->data, e, script);
    return cb_figure_done(script, data, err);
}

const struct cb_figure cb_figure_overhead = {
    .name = name,
    .title = title,
    .reading = "A point is an arm's cost ratio, the bar its 95 % interval, the grey band what two identical "
               "host arms "
               "differ by: an interval inside the band says that no difference was found. The left panel is "
               "the range "
               "near 1, an arrow head stands for a point beyond it.",
    .make = make,
};
