/* What a claim takes from a run: inside results/claims_*.c only. */
#ifndef CB_RESULTS_CLAIMS_PART_H
#define CB_RESULTS_CLAIMS_PART_H

#include "results/claims_verdict.h"

/* Finds the claim's metrics and arms in the run and takes their blocks, or sets row and reason: ERROR,
 * NOT_RUN, ARM. Fails for want of memory. */
int cb_claim_take(const struct cb_verdicts *v, struct cb_claim_verdict *one, struct cb_err *err);
/* Rows 4 to 7 of the table for one part. */
void cb_part_check(const struct cb_verdicts *v, const struct cb_claim *claim, struct cb_claim_part *p);
/* Row 4 for the claim as a whole: what is unfit about the run. */
void cb_claim_check_run(const struct cb_verdicts *v, struct cb_claim_verdict *one);
/* Evidence and intervals. */
void cb_part_estimate(const struct cb_verdicts *v, const struct cb_claim *claim, struct cb_claim_part *p);

/* "needs" and "where" against the run's facts, for the arms given; false with the reason. */
bool cb_claim_in_scope(const struct cb_dataset *d, const struct cb_claim *claim, const unsigned *arms,
                       char *reason, size_t cap);
/* A name for the host of a run: equal where nothing is known to differ that would move numbers. */
void cb_host_fingerprint(const struct cb_dataset *d, char out[16]);

/* Sets row and reason; always true, so that a check can end with it. */
bool cb_claim_stop(struct cb_claim_verdict *one, enum cb_claim_row row, const char *fmt, ...) CB_PRINTF(3, 4);

#endif
