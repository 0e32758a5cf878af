/* Which cases a run has: sets and globs of the benchmark table, with sizes of this machine. Pure. */
#ifndef CB_RUNNERS_CASES_H
#define CB_RUNNERS_CASES_H

#include <stdbool.h>
#include <stdint.h>

#include "runners/plan.h"

/* Bytes of memory that an arm gets: room for the largest working set, the page cache of the test files and
 * the system itself, but never more than a quarter of the machine, which the arms share with the peer, the
 * harness and the user. */
uint64_t cb_cases_memory(const struct cb_topology *t);

/* Fills plan->cases (owned by the plan) and plan->ncases; plan->memory and plan->seed are there already.
 * `list` has words with commas:
 *   "quick", "standard", "full"   a set
 *   "mem.*"        a glob of names: a benchmark's cases of the plan's own set, all of them where it has none
 * there "mem.*@full"   the same, of the set behind it NULL: the plan's own set, "quick" for a quick plan and
 * "standard" otherwise. CB_EUSAGE: a word that matches nothing. */
int cb_cases_select(struct cb_plan *plan, const char *list, const struct cb_topology *t, struct cb_err *err);

/* True when a glob of the list matches the name. */
bool cb_cases_match(const char *list, const char *name);

/* "quick", "standard", "full". */
const char *cb_set_name(enum cb_set set);

#endif
