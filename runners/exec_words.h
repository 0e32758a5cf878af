/* A command as text becomes words, without a shell: blanks and tabs separate; within '...' everything stands
 * for itself; within "..." a backslash makes '"' and '\' stand for themselves; elsewhere it does so for any
 * character. {name} becomes the value of that name wherever it stands, and is not looked at again: a path
 * with blanks stays one word. Other braces stay as they are. */
#ifndef CB_RUNNERS_EXEC_WORDS_H
#define CB_RUNNERS_EXEC_WORDS_H

#include <stddef.h>

#include "bench/base/err.h"

struct cb_word_value {
    const char *name, *value; /* name NULL ends an array */
};

struct cb_words {
    char text[8192];       /* the words, each with its NUL */
    const char *argv[128]; /* into text, ended by NULL */
    unsigned n;
};

/* CB_EUSAGE: an open quote, a backslash at the end, no word at all, or more than fits. */
int cb_words_split(const char *text, const struct cb_word_value *values, struct cb_words *out,
                   struct cb_err *err);
/* The words again as one line, for people to read; cut when longer. */
void cb_words_join(const struct cb_words *words, char *out, size_t cap);

#endif
