/* Progress on stderr: one line redrawn on a terminal, plain lines otherwise. */
#ifndef CB_PLOTS_PROGRESS_H
#define CB_PLOTS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct cb_progress_view {
    const char *phase;
    unsigned block, blocks;
    const char *arm, *bench;
    unsigned done, total; /* steps of the whole run */
    uint64_t elapsed_ns, left_ns;
};
struct cb_progress_bar {
    FILE *to;
    bool terminal;
    int columns;
    uint64_t last_ns;
    unsigned last_block;
    char last_arm[96];
};
void cb_progress_init(struct cb_progress_bar *b, FILE *to);
void cb_progress_show(struct cb_progress_bar *b, const struct cb_progress_view *v);
void cb_progress_end(struct cb_progress_bar *b); /* leaves the terminal's line clean */

#endif
