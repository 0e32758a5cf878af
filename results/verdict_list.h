/* The verdicts that a run.json has, as reports show them. They come from claims files that may be gone or
 * changed since: a run that is rendered again keeps what `cbench verify` last said about it. */
#ifndef CB_RESULTS_VERDICT_LIST_H
#define CB_RESULTS_VERDICT_LIST_H

#include <stddef.h>

#include "bench/base/err.h"

/* Texts are raw: every format escapes them itself. */
struct cb_verdict_line {
    char *id, *verdict, *location, *quote, *assertion, *reason; /* owned; "" where there is none */
};

struct cb_verdict_list {
    struct cb_verdict_line *at; /* owned */
    size_t n;
    char *json; /* the whole array as it stands in run.json, for the next one; owned, NULL while empty */
};

/* An untrusted text; what is not a list of verdicts is CB_EUSAGE. */
int cb_verdict_list_read(const char *run_json, struct cb_verdict_list *out, struct cb_err *err);
void cb_verdict_list_free(struct cb_verdict_list *v);

#endif
