#include "results/claims_verdict.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "bench/base/units.h"
#include "results/claims_part.h"
#include "results/multiple.h"
#include "results/stats.h"

const char *cb_claim_outcome(enum cb_claim_row row)
{
    switch (row) {
    case CB_ROW_ERROR:
    case CB_ROW_ARM:
        return "error";
    case CB_ROW_NOT_RUN:
        return "not-run";
    case CB_ROW_SUPPORTED:
    case CB_ROW_REFUTED:
        return cb_verdict_name(row == CB_ROW_SUPPORTED ? CB_SUPPORTED : CB_REFUTED);
    default:
        return cb_verdict_name(CB_INCONCLUSIVE);
    }
}

/* --- what one claim's parts say together */

/* A part that is not fit counts as no evidence: the claim cannot be supported then, but another part may
 * still refute it. */
static int combine(struct cb_claim_verdict *one, struct cb_err *err)
{
    CB_AUTOFREE struct cb_evidence *parts = reallocarray(NULL, one->nparts + 1, sizeof *parts);
    if (!parts)
        return cb_fail_sys(err, ENOMEM, "claim %s", one->claim->id);
    for (size_t i = 0; i < one->nparts; i++)
        parts[i] = one->parts[i].row ? (struct cb_evidence){1, 1} : one->parts[i].evidence;
    one->evidence = cb_evidence_all(parts, one->nparts);
    return 0;
}

/* The part on which "supported" hangs, and the one on which "refuted" does. */
static size_t weakest(const struct cb_claim_verdict *one)
{
    size_t best = 0;
    for (size_t i = 1; i < one->nparts; i++)
        if (one->parts[i].evidence.p_sup > one->parts[best].evidence.p_sup)
            best = i;
    return best;
}

static size_t most_against(const struct cb_claim_verdict *one)
{
    size_t best = 0;
    for (size_t i = 1; i < one->nparts; i++)
        if (!one->parts[i].row &&
            (one->parts[best].row || one->parts[i].evidence.p_ref < one->parts[best].evidence.p_ref))
            best = i;
    return best;
}

/* The part that fails the first row of the table that any fails; nparts when none does. */
static size_t first_unfit(const struct cb_claim_verdict *one)
{
    size_t best = one->nparts;
    for (size_t i = 0; i < one->nparts; i++)
        if (one->parts[i].row && (best == one->nparts || one->parts[i].row < one->parts[best].row))
            best = i;
    return best;
}

/* --- how much more is needed */

/* Blocks for one part: to its nearest bound. */
static double part_blocks(const struct cb_claim_part *p, struct cb_region r, double alpha)
{
    double m = cb_mean(p->d, p->n), gap = INFINITY;
    if (r.lo > 0)
        gap = fmin(gap, fabs(m - log(r.lo)));
    if (isfinite(r.hi))
        gap = fmin(gap, fabs(m - log(r.hi)));
    return cb_blocks_needed(cb_sd(p->d, p->n), fmax(gap - p->bias, 0), alpha);
}

double cb_claim_blocks(const struct cb_claim_verdict *one, double alpha)
{
    double most = one->nparts ? (double)cb_units_to_decide(1, alpha) : NAN;
    for (size_t i = 0; i < one->nparts; i++) {
        double n = part_blocks(&one->parts[i], one->claim->assertion.region, alpha);
        if (isnan(n))
            return NAN;
        most = fmax(most, ceil(n));
    }
    return most;
}

/* --- reasons */

/* "mem.chase.latency{size=65536}, vm / host: " where the claim has several parts, else nothing. */
static void which_part(const struct cb_verdicts *v, const struct cb_claim_verdict *one, struct cb_buf *out)
{
    if (one->nparts < 2)
        return;
    cb_part_name(v, &one->parts[one->shown], out);
    cb_buf_puts(out, ": ");
}

static void numbers(const struct cb_verdicts *v, const struct cb_claim_verdict *one, struct cb_buf *out)
{
    const struct cb_claim_part *p = &one->parts[one->shown];
    const char *unit = one->claim->assertion.unit;
    cb_buf_printf(out, "%.4g%s, %g %% interval %.4g to %.4g%s", p->estimate, unit, 100 * (1 - 2 * v->alpha),
                  p->decision[0], p->decision[1], unit);
}

static bool interval_decides(const struct cb_claim_part *p, struct cb_region r)
{
    bool inside = p->decision[0] >= r.lo && p->decision[1] <= r.hi;
    return inside || p->decision[0] > r.hi || p->decision[1] < r.lo;
}

/* How many blocks, and minutes at this run's pace; in all and still to run. */
static void say_need(const struct cb_verdicts *v, const struct cb_claim_verdict *one, struct cb_buf *out)
{
    double have = (double)one->parts[one->shown].n, need = one->needed, more = need - have;
    char time[32];
    if (!(need <= CB_BLOCKS_NEEDED_MAX)) {
        cb_buf_printf(out, "needs more than %d blocks", CB_BLOCKS_NEEDED_MAX);
        return;
    }
    cb_format_time((uint64_t)(more * v->block_s * 1e9), time, sizeof time);
    cb_buf_printf(out, "needs ~%.0f blocks, %.0f more, ~%s", need, more, time);
}

static void straddles(const struct cb_verdicts *v, struct cb_claim_verdict *one, struct cb_buf *out)
{
    double p = cb_evidence_p(one->evidence), level = v->alpha * (one->adjusted > 0 ? p / one->adjusted : 1);
    const struct cb_claim_part *part = &one->parts[one->shown];
    /* An estimate of what decides four times in five may lie below what did not decide. */
    one->needed = fmax(cb_claim_blocks(one, level), (double)part->n + 1);
    numbers(v, one, out);
    if (interval_decides(part, one->claim->assertion.region))
        cb_buf_printf(out, " alone would decide, p %.3g over %zu claims does not: ", one->adjusted,
                      v->family);
    else
        cb_buf_puts(out, " has the bound inside: ");
    say_need(v, one, out);
}

static void explain(const struct cb_verdicts *v, struct cb_claim_verdict *one)
{
    CB_AUTOBUF struct cb_buf out = {0};
    which_part(v, one, &out);
    if (one->row == CB_ROW_STRADDLES)
        straddles(v, one, &out);
    else if (one->row == CB_ROW_SUPPORTED || one->row == CB_ROW_REFUTED)
        numbers(v, one, &out);
    else if (one->row == CB_ROW_SKEW)
        cb_buf_printf(&out, "signed rank decides, the sign test over %zu blocks does not",
                      one->parts[one->shown].n);
    else
        cb_buf_puts(&out, one->parts[one->shown].reason);
    snprintf(one->reason, sizeof one->reason, "%s", cb_buf_str(&out));
}

/* --- the table */

static bool is_skewed(const struct cb_verdicts *v, const struct cb_claim_verdict *one, size_t part,
                      enum cb_verdict verdict)
{
    const struct cb_claim_part *p = &one->parts[part];
    return cb_skewed(p->d, p->n, one->claim->assertion.region, p->bias, verdict, v->alpha);
}

/* Rows 5 to 11, from the evidence of all parts and the p that the family left. */
static void settle(const struct cb_verdicts *v, struct cb_claim_verdict *one)
{
    enum cb_verdict verdict = cb_verdict(one->evidence, one->adjusted, v->alpha);
    size_t unfit = first_unfit(one);
    one->shown = verdict == CB_REFUTED ? most_against(one) : weakest(one);
    if (verdict == CB_INCONCLUSIVE && unfit < one->nparts) {
        one->shown = unfit;
        one->row = one->parts[unfit].row;
        one->kind = one->parts[unfit].kind;
    } else if (verdict == CB_INCONCLUSIVE) {
        one->row = CB_ROW_STRADDLES;
        one->kind = "straddles";
    } else {
        bool skewed = is_skewed(v, one, one->shown, verdict);
        for (size_t i = 0; verdict == CB_SUPPORTED && i < one->nparts; i++)
            skewed |= is_skewed(v, one, i, verdict);
        one->row = skewed ? CB_ROW_SKEW : verdict == CB_SUPPORTED ? CB_ROW_SUPPORTED : CB_ROW_REFUTED;
        one->kind = skewed ? "skew" : "";
    }
    explain(v, one);
}

static const char *first_error(const struct cb_claims *c, size_t claim)
{
    for (size_t i = 0; i < c->nfindings; i++)
        if (c->findings[i].claim == (int)claim && !c->findings[i].warning)
            return c->findings[i].text;
    return "an error that is not listed";
}

/* Rows 1 to 4. */
static int begin(struct cb_verdicts *v, size_t i, struct cb_err *err)
{
    struct cb_claim_verdict *one = &v->at[i];
    const struct cb_claim *c = &v->claims->at[i];
    *one = (struct cb_claim_verdict){
        .claim = c, .kind = "", .adjusted = NAN, .needed = NAN, .evidence = {NAN, NAN}};
    if (c->broken)
        cb_claim_stop(one, CB_ROW_ERROR, "%s", first_error(v->claims, i));
    else if (c->pending)
        cb_claim_stop(one, CB_ROW_NOT_RUN, "%s", c->pending);
    else if (cb_claim_take(v, one, err) < 0)
        return -1;
    if (!one->row)
        cb_claim_check_run(v, one);
    v->family += !one->row;
    return 0;
}

static int weigh(const struct cb_verdicts *v, struct cb_claim_verdict *one, struct cb_err *err)
{
    for (size_t i = 0; i < one->nparts; i++) {
        cb_part_estimate(v, one->claim, &one->parts[i]);
        cb_part_check(v, one->claim, &one->parts[i]);
    }
    return one->nparts ? combine(one, err) : 0;
}

static bool correct(enum cb_correction how, double *p, size_t m)
{
    if (how == CB_HOLM)
        return cb_holm(p, m, p);
    for (size_t i = 0; how == CB_BONFERRONI && i < m; i++)
        p[i] = fmin(1, (double)m * p[i]);
    return true;
}

/* The claims that got this far are the family. */
static int decide(struct cb_verdicts *v, struct cb_err *err)
{
    CB_AUTOFREE double *p = reallocarray(NULL, v->family + 1, sizeof *p);
    size_t m = 0;
    for (size_t i = 0; p && i < v->n; i++)
        if (!v->at[i].row)
            p[m++] = cb_evidence_p(v->at[i].evidence);
    if (!p || !correct(v->claims->correction, p, m))
        return cb_fail_sys(err, ENOMEM, "claims");
    m = 0;
    for (size_t i = 0; i < v->n; i++)
        if (!v->at[i].row) {
            v->at[i].adjusted = p[m++];
            settle(v, &v->at[i]);
        }
    return 0;
}

/* Wall time of a block with all of the run's arms. */
static double seconds_a_block(const struct cb_dataset *d)
{
    double sum = 0;
    for (size_t i = 0; i < d->nblocks; i++)
        sum += (double)(d->blocks[i].end_ns - d->blocks[i].begin_ns) / 1e9;
    return d->nblocks ? sum / (double)d->nblocks : 0;
}

static int judge(struct cb_verdicts *v, struct cb_err *err)
{
    for (; v->n < v->claims->n; v->n++)
        if (begin(v, v->n, err) < 0) {
            v->n++; /* its parts are freed too */
            return -1;
        }
    for (size_t i = 0; i < v->n; i++)
        if (weigh(v, &v->at[i], err) < 0)
            return -1;
    return decide(v, err);
}

int cb_claims_judge(const struct cb_claims *c, const struct cb_dataset *d, const struct cb_rows *rows,
                    struct cb_verdicts *out, struct cb_err *err)
{
    *out = (struct cb_verdicts){
        .claims = c,
        .data = d,
        .rows = rows,
        .at = calloc(c->n + 1, sizeof *out->at),
        .alpha = 1 - cb_level_after_look(c->alpha, d->run.nlooks > 1),
        .block_s = seconds_a_block(d),
        .aa = cb_aa_check(d, rows),
    };
    if (!out->at)
        return cb_fail_sys(err, ENOMEM, "claims of %s", c->file);
    cb_host_fingerprint(d, out->host);
    if (judge(out, err) == 0)
        return 0;
    cb_verdicts_free(out);
    return -1;
}

void cb_verdicts_free(struct cb_verdicts *v)
{
    for (size_t i = 0; i < v->n; i++) {
        for (size_t p = 0; p < v->at[i].nparts; p++) {
            free(v->at[i].parts[p].d);
            free(v->at[i].parts[p].block);
        }
        free(v->at[i].parts);
    }
    free(v->at);
    *v = (struct cb_verdicts){0};
}
