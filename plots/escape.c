#include "plots/escape.h"

#include <stdint.h>
#include <string.h>

#define REPLACEMENT 0xFFFDu

struct range {
    uint32_t first, last;
};

/* Characters that change how their neighbours are shown, or that nobody sees: bidirectional controls (text
 * that reads other than it is), zero-width and separator characters, C0 and C1 controls, interlinear marks,
 * tags. */
static const struct range unsafe[] = {
    {0x0000, 0x001F}, {0x007F, 0x009F}, {0x00AD, 0x00AD},   {0x061C, 0x061C},    {0x200B, 0x200F},
    {0x2028, 0x202E}, {0x2060, 0x206F}, {0xD800, 0xDFFF},   {0xFEFF, 0xFEFF},    {0xFFF9, 0xFFFB},
    {0xFFFE, 0xFFFF}, {0xE000, 0xF8FF}, {0xE0000, 0xE0FFF}, {0xF0000, 0x10FFFF},
};

/* Two columns: East Asian wide and fullwidth (Unicode TR 11, blocks rather than single characters), emoji. */
static const struct range wide[] = {
    {0x1100, 0x115F}, {0x2E80, 0xA4CF}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
    {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F300, 0x1FAFF}, {0x20000, 0x3FFFD},
};

/* No column of their own: combining marks and variation selectors. */
static const struct range combining[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x064B, 0x065F}, {0x0E34, 0x0E3A},
    {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F},
};

#define WITHIN(table, c) within(table, sizeof(table) / sizeof((table)[0]), c)

static bool within(const struct range *table, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++)
        if (c >= table[i].first && c <= table[i].last)
            return true;
    return false;
}

/* Bytes a lead byte announces, 0 when it is none. */
static size_t sequence_length(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead < 0xE0)
        return 2;
    if (lead >= 0xE0 && lead < 0xF0)
        return 3;
    return lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
}

/* Reads one character, returns its bytes; *c is REPLACEMENT, one byte long, where there is no valid one. */
static size_t decode(const char *s, uint32_t *c)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000}; /* shorter encodings are forgeries */
    const unsigned char *u = (const unsigned char *)s;
    size_t n = sequence_length(u[0]);
    *c = REPLACEMENT;
    if (n <= 1) {
        *c = n ? u[0] : REPLACEMENT;
        return 1;
    }
    uint32_t value = u[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xC0) != 0x80)
            return 1;
        value = value << 6 | (u[i] & 0x3Fu);
    }
    if (value < smallest[n] || value > 0x10FFFF)
        return 1;
    *c = value;
    return n;
}

/* The same, with what no format should carry replaced. White space becomes a space: every text here is one
 * line. */
static size_t decode_safe(const char *s, uint32_t *c)
{
    size_t n = decode(s, c);
    if (*c == '\n' || *c == '\t' || *c == '\r')
        *c = ' ';
    else if (WITHIN(unsafe, *c))
        *c = REPLACEMENT;
    return n;
}

static void put_char(struct cb_buf *out, const char *s, size_t n, uint32_t c)
{
    if (c == REPLACEMENT)
        cb_buf_puts(out, "\xEF\xBF\xBD");
    else if (c == ' ')
        cb_buf_puts(out, " ");
    else
        cb_buf_add(out, s, n);
}

/* Walks the text; characters that `replace` has a text for are written as that. */
static void put_replaced(struct cb_buf *out, const char *text, const char *(*replace)(uint32_t c))
{
    uint32_t c;
    for (size_t n; *text; text += n) {
        n = decode_safe(text, &c);
        const char *instead = replace(c);
        if (instead)
            cb_buf_puts(out, instead);
        else
            put_char(out, text, n, c);
    }
}

static const char *html_entity(uint32_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* GitHub renders entities as text. `@` and `#` get a comment behind them, or names would be notified and
 * numbers linked. `$` opens mathematics. What is special only at the start of a line needs nothing: reports
 * put their own text there. */
static const char *md_escape(uint32_t c)
{
    static const char special[] = "\\`*_[]|~$";
    static const char *const escaped[] = {"\\\\", "\\`", "\\*", "\\_", "\\[", "\\]", "\\|", "\\~", "\\$"};
    if (c == '@')
        return "@<!-- -->";
    if (c == '#')
        return "#<!-- -->";
    const char *at = c && c < 0x80 ? strchr(special, (int)c) : NULL;
    return at ? escaped[at - special] : html_entity(c);
}

static const char *gnuplot_escape(uint32_t c)
{
    return c == '\'' ? "''" : NULL;
}

static const char *gnuplot_tic_escape(uint32_t c)
{
    return c == '%' ? "%%" : gnuplot_escape(c);
}

static const char *ascii_only(uint32_t c)
{
    return c >= 0x80 ? "?" : NULL;
}

static const char *as_it_is(uint32_t c)
{
    (void)c;
    return NULL;
}

void cb_put_html(struct cb_buf *out, const char *text)
{
    put_replaced(out, text, html_entity);
}

void cb_put_md(struct cb_buf *out, const char *text)
{
    put_replaced(out, text, md_escape);
}

void cb_put_gnuplot(struct cb_buf *out, const char *text)
{
    cb_buf_puts(out, "'");
    put_replaced(out, text, gnuplot_escape);
    cb_buf_puts(out, "'");
}

void cb_put_gnuplot_tic(struct cb_buf *out, const char *text)
{
    cb_buf_puts(out, "'");
    put_replaced(out, text, gnuplot_tic_escape);
    cb_buf_puts(out, "'");
}

void cb_put_term(struct cb_buf *out, const char *text, bool utf8)
{
    put_replaced(out, text, utf8 ? as_it_is : ascii_only);
}

static int char_width(uint32_t c)
{
    if (WITHIN(combining, c))
        return 0;
    return WITHIN(wide, c) ? 2 : 1;
}

int cb_text_width(const char *text)
{
    int width = 0;
    uint32_t c;
    for (; *text; width += char_width(c))
        text += decode(text, &c);
    return width;
}

size_t cb_text_fit(const char *text, int columns)
{
    size_t bytes = 0;
    uint32_t c;
    while (text[bytes]) {
        size_t n = decode(text + bytes, &c);
        columns -= char_width(c);
        if (columns < 0)
            break;
        bytes += n;
    }
    return bytes;
}
