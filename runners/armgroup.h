/* The control group of an arm's instance: the same name, the same limits and the same facts for every runner.
 */
#ifndef CB_RUNNERS_ARMGROUP_H
#define CB_RUNNERS_ARMGROUP_H

#include "runners/runner.h"

/* "cbench-RUNID/INSTANCE" */
int cb_armgroup_name(const struct cb_env *env, char *out, size_t cap, struct cb_err *err);
/* What every arm has: the site's CPUs, and `memory` bytes (0: no limit of its own). */
struct cb_limits cb_armgroup_limits(const struct cb_env *env, uint64_t memory);
/* The group of that name. Errors as cb_cgroup_create. */
int cb_armgroup_create(const struct cb_env *env, const struct cb_limits *limits, struct cb_cgroup **out,
                       struct cb_err *err);
/* Its description alone, which cb_cgroup_make turns into the group. */
int cb_armgroup_prepare(const struct cb_env *env, const struct cb_limits *limits, struct cb_cgroup **out,
                        struct cb_err *err);
/* As above with the limits that every arm has, for arms that also run without: where no group can be had *out
 * is NULL, and a fact says why, ended by `instead`. */
int cb_armgroup_try(struct cb_env *env, uint64_t memory, const char *instead, struct cb_cgroup **out,
                    struct cb_err *err);
/* Appends a line to `out` when the kernel has killed something in the group for want of memory. */
void cb_armgroup_last_words(const struct cb_env *env, char *out, size_t cap);
/* cgroup.version, cgroup.controllers, cgroup.missing. */
void cb_armgroup_facts(struct cb_env *env);

#endif
