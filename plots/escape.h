/* Text that comes from datasets (arm names, kernel versions, reasons, paths) is untrusted: whoever wrote it
 * may want to run in the reader's browser, terminal or gnuplot. One function a format; each appends to the
 * buffer. All of them first replace what no format should carry: bytes that are not UTF-8, control
 * characters, marks that reorder or hide text. */
#ifndef CB_PLOTS_ESCAPE_H
#define CB_PLOTS_ESCAPE_H

#include <stdbool.h>

#include "bench/base/buf.h"

/* Content of an element, or of an attribute in double quotes. */
void cb_put_html(struct cb_buf *out, const char *text);
/* Running text or a table cell of GitHub-flavoured Markdown. */
void cb_put_md(struct cb_buf *out, const char *text);
/* A whole string literal of gnuplot, with its single quotes. The terminal must be `noenhanced`. */
void cb_put_gnuplot(struct cb_buf *out, const char *text);
/* The same for a tic label, where gnuplot would also expand %-formats. */
void cb_put_gnuplot_tic(struct cb_buf *out, const char *text);
/* A terminal, a log, a comment in a data file. Without utf8 everything beyond ASCII becomes '?'. */
void cb_put_term(struct cb_buf *out, const char *text, bool utf8);
/* Columns that text, as cb_put_term leaves it, takes in a terminal. */
int cb_text_width(const char *text);
/* Bytes of the longest start of `text` that takes at most `columns`. */
size_t cb_text_fit(const char *text, int columns);

#endif
