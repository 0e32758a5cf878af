/* The parts of the reports that are about ladders; nothing is written for a run without. */
#ifndef CB_PLOTS_LADDER_H
#define CB_PLOTS_LADDER_H

#include "plots/report.h"

void cb_term_ladders(const struct cb_report *r, const struct cb_term_style *style, struct cb_buf *out);
void cb_md_ladders(const struct cb_report *r, struct cb_buf *out);
void cb_html_ladders(const struct cb_report *r, struct cb_buf *out);

#endif
