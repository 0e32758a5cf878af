/* Claims files: lines, sections, keys. Not read with inih, although it reads such files: it hands over
 * neither columns nor what it passed over, cuts lines at 200 bytes, and takes ':' for '=' and " ;" for the
 * beginning of a comment, also inside a quoted sentence. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/claims_read.h"
#include "results/stopping.h"
#include "results/text.h"

#define ID_LETTERS  "abcdefghijklmnopqrstuvwxyz0123456789-"
#define KEY_LETTERS "abcdefghijklmnopqrstuvwxyz-"

void cb_claims_find(struct cb_claims *c, int claim, struct cb_place at, bool warning, const char *fmt, ...)
{
    va_list ap;
    c->nerrors += !warning;
    if (claim >= 0 && !warning)
        c->at[claim].broken = true;
    if (c->nfindings == CB_FINDINGS_MAX) {
        c->unlisted++;
        return;
    }
    struct cb_finding *f = &c->findings[c->nfindings++];
    *f = (struct cb_finding){.at = at, .claim = claim, .warning = warning};
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
}

/* --- keys */

/* A word or path up to the next blank. */
static bool token(struct cb_reader *r, struct cb_scan *s, const char *what, char **out)
{
    size_t n = cb_scan_done(s) ? 0 : cb_scan_token(s);
    if (!n)
        return cb_read_expected(r, s, "%s", what);
    *out = cb_read_copy(r, s, n);
    return true;
}

const char *cb_correction_name(enum cb_correction c)
{
    static const char *const names[] = {"holm", "bonferroni", "none"};
    return names[c];
}

static bool read_version(struct cb_reader *r, struct cb_scan *s)
{
    return cb_scan_word(s, "1") || cb_read_expected(r, s, "1, the version that this cbench reads");
}

static bool read_alpha(struct cb_reader *r, struct cb_scan *s)
{
    double v;
    cb_scan_blanks(s);
    struct cb_scan before = *s;
    /* Above one half "significant" would mean nothing. */
    if (!cb_scan_number(s, &v) || !(v > 0 && v <= 0.5))
        return cb_read_expected(r, &before, "a level above 0 and up to 0.5");
    r->claims->alpha = v;
    return true;
}

static bool read_correction(struct cb_reader *r, struct cb_scan *s)
{
    for (enum cb_correction c = CB_HOLM; c <= CB_UNCORRECTED; c++)
        if (cb_scan_word(s, cb_correction_name(c))) {
            r->claims->correction = c;
            return true;
        }
    return cb_read_expected(r, s, "holm, bonferroni or none");
}

static bool read_min_units(struct cb_reader *r, struct cb_scan *s)
{
    double v;
    cb_scan_blanks(s);
    struct cb_scan before = *s;
    /* 1000 blocks are the most that a run has. */
    if (!cb_scan_number(s, &v) || !(v >= 1 && v <= 1000) || v != (unsigned)v)
        return cb_read_expected(r, &before, "a whole number from 1 to 1000");
    r->claims->min_units = (unsigned)v;
    return true;
}

static bool read_aa(struct cb_reader *r, struct cb_scan *s)
{
    r->claims->aa_required = cb_scan_word(s, "required");
    return r->claims->aa_required || cb_scan_word(s, "optional") ||
           cb_read_expected(r, s, "required or optional");
}

static bool read_doc(struct cb_reader *r, struct cb_scan *s)
{
    cb_scan_blanks(s);
    struct cb_scan before = *s;
    cb_reader_claim(r)->doc_at = s->place;
    if (!token(r, s, "a file, relative to this one", &cb_reader_claim(r)->doc))
        return false;
    return *before.at != '/' || cb_read_expected(r, &before, "a path relative to this file");
}

static bool read_quote(struct cb_reader *r, struct cb_scan *s)
{
    cb_scan_blanks(s);
    cb_reader_claim(r)->quote_at = s->place;
    return cb_rule_quoted(r, s, &cb_reader_claim(r)->quote);
}

static bool read_pending(struct cb_reader *r, struct cb_scan *s)
{
    cb_scan_blanks(s);
    cb_reader_claim(r)->pending_at = s->place;
    return cb_rule_quoted(r, s, &cb_reader_claim(r)->pending);
}

static bool read_number(struct cb_reader *r, struct cb_scan *s)
{
    cb_reader_claim(r)->number_by_hand = cb_scan_word(s, "manual");
    return cb_reader_claim(r)->number_by_hand || cb_read_expected(r, s, "manual");
}

static const struct key {
    const char *name;
    enum cb_section section;
    bool (*read)(struct cb_reader *r, struct cb_scan *s);
} keys[] = {
    {"version", CB_SECTION_TOP, read_version},
    {"alpha", CB_SECTION_DEFAULTS, read_alpha},
    {"correction", CB_SECTION_DEFAULTS, read_correction},
    {"min-units", CB_SECTION_DEFAULTS, read_min_units},
    {"aa", CB_SECTION_DEFAULTS, read_aa},
    {"doc", CB_SECTION_CLAIM, read_doc},
    {"quote", CB_SECTION_CLAIM, read_quote},
    {"metric", CB_SECTION_CLAIM, cb_rule_metric},
    {"compare", CB_SECTION_CLAIM, cb_rule_compare},
    {"assert", CB_SECTION_CLAIM, cb_rule_assert},
    {"needs", CB_SECTION_CLAIM, cb_rule_needs},
    {"where", CB_SECTION_CLAIM, cb_rule_where},
    {"number", CB_SECTION_CLAIM, read_number},
    {"pending", CB_SECTION_CLAIM, read_pending},
};
#define NKEYS (sizeof keys / sizeof *keys)

static bool is_key(const struct key *k, const struct cb_scan *s, size_t n)
{
    return strlen(k->name) == n && !memcmp(k->name, s->at, n);
}

/* "doc, quote or metric": the keys of a section. */
static void name_keys(enum cb_section section, char *out, size_t cap)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < NKEYS && used < cap; i++)
        if (keys[i].section == section)
            used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? ", " : "", keys[i].name);
}

static const struct key *find_key(struct cb_reader *r, struct cb_scan *s, size_t n)
{
    char known[128];
    for (size_t i = 0; i < NKEYS; i++)
        if (keys[i].section == r->section && is_key(&keys[i], s, n))
            return &keys[i];
    name_keys(r->section, known, sizeof known);
    cb_read_expected(r, s, "a key (%s)", known);
    return NULL;
}

bool cb_read_pair(struct cb_reader *r, struct cb_scan *s)
{
    if (cb_scan_done(s) || r->section == CB_SECTION_NONE)
        return true;
    struct cb_scan before = *s;
    size_t n = cb_scan_span(s, KEY_LETTERS);
    const struct key *k = find_key(r, s, n);
    if (!k)
        return false;
    cb_scan_skip(s, n);
    unsigned bit = 1u << (k - keys);
    if (r->seen & bit)
        return cb_read_expected(r, &before, "no second '%s'", k->name);
    r->seen |= bit;
    if (!cb_scan_take(s, "="))
        return cb_read_expected(r, s, "'='");
    if (!k->read(r, s))
        return false;
    return cb_scan_done(s) || cb_read_expected(r, s, "the end of the line");
}

static bool has(const struct cb_reader *r, const char *name)
{
    for (size_t i = 0; i < NKEYS; i++)
        if (!strcmp(keys[i].name, name))
            return r->seen >> i & 1;
    return false;
}

/* --- sections */

static void lacks(struct cb_reader *r, const char *what)
{
    cb_claims_find(r->claims, r->claim, cb_reader_claim(r)->at, false, "expected %s in this claim", what);
}

/* What only the whole of a claim shows. */
static void end_claim(struct cb_reader *r)
{
    const struct cb_claim *c = cb_reader_claim(r);
    if (!has(r, "metric"))
        lacks(r, "'metric = NAME'");
    if (!has(r, "assert")) {
        lacks(r, "'assert = ...'");
        return;
    }
    if (c->broken)
        return;
    enum cb_claim_form form = c->assertion.form;
    if (form == CB_FORM_ORDER ? has(r, "compare") : !has(r, "compare"))
        lacks(r,
              form == CB_FORM_ORDER ? "no 'compare': an order names its own arms" : "'compare = ARM / ARM'");
    else if (form == CB_FORM_RATIO && c->narms != 2)
        lacks(r, "two arms in 'compare', as in vm / host");
    else if (form == CB_FORM_VALUE && c->narms != 1)
        lacks(r, "one arm in 'compare'");
    if (has(r, "doc") && !has(r, "quote"))
        lacks(r, "'quote = \"...\"', the sentence in 'doc'");
}

void cb_read_end(struct cb_reader *r)
{
    if (r->section == CB_SECTION_CLAIM)
        end_claim(r);
    if (r->section == CB_SECTION_TOP && !has(r, "version"))
        cb_claims_find(r->claims, -1, (struct cb_place){1, 1}, false,
                       "expected 'version = 1' before the first section");
    r->section = CB_SECTION_NONE;
    r->claim = -1;
    r->seen = 0;
}

bool cb_read_defaults(struct cb_reader *r, const struct cb_scan *s)
{
    cb_read_end(r);
    if (r->defaulted)
        return cb_read_expected(r, s, "no second 'defaults'");
    r->defaulted = true;
    r->section = CB_SECTION_DEFAULTS;
    return true;
}

static bool is_taken(const struct cb_claims *c, const char *id, size_t n)
{
    for (size_t i = 0; i < c->n; i++)
        if (strlen(c->at[i].id) == n && !memcmp(c->at[i].id, id, n))
            return true;
    return false;
}

static struct cb_claim *new_claim(struct cb_reader *r)
{
    struct cb_claims *c = r->claims;
    /* Room doubles at powers of two. */
    struct cb_claim *at = c->n & (c->n - 1) ? c->at : reallocarray(c->at, c->n ? 2 * c->n : 1, sizeof *at);
    r->no_memory |= !at;
    if (!at)
        return NULL;
    c->at = at;
    at[c->n] = (struct cb_claim){0};
    return &at[c->n++];
}

bool cb_read_claim(struct cb_reader *r, struct cb_scan *s)
{
    cb_read_end(r);
    cb_scan_blanks(s);
    size_t n = cb_scan_span(s, ID_LETTERS);
    if (!n || n > CB_CLAIM_ID_MAX)
        return cb_read_expected(r, s, "an ID of 1 to %d letters a-z, digits and '-'", CB_CLAIM_ID_MAX);
    if (is_taken(r->claims, s->at, n))
        return cb_read_expected(r, s, "an ID that no other claim has");
    if (r->claims->n == CB_CLAIMS_MAX)
        return cb_read_expected(r, s, "at most %d claims in a file", CB_CLAIMS_MAX);
    struct cb_claim *c = new_claim(r);
    if (!c)
        return false;
    c->at = s->place;
    memcpy(c->id, s->at, n);
    cb_scan_skip(s, n);
    r->section = CB_SECTION_CLAIM;
    r->claim = (int)r->claims->n - 1;
    return true;
}

/* "[defaults]" or "[claim ID]" */
static bool header(struct cb_reader *r, struct cb_scan *s)
{
    cb_read_end(r);
    cb_scan_blanks(s);
    struct cb_scan begin = *s;
    bool defaults = cb_scan_word(s, "defaults");
    if (!defaults && !cb_scan_word(s, "claim"))
        return cb_read_expected(r, s, "'[defaults]' or '[claim ID]'");
    if (defaults ? !cb_read_defaults(r, &begin) : !cb_read_claim(r, s))
        return false;
    if (!cb_scan_take(s, "]"))
        return cb_read_expected(r, s, "']'");
    return cb_scan_done(s) || cb_read_expected(r, s, "the end of the line");
}

static bool line(struct cb_reader *r, struct cb_scan *s)
{
    return cb_scan_take(s, "[") ? header(r, s) : cb_read_pair(r, s);
}

void cb_read_lines(struct cb_reader *r, const char *text, const char *end, struct cb_place at,
                   bool (*each)(struct cb_reader *r, struct cb_scan *s))
{
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text)), *stop = newline ? newline : end;
        struct cb_scan s = {.at = text, .end = stop, .place = at};
        if (stop > text && stop[-1] == '\r')
            s.end--;
        each(r, &s);
        text = stop + 1;
        at = (struct cb_place){at.line + 1, 1};
    }
}

/* --- files */

/* The place of a byte. */
static struct cb_place place_of(const char *text, size_t offset)
{
    struct cb_scan s = {.at = text, .place = {1, 1}};
    for (const char *p = text; p < text + offset; p++)
        if (*p == '\n')
            s = (struct cb_scan){.at = p + 1, .place = {s.place.line + 1, 1}};
    cb_scan_skip(&s, (size_t)(text + offset - s.at));
    return s.place;
}

/* C0 but for tabs and ends of lines, DEL, and C1 (U+0080 to U+009F), which terminals obey as well. The text
 * is NUL-terminated. */
static bool is_control(const char *p)
{
    unsigned char c = (unsigned char)p[0], next = (unsigned char)(c ? p[1] : 0);
    if (c == '\r')
        return next != '\n';
    return (c < ' ' && c != '\t' && c != '\n') || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0);
}

/* Text that a terminal, an XML file and a report can show: UTF-8 without control characters. */
static bool is_text(struct cb_reader *r, const char *text, size_t len)
{
    CB_AUTOBUF struct cb_buf clean = {0};
    size_t control = 0, same = 0;
    while (control < len && !is_control(text + control))
        control++;
    cb_text_utf8(&clean, text); /* up to a NUL, which is a control character */
    r->no_memory |= !cb_buf_ok(&clean);
    while (same < control && same < clean.len && clean.data[same] == text[same])
        same++;
    if (same < control)
        cb_claims_find(r->claims, -1, place_of(text, same), false, "expected UTF-8");
    else if (control < len)
        cb_claims_find(r->claims, -1, place_of(text, control), false,
                       "expected a text, found a control character");
    return same == len;
}

static void read_claims_file(struct cb_reader *r, const char *text, size_t len)
{
    r->section = CB_SECTION_TOP;
    cb_read_lines(r, text, text + len, (struct cb_place){1, 1}, line);
    cb_read_end(r);
}

/* Text, NUL-terminated, without the mark that some editors put in front of UTF-8. */
static void read_text(struct cb_reader *r, const char *text, size_t len)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (!is_text(r, text, len))
        return;
    size_t skip = strncmp(text, mark, strlen(mark)) ? 0 : strlen(mark);
    (r->claims->markdown ? cb_read_markdown : read_claims_file)(r, text + skip, len - skip);
}

static int no_memory(struct cb_claims *c, const char *file, struct cb_err *err)
{
    cb_claims_free(c);
    return cb_fail_sys(err, ENOMEM, "%s", file);
}

int cb_claims_parse(const char *file, bool markdown, const char *text, size_t len, struct cb_claims *out,
                    struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf copy = {0};
    cb_buf_add(&copy, text, len);
    *out = (struct cb_claims){
        .file = strdup(file),
        .markdown = markdown,
        .alpha = 0.05,
        .correction = CB_HOLM,
        .min_units = CB_PILOT_BLOCKS,
        .aa_required = true,
        .findings = calloc(CB_FINDINGS_MAX, sizeof *out->findings),
    };
    if (!out->file || !out->findings || !cb_buf_ok(&copy))
        return no_memory(out, file, err);
    struct cb_reader r = {.claims = out, .claim = -1};
    if (len > CB_CLAIMS_FILE_MAX)
        cb_claims_find(out, -1, (struct cb_place){1, 1}, false, "expected at most %u bytes",
                       CB_CLAIMS_FILE_MAX);
    else
        read_text(&r, cb_buf_str(&copy), len);
    return r.no_memory ? no_memory(out, file, err) : 0;
}

static void free_claim(struct cb_claim *c)
{
    free(c->doc);
    free(c->quote);
    free(c->pending);
    free(c->assertion.text);
    for (unsigned i = 0; i < c->nselectors; i++) {
        free(c->selectors[i].name);
        for (unsigned f = 0; f < c->selectors[i].nfilters; f++) {
            free(c->selectors[i].filter[f].key);
            free(c->selectors[i].filter[f].value);
        }
    }
    for (unsigned i = 0; i < c->nconditions; i++) {
        free(c->conditions[i].fact);
        free(c->conditions[i].value);
    }
}

void cb_claims_free(struct cb_claims *c)
{
    for (size_t i = 0; i < c->n; i++)
        free_claim(&c->at[i]);
    free(c->at);
    free(c->findings);
    free(c->file);
    *c = (struct cb_claims){0};
}

void cb_finding_format(const struct cb_claims *c, const struct cb_finding *f, struct cb_buf *out)
{
    cb_buf_printf(out, "%s:%u:%u: %s%s", c->file, f->at.line, f->at.column, f->warning ? "warning: " : "",
                  f->text);
    if (f->claim >= 0)
        cb_buf_printf(out, " [%s]", c->at[f->claim].id);
}
