/* Measured numbers in documentation: what stands between "<!-- cbench:ID -->" and "<!-- /cbench -->" is
 * rewritten from a run, so that it cannot drift, and nothing else is touched. */
#ifndef CB_RESULTS_CLAIMS_DOCS_H
#define CB_RESULTS_CLAIMS_DOCS_H

#include "results/claims_verdict.h"

#define CB_MEASURED_BEGIN "<!-- cbench:"
#define CB_MEASURED_END   "<!-- /cbench -->"

/* Appends what was measured for a claim: "1.044x, 90% CI 1.040-1.047, n=10, 2026-08-22, EPYC". Nothing, and
 * false, for a verdict without data. */
bool cb_measured_sentence(const struct cb_verdicts *v, const struct cb_claim_verdict *one,
                          struct cb_buf *out);

/* The document with the sentences of all marked claims among the verdicts rewritten, appended to `out`;
 * *changed counts those that differ. Marks of other claims stay as they are. CB_EUSAGE with the line of a
 * mark that nothing closes. */
int cb_rewrite_measured(const struct cb_verdicts *v, const char *doc, struct cb_buf *out, unsigned *changed,
                        struct cb_err *err);

#endif
