#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/claims_read.h"

#define BLANKS       " \t"
#define DIGITS       "0123456789"
#define NUMBER_MAX   32 /* bytes; more digits than a double has */
#define FOUND_MAX    24 /* bytes of what was found instead that a message shows */
#define WORD_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "-_."

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

void cb_scan_skip(struct cb_scan *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s->place.column += begins_character(s->at[i]);
    s->at += n;
}

size_t cb_scan_span(const struct cb_scan *s, const char *chars)
{
    size_t n = 0;
    while (s->at + n < s->end && strchr(chars, s->at[n]))
        n++;
    return n;
}

size_t cb_scan_token(const struct cb_scan *s)
{
    size_t n = 0;
    while (s->at + n < s->end && !strchr(BLANKS, s->at[n]))
        n++;
    return n;
}

void cb_scan_blanks(struct cb_scan *s)
{
    cb_scan_skip(s, cb_scan_span(s, BLANKS));
}

bool cb_scan_done(struct cb_scan *s)
{
    cb_scan_blanks(s);
    return s->at == s->end || *s->at == '#';
}

bool cb_scan_take(struct cb_scan *s, const char *symbol)
{
    size_t n = strlen(symbol);
    cb_scan_blanks(s);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, symbol, n) != 0)
        return false;
    cb_scan_skip(s, n);
    return true;
}

bool cb_scan_word(struct cb_scan *s, const char *word)
{
    cb_scan_blanks(s);
    return cb_scan_span(s, WORD_LETTERS) == strlen(word) && cb_scan_take(s, word);
}

bool cb_scan_number(struct cb_scan *s, double *out)
{
    char copy[NUMBER_MAX];
    cb_scan_blanks(s);
    size_t n = cb_scan_span(s, DIGITS ".");
    if (!n || n >= sizeof copy)
        return false;
    memcpy(copy, s->at, n);
    copy[n] = '\0';
    char *end;
    *out = strtod(copy, &end);
    if (*end || !isfinite(*out) || end == copy)
        return false;
    cb_scan_skip(s, n);
    return true;
}

/* What stands there, short, for a message: whole characters. */
static int found(const struct cb_scan *s, char *out, size_t cap)
{
    size_t n = 0;
    while (s->at + n < s->end && n < FOUND_MAX && !strchr("\r\n", s->at[n]) &&
           (n == 0 || !strchr(BLANKS, s->at[n])))
        n++;
    while (n > 0 && s->at + n < s->end && !begins_character(s->at[n]))
        n--;
    if (!n)
        return snprintf(out, cap, "the end of the line");
    return snprintf(out, cap, "'%.*s'", (int)n, s->at);
}

bool cb_read_expected(struct cb_reader *r, const struct cb_scan *s, const char *fmt, ...)
{
    char what[160], instead[64];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    found(s, instead, sizeof instead);
    cb_claims_find(r->claims, r->claim, s->place, false, "expected %s, found %s", what, instead);
    return false;
}

char *cb_read_copy(struct cb_reader *r, struct cb_scan *s, size_t n)
{
    char *copy = strndup(s->at, n);
    r->no_memory |= !copy;
    cb_scan_skip(s, n);
    return copy;
}
