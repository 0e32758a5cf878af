/* A database of a test, the run of fixture.h in it, and whether what comes back is the same. */
#ifndef CB_TESTS_STORE_FIXTURE_H
#define CB_TESTS_STORE_FIXTURE_H

#include "results/store.h"

/* A directory of the test, and the database in it. */
struct store_place {
    char dir[64], db[96];
};
struct store_place store_place_make(void);
void store_place_remove(const struct store_place *p);

/* Fails the test where it cannot be opened. */
struct cb_store *store_open(const char *path);
int store_save_block(struct cb_store *s, const struct cb_dataset *d, unsigned b, struct cb_err *err);
void store_save(struct cb_store *s, const struct cb_dataset *d);
/* Past the store, as anybody could who has the file. */
void store_raw_sql(const char *path, const char *sql);

void store_same_frame(const struct cb_dataset *a, const struct cb_dataset *b);
void store_same_observations(const struct cb_dataset *a, const struct cb_dataset *b);
void store_same_evidence(const struct cb_dataset *a, const struct cb_dataset *b);
/* Every number that is derived. */
void store_same_rows(const struct cb_dataset *a, const struct cb_dataset *b);

#endif
