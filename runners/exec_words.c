#include "runners/exec_words.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct splitter {
    const char *at;
    const struct cb_word_value *values;
    struct cb_words *out;
    size_t used;
    bool full;
};

static void put(struct splitter *s, const char *bytes, size_t n)
{
    if (n >= sizeof s->out->text - s->used) {
        s->full = true;
        return;
    }
    memcpy(s->out->text + s->used, bytes, n);
    s->used += n;
}

/* The value whose name in braces stands here; NULL: none does. */
static const struct cb_word_value *value_here(const struct splitter *s)
{
    for (const struct cb_word_value *v = s->values; *s->at == '{' && v && v->name; v++) {
        size_t n = strlen(v->name);
        if (strncmp(s->at + 1, v->name, n) == 0 && s->at[n + 1] == '}')
            return v;
    }
    return NULL;
}

/* Takes what stands for itself: a value, an escaped character or any other. */
static int take(struct splitter *s, const char *escapable, struct cb_err *err)
{
    const struct cb_word_value *v = value_here(s);
    if (v) {
        put(s, v->value, strlen(v->value));
        s->at += strlen(v->name) + 2;
        return 0;
    }
    if (*s->at == '\\' && !s->at[1])
        return cb_fail(err, CB_EUSAGE, "a backslash ends the command");
    if (*s->at == '\\' && (!*escapable || strchr(escapable, s->at[1])))
        s->at++;
    put(s, s->at++, 1);
    return 0;
}

static int take_quoted(struct splitter *s, struct cb_err *err)
{
    char quote = *s->at++;
    while (*s->at && *s->at != quote) {
        if (quote == '\'' && *s->at == '\\')
            put(s, s->at++, 1);
        else if (take(s, "\"\\", err) < 0)
            return -1;
    }
    if (!*s->at)
        return cb_fail(err, CB_EUSAGE, "the command has an open quote (%c)", quote);
    s->at++;
    return 0;
}

static int take_word(struct splitter *s, struct cb_err *err)
{
    if (s->out->n + 1 >= COUNT(s->out->argv))
        return cb_fail(err, CB_EUSAGE, "the command has more than %zu words", COUNT(s->out->argv) - 1);
    s->out->argv[s->out->n++] = s->out->text + s->used;
    while (*s->at && !strchr(" \t", *s->at))
        if ((strchr("'\"", *s->at) ? take_quoted(s, err) : take(s, "", err)) < 0)
            return -1;
    put(s, "", 1);
    return 0;
}

int cb_words_split(const char *text, const struct cb_word_value *values, struct cb_words *out,
                   struct cb_err *err)
{
    struct splitter s = {.at = text, .values = values, .out = out};
    out->n = 0;
    for (s.at += strspn(s.at, " \t"); *s.at; s.at += strspn(s.at, " \t"))
        if (take_word(&s, err) < 0)
            return -1;
    out->argv[out->n] = NULL;
    if (s.full)
        return cb_fail(err, CB_EUSAGE, "the command is longer than %zu bytes", sizeof out->text - 1);
    return out->n ? 0 : cb_fail(err, CB_EUSAGE, "the command is empty");
}

void cb_words_join(const struct cb_words *words, char *out, size_t cap)
{
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < words->n && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, "%s%s", i ? " " : "", words->argv[i]);
}
