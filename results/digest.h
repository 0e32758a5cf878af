/* One number for everything that was observed in a run. A report carries it, so that a digit changed in the
 * store later shows, also one that moves no median. */
#ifndef CB_RESULTS_DIGEST_H
#define CB_RESULTS_DIGEST_H

#include "bench/base/sha256.h"
#include "results/dataset.h"

/* SHA-256 over plan and observations as text: cases, blocks, instances, evidence of noise, results, samples,
 * histograms, in the order of the dataset. */
int cb_observations_digest(const struct cb_dataset *d, char out[CB_SHA256_HEX], struct cb_err *err);

#endif
