/* Text of guests and files, made fit for formats that demand UTF-8. */
#ifndef CB_RESULTS_TEXT_H
#define CB_RESULTS_TEXT_H

#include "bench/base/buf.h"

/* Appends s with every byte that is not part of well-formed UTF-8 (overlong forms, surrogates, cut sequences)
 * replaced by U+FFFD. */
void cb_text_utf8(struct cb_buf *out, const char *s);

#endif
