/* Conservation: what an agent claims to have moved against what the host counted meanwhile. */
#ifndef CB_RESULTS_COUNTED_H
#define CB_RESULTS_COUNTED_H

#include "results/dataset.h"

/* Claim and counter may be this far apart. Counters are read when the first mark has arrived, some tens of
 * microseconds into a case of 80 ms and more. */
#define CB_COUNTED_TOLERANCE 0.05
/* Headers: 66 bytes on 1448 where a link is not given segments of 64 KiB, and what is sent again. */
#define CB_COUNTED_HEADERS 0.10
/* A filesystem's own writing, and that of others on the device, is no lie: it only adds, and so much is not
 * worth a word in a case that moves little. */
#define CB_COUNTED_EXTRA (UINT64_C(1) << 20)

/* Where they are further apart: true, with "invalid: N bytes claimed, device counted M" in `reason`. False
 * also where nothing was counted. */
bool cb_counted_otherwise(const struct cb_dataset *d, const struct cb_ds_result *r, char *reason, size_t cap);

#endif
