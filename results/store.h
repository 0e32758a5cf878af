/* Every run and every raw sample, in SQLite (WAL, one transaction a block, foreign keys, user_version
 * migrations). The only file that includes sqlite3.h is store.c. A database is untrusted input when read:
 * types, sizes, counts and references are checked; what its texts hold is the business of those who print
 * them. */
#ifndef CB_RESULTS_STORE_H
#define CB_RESULTS_STORE_H

#include "bench/base/err.h"
#include "results/dataset.h"

struct cb_store; /* opaque */

/* Opens or creates PATH (never through a symbolic link at its last component), migrates it to this version's
 * schema. A newer schema is CB_EUSAGE. Commits are durable when they return (synchronous=FULL). */
int cb_store_open(const char *path, struct cb_store **out, struct cb_err *err);
void cb_store_close(struct cb_store *s); /* NULL is fine */

/* Writes run, arms, cases, metrics (no blocks, results): once, after calibration. */
int cb_store_begin_run(struct cb_store *s, const struct cb_dataset *d, struct cb_err *err);
/* What a finished block adds to a dataset. */
struct cb_block_rows {
    unsigned block;
    const struct cb_ds_block *b;
    const struct cb_ds_instance *instances;
    size_t ninstances;
    const struct cb_ds_result *results;
    size_t nresults;
    const struct cb_ds_evidence *evidence;
    size_t nevidence;
};
/* In one transaction; durable when it returns. Where it fails (a full disk), earlier blocks are as they were.
 */
int cb_store_block(struct cb_store *s, const char *run_id, const struct cb_block_rows *rows,
                   struct cb_err *err);
/* Arms' status, facts and the run's totals, at the end (and whenever they changed). */
int cb_store_end_run(struct cb_store *s, const struct cb_dataset *d, struct cb_err *err);

/* What SQLite finds wrong with the file: pages, indices, references. Called once a finding; none: it is
 * whole.
 */
int cb_store_check(struct cb_store *s, void (*finding)(void *arg, const char *text), void *arg,
                   struct cb_err *err);

/* RUN: an id, a unique prefix, or "latest". CB_EUSAGE when none or several match. */
int cb_store_find(struct cb_store *s, const char *run, char id[32], struct cb_err *err);
/* Ids of the newest runs, newest first: *n is the room on entry, their number on return. */
int cb_store_recent(struct cb_store *s, char (*ids)[32], size_t *n, struct cb_err *err);
/* Fills *out, which the caller frees; on failure it is empty. */
int cb_store_load(struct cb_store *s, const char *run_id, struct cb_dataset *out, struct cb_err *err);

#endif
