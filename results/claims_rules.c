/* The grammar of values. In each rule the scan stands at the value; what the line holds behind it is the
 * caller's to refuse. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "results/claims_read.h"

#define NAME_LETTERS   "abcdefghijklmnopqrstuvwxyz0123456789"
#define METRIC_LETTERS NAME_LETTERS "._*-"
#define KEY_LETTERS    NAME_LETTERS "_"
#define VALUE_LETTERS  NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ._:/-"
#define FACT_LETTERS   NAME_LETTERS "._-"

bool cb_rule_quoted(struct cb_reader *r, struct cb_scan *s, char **out)
{
    cb_scan_blanks(s);
    struct cb_scan open = *s;
    if (!cb_scan_take(s, "\""))
        return cb_read_expected(r, s, "a text in double quotes");
    size_t n = 0;
    while (s->at + n < s->end && s->at[n] != '"')
        n += s->at[n] == '\\' && s->at + n + 1 < s->end ? 2 : 1;
    if (s->at + n >= s->end)
        return cb_read_expected(r, &open, "a '\"' that ends the text");
    if (n == 0)
        return cb_read_expected(r, s, "a text that is not empty");
    char *copy = cb_read_copy(r, s, n), *to = copy;
    for (const char *from = copy; from && *from; from++) {
        if (from[0] == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        *to++ = *from;
    }
    if (copy)
        *to = '\0';
    *out = copy;
    return cb_scan_take(s, "\"");
}

/* --- metric := SELECTOR ("," SELECTOR)*    SELECTOR := NAME (KEY "=" VALUE)* */

static bool filter(struct cb_reader *r, struct cb_scan *s, struct cb_selector *sel)
{
    size_t n = cb_scan_span(s, KEY_LETTERS);
    if (!n)
        return cb_read_expected(r, s, "a parameter as in size=64K, or ','");
    if (sel->nfilters == CB_FILTERS_MAX)
        return cb_read_expected(r, s, "at most %d parameters", CB_FILTERS_MAX);
    struct cb_kv *kv = &sel->filter[sel->nfilters++];
    kv->key = cb_read_copy(r, s, n);
    if (!cb_scan_take(s, "="))
        return cb_read_expected(r, s, "'=' and the value of %s", kv->key ? kv->key : "it");
    n = cb_scan_span(s, VALUE_LETTERS);
    if (!n)
        return cb_read_expected(r, s, "the value of %s", kv->key ? kv->key : "it");
    kv->value = cb_read_copy(r, s, n);
    return true;
}

static bool selector(struct cb_reader *r, struct cb_scan *s)
{
    struct cb_claim *c = cb_reader_claim(r);
    cb_scan_blanks(s);
    size_t n = cb_scan_span(s, METRIC_LETTERS);
    if (!n)
        return cb_read_expected(r, s, "the name of a metric, as in mem.stream.rate");
    if (c->nselectors == CB_SELECTORS_MAX)
        return cb_read_expected(r, s, "at most %d metrics", CB_SELECTORS_MAX);
    struct cb_selector *sel = &c->selectors[c->nselectors++];
    sel->at = s->place;
    sel->name = cb_read_copy(r, s, n);
    while (!cb_scan_done(s) && *s->at != ',')
        if (!filter(r, s, sel))
            return false;
    return true;
}

bool cb_rule_metric(struct cb_reader *r, struct cb_scan *s)
{
    do
        if (!selector(r, s))
            return false;
    while (cb_scan_take(s, ","));
    return true;
}

/* --- compare := ARM ["/" ARM] */

/* An arm's parameters reach to the next blank; without any, its name ends at what cannot be part of one. */
static size_t arm_length(const struct cb_scan *s)
{
    size_t n = cb_scan_span(s, NAME_LETTERS "-");
    return n && s->at + n < s->end && s->at[n] == ':' ? cb_scan_token(s) : n;
}

static bool arm(struct cb_reader *r, struct cb_scan *s)
{
    struct cb_claim *c = cb_reader_claim(r);
    cb_scan_blanks(s);
    size_t n = arm_length(s);
    if (!n)
        return cb_read_expected(r, s, "an arm, as in container or vm:accel=kvm");
    if (n >= CB_CLAIM_ARM_MAX)
        return cb_read_expected(r, s, "an arm of less than %d bytes", CB_CLAIM_ARM_MAX);
    if (c->narms == CB_CLAIM_ARMS_MAX)
        return cb_read_expected(r, s, "at most %d arms", CB_CLAIM_ARMS_MAX);
    c->arms_at[c->narms] = s->place;
    memcpy(c->arms[c->narms], s->at, n);
    c->arms[c->narms++][n] = '\0';
    cb_scan_skip(s, n);
    return true;
}

static bool is_among(const struct cb_claim *c, unsigned nth)
{
    for (unsigned i = 0; i < nth; i++)
        if (!strcmp(c->arms[i], c->arms[nth]))
            return true;
    return false;
}

/* An arm that has not been named yet: its ratio to itself says nothing. */
static bool other_arm(struct cb_reader *r, struct cb_scan *s)
{
    const struct cb_claim *c = cb_reader_claim(r);
    struct cb_scan before = *s;
    if (!arm(r, s))
        return false;
    cb_scan_blanks(&before);
    return !is_among(c, c->narms - 1) || cb_read_expected(r, &before, "another arm");
}

bool cb_rule_compare(struct cb_reader *r, struct cb_scan *s)
{
    return arm(r, s) && (!cb_scan_take(s, "/") || other_arm(r, s));
}

/* --- assert */

/* NUM: above 0. */
static bool number(struct cb_reader *r, struct cb_scan *s, double *out)
{
    cb_scan_blanks(s);
    struct cb_scan before = *s;
    if (!cb_scan_number(s, out))
        return cb_read_expected(r, s, "a number");
    return *out > 0 || cb_read_expected(r, &before, "a number above 0");
}

/* PCT := NUM "%", as a share. */
static bool percent(struct cb_reader *r, struct cb_scan *s, double *out)
{
    cb_scan_blanks(s);
    struct cb_scan before = *s;
    if (!cb_scan_number(s, out))
        return cb_read_expected(r, s, "a margin as in 2%%");
    if (!(*out > 0))
        return cb_read_expected(r, &before, "a margin above 0%%");
    *out /= 100;
    return cb_scan_take(s, "%") || cb_read_expected(r, s, "'%%'");
}

/* "<=" and "<" ask the same of data that can take any value. */
static bool bound_direction(struct cb_scan *s, bool strict_too, bool *upper)
{
    if (cb_scan_take(s, "<=") || (strict_too && cb_scan_take(s, "<"))) {
        *upper = true;
        return true;
    }
    *upper = false;
    return cb_scan_take(s, ">=") || (strict_too && cb_scan_take(s, ">"));
}

static struct cb_region one_sided(double bound, bool upper)
{
    return upper ? (struct cb_region){0, bound} : (struct cb_region){bound, INFINITY};
}

/* How far a bound lies from "the same", on either side. */
static double distance_from_one(double bound)
{
    return bound > 0 && isfinite(bound) ? expm1(fabs(log(bound))) : INFINITY;
}

/* "[" NUM "," NUM "]" */
static bool interval(struct cb_reader *r, struct cb_scan *s, struct cb_region *out)
{
    if (!cb_scan_take(s, "["))
        return cb_read_expected(r, s, "'['");
    if (!number(r, s, &out->lo))
        return false;
    if (!cb_scan_take(s, ","))
        return cb_read_expected(r, s, "',' and the upper bound");
    cb_scan_blanks(s);
    struct cb_scan before = *s;
    if (!number(r, s, &out->hi))
        return false;
    if (!(out->lo < out->hi))
        return cb_read_expected(r, &before, "an upper bound above the lower");
    return cb_scan_take(s, "]") || cb_read_expected(r, s, "']'");
}

static bool ratio(struct cb_reader *r, struct cb_scan *s, struct cb_assertion *a)
{
    bool upper;
    double v;
    if (bound_direction(s, true, &upper)) {
        if (!number(r, s, &v))
            return false;
        a->region = one_sided(v, upper);
    } else if (cb_scan_word(s, "within")) {
        if (!percent(r, s, &v))
            return false;
        a->region = cb_region_within(v);
    } else if (!cb_scan_word(s, "in")) {
        return cb_read_expected(r, s, "<=, >=, <, >, 'in' or 'within'");
    } else if (!interval(r, s, &a->region)) {
        return false;
    }
    a->margin = fmin(distance_from_one(a->region.lo), distance_from_one(a->region.hi));
    return true;
}

static bool unit(struct cb_reader *r, struct cb_scan *s, struct cb_assertion *a)
{
    cb_scan_blanks(s);
    size_t n = cb_scan_done(s) ? 0 : cb_scan_token(s);
    if (!n || n >= CB_UNIT_MAX)
        return cb_read_expected(r, s, "a unit, as in 60us");
    a->unit_at = s->place;
    memcpy(a->unit, s->at, n);
    a->unit[n] = '\0';
    cb_scan_skip(s, n);
    return true;
}

static bool value(struct cb_reader *r, struct cb_scan *s, struct cb_assertion *a)
{
    bool upper;
    double v;
    if (!bound_direction(s, false, &upper))
        return cb_read_expected(r, s, "<= or >=");
    if (!number(r, s, &v) || !unit(r, s, a))
        return false;
    a->region = one_sided(v, upper);
    return true;
}

static bool order(struct cb_reader *r, struct cb_scan *s, struct cb_assertion *a)
{
    if (!arm(r, s))
        return false;
    if (!cb_scan_take(s, "<="))
        return cb_read_expected(r, s, "'<=' and the next arm");
    do
        if (!other_arm(r, s))
            return false;
    while (cb_scan_take(s, "<="));
    if (cb_scan_word(s, "margin") && !percent(r, s, &a->margin))
        return false;
    a->region = (struct cb_region){1 / (1 + a->margin), INFINITY};
    return true;
}

static bool form(struct cb_reader *r, struct cb_scan *s, struct cb_assertion *a)
{
    if (cb_scan_word(s, "ratio")) {
        a->form = CB_FORM_RATIO;
        return ratio(r, s, a);
    }
    if (cb_scan_word(s, "value")) {
        a->form = CB_FORM_VALUE;
        return value(r, s, a);
    }
    a->form = CB_FORM_ORDER;
    if (!cb_scan_word(s, "order"))
        return cb_read_expected(r, s, "'ratio', 'value' or 'order'");
    cb_scan_blanks(s);
    if (cb_reader_claim(r)->narms)
        return cb_read_expected(r, s, "no order beside 'compare': it names its own arms");
    return order(r, s, a);
}

bool cb_rule_assert(struct cb_reader *r, struct cb_scan *s)
{
    struct cb_assertion *a = &cb_reader_claim(r)->assertion;
    cb_scan_blanks(s);
    struct cb_scan begin = *s;
    a->at = s->place;
    if (!form(r, s, a))
        return false;
    a->text = cb_read_copy(r, &begin, (size_t)(s->at - begin.at));
    return true;
}

/* --- needs := WORD ("," WORD)* */

static bool need(struct cb_reader *r, struct cb_scan *s)
{
    static const struct {
        const char *word;
        unsigned bit;
    } known[] = {{"kvm", CB_NEEDS_KVM},
                 {"tcg", CB_NEEDS_TCG},
                 {"bare-metal", CB_NEEDS_BARE_METAL},
                 {"network", CB_NEEDS_NETWORK},
                 {"root", CB_NEEDS_ROOT}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (cb_scan_word(s, known[i].word)) {
            cb_reader_claim(r)->needs |= known[i].bit;
            return true;
        }
    return cb_read_expected(r, s, "kvm, tcg, bare-metal, network or root");
}

bool cb_rule_needs(struct cb_reader *r, struct cb_scan *s)
{
    do
        if (!need(r, s))
            return false;
    while (cb_scan_take(s, ","));
    return true;
}

/* --- where := FACT OP VALUE ("and" FACT OP VALUE)* */

static bool operator(struct cb_scan *s, char out[3])
{
    static const char *const known[] = {"<=", ">=", "!=", "<", ">", "=", "~"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (cb_scan_take(s, known[i])) {
            snprintf(out, 3, "%s", known[i]);
            return true;
        }
    return false;
}

static bool condition(struct cb_reader *r, struct cb_scan *s)
{
    struct cb_claim *c = cb_reader_claim(r);
    cb_scan_blanks(s);
    size_t n = cb_scan_span(s, FACT_LETTERS);
    if (!n)
        return cb_read_expected(r, s, "a fact of the host, as in cpu or memory");
    if (c->nconditions == CB_CONDITIONS_MAX)
        return cb_read_expected(r, s, "at most %d conditions", CB_CONDITIONS_MAX);
    struct cb_condition *k = &c->conditions[c->nconditions++];
    k->fact = cb_read_copy(r, s, n);
    if (!operator(s, k->op))
        return cb_read_expected(r, s, "=, !=, ~, <, <=, > or >=");
    cb_scan_blanks(s);
    n = cb_scan_span(s, VALUE_LETTERS);
    if (!n)
        return cb_rule_quoted(r, s, &k->value);
    k->value = cb_read_copy(r, s, n);
    return true;
}

bool cb_rule_where(struct cb_reader *r, struct cb_scan *s)
{
    do
        if (!condition(r, s))
            return false;
    while (cb_scan_word(s, "and"));
    return true;
}
