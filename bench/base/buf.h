/* A growable text buffer. A failed allocation is sticky: later calls do nothing and `cb_buf_ok` says so, so
 * that a page of appends needs one check at its end. Zero-initialise; free with cb_buf_free (or CB_AUTOBUF).
 */
#ifndef CB_BASE_BUF_H
#define CB_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/base/err.h"

struct cb_buf {
    char *data; /* NUL-terminated once anything was added; NULL before */
    size_t len, cap;
    bool failed;
};

void cb_buf_add(struct cb_buf *b, const void *bytes, size_t n);
void cb_buf_puts(struct cb_buf *b, const char *s);
void cb_buf_printf(struct cb_buf *b, const char *fmt, ...) CB_PRINTF(2, 3);
void cb_buf_clear(struct cb_buf *b); /* empties, keeps the memory */
void cb_buf_free(struct cb_buf *b);
/* The text, never NULL; owned by the buffer. */
const char *cb_buf_str(const struct cb_buf *b);
bool cb_buf_ok(const struct cb_buf *b);

#define CB_AUTOBUF __attribute__((cleanup(cb_buf_free)))

#endif
