/* Verdicts on the terminal. */
#ifndef CB_CLI_CLAIMS_PRINT_H
#define CB_CLI_CLAIMS_PRINT_H

#include "results/claims_verdict.h"

/* A table of all claims, then each with everything it rests on, on stdout; a count on stderr. */
void cb_print_verdicts(const struct cb_verdicts *v);
/* What the run says about the file itself: claims that it could not decide whatever was measured. */
void cb_print_lint(const struct cb_verdicts *v);

#endif
