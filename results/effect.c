#include "results/effect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "results/counted.h"
#include "results/decide.h"
#include "results/plausible.h"
#include "results/rank.h"
#include "results/stats.h"
#include "results/void.h"

/* One-sided level of everything printed beside a ratio. */
#define ALPHA 0.05

/* A metric in one arm and block. */
struct cell {
    double value; /* NAN: see why */
    const char *why;
    const struct cb_ds_result *result; /* NULL when the case never ran there */
};

/* A metric in all arms and blocks. */
struct grid {
    const struct cb_dataset *d;
    struct cell *cells; /* [arm][block], owned */
    bool with_void;     /* void blocks count too */
};

static const struct cell *grid_row(const struct grid *g, unsigned arm)
{
    return g->cells + arm * g->d->nblocks;
}

static bool counts(const struct grid *g, size_t block)
{
    return g->with_void || !*g->d->blocks[block].void_reason;
}

static int grid_make(const struct cb_dataset *d, const struct cb_ds_metric *m, struct grid *g,
                     struct cb_err *err)
{
    size_t n = d->narms * d->nblocks;
    struct cb_voids voids = cb_voids(d);
    *g = (struct grid){.d = d,
                       .cells = reallocarray(NULL, n ? n : 1, sizeof(struct cell)),
                       .with_void = voids.voided == voids.blocks};
    if (!g->cells)
        return cb_fail(err, CB_ESYS, "effects: out of memory");
    for (size_t i = 0; i < n; i++)
        g->cells[i] = (struct cell){.value = NAN, .why = "not-run"};
    for (size_t i = 0; i < d->nresults; i++) {
        const struct cb_ds_result *r = &d->results[i];
        if (r->case_index != m->case_index || r->arm >= d->narms || r->block >= d->nblocks)
            continue;
        struct cell *c = &g->cells[r->arm * d->nblocks + r->block];
        c->result = r;
        c->value = cb_block_value(m, r, &c->why);
    }
    return 0;
}

/* Values of the arm's blocks that count, packed; their number. */
static size_t own_values(const struct grid *g, unsigned arm, double *out)
{
    const struct cell *c = grid_row(g, arm);
    size_t n = 0;
    for (size_t b = 0; b < g->d->nblocks; b++)
        if (counts(g, b) && !isnan(c[b].value))
            out[n++] = c[b].value;
    return n;
}

/* Log cost ratios of the blocks that count and that both arms have, and, when asked for, which blocks these
 * are. Their number. */
static unsigned pair_blocks(const struct grid *g, const struct cb_row *row, double *d, unsigned *blocks)
{
    const struct cell *arm = grid_row(g, row->arm), *base = grid_row(g, row->base);
    bool lower = row->metric->how.better == CB_LOWER;
    unsigned n = 0;
    for (size_t b = 0; b < g->d->nblocks; b++) {
        if (!counts(g, b) || isnan(arm[b].value) || isnan(base[b].value))
            continue;
        if (blocks)
            blocks[n] = (unsigned)b;
        d[n++] = lower ? log(arm[b].value / base[b].value) : log(base[b].value / arm[b].value);
    }
    return n;
}

static void set_interval(double ci[2], struct cb_interval i)
{
    ci[0] = isinf(i.lo) ? NAN : exp(i.lo);
    ci[1] = isinf(i.hi) ? NAN : exp(i.hi);
}

static void estimate_ratio(struct cb_row *row)
{
    if (!row->n)
        return;
    struct cb_interval i95 = cb_decision_interval(row->d, row->n, row->ci_level);
    row->ratio = exp(i95.estimate);
    set_interval(row->ci95, i95);
    set_interval(row->ci90, cb_decision_interval(row->d, row->n, 0.90));
    row->mde = expm1(cb_mde(cb_sd(row->d, row->n), row->n, ALPHA));
}

/* The ratio as it were with the void blocks. scratch has room for a value a block. */
static void estimate_all(const struct grid *g, struct cb_row *row, double *scratch)
{
    const struct grid all = {.d = g->d, .cells = g->cells, .with_void = true};
    row->n_all = pair_blocks(&all, row, scratch, NULL);
    if (!row->n_all)
        return;
    struct cb_interval i = cb_decision_interval(scratch, row->n_all, row->ci_level);
    row->ratio_all = exp(i.estimate);
    set_interval(row->ci95_all, i);
}

/* Returns the number of the arm's own values. scratch has room for a value a block. */
static unsigned estimate_values(const struct grid *g, struct cb_row *row, double *scratch)
{
    size_t n = own_values(g, row->base, scratch);
    row->baseline_value = cb_median(scratch, n);
    n = own_values(g, row->arm, scratch);
    row->value = cb_median(scratch, n);
    struct cb_interval i = cb_decision_interval(scratch, n, row->ci_level);
    row->value_lo = isinf(i.lo) ? NAN : i.lo;
    row->value_hi = isinf(i.hi) ? NAN : i.hi;
    return (unsigned)n;
}

/* Samples and those of them that are not to be trusted, in the arm's blocks that count. A result that was
 * called untrusted as a whole counts with all of its samples. */
static void trust(const struct grid *g, unsigned arm, size_t *all, size_t *bad)
{
    const struct cell *c = grid_row(g, arm);
    *all = *bad = 0;
    for (size_t b = 0; b < g->d->nblocks; b++) {
        const struct cb_ds_result *r = c[b].result;
        if (!r || !counts(g, b) || isnan(c[b].value))
            continue;
        bool whole = !strcmp(r->outcome, "untrusted");
        for (size_t i = 0; i < r->nsamples; i++) {
            if (r->samples[i].warm)
                continue;
            (*all)++;
            *bad += whole || !r->samples[i].trusted;
        }
    }
}

/* True, with the row marked, when the arm's clock cannot be relied on. */
static bool mark_untrusted(const struct grid *g, unsigned arm, struct cb_row *row)
{
    size_t all, bad;
    trust(g, arm, &all, &bad);
    if ((double)bad <= CB_UNTRUSTED_SHARE * (double)all)
        return false;
    row->outcome = "untrusted";
    snprintf(row->reason, sizeof row->reason, "%s: its clock and the host's disagree in %zu of %zu samples",
             g->d->arms[arm].name, bad, all);
    return true;
}

/* True, with the row marked, when the host counted something else than the arm claims in most of the blocks
 * that count. A lie is in all of them; what others did on the same device, or a late reading, is in some. */
static bool mark_unconserved(const struct grid *g, unsigned arm, struct cb_row *row)
{
    const struct cell *c = grid_row(g, arm);
    char reason[128];
    size_t all = 0, bad = 0;
    for (size_t b = 0; b < g->d->nblocks; b++) {
        if (!c[b].result || !counts(g, b) || isnan(c[b].value))
            continue;
        all++;
        bad += cb_counted_otherwise(g->d, c[b].result, reason, sizeof reason);
    }
    if (2 * bad <= all)
        return false;
    row->outcome = "untrusted";
    snprintf(row->reason, sizeof row->reason, "%s: %s", g->d->arms[arm].name, reason);
    return true;
}

/* True, with the row marked, when the arm's value, or the one it is compared with, is beyond what machines
 * can do. */
static bool mark_implausible(const struct grid *g, struct cb_row *row)
{
    const struct {
        unsigned arm;
        double value;
    } sides[] = {{row->arm, row->value}, {row->base, row->baseline_value}};
    char reason[200];
    for (size_t i = 0; i < 2; i++) {
        if (!cb_implausible(row->metric->name, sides[i].value, reason, sizeof reason))
            continue;
        row->outcome = "untrusted";
        snprintf(row->reason, sizeof row->reason, "%.40s: %s", g->d->arms[sides[i].arm].name, reason);
        return true;
    }
    return false;
}

/* True, with the row marked, when no block counts and void ones had to do. */
static bool mark_void(const struct grid *g, struct cb_row *row)
{
    struct cb_voids v = cb_voids(g->d);
    if (!v.voided || !g->with_void)
        return false;
    snprintf(row->reason, sizeof row->reason, "every block is void: %s", g->d->blocks[v.first].void_reason);
    row->outcome = "untrusted";
    return true;
}

/* The first cell without a value among the blocks that count, and how many there are. */
static const struct cell *first_missing(const struct grid *g, unsigned arm, size_t *missing, size_t *blocks)
{
    const struct cell *c = grid_row(g, arm), *first = NULL;
    *missing = *blocks = 0;
    for (size_t b = 0; b < g->d->nblocks; b++) {
        if (!counts(g, b))
            continue;
        (*blocks)++;
        if (!isnan(c[b].value))
            continue;
        (*missing)++;
        /* What happened says more than that a later block was not reached. */
        if (!first || (!first->result && c[b].result))
            first = &c[b];
    }
    return first;
}

static const char *text_of(const struct cell *c, const struct cb_ds_arm *arm)
{
    if (c && c->result && *c->result->reason)
        return c->result->reason;
    if (c && c->result)
        return c->why;
    return *arm->reason ? arm->reason : "not run";
}

/* Why an arm has no value at all: "skipped" or "failed", and the reason. */
static const char *explain_absence(const struct grid *g, unsigned arm, const struct cell *c, char *reason,
                                   size_t cap)
{
    const struct cb_ds_arm *a = &g->d->arms[arm];
    snprintf(reason, cap, "%s", text_of(c, a));
    if (!c || !c->result)
        return !strcmp(a->status, "failed") ? "failed" : "skipped";
    bool skipped = !strcmp(c->why, "skipped") || !strcmp(c->why, "too-few-samples");
    return skipped ? "skipped" : "failed";
}

static bool mark_pinning(const struct grid *g, struct cb_row *row)
{
    const struct cb_ds_arm *arm = &g->d->arms[row->arm], *base = &g->d->arms[row->base];
    if (!cb_unequal_pinning(arm, base))
        return false;
    snprintf(row->reason, sizeof row->reason, "unequal pinning: %s has other CPUs than %s", arm->name,
             base->name);
    row->outcome = "untrusted";
    return true;
}

static void judge(const struct grid *g, struct cb_row *row)
{
    unsigned base = row->base;
    size_t missing, blocks;
    const struct cell *c = first_missing(g, row->arm, &missing, &blocks);
    row->outcome = "ok";
    if (isnan(row->value)) {
        row->outcome = explain_absence(g, row->arm, c, row->reason, sizeof row->reason);
        return;
    }
    if (mark_pinning(g, row) || mark_void(g, row) || mark_untrusted(g, row->arm, row) ||
        mark_untrusted(g, base, row) || mark_unconserved(g, row->arm, row) ||
        mark_unconserved(g, base, row) || mark_implausible(g, row))
        return;
    if (row->arm != base && !row->n) {
        char why[200];
        size_t n, of;
        row->outcome = explain_absence(g, base, first_missing(g, base, &n, &of), why, sizeof why);
        snprintf(row->reason, sizeof row->reason, "no block has both it and %s: %s", g->d->arms[base].name,
                 why);
        return;
    }
    if (missing)
        snprintf(row->reason, sizeof row->reason, "%zu of %zu blocks have no value: %s", missing, blocks,
                 text_of(c, &g->d->arms[row->arm]));
}

/* More blocks count than did when the widths were first looked at. */
static bool was_extended(const struct cb_dataset *d)
{
    struct cb_voids v = cb_voids(d);
    return d->run.nlooks && v.blocks - v.voided > d->run.looks[0];
}

static int make_row(const struct grid *g, unsigned metric, struct cb_pair pair, struct cb_row *row,
                    struct cb_err *err)
{
    size_t room = g->d->nblocks ? g->d->nblocks : 1;
    CB_AUTOFREE double *scratch = reallocarray(NULL, room, sizeof *scratch);
    *row = (struct cb_row){
        .metric = &g->d->metrics[metric],
        .case_ = &g->d->cases[g->d->metrics[metric].case_index],
        .metric_index = metric,
        .arm = pair.arm,
        .base = pair.base,
        .ratio = NAN,
        .ci90 = {NAN, NAN},
        .ci95 = {NAN, NAN},
        .mde = NAN,
        .noise_floor = NAN,
        .ci_level = cb_level_after_look(ALPHA, was_extended(g->d)),
        .ratio_all = NAN,
        .ci95_all = {NAN, NAN},
        .voided = cb_voids(g->d).voided,
        .d = reallocarray(NULL, room, sizeof *row->d),
        .d_block = reallocarray(NULL, room, sizeof *row->d_block),
    };
    if (!scratch || !row->d || !row->d_block)
        return cb_fail(err, CB_ESYS, "effects: out of memory");
    unsigned own = estimate_values(g, row, scratch);
    if (pair.arm == pair.base) {
        row->n = own; /* its ratio to itself would say nothing */
    } else {
        row->n = pair_blocks(g, row, row->d, row->d_block);
        estimate_ratio(row);
        estimate_all(g, row, scratch);
    }
    judge(g, row);
    return 0;
}

void cb_row_set_floor(struct cb_row *row, double floor)
{
    row->noise_floor = floor;
    row->within_noise = row->ci95[0] >= 1 / (1 + floor) && row->ci95[1] <= 1 + floor;
}

static void apply_noise_floor(const struct cb_dataset *d, struct cb_row *rows)
{
    double floor = NAN;
    for (size_t i = 0; i < d->narms; i++)
        if (cb_dataset_role(d, rows[i].arm) == CB_ROLE_AGAIN)
            floor = expm1(cb_noise_floor(log(rows[i].ci95[0]), log(rows[i].ci95[1])));
    for (size_t i = 0; i < d->narms; i++)
        cb_row_set_floor(&rows[i], floor);
}

void cb_row_free(struct cb_row *row)
{
    free(row->d);
    free(row->d_block);
}

int cb_effect_pairs(const struct cb_dataset *d, unsigned metric, const struct cb_pair *pairs, size_t n,
                    struct cb_row *out, struct cb_err *err)
{
    struct grid g;
    if (grid_make(d, &d->metrics[metric], &g, err) < 0)
        return -1;
    size_t made = 0;
    int done = 0;
    for (; done == 0 && made < n; made++)
        done = make_row(&g, metric, pairs[made], &out[made], err);
    while (done < 0 && made)
        cb_row_free(&out[--made]);
    free(g.cells);
    return done;
}

/* Position i of a metric's rows: the baseline, then the others in dataset order. */
static unsigned arm_at(const struct cb_dataset *d, unsigned i)
{
    if (i == 0)
        return d->run.baseline;
    return i <= d->run.baseline ? i - 1 : i;
}

static int metric_rows(const struct cb_dataset *d, unsigned metric, struct cb_rows *out, struct cb_err *err)
{
    CB_AUTOFREE struct cb_pair *pairs = reallocarray(NULL, d->narms, sizeof *pairs);
    if (!pairs)
        return cb_fail(err, CB_ESYS, "effects: out of memory");
    for (unsigned i = 0; i < d->narms; i++)
        pairs[i] = (struct cb_pair){.arm = arm_at(d, i), .base = d->run.baseline};
    if (cb_effect_pairs(d, metric, pairs, d->narms, out->at + out->n, err) < 0)
        return -1;
    apply_noise_floor(d, out->at + out->n);
    out->n += d->narms;
    return 0;
}

int cb_effects(const struct cb_dataset *d, struct cb_rows *out, struct cb_err *err)
{
    *out = (struct cb_rows){0};
    if (!d->narms || d->run.baseline >= d->narms)
        return cb_fail(err, CB_EUSAGE, "run %s has no baseline arm", d->run.id);
    out->at = calloc(d->nmetrics * d->narms + 1, sizeof *out->at);
    if (!out->at)
        return cb_fail(err, CB_ESYS, "effects: out of memory");
    for (unsigned m = 0; m < d->nmetrics; m++)
        if (metric_rows(d, m, out, err) < 0) {
            cb_rows_free(out);
            return -1;
        }
    return 0;
}

void cb_rows_free(struct cb_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        cb_row_free(&rows->at[i]);
    free(rows->at);
    *rows = (struct cb_rows){0};
}

const struct cb_row *cb_rows_find(const struct cb_rows *rows, unsigned metric_index, unsigned arm)
{
    for (size_t i = 0; i < rows->n; i++)
        if (rows->at[i].metric_index == metric_index && rows->at[i].arm == arm)
            return &rows->at[i];
    return NULL;
}
