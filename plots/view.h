/* What all reports and figures share: which arms are compared, what a metric, an arm, a number is called.
 * Texts come back raw (they hold names from the dataset): every format escapes them itself. */
#ifndef CB_PLOTS_VIEW_H
#define CB_PLOTS_VIEW_H

#include <stdbool.h>

#include "plots/report.h"

#define CB_VIEW_TEXT 192 /* bytes of a label, with NUL; longer ones are cut */
#define CB_VIEW_NUM  32

/* What to think of a ratio at a glance. */
enum cb_view_mark {
    CB_MARK_UNCLEAR, /* none of the following, or there is no interval */
    CB_MARK_NOISE,   /* the interval lies within the noise floor */
    CB_MARK_MORE, /* costs more than the baseline: the interval excludes 1, the ratio exceeds the noise floor
                   */
    CB_MARK_LESS, /* costs less, likewise */
    CB_MARK_NONE, /* no ratio: skipped, failed, too few samples */
};
enum cb_view_mark cb_view_mark(const struct cb_row *row);
bool cb_view_untrusted(const struct cb_row *row);
/* What stands where a ratio is missing: "skipped", "failed", "no ratio". */
const char *cb_view_outcome(const struct cb_row *row);

/* Arms that reports compare, in order: not the baseline, its repetition host2 or a positive control. The
 * first one at or after `from`; narms when there is none: for (unsigned a = cb_view_next_arm(d, 0); a <
 * d->narms; a = cb_view_next_arm(d, a + 1)) */
unsigned cb_view_next_arm(const struct cb_dataset *d, unsigned from);
unsigned cb_view_count_arms(const struct cb_dataset *d);
/* Likewise the arms that are shown where each stands for itself: all but a positive control, which is a line
 * of its own. */
unsigned cb_view_next_shown(const struct cb_dataset *d, unsigned from);
/* "Positive control: a planted 5 % slowdown was seen in 8 of 9 metrics."; "" and false without one. */
bool cb_view_control(const struct cb_report *r, char *out, size_t cap);
/* "vm (emulated)": an arm is never named without that it is emulated. */
char *cb_view_arm(const struct cb_ds_arm *arm, char *out, size_t cap);
/* The same in at most `columns`: what is cut is the name. */
char *cb_view_arm_fit(const struct cb_ds_arm *arm, int columns, char *out, size_t cap);

/* "Memory" for mem.chase.latency; the prefix itself where it is unknown. */
char *cb_view_group(const struct cb_ds_metric *m, char *out, size_t cap);
/* How many metrics come before those of the first batches (cb_is_cold), which are last: what is shown where
 * there is room for the essential only. */
size_t cb_view_metrics(const struct cb_dataset *d);
/* True when metric i is the first of its group: a heading comes before it. */
bool cb_view_group_begins(const struct cb_dataset *d, size_t i);
/* "mem.chase.latency 64K", "fs.rand.iops read depth=32": the name and those parameters that tell the cases of
 * its benchmark apart. With `brief` numbers go without their names: "fs.rand.iops read 32". */
char *cb_view_label(const struct cb_dataset *d, const struct cb_ds_metric *m, bool brief, char *out,
                    size_t cap);
/* The case part alone, "64K". */
char *cb_view_case(const struct cb_dataset *d, unsigned case_index, bool brief, char *out, size_t cap);

/* "104 ns", "2.10 ms", "84.1k op/s": three significant digits, "-" for NAN. */
char *cb_view_value(double v, const char *unit, char *out, size_t cap);
/* The unit of the same kind in which *v has one to three digits before its point, and *v in it; `unit` itself
 * where nothing better is known. */
const char *cb_view_unit(double *v, const char *unit);
/* "18.2", "1.04"; near 1 the third decimal too ("1.004"), because there the distance from 1 is what counts.
 * With `brief` two decimals at most. */
char *cb_view_ratio(double ratio, bool brief, char *out, size_t cap);
/* "[1.003, 1.014]"; "[-]" where there is no interval. */
char *cb_view_interval(const double ci[2], bool brief, char *out, size_t cap);
/* "0.6 %", "26 %"; "x24" from ten times on. */
char *cb_view_percent(double fraction, char *out, size_t cap);

/* Of the intervals, in per cent: 95, or 96 where the run was extended. */
double cb_view_level(const struct cb_report *r);
/* "10 of 10 blocks"; "12 blocks, 2 of them void, for 10 planned". */
char *cb_view_blocks(const struct cb_dataset *d, char *out, size_t cap);

/* One plain sentence on the group that begins at metric `first`: "Memory: compared with the host, container
 * costs 1.00 to 1.01x (7 of 9 within noise), vm (emulated) costs 3.10 to 18.0x." */
void cb_view_sentence(const struct cb_report *r, size_t first, char *out, size_t cap);

#endif
