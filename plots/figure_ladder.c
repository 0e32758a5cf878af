/* Waterfall: what every step of a ladder adds, for the metrics with the largest total effects. */
#include "plots/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plots/escape.h"
#include "plots/view_ladder.h"

static const char name[] = "ladder";
static const char title[] =
    "What each step adds: red costs more, green less, grey cannot be told from nothing";

#define PANELS        8
#define COLUMNS       2
#define STEP_PX       19  /* height of a step */
#define HEAD_PX       30  /* of a panel: the metric's name */
#define FOOT_PX       34  /* tics */
#define AXIS_PX       20  /* name of the axis, under the last panels */
#define LABEL_PX      158 /* that many columns of the 11 px font: */
#define LABEL_COLUMNS 26
#define NUMBER_PX     46 /* right of the longest bar: "1.28" */
#define GAP_PX        14

/* What a bar is, and its colour, of the palette that arms have. */
enum class { UNSEEN, MORE, LESS, WHOLE };
static const char *const colours[] = {
    [UNSEEN] = CB_FIGURE_GREY, [MORE] = "#D55E00", [LESS] = "#009E73", [WHOLE] = "#0072B2"};

/* A metric's name is as wide as its panel: 400 px of the 12 px font. */
#define NAME_COLUMNS 54

struct extent {
    double lo, hi;
};

static void reach(struct extent *e, double at, const struct cb_row *row)
{
    for (int side = 0; side < 2; side++)
        if (isfinite(row->ci95[side])) {
            e->lo = fmin(e->lo, at * row->ci95[side]);
            e->hi = fmax(e->hi, at * row->ci95[side]);
        }
    e->lo = fmin(e->lo, at * row->ratio);
    e->hi = fmax(e->hi, at * row->ratio);
}

/* "y from to low high class text": the bar of a step hangs where the one before it ended. What cannot be told
 * from nothing has no number, but in brackets what would have been seen. */
static void put_bar(struct cb_buf *data, size_t y, double at, const struct cb_row *row, enum class class)
{
    char number[CB_VIEW_NUM];
    bool interval = isfinite(row->ci95[0]) && isfinite(row->ci95[1]), seen = cb_distinguishable(row);
    cb_buf_printf(data, "%zu %.6g %.6g %.6g %.6g %d \"%s%s%s\"\n", y, at, at * row->ratio,
                  at * (interval ? row->ci95[0] : row->ratio), at * (interval ? row->ci95[1] : row->ratio),
                  seen ? class : UNSEEN, seen ? "" : "(",
                  seen ? cb_view_ratio(row->ratio, false, number, sizeof number)
                       : cb_view_percent(row->mde, number, sizeof number),
                  seen ? "" : ")");
}

/* One index of the data: the steps that have a ratio, and the whole. */
static struct extent put_data(const struct cb_dataset *d, const struct cb_ladder *l, struct cb_buf *data)
{
    struct extent e = {1, 1};
    char text[CB_VIEW_TEXT];
    double at = 1;
    cb_figure_put_comment(data, cb_view_label(d, l->total.metric, false, text, sizeof text));
    for (size_t i = 0; i < l->nsteps; i++) {
        const struct cb_row *row = &l->steps[i].row;
        if (!isfinite(row->ratio))
            continue;
        put_bar(data, i, at, row, row->ratio > 1 ? MORE : LESS);
        reach(&e, at, row);
        at *= l->steps[i].side ? 1 : row->ratio;
    }
    put_bar(data, l->nsteps, 1, &l->total, WHOLE);
    reach(&e, 1, &l->total);
    cb_buf_puts(data, "\n\n");
    return e;
}

/* The step's name; one that has no ratio says so, one that stands for others too names them all. */
static void put_tic(const struct cb_ladder *l, size_t i, struct cb_buf *s)
{
    const struct cb_ladder_step *step = &l->steps[i];
    char text[CB_LADDER_TEXT + 32];
    bool measured = isfinite(step->row.ratio);
    snprintf(text, sizeof text, "%s%s%s", step->side ? "(" : "", step->label,
             step->side ? ")"
             : measured ? ""
                        : ": none");
    if (cb_text_width(text) > LABEL_COLUMNS)
        memcpy(text + cb_text_fit(text, LABEL_COLUMNS - 2), "..", sizeof "..");
    cb_put_gnuplot_tic(s, text);
    cb_buf_printf(s, " %zu, ", i);
}

/* Edges of a panel in px from the left and from the top. */
struct frame {
    int left, right, top, bottom;
};

static void put_frame(struct frame f, int height, struct cb_buf *s)
{
    f.left += LABEL_PX;
    f.right -= NUMBER_PX + GAP_PX;
    f.top += HEAD_PX;
    f.bottom -= FOOT_PX;
    cb_buf_printf(s,
                  "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
                  "set tmargin at screen %.4f\nset bmargin at screen %.4f\n",
                  (double)f.left / CB_FIGURE_WIDTH, (double)f.right / CB_FIGURE_WIDTH,
                  1 - (double)f.top / height, 1 - (double)f.bottom / height);
}

/* Bars, intervals, numbers behind them. */
static void put_plot(unsigned index, struct cb_buf *s)
{
    cb_buf_puts(s, "plot ");
    for (size_t c = 0; c < sizeof colours / sizeof *colours; c++)
        cb_buf_printf(s,
                      "data index %u using ($6 == %zu ? $2 : NaN):1:2:3:($1-0.34):($1+0.34) with boxxyerror "
                      "fs solid 0.8 noborder lc rgb '%s', \\\n     ",
                      index, c, colours[c]);
    cb_buf_printf(s,
                  "data index %u using 3:1:4:5 with xerrorbars pt 0 ps 0 lw 1.4 lc rgb 'black', \\\n"
                  "     data index %u using (column(5) > column(2) ? column(5) : column(2)):1:7 with labels "
                  "left offset 0.6,0 font ',11'\n",
                  index, index);
}

/* The metric and its ladder, over the panel. */
static void put_name(const struct cb_report *r, const struct cb_ladder *l, struct frame f, int height,
                     struct cb_buf *s)
{
    char label[CB_VIEW_TEXT], chain[CB_VIEW_TEXT], text[2 * CB_VIEW_TEXT + 4];
    snprintf(text, sizeof text, "%s (%s)",
             cb_view_label(r->data, l->total.metric, false, label, sizeof label),
             cb_view_chain(r->data, l, chain, sizeof chain));
    text[cb_text_fit(text, NAME_COLUMNS)] = '\0';
    cb_buf_puts(s, "set label ");
    cb_put_gnuplot(s, text);
    cb_buf_printf(s, " at screen %.4f, screen %.4f left font ',12'\n", (f.left + 12.0) / CB_FIGURE_WIDTH,
                  1 - (f.top + HEAD_PX - 14.0) / height);
}

static void put_panel(const struct cb_ladder *l, unsigned index, struct extent e, struct cb_buf *s)
{
    double width = log(e.hi / e.lo), lo = e.lo * exp(-0.03 * width), hi = e.hi * exp(0.05 * width);
    cb_buf_puts(s, "set ytics (");
    for (size_t i = 0; i < l->nsteps; i++)
        put_tic(l, i, s);
    cb_buf_printf(s,
                  "'the whole' %zu) font 'sans-serif,11'\nset xrange [%.6g:%.6g]\nset yrange [%zu.6:-0.6]\n"
                  "set xtics ",
                  l->nsteps, lo, hi, l->nsteps);
    cb_figure_put_tics(s, lo, hi, 5, NULL);
    cb_buf_puts(s, " font 'sans-serif,11' offset 0,0.3\n");
    put_plot(index, s);
}

static int panel_px(const struct cb_ladder *l)
{
    return HEAD_PX + FOOT_PX + STEP_PX * ((int)l->nsteps + 1);
}

/* Height of the row of panels that begins with panel i: that of its tallest. */
static int row_px(const struct cb_ladder *const *top, size_t n, size_t i)
{
    int most = 0;
    for (size_t k = i; k < n && k < i + COLUMNS; k++)
        most = panel_px(top[k]) > most ? panel_px(top[k]) : most;
    return most;
}

static void put_panels(const struct cb_report *r, const struct cb_ladder *const *top, size_t n,
                       const struct extent *e, struct cb_buf *s)
{
    int y = cb_figure_top(NULL, true), height = y + AXIS_PX, width = CB_FIGURE_WIDTH / COLUMNS;
    for (size_t i = 0; i < n; i += COLUMNS)
        height += row_px(top, n, i);
    cb_figure_begin(s, name, title, height);
    cb_buf_puts(s, "set logscale x\nset multiplot\nset arrow from 1, graph 0 to 1, graph 1 nohead lw 1.2 "
                   "lc rgb '" CB_FIGURE_GREY "' back\n");
    for (size_t i = 0; i < n; i++) {
        int left = (int)(i % COLUMNS) * width;
        struct frame f = {left, left + width, y, y + panel_px(top[i])};
        put_frame(f, height, s);
        put_name(r, top[i], f, height, s);
        if (i + COLUMNS >= n)
            cb_buf_puts(s, "set xlabel 'cost relative to the foot (log scale)' font ',11'\n");
        put_panel(top[i], (unsigned)i, e[i], s);
        cb_buf_puts(s, "unset label\n"); /* this panel's, and the title, which came with the first */
        y += i % COLUMNS == COLUMNS - 1 ? row_px(top, n, i - (COLUMNS - 1)) : 0;
    }
    cb_buf_puts(s, "unset multiplot\n");
}

static int make(const struct cb_report *r, struct cb_buf *script, struct cb_buf *data, struct cb_err *err)
{
    const struct cb_ladder *top[PANELS];
    struct extent e[PANELS];
    size_t n = cb_view_top_ladders(r, top, PANELS);
    if (!n)
        return 1;
    for (size_t i = 0; i < n; i++)
        e[i] = put_data(r->data, top[i], data);
    put_panels(r, top, n, e, script);
    return cb_figure_done(script, data, err);
}

const struct cb_figure cb_figure_ladder = {
    .name = name,
    .title = title,
    .reading =
        "Each bar is the cost ratio that one mechanism adds, and begins where the one before it ended; "
        "the line is its interval. A grey bar has 1 in its interval: in brackets is the smallest effect that "
        "this run would have seen. The last bar is the whole, measured directly. Names in brackets: variants "
        "of the step above them, no part of the whole. Up to eight metrics with the largest effects.",
    .make = make,
};
