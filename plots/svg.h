/* Pictures of gnuplot inside a page. */
#ifndef CB_PLOTS_SVG_H
#define CB_PLOTS_SVG_H

#include "bench/base/buf.h"

/* Appends an SVG text so that it can stand inside HTML beside others: without XML prolog and tooltips, every
 * id and every reference to one prefixed by "NAME-". The text was read from a file: what gnuplot never writes
 * (a script, a handler, a link to elsewhere) is CB_EPROTO, with nothing of it appended. */
int cb_put_svg(struct cb_buf *out, const char *svg, const char *name, struct cb_err *err);

#endif
