/* What can be said of claims without a run: do metrics and arms exist, does the sentence, does its number
 * agree with the assertion. */
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "results/claims_read.h"
#include "results/multiple.h"

/* --- metrics and arms */

static bool ends_cold(const char *name)
{
    const char *tail = strrchr(name, '.');
    return tail && !strcmp(tail, CB_COLD_SUFFIX);
}

/* Who writes "fs.*" does not mean first batches: these are named. */
bool cb_selector_names(const struct cb_selector *s, const char *metric)
{
    if (ends_cold(metric) != ends_cold(s->name))
        return false;
    return fnmatch(s->name, metric, FNM_NOESCAPE) == 0; /* of its signs only '*' passes the parser */
}

static int index_of(const struct cb_claims *c, const struct cb_claim *claim)
{
    return (int)(claim - c->at);
}

/* Can some metric that the name stands for be picked by this parameter? The reason is the last one's. */
static bool has_param(const struct cb_claims_world *w, const struct cb_selector *s,
                      const struct cb_kv *filter, struct cb_err *err)
{
    for (size_t i = 0; i < w->nmetrics; i++)
        if (cb_selector_names(s, w->metrics[i].name) &&
            w->param(w->metrics[i].name, filter->key, filter->value, err) == 0)
            return true;
    return false;
}

static const struct cb_known_metric *first_named(const struct cb_claims_world *w, const struct cb_selector *s)
{
    for (size_t i = 0; i < w->nmetrics; i++)
        if (cb_selector_names(s, w->metrics[i].name))
            return &w->metrics[i];
    return NULL;
}

/* True where all that the selector names exists; what does not is an error unless the claim is pending. */
static bool check_selector(struct cb_claims *c, const struct cb_claim *claim, const struct cb_selector *s,
                           const struct cb_claims_world *w)
{
    struct cb_err err;
    if (!first_named(w, s)) {
        if (!claim->pending)
            cb_claims_find(c, index_of(c, claim), s->at, false,
                           "expected a metric that exists (see cbench list metrics), found '%s'", s->name);
        return false;
    }
    for (unsigned i = 0; i < s->nfilters; i++)
        if (!has_param(w, s, &s->filter[i], &err)) {
            if (!claim->pending)
                cb_claims_find(c, index_of(c, claim), s->at, false, "%s", err.msg);
            return false;
        }
    return true;
}

static bool check_arm(struct cb_claims *c, const struct cb_claim *claim, unsigned nth,
                      const struct cb_claims_world *w)
{
    struct cb_err err;
    if (w->arm(claim->arms[nth], &err) == 0)
        return true;
    if (!claim->pending)
        cb_claims_find(c, index_of(c, claim), claim->arms_at[nth], false, "%s", err.msg);
    return false;
}

/* A bound in a unit that the metric cannot have would never be met. */
static void check_unit(struct cb_claims *c, const struct cb_claim *claim, const struct cb_claims_world *w)
{
    const struct cb_assertion *a = &claim->assertion;
    for (unsigned i = 0; a->form == CB_FORM_VALUE && i < claim->nselectors; i++)
        for (size_t m = 0; m < w->nmetrics; m++)
            if (cb_selector_names(&claim->selectors[i], w->metrics[m].name) &&
                !(cb_unit_factor(a->unit, w->metrics[m].unit) > 0)) {
                cb_claims_find(c, index_of(c, claim), a->unit_at, false,
                               "expected a unit that goes with %s of %s, found '%s'", w->metrics[m].unit,
                               w->metrics[m].name, a->unit);
                return;
            }
}

/* --- the family */

static size_t tested(const struct cb_claims *c)
{
    size_t m = 0;
    for (size_t i = 0; i < c->n; i++)
        m += !c->at[i].broken && !c->at[i].pending;
    return m;
}

/* With fewer units the smallest p that an exact test can give is too large for the first step of Holm's. */
static void check_units(struct cb_claims *c)
{
    size_t m = c->correction == CB_UNCORRECTED ? 1 : tested(c),
           least = m ? cb_units_to_decide(m, c->alpha) : 0;
    if (c->min_units < least)
        cb_claims_find(c, -1, (struct cb_place){1, 1}, true,
                       "%zu claims at %g cannot be decided below %zu blocks, min-units is %u", m, c->alpha,
                       least, c->min_units);
}

void cb_claims_lint(struct cb_claims *c, const struct cb_claims_world *w)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct cb_claim *claim = &c->at[i];
        if (claim->broken)
            continue;
        bool all = true;
        for (unsigned s = 0; s < claim->nselectors; s++)
            all &= check_selector(c, claim, &claim->selectors[s], w);
        for (unsigned a = 0; a < claim->narms; a++)
            all &= check_arm(c, claim, a, w);
        if (claim->pending && all)
            cb_claims_find(c, (int)i, claim->pending_at, false,
                           "expected no 'pending': what this claim is about exists by now");
        check_unit(c, claim, w);
    }
    check_units(c);
}

/* --- sentences */

static const char *over_spaces(const char *s)
{
    while (cb_is_space(*s))
        s++;
    return s;
}

/* Does `text` begin with the quote? Any run of blanks and line breaks is like any other. */
static bool begins_with(const char *text, const char *quote)
{
    for (; *quote; text++, quote++) {
        if (cb_is_space(*quote) != cb_is_space(*text) || (!cb_is_space(*quote) && *quote != *text))
            return false;
        if (cb_is_space(*quote)) {
            text = over_spaces(text) - 1;
            quote = over_spaces(quote) - 1;
        }
    }
    return true;
}

void cb_claim_check_quote(struct cb_claims *c, struct cb_claim *claim, const char *doc)
{
    unsigned line = 1;
    const char *quote = over_spaces(claim->quote);
    for (const char *p = doc; *p; p++) {
        if (begins_with(p, quote)) {
            claim->doc_line = line;
            return;
        }
        line += *p == '\n';
    }
    cb_claims_find(c, index_of(c, claim), claim->quote_at, false, "expected this sentence in %s", claim->doc);
}

/* --- numbers */

/* A number in a sentence and the word behind it: "5%", "1.5 times", "60 us". */
struct numeral {
    double v;
    char unit[CB_UNIT_MAX];
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The number of n digits and points; a point at its end is the sentence's. NAN for what is none. */
static double decimal(const char *s, size_t n)
{
    char copy[32], *end;
    while (n > 1 && s[n - 1] == '.')
        n--;
    if (n >= sizeof copy)
        return NAN;
    memcpy(copy, s, n);
    copy[n] = '\0';
    double v = strtod(copy, &end);
    return *end ? NAN : v;
}

static void take_unit(const char *s, char out[CB_UNIT_MAX])
{
    size_t len = strcspn(s, " \t\r\n,;:)]\"");
    while (len > 0 && strchr(".!?", s[len - 1]))
        len--;
    if (len >= CB_UNIT_MAX)
        len = 0;
    memcpy(out, s, len);
    out[len] = '\0';
}

/* The next numeral at or behind *p, which moves on. Digits inside of words ("x86", "2M-pages") are none. */
static bool next_numeral(const char **p, const char *begin, struct numeral *out)
{
    const char *s = *p;
    while (*s && !(is_digit(*s) && (s == begin || cb_is_space(s[-1]) || strchr("([\"~", s[-1]))))
        s++;
    if (!*s)
        return false;
    size_t n = strspn(s, "0123456789.");
    out->v = decimal(s, n);
    s += n;
    take_unit(*s == ' ' ? s + 1 : s, out->unit);
    *p = s;
    return true;
}

static bool is_any(const char *s, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(s, *words))
            return true;
    return false;
}

static bool is_percent(const struct numeral *n)
{
    return is_any(n->unit, (const char *const[]){"%", "percent", "per", NULL});
}

static bool is_factor(const struct numeral *n)
{
    return is_any(n->unit, (const char *const[]){"x", "times", "fold", "\xc3\x97", NULL});
}

static bool same(double a, double b)
{
    return isfinite(a - b) && fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

/* A bound of a ratio as people say it: "5 % slower", "20 % faster", "1.5 times". */
static bool says_bound(const struct numeral *n, double bound)
{
    if (!(bound > 0) || !isfinite(bound))
        return false;
    if (is_percent(n))
        return same(n->v, 100 * (bound - 1)) || same(n->v, 100 * (1 - bound)) ||
               same(n->v, 100 * (1 / bound - 1));
    return (is_factor(n) || !*n->unit) && (same(n->v, bound) || same(n->v, 1 / bound));
}

static bool says(const struct numeral *n, const struct cb_assertion *a)
{
    if (a->form == CB_FORM_ORDER)
        return is_percent(n) && same(n->v, 100 * a->margin);
    if (a->form == CB_FORM_RATIO && same(a->region.lo * a->region.hi, 1)) /* "within": by what is above 1 */
        return is_percent(n) ? same(n->v, 100 * a->margin) : says_bound(n, a->region.hi);
    if (a->form == CB_FORM_RATIO)
        return says_bound(n, a->region.lo) || says_bound(n, a->region.hi);
    double bound = isfinite(a->region.hi) ? a->region.hi : a->region.lo,
           factor = cb_unit_factor(n->unit, a->unit);
    return factor > 0 && same(n->v * factor, bound);
}

static bool is_plain(double bound)
{
    return bound <= 0 || bound == 1 || isinf(bound);
}

/* "faster", "costs no more": nothing in the assertion is a number that a sentence would give. */
static bool is_direction(const struct cb_assertion *a)
{
    if (a->form == CB_FORM_ORDER)
        return a->margin <= 0;
    return a->form == CB_FORM_RATIO && is_plain(a->region.lo) && is_plain(a->region.hi);
}

/* A claim of direction alone has no number: one in its sentence says more than is tested. */
void cb_claim_check_number(struct cb_claims *c, const struct cb_claim *claim)
{
    const struct cb_assertion *a = &claim->assertion;
    bool direction = is_direction(a), any = false, agrees = false;
    struct numeral n;
    for (const char *p = claim->quote; next_numeral(&p, claim->quote, &n);) {
        any |= is_percent(&n) || is_factor(&n);
        agrees |= says(&n, a);
    }
    if (claim->number_by_hand || (direction ? !any : agrees))
        return;
    cb_claims_find(c, index_of(c, claim), claim->quote_at, false,
                   direction ? "expected a sentence without a number, as in '%s', or 'number = manual'"
                             : "expected the number of '%s' in the sentence, or 'number = manual'",
                   a->text);
}
