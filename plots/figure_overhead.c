/* Forest plot: cost ratio with interval of every metric and arm. Emulation costs tens, containers percents:
 * the range near 1 has a panel of its own. */
#include "plots/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plots/escape.h"
#include "plots/view.h"

#define LABEL_COLUMNS 30  /* of a metric's name; longer ones are cut */
#define LABEL_PX      225 /* that many columns of the 12 px font */
#define DETAIL_LO     0.8 /* the panel near 1 */
#define DETAIL_HI     1.25
#define SLOT_PX       20 /* height of a metric with up to two arms; a point needs about 9 px */

static const char name[] = "overhead";
static const char title[] = "Cost relative to the host: right of 1 the environment costs more";

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
    for (size_t i = 0; i < d->nmetrics; i++) {
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
    for (size_t i = 0; i < r->data->nmetrics; i++) {
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
    for (size_t i = 0; i < d->nmetrics; i++) {
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

static void put_labels(const struct cb_dataset *d, struct cb_buf *script)
{
    char text[CB_VIEW_TEXT];
    unsigned slot = 0;
    const char *separator = "set ytics (";
    for (size_t i = 0; i < d->nmetrics; i++) {
        next_slot(d, i, &slot);
        if (cb_view_group_begins(d, i)) {
            cb_buf_puts(script, separator);
            cb_put_gnuplot_tic(script, cb_view_group(&d->metrics[i], text, sizeof text));
            cb_buf_printf(script, " %u", slot - 1);
            separator = ", ";
        }
        cb_view_label(d, &d->metrics[i], false, text, sizeof text);
        text[cb_text_fit(text, LABEL_COLUMNS)] = '\0';
        cb_buf_puts(script, separator);
        cb_put_gnuplot_tic(script, text);
        cb_buf_printf(script, " %u", slot);
    }
    cb_buf_puts(script, ") font 'sans-serif,12'\n");
}

static void put_axis(struct cb_buf *script, double lo, double hi)
{
    cb_buf_printf(script, "set xrange [%.6g:%.6g]\nset xtics ", lo, hi);
    cb_figure_put_tics(script, lo, hi, NULL);
    cb_buf_puts(script, "\n");
}

/* The plot command of one panel. Points right of `clip` become arrow heads at the edge. */
static void put_plot(const struct cb_report *r, double clip, bool key, struct cb_buf *s)
{
    const struct cb_dataset *d = r->data;
    unsigned index = 0;
    cb_buf_printf(
        s,
        "plot data index 0 using (1):1:2:3:($1-0.45):($1+0.45) with boxxyerror fs solid 0.35 noborder lc rgb "
        "'" CB_FIGURE_GREY "' %s",
        key ? "title 'noise floor'" : "notitle");
    for (unsigned a = cb_view_next_arm(d, 0); a < d->narms; a = cb_view_next_arm(d, a + 1)) {
        cb_buf_printf(s, ", \\\n     data index %u using 2:1:3:4 with xerrorbars lw 1.5 ", ++index);
        cb_figure_put_style(s, d, a);
        cb_buf_puts(s, key ? " title " : " notitle");
        if (key)
            cb_figure_put_arm(s, d, a);
        if (!isfinite(clip))
            continue;
        cb_buf_printf(s,
                      ", \\\n     data index %u using ($2 > %g ? %g : NaN):1:('\xE2\x96\xB6') with labels "
                      "right font ',9' tc rgb '%s' "
                      "notitle",
                      index, clip, clip, cb_figure_colour(d, a));
    }
    cb_buf_puts(s, "\n");
}

static void put_script(const struct cb_report *r, struct extent e, struct cb_buf *s)
{
    unsigned arms = cb_view_count_arms(r->data);
    unsigned slot_px = arms > 2 ? arms * 9 : SLOT_PX;
    int top = 70, bottom = 60, height = top + bottom + (int)(slot_px * e.slots);
    bool split = e.hi > 1.6 || e.lo < 0.65;
    double left = (double)LABEL_PX / CB_FIGURE_WIDTH, middle = split ? 0.60 : 0.98;
    cb_figure_begin(s, name, title, height);
    put_labels(r->data, s);
    cb_buf_printf(s,
                  "set logscale x\n"
                  "set yrange [%u.8:0.2]\n"
                  "set arrow 1 from 1, graph 0 to 1, graph 1 nohead lw 1.2 lc rgb '" CB_FIGURE_GREY "' back\n"
                  "set key at screen %.3f, screen %.3f left top horizontal Left reverse\n"
                  "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
                  "set lmargin at screen %.3f\nset rmargin at screen %.3f\n"
                  "set xlabel 'cost relative to the host (log scale): costs more \xE2\x86\x92'\n",
                  e.slots, left - 0.01, 1 - 26.0 / height, 1 - (double)top / height, (double)bottom / height,
                  left, middle);
    if (!split) {
        put_axis(s, fmin(e.lo * 0.97, 0.9), fmax(e.hi * 1.03, 1.1));
        put_plot(r, INFINITY, true, s);
        return;
    }
    cb_buf_puts(s, "set multiplot\n");
    put_axis(s, DETAIL_LO, DETAIL_HI);
    put_plot(r, DETAIL_HI, true, s);
    cb_buf_printf(s,
                  "unset title\nset ytics format ''\nset xlabel 'whole range'\n"
                  "set lmargin at screen %.3f\nset rmargin at screen 0.98\n",
                  middle + 0.03);
    put_axis(s, fmin(e.lo * 0.9, 0.9), e.hi * 1.15);
    put_plot(r, INFINITY, false, s);
    cb_buf_puts(s, "unset multiplot\n");
}

static int make(const struct cb_report *r, struct cb_buf *script, struct cb_buf *data, struct cb_err *err)
{
    struct extent e = measure(r);
    if (!(e.lo <= e.hi))
        return 1;
    put_data(r, data);
    put_script(r, e, script);
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
