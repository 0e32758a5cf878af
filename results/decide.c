#include "results/decide.h"

#include <math.h>

#include "results/rank.h"

struct cb_region cb_region_within(double fraction)
{
    return (struct cb_region){.lo = 1 / (1 + fraction), .hi = 1 + fraction};
}

struct question {
    const double *d;
    size_t n;
    struct cb_tails (*test)(const double *d, size_t n, double mu0);
};

/* The p values at a bound. A ratio lies beyond no bound by certainty, and what cannot be tested speaks for
 * nothing. */
static struct cb_tails tails_at(const struct question *q, double bound, double shift)
{
    if (bound <= 0)
        return (struct cb_tails){.greater = 0, .less = 1};
    if (isinf(bound))
        return (struct cb_tails){.greater = 1, .less = 0};
    struct cb_tails t = q->test(q->d, q->n, log(bound) + shift);
    return isnan(t.greater) || isnan(t.less) ? (struct cb_tails){1, 1} : t;
}

/* Inside must be shown against both bounds, outside beyond either. */
static struct cb_evidence evidence(const struct question *q, struct cb_region r, double bias)
{
    return (struct cb_evidence){
        .p_sup = fmax(tails_at(q, r.hi, -bias).less, tails_at(q, r.lo, bias).greater),
        .p_ref = fmin(tails_at(q, r.hi, bias).greater, tails_at(q, r.lo, -bias).less),
    };
}

struct cb_evidence cb_evidence(const double *d, size_t n, struct cb_region r, double bias)
{
    const struct question q = {.d = d, .n = n, .test = cb_decision_test};
    return evidence(&q, r, bias);
}

struct cb_evidence cb_evidence_all(const struct cb_evidence *parts, size_t n)
{
    struct cb_evidence e = {.p_sup = 0, .p_ref = 1};
    for (size_t i = 0; i < n; i++) {
        e.p_sup = fmax(e.p_sup, parts[i].p_sup);
        e.p_ref = fmin(e.p_ref, parts[i].p_ref);
    }
    /* Refuted by any part: the smallest of n p values, as Holm corrects it. */
    e.p_ref = fmin(1, (double)n * e.p_ref);
    return e;
}

const char *cb_verdict_name(enum cb_verdict v)
{
    static const char *const names[] = {"inconclusive", "supported", "refuted"};
    return names[v];
}

double cb_evidence_p(struct cb_evidence e)
{
    return fmin(e.p_sup, e.p_ref);
}

enum cb_verdict cb_verdict(struct cb_evidence e, double adjusted_p, double alpha)
{
    if (!(adjusted_p <= alpha))
        return CB_INCONCLUSIVE;
    return e.p_sup < e.p_ref ? CB_SUPPORTED : CB_REFUTED;
}

bool cb_skewed(const double *d, size_t n, struct cb_region r, double bias, enum cb_verdict v, double alpha)
{
    if (n < CB_SKEW_UNITS || v == CB_INCONCLUSIVE)
        return false;
    const struct question q = {.d = d, .n = n, .test = cb_sign_test};
    struct cb_evidence e = evidence(&q, r, bias);
    return !((v == CB_SUPPORTED ? e.p_sup : e.p_ref) <= alpha);
}

double cb_noise_floor(double lo, double hi)
{
    return fmax(fabs(lo), fabs(hi));
}

double cb_bias(double lo, double hi)
{
    if (lo > 0)
        return lo;
    return hi < 0 ? -hi : 0;
}

double cb_level_after_look(double alpha, bool extended)
{
    return extended ? 1 - 0.8 * alpha : 1 - alpha;
}
