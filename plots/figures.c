#include "plots/figure.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "plots/escape.h"
#include "plots/view.h"

#define CB_FIGURE(symbol) extern const struct cb_figure symbol;
#include "plots/figures.def"
#undef CB_FIGURE

/* Okabe and Ito's palette, which the colour-blind can tell apart, without black and yellow: one vanishes on a
 * dark page, the other on a light one. Point shapes differ too, for print. */
static const struct {
    const char *colour;
    int point;
} styles[] = {
    {"#0072B2", 7}, {"#D55E00", 5}, {"#009E73", 9}, {"#CC79A7", 13}, {"#E69F00", 11}, {"#56B4E9", 15},
};

#define TITLE_PX       38 /* from the top to the legend */
#define LEGEND_PX      20 /* height of a row of the legend */
#define LEGEND_LEFT    20
#define LEGEND_COLUMNS 60 /* of an arm's name */
#define CHARACTER_PX   7  /* of the 12 px font, on the wide side */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Position of an arm among the compared ones; -1 for the baseline and host2. */
static int place(const struct cb_dataset *d, unsigned arm)
{
    int n = 0;
    for (unsigned a = cb_view_next_arm(d, 0); a < d->narms; a = cb_view_next_arm(d, a + 1), n++)
        if (a == arm)
            return n;
    return -1;
}

const char *cb_figure_colour(const struct cb_dataset *d, unsigned arm)
{
    int n = place(d, arm);
    return n < 0 ? CB_FIGURE_GREY : styles[(size_t)n % COUNT(styles)].colour;
}

void cb_figure_put_style(struct cb_buf *script, const struct cb_dataset *d, unsigned arm)
{
    int n = place(d, arm);
    int host = arm == d->run.baseline ? 7 : 6; /* host filled, host2 open */
    cb_buf_printf(script, "lc rgb '%s' pt %d ps 0.6", cb_figure_colour(d, arm),
                  n < 0 ? host : styles[(size_t)n % COUNT(styles)].point);
}

void cb_figure_put_arm(struct cb_buf *script, const struct cb_dataset *d, unsigned arm)
{
    char name[CB_VIEW_TEXT];
    cb_put_gnuplot(script, cb_view_arm_fit(&d->arms[arm], LEGEND_COLUMNS, name, sizeof name));
}

void cb_figure_put_comment(struct cb_buf *data, const char *text)
{
    cb_buf_puts(data, "# ");
    cb_put_term(data, text, true);
    cb_buf_puts(data, "\n");
}

/* Writes the legend, or only counts its rows when script is NULL. */
static unsigned walk_legend(struct cb_buf *script, const struct cb_dataset *d, bool hosts, int height)
{
    char text[CB_VIEW_TEXT];
    unsigned rows = 1;
    int x = LEGEND_LEFT;
    for (unsigned a = cb_view_next_shown(d, 0); a < d->narms; a = cb_view_next_shown(d, a + 1)) {
        if (!hosts && place(d, a) < 0)
            continue;
        int width =
            cb_text_width(cb_view_arm_fit(&d->arms[a], LEGEND_COLUMNS, text, sizeof text)) * CHARACTER_PX +
            34;
        if (x > LEGEND_LEFT && x + width > CB_FIGURE_WIDTH) {
            rows++;
            x = LEGEND_LEFT;
        }
        if (script) {
            cb_buf_puts(script, "set label ");
            cb_figure_put_arm(script, d, a);
            cb_buf_printf(script, " at screen %.4f, screen %.4f left offset 1,-0.2 font ',12' point ",
                          (double)x / CB_FIGURE_WIDTH, 1 - (TITLE_PX + rows * LEGEND_PX - 10.0) / height);
            cb_figure_put_style(script, d, a);
            cb_buf_puts(script, "\n");
        }
        x += width;
    }
    return rows;
}

int cb_figure_top(const struct cb_dataset *d, bool hosts)
{
    return TITLE_PX + 10 + (d ? (int)walk_legend(NULL, d, hosts, 1) * LEGEND_PX : 0);
}

void cb_figure_put_legend(struct cb_buf *script, const struct cb_dataset *d, bool hosts, int height)
{
    walk_legend(script, d, hosts, height);
}

void cb_figure_begin(struct cb_buf *script, const char *name, const char *title, int height)
{
    cb_buf_printf(
        script,
        "# %s\n"
        "# Redraw: gnuplot %s.gp\n"
        "here = ''\n"
        "if (exists('ARG0')) {\n"
        "    do for [i = 1:strlen(ARG0)] {\n"
        "        if (ARG0[i:i] eq '/') { here = ARG0[1:i] }\n"
        "    }\n"
        "}\n"
        "data = here.'%s.dat'\n"
        "set encoding utf8\n"
        "set terminal svg name '%s' size %d,%d dynamic noenhanced background '#ffffff' font 'sans-serif,13'\n"
        "set output here.'%s.svg'\n",
        title, name, name, name, CB_FIGURE_WIDTH, height, name);
    cb_buf_puts(script, "set border 3 lc rgb '" CB_FIGURE_GREY "'\n"
                        "set tics nomirror out scale 0.6 textcolor lt -1\n"
                        "set grid lt 1 lw 0.4 lc rgb '#B0B0B0'\n"
                        "set xlabel offset 0,0.4\n"
                        "unset key\n"
                        "set label ");
    cb_put_gnuplot(script, title);
    cb_buf_printf(script, " at screen %.4f, screen %.4f left font ',15'\n",
                  (double)(LEGEND_LEFT - 8) / CB_FIGURE_WIDTH, 1 - (TITLE_PX - 16.0) / height);
}

/* Multiples of a power of ten at which a tic may stand, from many to few. */
static const double tic_steps[][10] = {
    {1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 0},
    {1, 1.5, 2, 3, 4, 5, 6, 8, 0},
    {1, 1.5, 2, 3, 5, 7, 0},
    {1, 2, 5, 0},
    {1, 3, 0},
    {1, 0},
};

static void put_tic(struct cb_buf *script, double v, const char *unit)
{
    char text[CB_VIEW_TEXT], number[CB_VIEW_NUM];
    snprintf(text, sizeof text, "%g", v);
    if (unit) {
        const char *scaled = cb_view_unit(&v, unit);
        snprintf(number, sizeof number, "%g", v);
        snprintf(text, sizeof text, "%s %s", number, scaled);
    }
    cb_put_gnuplot_tic(script, text);
}

/* Writes the tics, or only counts them when script is NULL. */
static unsigned walk_tics(struct cb_buf *script, const double *steps, double lo, double hi, const char *unit)
{
    unsigned n = 0;
    for (int e = (int)floor(log10(lo)); pow(10, e) <= hi; e++)
        for (const double *s = steps; *s > 0; s++) {
            double v = *s * pow(10, e);
            if (v < lo || v > hi)
                continue;
            if (script) {
                cb_buf_puts(script, n ? ", " : "");
                put_tic(script, v, unit);
                cb_buf_printf(script, " %g", v);
            }
            n++;
        }
    return n;
}

void cb_figure_put_tics(struct cb_buf *script, double lo, double hi, unsigned most, const char *unit)
{
    size_t set = 0;
    while (set < COUNT(tic_steps) - 1 && walk_tics(NULL, tic_steps[set], lo, hi, unit) > most)
        set++;
    cb_buf_puts(script, "(");
    walk_tics(script, tic_steps[set], lo, hi, unit);
    cb_buf_puts(script, ")");
}

int cb_figure_done(const struct cb_buf *script, const struct cb_buf *data, struct cb_err *err)
{
    return cb_buf_ok(script) && cb_buf_ok(data) ? 0 : cb_fail_sys(err, ENOMEM, "figure");
}

const struct cb_figure *const cb_figures[] = {
#define CB_FIGURE(symbol) &symbol,
#include "plots/figures.def"
#undef CB_FIGURE
    NULL};

int cb_figure_drawable(const struct cb_figure *figure, const struct cb_report *r, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf script = {0};
    CB_AUTOBUF struct cb_buf data = {0};
    int made = figure->make(r, &script, &data, err);
    return made < 0 ? -1 : made == 0;
}

/* Opens the directory, never a link to one. */
static int open_dir(const char *path, int *fd, struct cb_err *err)
{
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *fd < 0 ? cb_fail_sys(err, errno, "open %s", path) : 0;
}

static int write_file(int dir, const struct cb_figure *f, const char *suffix, const struct cb_buf *text,
                      struct cb_err *err)
{
    char name[64];
    return cb_path(name, sizeof name, err, "%s.%s", f->name, suffix) ||
                   cb_replace_file(dir, name, cb_buf_str(text), text->len, 0644, err)
               ? -1
               : 0;
}

/* Writes script and data. 1: the run has nothing for this figure. */
static int write_figure(const struct cb_report *r, const struct cb_figure *f, int dir, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf script = {0};
    CB_AUTOBUF struct cb_buf data = {0};
    int made = f->make(r, &script, &data, err);
    if (made)
        return made < 0 ? cb_wrap(err, "figure %s", f->name) : made;
    if (write_file(dir, f, "gp", &script, err) || write_file(dir, f, "dat", &data, err))
        return -1;
    return 0;
}

/* Runs gnuplot on a written script. An older picture goes first: gnuplot would follow it where it is a link,
 * and nobody should take it for this run's. */
static int draw(const char *plots_dir, int dir, const struct cb_figure *f, struct cb_err *err)
{
    char path[4096], svg[64];
    if (cb_path(path, sizeof path, err, "%s/%s.gp", plots_dir, f->name) ||
        cb_path(svg, sizeof svg, err, "%s.svg", f->name))
        return -1;
    if (unlinkat(dir, svg, 0) && errno != ENOENT)
        return cb_fail_sys(err, errno, "remove %s/%s", plots_dir, svg);
    if (cb_gnuplot_run(path, err)) {
        unlinkat(dir, svg, 0); /* half a picture */
        return -1;
    }
    return 0;
}

int cb_figures_draw(const struct cb_report *r, const char *plots_dir, struct cb_err *err)
{
    CB_AUTOFD int dir = -1;
    struct cb_err missing = {0};
    if (open_dir(plots_dir, &dir, err))
        return -1;
    for (const struct cb_figure *const *f = cb_figures; *f; f++) {
        int made = write_figure(r, *f, dir, err);
        if (made < 0)
            return -1;
        /* The next script is written also after a failure: it can be drawn elsewhere. */
        if (made == 0 && draw(plots_dir, dir, *f, &missing) && missing.code != CB_EMISSING)
            break;
    }
    if (missing.code == CB_OK)
        return 0;
    *err = missing;
    return -1;
}
