/* Rows 4 to 7 of the table: is what a run has fit to decide a claim? And the numbers of its parts. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "results/claims_part.h"
#include "results/multiple.h"
#include "results/rank.h"
#include "results/void.h"

/* Two-sided level at which a metric's identical arms count as a false alarm. */
#define AA_ALPHA 0.05

/* --- identical arms */

/* Two-sided p of the A/A arm's block log ratios. */
static double aa_p(const struct cb_row *again)
{
    struct cb_tails t = cb_decision_test(again->d, again->n, 0);
    return fmin(1, 2 * fmin(t.less, t.greater));
}

struct cb_aa cb_aa_check(const struct cb_dataset *d, const struct cb_rows *rows)
{
    struct cb_aa aa = {.ci = {0, 1}};
    for (size_t i = 0; i < rows->n; i++) {
        const struct cb_row *r = &rows->at[i];
        if (cb_is_cold(r->metric) || cb_dataset_role(d, r->arm) != CB_ROLE_AGAIN || r->n < CB_RANK_MIN_UNITS)
            continue;
        aa.of++;
        aa.alarms += aa_p(r) <= AA_ALPHA;
    }
    if (aa.of)
        cb_wilson(aa.alarms, aa.of, 0.95, aa.ci);
    /* One alarm is what chance gives: of up to three metrics Wilson's limit would take it for more. */
    aa.unfit = aa.alarms > 1 && aa.ci[0] > AA_ALPHA;
    return aa;
}

/* --- row 4 for the whole run */

void cb_claim_check_run(const struct cb_verdicts *v, struct cb_claim_verdict *one)
{
    struct cb_voids voids = cb_voids(v->data);
    if (voids.unfit)
        cb_claim_stop(one, CB_ROW_UNFIT, "%u of %u blocks are void", voids.voided, voids.blocks);
    else if (v->aa.unfit)
        cb_claim_stop(one, CB_ROW_UNFIT, "identical arms differ in %zu of %zu metrics at p <= %g",
                      v->aa.alarms, v->aa.of, AA_ALPHA);
    else if ((one->claim->needs & CB_NEEDS_KVM) && cb_host_is_emulated(v->data))
        cb_claim_stop(one, CB_ROW_UNFIT, "the host itself is emulated (TCG): KVM on it says nothing");
    if (one->row)
        one->kind = "unfit";
}

/* --- rows 4 to 7 for a part */

static bool stop(struct cb_claim_part *p, enum cb_claim_row row, const char *kind, const char *fmt, ...)
    CB_PRINTF(4, 5);
static bool stop(struct cb_claim_part *p, enum cb_claim_row row, const char *kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    p->row = row;
    p->kind = kind;
    vsnprintf(p->reason, sizeof p->reason, fmt, ap);
    va_end(ap);
    return true;
}

static const char *metric_of(const struct cb_verdicts *v, const struct cb_claim_part *p)
{
    return v->data->metrics[p->metric_index].name;
}

static bool few_units(const struct cb_verdicts *v, struct cb_claim_part *p)
{
    size_t m = v->claims->correction == CB_UNCORRECTED ? 1 : v->family;
    size_t decide = cb_units_to_decide(m, v->alpha);
    /* Blocks without a value because they have too few samples are there all the same: that is the next row.
     */
    size_t n = p->row && !p->n ? v->data->nblocks - cb_voids(v->data).voided : p->n;
    if (n < v->claims->min_units)
        return stop(p, CB_ROW_FEW_UNITS, "too-few-units", "%zu blocks, and the file asks for %u", n,
                    v->claims->min_units);
    if (n < decide)
        return stop(p, CB_ROW_FEW_UNITS, "too-few-units",
                    "%zu blocks, and %zu claims tested together need %zu", n, m, decide);
    return false;
}

static bool is_unsteady(const struct cb_verdicts *v, const struct cb_claim_part *p, unsigned arm,
                        unsigned block)
{
    const struct cb_ds_metric *m = &v->data->metrics[p->metric_index];
    const struct cb_ds_result *r = cb_dataset_result(v->data, block, arm, m->case_index);
    return r && cb_block_steadiness(m, r) == CB_STEADY_NEVER;
}

static bool never_steady(const struct cb_verdicts *v, struct cb_claim_part *p)
{
    size_t unsteady = 0;
    for (size_t i = 0; i < p->n; i++)
        unsteady += is_unsteady(v, p, p->arm, p->block[i]) || is_unsteady(v, p, p->base, p->block[i]);
    return (double)unsteady > CB_UNFIT_SHARE * (double)p->n &&
           stop(p, CB_ROW_BAD_DATA, "no-steady-state", "never steady in %zu of %zu blocks", unsteady, p->n);
}

/* A claim of direction has no margin: there the effect itself must exceed what identical arms differ by.
 * A value is compared with a number, not with another arm. */
static bool below_noise(const struct cb_verdicts *v, const struct cb_claim *c, struct cb_claim_part *p)
{
    const struct cb_assertion *a = &c->assertion;
    double floor = expm1(p->noise_floor), effect = expm1(fabs(log(p->estimate)));
    if (a->form == CB_FORM_VALUE)
        return false;
    if (a->margin > 0)
        return a->margin < floor &&
               stop(p, CB_ROW_BELOW_NOISE, "below-noise-floor",
                    "the margin of %.3g %% is smaller than the noise floor of %s, %.3g %%", 100 * a->margin,
                    metric_of(v, p), 100 * floor);
    return effect < floor && stop(p, CB_ROW_BELOW_NOISE, "below-noise-floor",
                                  "the effect of %.3g %% is smaller than the noise floor of %s, %.3g %%",
                                  100 * effect, metric_of(v, p), 100 * floor);
}

void cb_part_check(const struct cb_verdicts *v, const struct cb_claim *c, struct cb_claim_part *p)
{
    if (v->claims->aa_required && isnan(p->noise_floor)) {
        stop(p, CB_ROW_UNFIT, "unfit", "no A/A arm (%s) measured %s", CB_AA_ARM, metric_of(v, p));
        return;
    }
    if (few_units(v, p) || p->row) /* the row it may have is the next of the table */
        return;
    if (!never_steady(v, p))
        below_noise(v, c, p);
}

/* --- numbers */

void cb_part_estimate(const struct cb_verdicts *v, const struct cb_claim *c, struct cb_claim_part *p)
{
    struct cb_interval decision = cb_decision_interval(p->d, p->n, 1 - 2 * v->alpha);
    struct cb_interval i95 = cb_decision_interval(p->d, p->n, 0.95);
    p->estimate = exp(decision.estimate);
    p->decision[0] = exp(decision.lo - p->bias);
    p->decision[1] = exp(decision.hi + p->bias);
    p->ci95[0] = exp(i95.lo);
    p->ci95[1] = exp(i95.hi);
    p->mde = expm1(cb_mde(cb_sd(p->d, p->n), p->n, v->alpha));
    p->evidence = cb_evidence(p->d, p->n, c->assertion.region, p->bias);
}
