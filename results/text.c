#include "results/text.h"

#include <stdint.h>

/* Length of the well-formed sequence at s, or 0 (RFC 3629: the shortest form only, no surrogates, up to
 * U+10FFFF). */
static size_t sequence(const unsigned char *s)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t len = 1; len <= 4; len++) {
        if ((s[0] & forms[len - 1].mask) != forms[len - 1].lead)
            continue;
        uint32_t code = s[0] & (unsigned char)~forms[len - 1].mask;
        for (size_t i = 1; i < len; i++) {
            if ((s[i] & 0xc0) != 0x80) /* the NUL at the end stops here too */
                return 0;
            code = code << 6 | (s[i] & 0x3f);
        }
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        return code >= forms[len - 1].least && code <= 0x10ffff && !surrogate ? len : 0;
    }
    return 0;
}

void cb_text_utf8(struct cb_buf *out, const char *s)
{
    while (*s) {
        size_t n = sequence((const unsigned char *)s);
        cb_buf_add(out, n ? s : "\xef\xbf\xbd", n ? n : 3);
        s += n ? n : 1;
    }
}
