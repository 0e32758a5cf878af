/* What reports and figures say of ladders. Texts come back raw, as those of view.h. */
#ifndef CB_PLOTS_VIEW_LADDER_H
#define CB_PLOTS_VIEW_LADDER_H

#include "plots/view.h"

/* Those that are shown one by one, the largest total effects first, by the ends of their intervals: no first
 * batches, and none without a total. `top` has room for `most`. Returns how many. */
size_t cb_view_top_ladders(const struct cb_report *r, const struct cb_ladder **top, size_t most);
/* The first ladder of a chain at or after `from` is at from; the end of its chain is returned. */
size_t cb_view_chain_end(const struct cb_report *r, size_t from);
/* "container", "vm: disk (emulated)". */
char *cb_view_chain(const struct cb_dataset *d, const struct cb_ladder *l, char *out, size_t cap);
/* "seccomp", "speculation mitigation (aside)" */
char *cb_view_planned(const struct cb_ds_step *s, char *out, size_t cap);
/* The step stands for others too, over which the chain was closed. */
bool cb_view_closes(const struct cb_ladder *l, size_t step);
/* "not distinguishable (0.7 %)": what this run would have seen is in brackets. */
char *cb_view_undecided(const struct cb_row *row, char *out, size_t cap);
/* "1.28 [1.27, 1.29]", marked where it is no more than noise, or not to be trusted; or the above; or the
 * outcome and the reason. */
char *cb_view_step(const struct cb_row *row, char *out, size_t cap);
/* "steps together 1.31: they add up to the whole". */
char *cb_view_sum(const struct cb_ladder *l, char *out, size_t cap);

/* How all of it is to be read. */
extern const char cb_view_ladder_legend[];

#endif
