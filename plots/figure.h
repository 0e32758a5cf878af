/* What the figures have in common, so that they look alike and an arm has the same colour in all of them. */
#ifndef CB_PLOTS_FIGURE_H
#define CB_PLOTS_FIGURE_H

#include <stdbool.h>

#include "plots/report.h"

#define CB_FIGURE_WIDTH 820       /* px at which text is as large as the page's */
#define CB_FIGURE_GREY  "#808080" /* readable on white and on black */

/* Begins a script: where its files are (`data` is the data file), terminal, output, fonts, borders, title.
 * Every script can be run by hand, from any directory. name and title are ours, not a dataset's. */
void cb_figure_begin(struct cb_buf *script, const char *name, const char *title, int height);
/* The legend stands under the title in rows of coloured points with the arms' names; with `hosts` also those
 * of the baseline and host2. Space above the plot that title and legend take together, in px; 0 rows of
 * legend with d NULL. */
int cb_figure_top(const struct cb_dataset *d, bool hosts);
/* Writes it. Labels belong to every panel of a multiplot: `unset label` after the first. */
void cb_figure_put_legend(struct cb_buf *script, const struct cb_dataset *d, bool hosts, int height);
/* "lc rgb '#0072B2' pt 7 ps 0.7": the same for an arm everywhere. */
void cb_figure_put_style(struct cb_buf *script, const struct cb_dataset *d, unsigned arm);
const char *cb_figure_colour(const struct cb_dataset *d, unsigned arm);
/* "'vm (emulated)'", quoted. */
void cb_figure_put_arm(struct cb_buf *script, const struct cb_dataset *d, unsigned arm);
/* One comment line of a data file. */
void cb_figure_put_comment(struct cb_buf *data, const char *text);
/* At most about `most` tics of a logarithmic axis from lo to hi, at round values, labelled in `unit` (NULL:
 * bare numbers): "('1 ms' 1, '2 ms' 2)". */
void cb_figure_put_tics(struct cb_buf *script, double lo, double hi, unsigned most, const char *unit);
/* 0 when both texts are complete, else out of memory. */
int cb_figure_done(const struct cb_buf *script, const struct cb_buf *data, struct cb_err *err);

/* 1 when the run has something for the figure, 0 when not, -1 error. */
int cb_figure_drawable(const struct cb_figure *figure, const struct cb_report *r, struct cb_err *err);

/* Runs gnuplot on a script. CB_EMISSING with the reason when it is not installed, fails, or does not end. */
int cb_gnuplot_run(const char *script_path, struct cb_err *err);

#endif
