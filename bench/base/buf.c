#include "bench/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct cb_buf *b, size_t more)
{
    if (b->failed)
        return false;
    if (b->len + more + 1 <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : 256;
    while (cap < b->len + more + 1)
        cap *= 2;
    char *data = realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void cb_buf_add(struct cb_buf *b, const void *bytes, size_t n)
{
    if (!reserve(b, n))
        return;
    memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void cb_buf_puts(struct cb_buf *b, const char *s)
{
    cb_buf_add(b, s, strlen(s));
}

void cb_buf_printf(struct cb_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && reserve(b, (size_t)n)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void cb_buf_clear(struct cb_buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

void cb_buf_free(struct cb_buf *b)
{
    free(b->data);
    *b = (struct cb_buf){0};
}

const char *cb_buf_str(const struct cb_buf *b)
{
    return b->data ? b->data : "";
}

bool cb_buf_ok(const struct cb_buf *b)
{
    return !b->failed;
}
