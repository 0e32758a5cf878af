#include <stdio.h>

#include "runners/execution.h"

static int measure(struct cb_execution *x, struct cb_instance *in, const struct cb_case_result *r,
                   struct cb_err *err)
{
    const struct cb_case *c = &x->plan->cases[r->case_index];
    struct cb_life life = {
        .arm = &x->plan->arms[r->arm],
        .site = x->site,
        .in = in,
        .stop = x->stop,
        .keep = cb_execution_keep,
        .arg = x,
    };
    cb_execution_forget(x);
    if (cb_case_lifecycle(c)->measure(&life, c, err) < 0)
        return -1;
    return x->nbatches ? 0 : cb_fail(err, CB_ESYS, "%s: no sample", c->bench->name);
}

int cb_execution_lifecycle(struct cb_execution *x, struct cb_instance *in, struct cb_case_result *r,
                           struct cb_err *err)
{
    uint64_t begin = cb_now_ns();
    int got = measure(x, in, r, err);
    if (got < 0 && err->code == CB_EINTR)
        return -1;
    r->took_ns = cb_now_ns() - begin;
    x->totals->measuring_ns += r->took_ns;
    r->trusted = true; /* stamped by the host alone */
    r->outcome = got == 0 ? CB_OUTCOME_OK : cb_outcome_of(err);
    r->reason = got == 0 ? "" : err->msg;
    r->batches = x->batches;
    r->nbatches = got == 0 ? x->nbatches : 0;
    cb_execution_deliver(x, r);
    return 0;
}
