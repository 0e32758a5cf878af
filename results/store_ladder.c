/* The ladders of a run: written with its frame, read with it. */
#include <stdlib.h>

#include "bench/base/buf.h"
#include "results/store_db.h"

#define TEXT_MAX  256
#define STEPS_MAX 256 /* well above what 64 arms need */

int cb_store_save_steps(struct cb_store *s, const struct cb_dataset *d, struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "INSERT INTO ladder_step VALUES (?,?,?,?,?,?,?,?)", &st, err) < 0)
        return -1;
    for (size_t i = 0; i < d->nsteps; i++) {
        const struct cb_ds_step *x = &d->steps[i];
        if (cb_stmt_run(&st,
                        CB_BINDS(CB_TEXT(d->run.id), CB_INT(i), CB_TEXT(x->ladder), CB_TEXT(x->chain),
                                 CB_TEXT(x->label), CB_INT(x->arm), CB_INT(x->base), CB_INT(x->side)),
                        err) < 0)
            return cb_wrap(err, "step %s", x->label);
    }
    return 0;
}

static int read_step(struct cb_stmt *st, const struct cb_dataset *d, struct cb_ds_step *out,
                     struct cb_err *err)
{
    uint64_t arm = 0, base = 0;
    if (cb_column_text(st, 0, TEXT_MAX, &out->ladder, err) < 0 ||
        cb_column_text(st, 1, TEXT_MAX, &out->chain, err) < 0 ||
        cb_column_text(st, 2, TEXT_MAX, &out->label, err) < 0 ||
        cb_column_uint(st, 3, d->narms - 1, &arm, err) < 0 ||
        cb_column_uint(st, 4, d->narms - 1, &base, err) < 0 || cb_column_bool(st, 5, &out->side, err) < 0)
        return -1;
    out->arm = (unsigned)arm;
    out->base = (unsigned)base;
    return 0;
}

int cb_store_load_steps(struct cb_store *s, struct cb_dataset *d, struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    int more;
    if (cb_stmt_prepare(
            s, "SELECT ladder, chain, label, arm, base, side FROM ladder_step WHERE run = ? ORDER BY nth",
            &st, err) < 0 ||
        cb_stmt_bind(&st, CB_BINDS(CB_TEXT(d->run.id)), err) < 0)
        return -1;
    while ((more = cb_stmt_step(&st, err)) > 0) {
        if (d->nsteps == STEPS_MAX)
            return cb_fail(err, CB_EUSAGE, "more than %d steps of ladders", STEPS_MAX);
        struct cb_ds_step *at = reallocarray(d->steps, d->nsteps + 1, sizeof *at);
        if (!at)
            return cb_fail(err, CB_ESYS, "out of memory");
        d->steps = at;
        at += d->nsteps++;
        *at = (struct cb_ds_step){0};
        if (read_step(&st, d, at, err) < 0)
            return cb_wrap(err, "steps of ladders");
    }
    return more;
}
