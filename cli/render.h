/* Writes the files of a run: the native export, samples, figures, reports. */
#ifndef CB_CLI_RENDER_H
#define CB_CLI_RENDER_H

#include <stdio.h>

#include "results/effect.h"

enum {
    CB_RENDER_JSON = 1u << 0,
    CB_RENDER_CSV = 1u << 1,
    CB_RENDER_HTML = 1u << 2,
    CB_RENDER_MD = 1u << 3,
    CB_RENDER_TERM = 1u << 4, /* to stdout */
    CB_RENDER_ALL = CB_RENDER_JSON | CB_RENDER_CSV | CB_RENDER_HTML | CB_RENDER_MD | CB_RENDER_TERM,
};

/* More than a run.json of the largest run. */
#define CB_RUN_JSON_MAX (256u << 20)

/* "html,md" -> flags. */
int cb_render_formats(const char *text, unsigned *formats, struct cb_err *err);
/* Renders into run_dir (exists). Missing gnuplot is a warning on stderr, not an error. */
int cb_render(const struct cb_dataset *d, const char *run_dir, unsigned formats, struct cb_err *err);

#endif
