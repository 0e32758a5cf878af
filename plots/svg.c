#include "plots/svg.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define SPACE " \t\r\n"

/* A stretch of the text that is read; not terminated. */
struct span {
    const char *at;
    size_t len;
};

struct attribute {
    struct span name, value;
    char quote;
};

static bool span_is(struct span s, const char *text)
{
    return s.len == strlen(text) && !memcmp(s.at, text, s.len);
}

/* What gnuplot's SVG terminal writes; everything else is refused rather than examined. */
static bool known_element(struct span name)
{
    static const char *const known[] = {
        "svg",         "title",    "desc", "g",     "defs",     "rect",    "circle",
        "ellipse",     "path",     "line", "use",   "filter",   "feFlood", "polygon",
        "feComposite", "polyline", "text", "tspan", "clipPath",
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (span_is(name, known[i]))
            return true;
    return false;
}

/* Reads name="value" at *s and moves behind it. */
static bool read_attribute(const char **s, struct attribute *a)
{
    const char *p = *s;
    a->name = (struct span){p, strcspn(p, "=<>/'\"" SPACE)};
    p += a->name.len;
    p += strspn(p, SPACE);
    if (!a->name.len || *p != '=')
        return false;
    p++;
    p += strspn(p, SPACE);
    if (*p != '"' && *p != '\'')
        return false;
    a->quote = *p++;
    const char *end = strchr(p, a->quote);
    if (!end)
        return false;
    a->value = (struct span){p, (size_t)(end - p)};
    *s = end + 1;
    return true;
}

/* Where the value refers to another element, its '#'; NULL when it refers to none. *foreign: it refers to
 * something outside of the picture. */
static const char *reference_of(const struct attribute *a, bool *foreign)
{
    const char *target = NULL;
    if (span_is(a->name, "href") || span_is(a->name, "xlink:href"))
        target = a->value.at;
    const char *url = memmem(a->value.at, a->value.len, "url(", 4);
    if (url)
        target = url + 4;
    *foreign = target && *target != '#';
    return target;
}

static int put_attribute(struct cb_buf *out, const struct attribute *a, const char *name, struct cb_err *err)
{
    bool foreign;
    const char *reference = reference_of(a, &foreign);
    if (!strncasecmp(a->name.at, "on", 2) || span_is(a->name, "style") || foreign)
        return cb_fail(err, CB_EPROTO, "attribute %.*s is none of gnuplot's", (int)a->name.len, a->name.at);
    cb_buf_printf(out, " %.*s=%c", (int)a->name.len, a->name.at, a->quote);
    struct span value = a->value;
    if (span_is(a->name, "id")) {
        cb_buf_printf(out, "%s-", name);
    } else if (reference) {
        size_t before = (size_t)(reference + 1 - value.at);
        cb_buf_add(out, value.at, before);
        cb_buf_printf(out, "%s-", name);
        value = (struct span){value.at + before, value.len - before};
    }
    cb_buf_add(out, value.at, value.len);
    cb_buf_add(out, &a->quote, 1);
    return 0;
}

/* Copies the tag that begins at *s and moves behind it. */
static int put_tag(struct cb_buf *out, const char **s, const char *name, struct cb_err *err)
{
    const char *p = *s + 1;
    bool closing = *p == '/';
    p += closing;
    struct span element = {p, strcspn(p, "/<>" SPACE)};
    if (!known_element(element))
        return cb_fail(err, CB_EPROTO, "element %.*s is none of gnuplot's",
                       (int)(element.len < 32 ? element.len : 32), element.at);
    cb_buf_printf(out, "<%s%.*s", closing ? "/" : "", (int)element.len, element.at);
    p += element.len;
    for (p += strspn(p, SPACE); *p && *p != '>' && *p != '/'; p += strspn(p, SPACE)) {
        struct attribute a;
        if (!read_attribute(&p, &a))
            return cb_fail(err, CB_EPROTO, "malformed attribute in element %.*s", (int)element.len,
                           element.at);
        if (put_attribute(out, &a, name, err))
            return -1;
    }
    size_t end = strspn(p, "/");
    if (p[end] != '>')
        return cb_fail(err, CB_EPROTO, "element %.*s does not end", (int)element.len, element.at);
    cb_buf_add(out, p, end + 1);
    *s = p + end + 1;
    return 0;
}

/* gnuplot's titles are its plot commands: a page would show them under the pointer. */
static bool skip_title(const char **s)
{
    const char *end = strncmp(*s, "<title>", 7) ? NULL : strstr(*s, "</title>");
    if (end)
        *s = end + strlen("</title>");
    return end != NULL;
}

int cb_put_svg(struct cb_buf *out, const char *svg, const char *name, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf picture = {0};
    const char *s = strstr(svg, "<svg");
    if (!s)
        return cb_fail(err, CB_EPROTO, "no SVG picture");
    while (*s) {
        size_t text = strcspn(s, "<");
        cb_buf_add(&picture, s, text);
        s += text;
        if (*s && !skip_title(&s) && put_tag(&picture, &s, name, err))
            return -1;
    }
    if (!cb_buf_ok(&picture))
        return cb_fail(err, CB_ESYS, "out of memory");
    cb_buf_add(out, picture.data, picture.len);
    return 0;
}
