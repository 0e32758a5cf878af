/* What people see. Every report is a pure function of the dataset and its rows; only gnuplot.c runs a
 * program. */
#ifndef CB_PLOTS_REPORT_H
#define CB_PLOTS_REPORT_H

#include <stdbool.h>

#include "bench/base/buf.h"
#include "results/ladder.h"
#include "results/verdict_list.h"

struct cb_report {
    const struct cb_dataset *data;
    const struct cb_rows *rows;
    const struct cb_notes *notes;           /* what is not comparable */
    const struct cb_ladders *ladders;       /* NULL for none */
    const struct cb_verdict_list *verdicts; /* of claims; NULL for none */
    const char *command;                    /* what reproduces it */
};

struct cb_term_style {
    int columns; /* 80 or more; tables are made for 100 */
    bool colour, utf8;
};

/* The table in the terminal. */
int cb_report_term(const struct cb_report *r, const struct cb_term_style *style, struct cb_buf *out,
                   struct cb_err *err);
/* plots_dir is what links to pictures begin with ("plots"); NULL where none were drawn. */
int cb_report_md(const struct cb_report *r, const char *plots_dir, struct cb_buf *out, struct cb_err *err);
/* Self-contained page; figures' SVG texts are read from plots_fd (directory) by their names in the figure
 * table; a missing one is named, all of them with plots_fd -1. */
int cb_report_html(const struct cb_report *r, int plots_fd, struct cb_buf *out, struct cb_err *err);

/* A figure: data and script from the report, drawn by gnuplot. */
struct cb_figure {
    const char *name, *title; /* "overhead": file name without suffix; the title says what is seen */
    const char *reading;      /* how to read it, one or two sentences */
    /* Pure. 1 when the run has nothing to draw for it (no files then); 0 with script and data filled; -1
     * error. */
    int (*make)(const struct cb_report *r, struct cb_buf *script, struct cb_buf *data, struct cb_err *err);
};
extern const struct cb_figure *const cb_figures[]; /* figures.def, ended by NULL */

/* Writes NAME.gp, NAME.dat into the directory and runs gnuplot there for NAME.svg. A missing or failing
 * gnuplot is CB_EMISSING with the reason: scripts and data are kept, reports go on without pictures. */
int cb_figures_draw(const struct cb_report *r, const char *plots_dir, struct cb_err *err);

#endif
