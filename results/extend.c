#include "results/extend.h"

#include <stdio.h>
#include <string.h>

#include "results/stats.h"
#include "results/stopping.h"
#include "results/void.h"

size_t cb_blocks_for_rows(const struct cb_dataset *d, const struct cb_rows *rows, double target)
{
    size_t most = 0;
    for (size_t i = 0; i < rows->n; i++) {
        const struct cb_row *r = &rows->at[i];
        enum cb_role role = cb_dataset_role(d, r->arm);
        /* A row that fails or skips becomes no better by repetition; how narrow the control is matters to
         * nobody, and a first batch is one sample a block.
         */
        if (cb_is_cold(r->metric) || (role != CB_ROLE_TESTED && role != CB_ROLE_AGAIN) || r->n < 2)
            continue;
        size_t n = cb_blocks_for_width(cb_sd(r->d, r->n), r->n, target);
        most = n > most ? n : most;
    }
    return most;
}

static void over(struct cb_ds_run *r, const char *why)
{
    snprintf(r->stopped, sizeof r->stopped, "%s", why);
}

/* Blocks in [e->seen, end) that are void. */
static unsigned count_void(const struct cb_extend *e, const struct cb_dataset *d)
{
    unsigned n = 0;
    for (size_t b = e->seen; b < d->nblocks; b++)
        n += *d->blocks[b].void_reason != '\0';
    return n;
}

static int wanted_blocks(const struct cb_dataset *d, size_t *out, struct cb_err *err)
{
    struct cb_rows rows;
    if (cb_effects(d, &rows, err) < 0)
        return -1;
    *out = cb_blocks_for_rows(d, &rows, d->run.target);
    cb_rows_free(&rows);
    return 0;
}

/* A look at the widths. Returns how many more blocks to run. */
static unsigned look(const struct cb_extend *e, struct cb_ds_run *r, size_t wanted, unsigned counted,
                     unsigned done, double block_s, double left_s)
{
    size_t room = e->blocks_max > done ? e->blocks_max - done : 0;
    struct cb_extension plan =
        cb_extension(wanted, counted, counted + room, counted * block_s + left_s, block_s);
    r->looks[r->nlooks++] = counted;
    if (wanted <= counted)
        over(r, "target");
    else if (plan.blocks <= counted && plan.by_budget)
        over(r, "budget");
    else if (plan.blocks <= counted || r->nlooks == CB_LOOKS_MAX)
        over(r, "blocks");
    else
        return (unsigned)(plan.blocks - counted);
    return 0;
}

int cb_extend(struct cb_extend *e, struct cb_dataset *d, double block_s, double left_s, struct cb_more *out,
              struct cb_err *err)
{
    unsigned done = (unsigned)d->nblocks, repeats = count_void(e, d);
    size_t wanted;
    *out = (struct cb_more){.from = e->seen, .to = done};
    e->seen = done + repeats; /* a repetition is not repeated */
    if (repeats && e->seen <= e->blocks_max)
        return 0;
    out->from = out->to = e->seen = done;
    if (!(d->run.target > 0)) {
        over(&d->run, "blocks");
        return 0;
    }
    if (wanted_blocks(d, &wanted, err) < 0)
        return -1;
    unsigned counted = done - cb_voids(d).voided;
    out->fresh = look(e, &d->run, wanted, counted, done, block_s, left_s);
    if (out->fresh)
        d->run.blocks = counted + out->fresh;
    return 0;
}
