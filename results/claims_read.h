/* Reading claims: what the files results/claims_{scan,rules,parse,markdown,lint}.c share. */
#ifndef CB_RESULTS_CLAIMS_READ_H
#define CB_RESULTS_CLAIMS_READ_H

#include "results/claims.h"

/* Blanks and ends of lines: in a sentence one is like the other. */
static inline bool cb_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* --- a line, token by token. Nothing is copied; positions are those of the file. */

struct cb_scan {
    const char *at, *end;
    struct cb_place place; /* of `at` */
};

/* Moves over n bytes of the line. */
void cb_scan_skip(struct cb_scan *s, size_t n);
void cb_scan_blanks(struct cb_scan *s);
/* After blanks: nothing but a comment is left? */
bool cb_scan_done(struct cb_scan *s);
/* Bytes of the leading run of `chars`. */
size_t cb_scan_span(const struct cb_scan *s, const char *chars);
/* Bytes up to the next blank or the end. */
size_t cb_scan_token(const struct cb_scan *s);

/* Each skips blanks, then takes what is there, or takes nothing more and says false. */
bool cb_scan_take(struct cb_scan *s, const char *symbol);
bool cb_scan_word(struct cb_scan *s, const char *word); /* not as the beginning of a longer one */
bool cb_scan_number(struct cb_scan *s, double *out);    /* decimal, finite, no sign */

/* --- a file, line by line */

enum cb_section {
    CB_SECTION_TOP,
    CB_SECTION_DEFAULTS,
    CB_SECTION_CLAIM,
    CB_SECTION_NONE, /* after a bad header: its keys are passed over */
};

struct cb_reader {
    struct cb_claims *claims;
    enum cb_section section;
    int claim;     /* index of the claim whose keys are read, else -1 */
    unsigned seen; /* keys of the section: bits */
    bool defaulted, no_memory;
};

/* The claim in hand: r->claim is not -1. */
static inline struct cb_claim *cb_reader_claim(const struct cb_reader *r)
{
    return &r->claims->at[r->claim];
}

/* A section begins, after the one before was ended: what that lacks is named. The scan stands at the claim's
 * ID, or at "defaults". */
bool cb_read_claim(struct cb_reader *r, struct cb_scan *s);
bool cb_read_defaults(struct cb_reader *r, const struct cb_scan *s);
void cb_read_end(struct cb_reader *r);
/* "key = value", a comment, or nothing. */
bool cb_read_pair(struct cb_reader *r, struct cb_scan *s);
/* Lines of [text, end) that begin at a place; calls `line` for each. */
void cb_read_lines(struct cb_reader *r, const char *text, const char *end, struct cb_place at,
                   bool (*line)(struct cb_reader *r, struct cb_scan *s));
/* The whole of a Markdown file. */
void cb_read_markdown(struct cb_reader *r, const char *text, size_t len);

/* Adds the error "expected WHAT, found ..." at the scan's place; false, so that a rule can end with it. */
bool cb_read_expected(struct cb_reader *r, const struct cb_scan *s, const char *fmt, ...) CB_PRINTF(3, 4);
/* A copy of n bytes at the scan, which moves on. NULL where memory is short: said in no_memory. */
char *cb_read_copy(struct cb_reader *r, struct cb_scan *s, size_t n);

/* --- values of keys: each fills the claim in hand, or adds a finding and says false */

bool cb_rule_metric(struct cb_reader *r, struct cb_scan *s);
bool cb_rule_compare(struct cb_reader *r, struct cb_scan *s);
bool cb_rule_assert(struct cb_reader *r, struct cb_scan *s);
bool cb_rule_needs(struct cb_reader *r, struct cb_scan *s);
bool cb_rule_where(struct cb_reader *r, struct cb_scan *s);
/* "..." with \" and \\ inside. */
bool cb_rule_quoted(struct cb_reader *r, struct cb_scan *s, char **out);

#endif
