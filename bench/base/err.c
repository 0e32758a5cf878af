#include "bench/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Error text is printed on one line and may hold bytes from a guest or a file: nothing but printable text
 * passes. */
static void keep_one_line(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = ' ';
}

/* Names in parentheses: for analyzers, err.h has macros of these names. */
int(cb_fail)(struct cb_err *err, enum cb_code code, const char *fmt, ...)
{
    va_list ap;
    err->code = code;
    err->sys = 0;
    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    keep_one_line(err->msg);
    return -1;
}

int(cb_fail_sys)(struct cb_err *err, int sys, const char *fmt, ...)
{
    va_list ap;
    err->code = CB_ESYS;
    err->sys = sys;
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->msg)
        snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", strerror(sys));
    keep_one_line(err->msg);
    return -1;
}

int(cb_wrap)(struct cb_err *err, const char *fmt, ...)
{
    char inner[sizeof err->msg];
    va_list ap;
    memcpy(inner, err->msg, sizeof inner);
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->msg)
        snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", inner);
    keep_one_line(err->msg);
    return -1;
}

void cb_err_clear(struct cb_err *err)
{
    err->code = CB_OK;
    err->sys = 0;
    err->msg[0] = '\0';
}
