/* Claims beside the sentences they are about:
 *
 *     Memory in a container is as fast as on the host, within 1 %.
 *     <!-- cbench-claim ctr-mem
 *     metric = mem.stream.rate op=triad
 *     compare = container / host
 *     assert = ratio within 1%
 *     -->
 *
 * The keys are those of a claims file, the defaults are in a comment "cbench-defaults". Without a key "quote"
 * the claim is about the last sentence before it in the same paragraph. Fenced code is passed over: there
 * stand examples, as in inline code. */
#include <stdlib.h>
#include <string.h>

#include "results/claims_docs.h"
#include "results/claims_read.h"

#define CLAIM    "cbench-claim"
#define DEFAULTS "cbench-defaults"

#define FENCE_MIN    3 /* characters of a fence, CommonMark 4.5 */
#define FENCE_INDENT 3
#define SENTENCE_MAX 4096 /* bytes, with marks: more is no sentence */

struct page {
    struct cb_reader *reader;
    const char *at, *end;
    struct cb_place place; /* of `at` */
    const char *stop;      /* no line ends between `at` and here */
    /* The paragraph's text that claims are about: from the last comment of ours that text followed, to the
     * comment in hand. NULL outside of paragraphs. */
    const char *text, *text_end;
    struct cb_place text_at;
    const char *after; /* behind the last comment of ours in the paragraph, or NULL */
    struct cb_place after_at;
    char fence; /* '`' or '~' inside fenced code; 0 outside */
    size_t fence_len;
};

static const char *line_end(struct page *p)
{
    if (p->stop < p->at)
        p->stop = p->at;
    while (p->stop < p->end && *p->stop != '\n')
        p->stop++;
    return p->stop;
}

/* Moves on, across lines. */
static void move_to(struct page *p, const char *to)
{
    while (p->at < to) {
        const char *stop = line_end(p);
        if (stop >= to) {
            struct cb_scan s = {.at = p->at, .end = to, .place = p->place};
            cb_scan_skip(&s, (size_t)(to - p->at));
            p->place = s.place;
            p->at = to;
        } else {
            p->at = stop + 1;
            p->place = (struct cb_place){p->place.line + 1, 1};
        }
    }
}

/* Length of a fence at the line's beginning, and its character. */
static size_t fence_at(struct page *p, char *mark)
{
    const char *c = p->at, *stop = line_end(p);
    while (c < stop && *c == ' ' && c - p->at < FENCE_INDENT)
        c++;
    *mark = c < stop ? *c : '\0';
    if (*mark != '`' && *mark != '~')
        return 0;
    const char *first = c;
    while (c < stop && *c == *mark)
        c++;
    return (size_t)(c - first);
}

/* True for a line that opens or closes fenced code, or lies in it. */
static bool is_code(struct page *p)
{
    char mark;
    size_t n = fence_at(p, &mark);
    if (p->fence) {
        if (mark == p->fence && n >= p->fence_len)
            p->fence = 0;
        return true;
    }
    if (n < FENCE_MIN)
        return false;
    p->fence = mark;
    p->fence_len = n;
    return true;
}

static bool is_blank(const char *from, const char *to)
{
    while (from < to && cb_is_space(*from))
        from++;
    return from == to;
}

/* The next occurrence of `text` in [from, to); NULL where there is none. */
static const char *find(const char *from, const char *to, const char *text)
{
    return from < to ? memmem(from, (size_t)(to - from), text, strlen(text)) : NULL;
}

/* Where a comment in [open, to) ends; with what was measured, when it is the mark before that. */
static const char *behind_comment(const char *open, const char *to)
{
    bool measured = !strncmp(open, CB_MEASURED_BEGIN, strlen(CB_MEASURED_BEGIN));
    const char *close = measured ? find(open, to, CB_MEASURED_END) : NULL;
    if (close)
        return close + strlen(CB_MEASURED_END);
    const char *stop = find(open, to, "-->");
    return stop ? stop + strlen("-->") : to;
}

/* The last sentence in [*from, *to). A sentence ends with a full stop, question or exclamation mark before a
 * blank; comments are passed over, and marks of lists, quotations and headings begin none. */
static void last_sentence(const char **from, const char **to)
{
    const char *begin = *from, *end = *from;
    bool ended = true;
    for (const char *c = *from; c < *to; c++) {
        if (*to - c >= 4 && !memcmp(c, "<!--", 4)) {
            c = behind_comment(c, *to) - 1;
            continue;
        }
        if (cb_is_space(*c) || (ended && strchr("-*+>#|", *c)))
            continue;
        if (ended)
            begin = c;
        end = c + 1;
        ended = strchr(".?!", *c) && (end == *to || cb_is_space(*end));
    }
    *from = begin;
    *to = end;
}

/* The sentence as people see it, without what was measured: numbers of a run are no part of the claim. */
static char *visible(struct cb_reader *r, const char *from, const char *to)
{
    CB_AUTOBUF struct cb_buf out = {0};
    const char *open;
    while ((open = find(from, to, "<!--"))) {
        cb_buf_add(&out, from, (size_t)(open - from));
        from = behind_comment(open, to);
    }
    cb_buf_add(&out, from, (size_t)(to - from));
    char *copy = cb_buf_ok(&out) ? strdup(cb_buf_str(&out)) : NULL;
    r->no_memory |= !copy;
    return copy;
}

/* The default of "quote". */
static void take_sentence(const struct page *p, struct cb_claim *claim)
{
    struct page begin = {.at = p->text, .end = p->end, .stop = p->text, .place = p->text_at};
    const char *first = p->text, *last = p->text_end;
    last_sentence(&first, &last);
    if (first == last || last - first > SENTENCE_MAX)
        return;
    move_to(&begin, first);
    claim->quote = visible(p->reader, first, last);
    claim->quote_at = begin.place;
    claim->doc_line = begin.place.line;
}

/* `s` holds a comment of ours from the word that opens it: "cbench-claim" or "cbench-defaults". */
static void read_comment(const struct page *p, struct cb_scan s)
{
    struct cb_reader *r = p->reader;
    const char *newline = memchr(s.at, '\n', (size_t)(s.end - s.at)), *stop = s.end;
    struct cb_scan word = s;
    if (newline)
        s.end = newline > s.at && newline[-1] == '\r' ? newline - 1 : newline;
    bool is_claim = cb_scan_word(&s, CLAIM);
    if (!is_claim)
        cb_scan_word(&s, DEFAULTS);
    if (is_claim ? !cb_read_claim(r, &s) : !cb_read_defaults(r, &word)) {
        cb_read_end(r);
        return;
    }
    if (!cb_scan_done(&s))
        cb_read_expected(r, &s, "the end of the line");
    int claim = r->claim;
    if (newline)
        cb_read_lines(r, newline + 1, stop, (struct cb_place){s.place.line + 1, 1}, cb_read_pair);
    cb_read_end(r);
    if (claim >= 0 && !r->claims->at[claim].quote)
        take_sentence(p, &r->claims->at[claim]);
}

/* Text since the last comment of ours is what a claim is about; without any, it is about the same sentence as
 * the claim before it. */
static void end_text(struct page *p)
{
    if (p->after && is_blank(p->after, p->at))
        return;
    if (p->after) {
        p->text = p->after;
        p->text_at = p->after_at;
    }
    p->text_end = p->at;
}

/* A comment begins at p->at. Moves behind it. */
static void comment(struct page *p)
{
    const char *stop = find(p->at + strlen("<!--"), p->end, "-->");
    struct cb_scan s = {.at = p->at, .end = stop ? stop : p->end, .place = p->place};
    cb_scan_skip(&s, strlen("<!--"));
    struct cb_scan word = s;
    bool ours = cb_scan_word(&word, CLAIM) || cb_scan_word(&word, DEFAULTS);
    cb_scan_blanks(&word);
    if (ours && !stop)
        cb_read_expected(p->reader, &word, "'-->' at the end of this comment");
    else if (ours) {
        end_text(p);
        read_comment(p, s);
    }
    move_to(p, stop ? stop + strlen("-->") : p->end);
    if (ours) {
        p->after = p->at;
        p->after_at = p->place;
    }
}

/* The rest of a line, or up to the end of a comment that begins in it. One in inline code is an example. */
static void text_line(struct page *p)
{
    const char *stop = line_end(p), *open = find(p->at, stop, "<!--");
    bool example = open && open > p->at && open[-1] == '`';
    if (!open || example) {
        const char *next = stop < p->end ? stop + 1 : p->end;
        move_to(p, example ? open + strlen("<!--") : next);
        return;
    }
    move_to(p, open);
    comment(p);
}

static void begin_paragraph(struct page *p)
{
    p->text = p->at;
    p->text_at = p->place;
    p->text_end = p->after = NULL;
}

void cb_read_markdown(struct cb_reader *r, const char *text, size_t len)
{
    struct page p = {.reader = r, .at = text, .end = text + len, .stop = text, .place = {1, 1}};
    r->section = CB_SECTION_NONE;
    while (p.at < p.end) {
        const char *stop = line_end(&p);
        bool begins = p.place.column == 1;
        if (begins && (is_code(&p) || is_blank(p.at, stop))) {
            move_to(&p, stop < p.end ? stop + 1 : p.end);
            p.text = NULL;
            continue;
        }
        if (!p.text)
            begin_paragraph(&p);
        text_line(&p);
    }
}
