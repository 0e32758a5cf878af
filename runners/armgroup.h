/* The control group of an arm's instance: the same name, the same limits and the same facts for every runner.
 */
#ifndef CB_RUNNERS_ARMGROUP_H
#define CB_RUNNERS_ARMGROUP_H

#include "runners/runner.h"

/* "cbench-RUNID/INSTANCE" */
int cb_armgroup_name(const struct cb_env *env, char *out, size_t cap, struct cb_err *err);
/* The group of that name on the site's CPUs with `memory` bytes (0: no limit of its own). Errors as
 * cb_cgroup_create. */
int cb_armgroup_create(const struct cb_env *env, uint64_t memory, struct cb_cgroup **out, struct cb_err *err);
/* As above, for arms that also run without: where no group can be had *out is NULL, and a fact says why,
 * ended by `instead`. */
int cb_armgroup_try(struct cb_env *env, uint64_t memory, const char *instead, struct cb_cgroup **out,
                    struct cb_err *err);
/* cgroup.version, cgroup.controllers, cgroup.missing. */
void cb_armgroup_facts(struct cb_env *env);

#endif
