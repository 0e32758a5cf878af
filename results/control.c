#include "results/control.h"

#include <math.h>

bool cb_control_shows(const struct cb_row *row)
{
    enum cb_derive rule = row->metric->how.derive;
    bool timed = rule == CB_WALL_PER_ITER || rule == CB_WORK_PER_WALL;
    bool by_agent = row->case_->iters > 0; /* none: a start, which the host times */
    return timed && by_agent && isfinite(row->ci95[0]);
}

bool cb_control_seen(const struct cb_row *row)
{
    return cb_control_shows(row) && row->ci95[0] > 1;
}

static bool find_arm(const struct cb_dataset *d, unsigned *arm)
{
    for (*arm = 0; *arm < d->narms; ++*arm)
        if (cb_dataset_role(d, *arm) == CB_ROLE_CONTROL)
            return true;
    return false;
}

bool cb_control(const struct cb_dataset *d, const struct cb_rows *rows, struct cb_control *out)
{
    *out = (struct cb_control){0};
    if (!find_arm(d, &out->arm))
        return false;
    out->slowdown = cb_arm_slowdown(&d->arms[out->arm]);
    for (size_t i = 0; i < rows->n; i++)
        if (rows->at[i].arm == out->arm) {
            out->of += cb_control_shows(&rows->at[i]);
            out->seen += cb_control_seen(&rows->at[i]);
        }
    return true;
}
