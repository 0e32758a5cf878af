#include "results/ladder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"

bool cb_distinguishable(const struct cb_row *row)
{
    return row->ci95[0] > 1 || row->ci95[1] < 1;
}

size_t cb_chain_length(const struct cb_dataset *d, size_t first)
{
    const struct cb_ds_step *a = &d->steps[first];
    size_t n = 1;
    while (first + n < d->nsteps && !strcmp(a[n].ladder, a->ladder) && !strcmp(a[n].chain, a->chain))
        n++;
    return n;
}

/* Where the chain has got to, from below. */
struct climb {
    const struct cb_rows *rows;
    unsigned metric;
    unsigned lowest, highest;    /* rungs with a value so far; the same: one or none */
    char passed[CB_LADDER_TEXT]; /* labels of rungs without one since `highest` */
};

static bool has_value(const struct climb *c, unsigned arm)
{
    const struct cb_row *row = cb_rows_find(c->rows, c->metric, arm);
    return row && isfinite(row->value);
}

/* "namespaces" + "seccomp" */
static void append(char *labels, const char *label)
{
    size_t n = strlen(labels);
    snprintf(labels + n, CB_LADDER_TEXT - n, "%s%s", n ? " + " : "", label);
}

/* Over rungs that have no value the chain is closed: the next one stands for their steps too. Below the
 * lowest one that has a value there is nothing to stand for. */
static struct cb_pair climb(struct climb *c, const struct cb_ds_step *s, char *label)
{
    struct cb_pair pair = {.arm = s->arm, .base = c->highest};
    if (!has_value(c, s->arm)) {
        append(c->passed, s->label);
        append(label, s->label);
        return pair;
    }
    if (!has_value(c, c->highest))
        c->lowest = s->arm;
    else if (*c->passed)
        append(label, c->passed);
    append(label, s->label);
    c->highest = s->arm;
    c->passed[0] = '\0';
    return pair;
}

/* Pairs of all steps, and behind them that of the whole. */
static void list_pairs(struct climb *c, struct cb_ladder *l, struct cb_pair *pairs)
{
    c->lowest = c->highest = l->planned[0].base;
    for (size_t i = 0; i < l->nsteps; i++) {
        const struct cb_ds_step *s = &l->planned[i];
        l->steps[i].side = s->side;
        if (s->side) {
            append(l->steps[i].label, s->label);
            pairs[i] = (struct cb_pair){s->arm, s->base};
        } else {
            pairs[i] = climb(c, s, l->steps[i].label);
        }
    }
    pairs[l->nsteps] = (struct cb_pair){c->highest, c->lowest};
}

/* A sum of logarithms. Steps up to the lowest rung, and rungs that were passed over, are no part of it. */
static double sum_of(const struct climb *c, const struct cb_ladder *l)
{
    double sum = c->lowest == c->highest ? NAN : 0;
    bool inside = c->lowest == l->planned[0].base;
    for (size_t i = 0; i < l->nsteps; i++) {
        const struct cb_row *row = &l->steps[i].row;
        if (!l->steps[i].side && inside && has_value(c, row->arm))
            sum += log(row->ratio);
        inside |= row->arm == c->lowest;
    }
    return exp(sum);
}

static int measure(const struct cb_dataset *d, struct climb *c, struct cb_ladder *l, struct cb_err *err)
{
    const struct cb_row *again = cb_rows_find(c->rows, c->metric, d->run.baseline);
    CB_AUTOFREE struct cb_pair *pairs = reallocarray(NULL, l->nsteps + 1, sizeof *pairs);
    CB_AUTOFREE struct cb_row *rows = reallocarray(NULL, l->nsteps + 1, sizeof *rows);
    if (!pairs || !rows)
        return cb_fail(err, CB_ESYS, "ladder: out of memory");
    list_pairs(c, l, pairs);
    if (cb_effect_pairs(d, c->metric, pairs, l->nsteps + 1, rows, err) < 0)
        return -1;
    for (size_t i = 0; i <= l->nsteps; i++)
        cb_row_set_floor(&rows[i], again ? again->noise_floor : NAN);
    for (size_t i = 0; i < l->nsteps; i++)
        l->steps[i].row = rows[i];
    l->total = rows[l->nsteps];
    l->sum = sum_of(c, l);
    l->adds_up = l->total.ci95[0] <= l->sum && l->sum <= l->total.ci95[1];
    return 0;
}

static void free_ladder(struct cb_ladder *l)
{
    for (size_t i = 0; l->steps && i < l->nsteps; i++)
        cb_row_free(&l->steps[i].row);
    cb_row_free(&l->total);
    free(l->steps);
}

static int add(const struct cb_dataset *d, const struct cb_rows *rows, size_t first, unsigned metric,
               struct cb_ladders *out, struct cb_err *err)
{
    struct climb c = {.rows = rows, .metric = metric};
    struct cb_ladder *l = &out->at[out->n++];
    *l = (struct cb_ladder){.planned = &d->steps[first], .nsteps = cb_chain_length(d, first)};
    l->steps = calloc(l->nsteps, sizeof *l->steps);
    return l->steps ? measure(d, &c, l, err) : cb_fail(err, CB_ESYS, "ladder: out of memory");
}

int cb_ladders(const struct cb_dataset *d, const struct cb_rows *rows, struct cb_ladders *out,
               struct cb_err *err)
{
    size_t chains = 0;
    for (size_t s = 0; s < d->nsteps; s += cb_chain_length(d, s))
        chains++;
    *out = (struct cb_ladders){.at = calloc(chains * d->nmetrics + 1, sizeof *out->at)};
    if (!out->at)
        return cb_fail(err, CB_ESYS, "ladders: out of memory");
    for (size_t s = 0; s < d->nsteps; s += cb_chain_length(d, s))
        for (unsigned m = 0; m < d->nmetrics; m++)
            if (add(d, rows, s, m, out, err) < 0) {
                cb_ladders_free(out);
                return -1;
            }
    return 0;
}

void cb_ladders_free(struct cb_ladders *l)
{
    for (size_t i = 0; i < l->n; i++)
        free_ladder(&l->at[i]);
    free(l->at);
    *l = (struct cb_ladders){0};
}
