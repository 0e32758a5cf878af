/* A claim's data: which metrics and arms of a run it is about, and what their blocks say. */
#include "results/claims_part.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "bench/base/units.h"

bool cb_claim_stop(struct cb_claim_verdict *one, enum cb_claim_row row, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    one->row = row;
    vsnprintf(one->reason, sizeof one->reason, fmt, ap);
    va_end(ap);
    return true;
}

/* --- metrics of the run that selectors stand for */

/* The value of a parameter in "size=65536,op=copy"; false without it. */
static bool param_of(const char *params, const char *key, char *out, size_t cap)
{
    size_t n = strlen(key);
    for (const char *p = params; *p;) {
        size_t item = strcspn(p, ",");
        if (item > n && !memcmp(p, key, n) && p[n] == '=') {
            snprintf(out, cap, "%.*s", (int)(item - n - 1), p + n + 1);
            return true;
        }
        p += item + (p[item] == ',');
    }
    return false;
}

static bool is_extreme(const struct cb_kv *filter)
{
    return !strcmp(filter->value, "largest") || !strcmp(filter->value, "smallest");
}

static bool same_value(const char *a, const char *b)
{
    struct cb_err ignored;
    uint64_t x, y;
    return !strcmp(a, b) ||
           (cb_parse_size(a, &x, &ignored) == 0 && cb_parse_size(b, &y, &ignored) == 0 && x == y);
}

static bool matches(const struct cb_dataset *d, size_t metric, const struct cb_selector *s)
{
    const struct cb_ds_metric *m = &d->metrics[metric];
    char value[64];
    if (!cb_selector_names(s, m->name))
        return false;
    for (unsigned i = 0; i < s->nfilters; i++)
        if (!param_of(d->cases[m->case_index].params, s->filter[i].key, value, sizeof value) ||
            (!is_extreme(&s->filter[i]) && !same_value(value, s->filter[i].value)))
            return false;
    return true;
}

static double number_of(const struct cb_dataset *d, size_t metric, const char *key)
{
    char value[64];
    uint64_t n;
    struct cb_err ignored;
    const char *params = d->cases[d->metrics[metric].case_index].params;
    return param_of(params, key, value, sizeof value) && cb_parse_size(value, &n, &ignored) == 0 ? (double)n
                                                                                                 : NAN;
}

/* Is there a variant of the same metric among the picked that is larger, or smaller? */
static bool is_surpassed(const struct cb_dataset *d, const bool *picked, size_t metric,
                         const struct cb_kv *filter)
{
    double sign = !strcmp(filter->value, "largest") ? 1 : -1, own = number_of(d, metric, filter->key);
    for (size_t i = 0; i < d->nmetrics; i++)
        if (picked[i] && !strcmp(d->metrics[i].name, d->metrics[metric].name) &&
            sign * number_of(d, i, filter->key) > sign * own)
            return true;
    return false;
}

static void keep_extreme(const struct cb_dataset *d, bool *picked, const struct cb_kv *filter)
{
    for (size_t i = 0; i < d->nmetrics; i++)
        if (picked[i] && is_surpassed(d, picked, i, filter))
            picked[i] = false;
}

/* True when an arm of the claim could not run the metric: what a '*' stands for is what could be compared. A
 * metric that is named must be there. */
static bool is_skipped(const struct cb_verdicts *v, size_t metric, const unsigned *arms, unsigned narms)
{
    for (unsigned a = 0; a < narms; a++) {
        const struct cb_row *row = cb_rows_find(v->rows, (unsigned)metric, arms[a]);
        if (row && !strcmp(row->outcome, "skipped") && strcmp(row->reason, "too-few-samples") != 0)
            return true;
    }
    return false;
}

/* Adds what the selector stands for to `all`; `picked` is room for the work. False when it is nothing. */
static bool select_metrics(const struct cb_verdicts *v, const struct cb_selector *s, const unsigned *arms,
                           unsigned narms, bool *picked, bool *all)
{
    const struct cb_dataset *d = v->data;
    bool any = false, pattern = strchr(s->name, '*') != NULL;
    for (size_t i = 0; i < d->nmetrics; i++)
        picked[i] = matches(d, i, s) && !(pattern && is_skipped(v, i, arms, narms));
    for (unsigned f = 0; f < s->nfilters; f++)
        if (is_extreme(&s->filter[f]))
            keep_extreme(d, picked, &s->filter[f]);
    for (size_t i = 0; i < d->nmetrics; i++) {
        any |= picked[i];
        all[i] |= picked[i];
    }
    return any;
}

static void write_selector(const struct cb_selector *s, struct cb_buf *out)
{
    cb_buf_puts(out, s->name);
    for (unsigned i = 0; i < s->nfilters; i++)
        cb_buf_printf(out, " %s=%s", s->filter[i].key, s->filter[i].value);
}

/* --- arms */

static bool asked_for_kvm(const struct cb_ds_arm *a)
{
    return strstr(a->name, "accel=kvm") != NULL;
}

/* Row 3 for one arm. */
static bool has_failed(const struct cb_dataset *d, const struct cb_ds_arm *a, struct cb_claim_verdict *one)
{
    const struct cb_ds_arm *base = &d->arms[d->run.baseline];
    if (!strcmp(a->status, "failed"))
        return cb_claim_stop(one, CB_ROW_ARM, "%s: %s", a->name, a->reason);
    if (asked_for_kvm(a) && !strcmp(a->accelerator, "tcg"))
        return cb_claim_stop(one, CB_ROW_ARM, "%s ran under emulation (TCG)", a->name);
    if (cb_unequal_pinning(a, base))
        return cb_claim_stop(one, CB_ROW_ARM, "unequal pinning: %s and %s had different numbers of CPUs",
                             a->name, base->name);
    return false;
}

static bool any_failed(const struct cb_dataset *d, struct cb_claim_verdict *one, const unsigned *arms)
{
    for (unsigned i = 0; i < one->claim->narms; i++)
        if (has_failed(d, &d->arms[arms[i]], one))
            return true;
    return false;
}

/* Indices of the claim's arms; true when the claim cannot be tested with them: row 2. */
static bool lacks_arms(const struct cb_dataset *d, struct cb_claim_verdict *one,
                       unsigned arms[CB_CLAIM_ARMS_MAX])
{
    const struct cb_claim *c = one->claim;
    char reason[400];
    for (unsigned i = 0; i < c->narms; i++) {
        int arm = cb_dataset_arm(d, c->arms[i]);
        if (arm < 0)
            return cb_claim_stop(one, CB_ROW_NOT_RUN, "this run has no arm %s", c->arms[i]);
        arms[i] = (unsigned)arm;
        for (unsigned other = 0; other < i; other++) /* "vm" may stand for the run's "vm:accel=tcg" */
            if (arms[other] == arms[i])
                return cb_claim_stop(one, CB_ROW_NOT_RUN, "this run has only one arm for %s and %s",
                                     c->arms[other], c->arms[i]);
        const struct cb_ds_arm *a = &d->arms[arm];
        if (!strcmp(a->status, "skipped"))
            return cb_claim_stop(one, CB_ROW_NOT_RUN, "%s: %s", a->name, a->reason);
    }
    return !cb_claim_in_scope(d, c, arms, reason, sizeof reason) &&
           cb_claim_stop(one, CB_ROW_NOT_RUN, "%s", reason);
}

/* --- blocks */

static bool has_block(const struct cb_row *row, unsigned block, double *d)
{
    for (unsigned i = 0; i < row->n; i++)
        if (row->d_block[i] == block) {
            *d = row->d[i];
            return true;
        }
    return false;
}

/* The log cost of an arm over the baseline's in a block: 0 for the baseline itself. */
static bool log_cost(const struct cb_verdicts *v, const struct cb_row *row, unsigned block, double *out)
{
    *out = 0;
    return row->arm == v->data->run.baseline || has_block(row, block, out);
}

static void take_ratios(const struct cb_verdicts *v, const struct cb_row *arm, const struct cb_row *base,
                        struct cb_claim_part *p)
{
    for (unsigned b = 0; b < v->data->nblocks; b++) {
        double x, y;
        if (!log_cost(v, arm, b, &x) || !log_cost(v, base, b, &y))
            continue;
        p->d[p->n] = x - y;
        p->block[p->n++] = b;
    }
}

static void take_values(const struct cb_verdicts *v, double factor, struct cb_claim_part *p)
{
    const struct cb_dataset *d = v->data;
    const struct cb_ds_metric *m = &d->metrics[p->metric_index];
    for (unsigned b = 0; b < d->nblocks; b++) {
        const struct cb_ds_result *r = cb_dataset_result(d, b, p->arm, m->case_index);
        const char *why;
        double value = r && !*d->blocks[b].void_reason ? cb_block_value(m, r, &why) : NAN;
        if (isnan(value))
            continue;
        p->d[p->n] = log(value * factor);
        p->block[p->n++] = b;
    }
}

static bool uses_block(const struct cb_claim_part *p, unsigned block)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->block[i] == block)
            return true;
    return false;
}

static unsigned count_instances(const struct cb_dataset *d, const struct cb_claim_part *p)
{
    unsigned n = 0;
    for (size_t i = 0; i < d->ninstances; i++)
        n += (d->instances[i].arm == p->arm || d->instances[i].arm == p->base) &&
             uses_block(p, d->instances[i].block);
    return n;
}

/* Noise floor and bias of the metric, from the A/A arm. */
static void take_noise(const struct cb_verdicts *v, struct cb_claim_part *p)
{
    p->noise_floor = NAN;
    for (unsigned a = 0; a < v->data->narms; a++) {
        if (cb_dataset_role(v->data, a) != CB_ROLE_AGAIN)
            continue;
        const struct cb_row *again = cb_rows_find(v->rows, p->metric_index, a);
        if (!again || isnan(again->ci95[0]) || isnan(again->ci95[1]))
            continue;
        double lo = log(again->ci95[0]), hi = log(again->ci95[1]);
        p->noise_floor = cb_noise_floor(lo, hi);
        p->bias = cb_bias(lo, hi);
    }
}

/* --- parts */

/* A metric that has no value in an arm: rows 2 and 3. True when nothing of the part can be used. A failure
 * stands only until something is found that was not run: that comes first in the table. */
static bool lacks_values(const struct cb_verdicts *v, const struct cb_row *row, struct cb_claim_verdict *one,
                         struct cb_claim_part *p)
{
    const char *arm = v->data->arms[row->arm].name, *metric = row->metric->name;
    /* Not missing, but not to be used. */
    bool few = !strcmp(row->reason, "too-few-samples");
    if (few || !strcmp(row->outcome, "untrusted")) {
        p->row = CB_ROW_BAD_DATA;
        p->kind = few ? "too-few-samples" : "untrusted-clock";
        snprintf(p->reason, sizeof p->reason, "%s in %s: %s", metric, arm, row->reason);
        return false;
    }
    if (!strcmp(row->outcome, "skipped"))
        return cb_claim_stop(one, CB_ROW_NOT_RUN, "%s in %s: %s", metric, arm, row->reason);
    if (!strcmp(row->outcome, "failed"))
        return one->row || cb_claim_stop(one, CB_ROW_ARM, "%s in %s: %s", metric, arm, row->reason);
    return false;
}

static int fill_part(const struct cb_verdicts *v, struct cb_claim_verdict *one, struct cb_claim_part *p,
                     struct cb_err *err)
{
    const struct cb_row *arm = cb_rows_find(v->rows, p->metric_index, p->arm);
    const struct cb_row *base = cb_rows_find(v->rows, p->metric_index, p->base);
    const struct cb_assertion *a = &one->claim->assertion;
    size_t room = v->data->nblocks ? v->data->nblocks : 1;
    p->d = reallocarray(NULL, room, sizeof *p->d);
    p->block = reallocarray(NULL, room, sizeof *p->block);
    if (!p->d || !p->block)
        return cb_fail_sys(err, ENOMEM, "claim %s", one->claim->id);
    if (lacks_values(v, arm, one, p) || lacks_values(v, base, one, p))
        return 0;
    double factor = cb_unit_factor(arm->metric->how.unit, a->unit);
    if (a->form != CB_FORM_VALUE)
        take_ratios(v, arm, base, p);
    else if (factor > 0)
        take_values(v, factor, p);
    else
        cb_claim_stop(one, CB_ROW_ERROR, "%s is measured in %s, which does not go with %s", arm->metric->name,
                      arm->metric->how.unit, a->unit);
    p->voided = arm->voided;
    p->instances = count_instances(v->data, p);
    take_noise(v, p);
    return 0;
}

/* Pairs of arms that the claim compares: one, or each with the next in an order. */
static unsigned pair_count(const struct cb_claim *c)
{
    return c->assertion.form == CB_FORM_ORDER ? c->narms - 1 : 1;
}

static void set_pair(const struct cb_claim *c, const unsigned *arms, unsigned nth, struct cb_claim_part *p)
{
    p->arm = arms[c->assertion.form == CB_FORM_ORDER ? nth + 1 : 0];
    p->base = arms[c->assertion.form == CB_FORM_RATIO ? 1 : c->assertion.form == CB_FORM_ORDER ? nth : 0];
}

static int make_parts(const struct cb_verdicts *v, struct cb_claim_verdict *one, const bool *metrics,
                      const unsigned *arms, struct cb_err *err)
{
    size_t n = 0;
    for (size_t m = 0; m < v->data->nmetrics; m++)
        n += metrics[m] * pair_count(one->claim);
    one->parts = calloc(n + 1, sizeof *one->parts);
    if (!one->parts)
        return cb_fail_sys(err, ENOMEM, "claim %s", one->claim->id);
    for (unsigned m = 0; m < v->data->nmetrics; m++)
        for (unsigned pair = 0; metrics[m] && pair < pair_count(one->claim); pair++) {
            struct cb_claim_part *p = &one->parts[one->nparts++];
            p->metric_index = m;
            set_pair(one->claim, arms, pair, p);
            if (fill_part(v, one, p, err) < 0)
                return -1;
            if (one->row == CB_ROW_NOT_RUN)
                return 0;
        }
    return 0;
}

int cb_claim_take(const struct cb_verdicts *v, struct cb_claim_verdict *one, struct cb_err *err)
{
    const struct cb_claim *c = one->claim;
    size_t room = v->data->nmetrics + 1;
    CB_AUTOFREE bool *picked = calloc(room, sizeof *picked);
    CB_AUTOFREE bool *all = calloc(room, sizeof *all);
    unsigned arms[CB_CLAIM_ARMS_MAX] = {0};
    if (!picked || !all)
        return cb_fail_sys(err, ENOMEM, "claim %s", c->id);
    if (lacks_arms(v->data, one, arms))
        return 0;
    for (unsigned i = 0; i < c->nselectors; i++)
        if (!select_metrics(v, &c->selectors[i], arms, c->narms, picked, all)) {
            CB_AUTOBUF struct cb_buf name = {0};
            write_selector(&c->selectors[i], &name);
            cb_claim_stop(one, CB_ROW_NOT_RUN, "this run did not measure %s", cb_buf_str(&name));
            return 0;
        }
    return any_failed(v->data, one, arms) ? 0 : make_parts(v, one, all, arms, err);
}
