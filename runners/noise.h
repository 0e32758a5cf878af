/* Evidence of noise as the host sees it: the machine as a whole, and beside it what the kernel counts of one
 * arm's control group. */
#ifndef CB_RUNNERS_NOISE_H
#define CB_RUNNERS_NOISE_H

#include "bench/base/noise.h"
#include "runners/runner.h"

/* env: an instance whose group is read too; NULL: the machine alone. */
void cb_noise_host(const struct cb_site *site, const struct cb_env *env, struct cb_noise *out);

#endif
