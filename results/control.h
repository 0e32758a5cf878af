/* The positive control of a run: an arm that wastes a known share of every batch. What it shows is counted,
 * so that a run proves that it could have seen an effect of that size. */
#ifndef CB_RESULTS_CONTROL_H
#define CB_RESULTS_CONTROL_H

#include <stdbool.h>

#include "results/effect.h"

struct cb_control {
    unsigned arm;
    double slowdown;   /* planted, as a share: 0.05 */
    unsigned seen, of; /* metrics whose 95 % interval lies above 1, of those that could show it */
};
/* False when the run has no control. */
bool cb_control(const struct cb_dataset *d, const struct cb_rows *rows, struct cb_control *out);
/* True for a row that could show a planted slowdown: it has an interval and comes from the time of batches.
 * CPU time and single latencies are not prolonged, nor is a start. */
bool cb_control_shows(const struct cb_row *row);
bool cb_control_seen(const struct cb_row *row);

#endif
