#include "bench/wire.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bench/base/units.h"

#define SAMPLES_MAX 1000000 /* an hour of batches of 3.6 ms */

enum kind { TEXT, NUMBER };

/* One `key=value` of a message. A text's range is that of its length, a number's that of its value. */
struct field {
    const char *key; /* NULL ends an array */
    enum kind kind;
    size_t offset, size; /* in struct cb_wire_msg */
    uint64_t min, max;
};

struct verb {
    const char *name;
    struct field fields[11];
};

#define PLACE(member)                                                                                        \
    .offset = offsetof(struct cb_wire_msg, member), .size = sizeof(((struct cb_wire_msg *)NULL)->member)
#define STR(name, member, least)                                                                             \
    {                                                                                                        \
        .key = (name), .kind = TEXT, PLACE(member), .min = (least),                                          \
        .max = sizeof(((struct cb_wire_msg *)NULL)->member) - 1                                              \
    }
#define NUM(name, member, least, most)                                                                       \
    {                                                                                                        \
        .key = (name), .kind = NUMBER, PLACE(member), .min = (least), .max = (most)                          \
    }

/* Encode and decode both walk these rows, so they cannot drift apart. */
static const struct verb verbs[] = {
    [CB_VERB_HELLO] = {"hello",
                       {
                           STR("build", hello.build, 1),
                           NUM("pid", hello.pid, 1, INT32_MAX),
                       }},
    [CB_VERB_DIGEST] = {"digest",
                        {
                            STR("sha256", digest.sha256, CB_SHA256_HEX - 1),
                        }},
    [CB_VERB_ENV] = {"env",
                     {
                         STR("scratch", env.scratch, 0),
                         STR("peer", env.peer, 0),
                         STR("device", env.device, 0),
                         STR("address", env.address, 0),
                         NUM("slow_ppm", env.slow_ppm, 0, CB_WIRE_SLOW_MAX),
                     }},
    [CB_VERB_FACTS] = {"facts", {{0}}},
    [CB_VERB_FACT] = {"fact",
                      {
                          STR("key", fact.key, 1),
                          STR("value", fact.value, 0),
                      }},
    [CB_VERB_READY] = {"ready", {{0}}},
    [CB_VERB_NOISE] = {"noise", {{0}}},
    [CB_VERB_ENTER] = {"enter", {{0}}},
    [CB_VERB_RUN] = {"run",
                     {
                         NUM("id", run.id, 0, UINT32_MAX),
                         STR("bench", run.bench, 1),
                         STR("params", run.params, 0),
                         NUM("seed", run.seed, 0, UINT64_MAX),
                         NUM("iters", run.iters, 0, CB_WIRE_ITERS_MAX),
                         NUM("samples_min", run.samples_min, 0, SAMPLES_MAX),
                         NUM("samples_max", run.samples_max, 0, SAMPLES_MAX),
                         NUM("warm_ns", run.warm_ns, 0, CB_WIRE_NS_MAX),
                         NUM("time_ns", run.time_ns, 0, CB_WIRE_NS_MAX),
                         NUM("timeout_ns", run.timeout_ns, 1, CB_WIRE_NS_MAX),
                     }},
    [CB_VERB_CALIB] = {"calib",
                       {
                           NUM("id", calib.id, 0, UINT32_MAX),
                           NUM("iters", calib.iters, 1, CB_WIRE_ITERS_MAX),
                           NUM("wall_ns", calib.wall_ns, 1, CB_WIRE_NS_MAX),
                       }},
    [CB_VERB_MARK] = {"mark",
                      {
                          NUM("id", mark.id, 0, UINT32_MAX),
                          NUM("seq", mark.seq, 0, UINT32_MAX),
                          NUM("clock_ns", mark.clock_ns, 0, UINT64_MAX),
                      }},
    [CB_VERB_SAMPLE] = {"sample",
                        {
                            NUM("id", sample.id, 0, UINT32_MAX),
                            NUM("seq", sample.sample.seq, 0, UINT32_MAX),
                            NUM("warm", sample.warm, 0, 1),
                            NUM("iters", sample.sample.iters, 1, CB_WIRE_ITERS_MAX),
                            NUM("work", sample.sample.work, 0, UINT64_MAX),
                            NUM("wall_ns", sample.sample.wall_ns, 1, CB_WIRE_NS_MAX),
                            NUM("cpu_ns", sample.sample.cpu_ns, 0, UINT64_MAX),
                            NUM("peer_ns", sample.sample.peer_ns, 0, UINT64_MAX),
                            NUM("clock_ns", sample.clock_ns, 0, UINT64_MAX),
                        }},
    [CB_VERB_HIST] = {"hist",
                      {
                          NUM("id", hist.id, 0, UINT32_MAX),
                          NUM("min_ns", hist.min_ns, 0, CB_WIRE_NS_MAX),
                          NUM("max_ns", hist.max_ns, 0, CB_WIRE_NS_MAX),
                          STR("counts", hist.counts, 1),
                      }},
    [CB_VERB_DONE] = {"done",
                      {
                          NUM("id", done.id, 0, UINT32_MAX),
                          NUM("samples", done.samples, 0, UINT32_MAX),
                          NUM("checksum", done.checksum, 0, UINT64_MAX),
                      }},
    [CB_VERB_ERROR] = {"error",
                       {
                           NUM("id", error.id, 0, UINT32_MAX),
                           NUM("code", error.code, CB_ESYS, CB_EUNFIT),
                           STR("text", error.text, 0),
                       }},
    [CB_VERB_PING] = {"ping",
                      {
                          NUM("seq", ping.seq, 0, UINT32_MAX),
                          NUM("clock_ns", ping.clock_ns, 0, UINT64_MAX),
                      }},
    [CB_VERB_PONG] = {"pong",
                      {
                          NUM("seq", ping.seq, 0, UINT32_MAX),
                          NUM("clock_ns", ping.clock_ns, 0, UINT64_MAX),
                      }},
    [CB_VERB_BYE] = {"bye", {{0}}},
};

#define VERBS (sizeof verbs / sizeof verbs[0])

/* --- text ---------------------------------------------------------------- */

/* Text ends up in reports, JSON and terminals: UTF-8 without control characters, or it does not pass. Length
 * of the character at s, 0 where there is no such. */
static size_t character(const unsigned char *s)
{
    static const struct {
        unsigned char first, last, second_min, second_max;
        size_t len;
    } forms[] = {
        {0x20, 0x7e, 0, 0xff, 1},    {0xc2, 0xc2, 0xa0, 0xbf, 2}, /* below: C1 controls */
        {0xc3, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, /* below: longer than need be */
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, /* above: surrogates */
        {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4}, /* below: longer than need be */
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}, /* above: past U+10FFFF */
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (s[0] < forms[i].first || s[0] > forms[i].last)
            continue;
        if (forms[i].len > 1 && (s[1] < forms[i].second_min || s[1] > forms[i].second_max))
            return 0;
        for (size_t k = 2; k < forms[i].len; k++)
            if ((s[k] & 0xc0) != 0x80) /* a NUL is none either: no reading past the end */
                return 0;
        return forms[i].len;
    }
    return 0;
}

static bool text_passes(const char *s)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t len = 1;
    while (*p && (len = character(p)) > 0)
        p += len;
    return len > 0;
}

static bool is_plain(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '%' && c != '=';
}

/* --- encode ---------------------------------------------------------------- */

struct writer {
    char *at, *end;
    bool full;
};

static void put(struct writer *w, const char *bytes, size_t n)
{
    if (w->full || n > (size_t)(w->end - w->at)) {
        w->full = true;
        return;
    }
    memcpy(w->at, bytes, n);
    w->at += n;
}

static void put_string(struct writer *w, const char *s)
{
    put(w, s, strlen(s));
}

static const char hex_digits[] = "0123456789ABCDEF";

static int put_text(struct writer *w, const struct field *f, const char *text, struct cb_err *err)
{
    size_t len = strnlen(text, f->size);
    if (len < f->min || len > f->max || !text_passes(text))
        return cb_fail(err, CB_EPROTO, "%s: not a text of %llu to %llu bytes without control characters",
                       f->key, (unsigned long long)f->min, (unsigned long long)f->max);
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (is_plain(c))
            put(w, p, 1);
        else
            put(w, (char[]){'%', hex_digits[c >> 4], hex_digits[c & 15]}, 3);
    }
    return 0;
}

static uint64_t load_number(const struct field *f, const char *at)
{
    uint32_t narrow;
    uint64_t wide;
    assert(f->size == sizeof narrow || f->size == sizeof wide);
    if (f->size == sizeof narrow) {
        memcpy(&narrow, at, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, at, sizeof wide);
    return wide;
}

static int put_number(struct writer *w, const struct field *f, uint64_t n, struct cb_err *err)
{
    char digits[24];
    if (n < f->min || n > f->max)
        return cb_fail(err, CB_EPROTO, "%s: %llu is not within %llu and %llu", f->key, (unsigned long long)n,
                       (unsigned long long)f->min, (unsigned long long)f->max);
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    put_string(w, digits);
    return 0;
}

static int put_field(struct writer *w, const struct field *f, const char *at, struct cb_err *err)
{
    put_string(w, " ");
    put_string(w, f->key);
    put_string(w, "=");
    return f->kind == TEXT ? put_text(w, f, at, err) : put_number(w, f, load_number(f, at), err);
}

int cb_wire_encode(const struct cb_wire_msg *m, char out[CB_LINE_MAX], size_t *len, struct cb_err *err)
{
    struct writer w = {.at = out, .end = out + CB_LINE_MAX};
    if ((size_t)m->verb >= VERBS)
        return cb_fail(err, CB_EPROTO, "no message number %d", (int)m->verb);
    const struct verb *v = &verbs[m->verb];
    put_string(&w, v->name);
    for (const struct field *f = v->fields; f->key; f++)
        if (put_field(&w, f, (const char *)m + f->offset, err) < 0)
            return cb_wrap(err, "%s", v->name);
    put_string(&w, "\n");
    if (w.full)
        return cb_fail(err, CB_EPROTO, "%s: line of more than %d bytes", v->name, CB_LINE_MAX);
    *len = (size_t)(w.at - out);
    return 0;
}

/* --- decode ---------------------------------------------------------------- */

/* Every message has exactly one spelling: keys in table order, one space, no leading zeros, escapes only for
 * what needs them. So there is nothing to be lenient about. */
static bool skip(const char **p, const char *expected)
{
    size_t len = strlen(expected);
    if (strncmp(*p, expected, len) != 0)
        return false;
    *p += len;
    return true;
}

static int hex_value(char c)
{
    const char *digit = c ? strchr(hex_digits, c) : NULL;
    return digit ? (int)(digit - hex_digits) : -1;
}

/* The next byte of a value, or -1. */
static int take_byte(const char **p)
{
    unsigned char c = (unsigned char)*(*p)++;
    if (is_plain(c))
        return c;
    if (c != '%')
        return -1;
    int high = hex_value((*p)[0]), low = high < 0 ? -1 : hex_value((*p)[1]);
    if (low < 0)
        return -1;
    *p += 2;
    int byte = high << 4 | low;
    return byte == 0 || is_plain((unsigned char)byte) ? -1 : byte;
}

static bool at_end(const char *p)
{
    return *p == ' ' || *p == '\0';
}

static int take_text(const char **p, const struct field *f, char *out, struct cb_err *err)
{
    size_t len = 0;
    while (!at_end(*p)) {
        int byte = take_byte(p);
        if (byte < 0)
            return cb_fail(err, CB_EPROTO, "%s: bad byte or escape", f->key);
        if (len == f->max)
            return cb_fail(err, CB_EPROTO, "%s: more than %llu bytes", f->key, (unsigned long long)f->max);
        out[len++] = (char)byte;
    }
    out[len] = '\0';
    if (len < f->min)
        return cb_fail(err, CB_EPROTO, "%s: less than %llu bytes", f->key, (unsigned long long)f->min);
    return text_passes(out) ? 0 : cb_fail(err, CB_EPROTO, "%s: not printable text", f->key);
}

static int take_number(const char **p, const struct field *f, char *out, struct cb_err *err)
{
    char digits[24];
    uint64_t n = 0;
    size_t len = strcspn(*p, " ");
    if (len >= sizeof digits || (len > 1 && **p == '0'))
        return cb_fail(err, CB_EPROTO, "%s: not a number", f->key);
    memcpy(digits, *p, len);
    digits[len] = '\0';
    if (cb_parse_u64(digits, f->min, f->max, &n, err) < 0) {
        err->code = CB_EPROTO;
        return cb_wrap(err, "%s", f->key);
    }
    *p += len;
    if (f->size == sizeof n)
        memcpy(out, &n, sizeof n);
    else
        memcpy(out, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
    return 0;
}

static int take_field(const char **p, const struct field *f, char *out, struct cb_err *err)
{
    if (!skip(p, " ") || !skip(p, f->key) || !skip(p, "="))
        return cb_fail(err, CB_EPROTO, "no %s where it belongs", f->key);
    return f->kind == TEXT ? take_text(p, f, out, err) : take_number(p, f, out, err);
}

static int take_verb(const char **p, enum cb_verb *verb, struct cb_err *err)
{
    size_t len = strcspn(*p, " ");
    for (size_t i = 0; i < VERBS; i++)
        if (strlen(verbs[i].name) == len && !memcmp(*p, verbs[i].name, len)) {
            *verb = (enum cb_verb)i;
            *p += len;
            return 0;
        }
    return cb_fail(err, CB_EPROTO, "unknown message '%.40s'", *p);
}

int cb_wire_decode(const char *line, struct cb_wire_msg *m, struct cb_err *err)
{
    const char *p = line;
    memset(m, 0, sizeof *m);
    if (strnlen(line, CB_LINE_MAX) == CB_LINE_MAX)
        return cb_fail(err, CB_EPROTO, "line of more than %d bytes", CB_LINE_MAX);
    if (take_verb(&p, &m->verb, err) < 0)
        return -1;
    const struct verb *v = &verbs[m->verb];
    for (const struct field *f = v->fields; f->key; f++)
        if (take_field(&p, f, (char *)m + f->offset, err) < 0)
            return cb_wrap(err, "%s", v->name);
    return *p ? cb_fail(err, CB_EPROTO, "%s: more than belongs to it", v->name) : 0;
}

int cb_wire_send(int fd, const struct cb_wire_msg *m, struct cb_err *err)
{
    char line[CB_LINE_MAX];
    size_t len;
    if (cb_wire_encode(m, line, &len, err) < 0)
        return -1;
    return cb_write_all(fd, line, len, err) < 0 ? cb_wrap(err, "send %s", verbs[m->verb].name) : 0;
}

const char *cb_verb_name(enum cb_verb v)
{
    return (size_t)v < VERBS ? verbs[v].name : "?";
}
