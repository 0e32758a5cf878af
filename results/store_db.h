/* What store_save.c and store_load.c know of the database. Inside results/ only: store.c implements it, and
 * is the only file that includes sqlite3.h. A database is untrusted input: every value read is checked for
 * type and range. */
#ifndef CB_RESULTS_STORE_DB_H
#define CB_RESULTS_STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/base/err.h"
#include "results/store.h"

/* Who saw a piece of evidence. */
#define CB_SIDE_HOST   "host"
#define CB_SIDE_INSIDE "inside"

/* A prepared statement; zero-initialise, and CB_AUTOSTMT finalizes it. */
struct cb_stmt {
    struct cb_store *store;
    struct sqlite3_stmt *handle;
};
int cb_stmt_prepare(struct cb_store *s, const char *sql, struct cb_stmt *st, struct cb_err *err);
void cb_stmt_finalize(struct cb_stmt *st);
#define CB_AUTOSTMT __attribute__((cleanup(cb_stmt_finalize)))

/* A value to bind. */
struct cb_bind {
    enum { CB_BIND_TEXT, CB_BIND_INT, CB_BIND_REAL } type;
    union {
        const char *text;
        uint64_t integer; /* stored as the signed number with the same bits */
        double real;
    };
};
#define CB_TEXT(v) ((struct cb_bind){.type = CB_BIND_TEXT, .text = (v)})
#define CB_INT(v)  ((struct cb_bind){.type = CB_BIND_INT, .integer = (v)})
#define CB_REAL(v) ((struct cb_bind){.type = CB_BIND_REAL, .real = (v)})

/* Binds all parameters of a statement, for stepping. */
int cb_stmt_bind(struct cb_stmt *st, const struct cb_bind *values, unsigned n, struct cb_err *err);
/* 1: a row is there; 0: no more. */
int cb_stmt_step(struct cb_stmt *st, struct cb_err *err);
/* Binds, runs to its end, resets: for statements that return no rows. */
int cb_stmt_run(struct cb_stmt *st, const struct cb_bind *values, unsigned n, struct cb_err *err);
#define CB_BINDS(...)                                                                                        \
    (const struct cb_bind[]){__VA_ARGS__},                                                                   \
        sizeof((const struct cb_bind[]){__VA_ARGS__}) / sizeof(struct cb_bind)

/* Columns of the current row, from 0. */

/* A copy for the caller: of type TEXT, at most `max` bytes, without a NUL inside. */
int cb_column_text(struct cb_stmt *st, int column, size_t max, char **out, struct cb_err *err);
/* The same into a field of `cap` bytes. */
int cb_column_field(struct cb_stmt *st, int column, char *out, size_t cap, struct cb_err *err);
int cb_column_uint(struct cb_stmt *st, int column, uint64_t max, uint64_t *out, struct cb_err *err);
int cb_column_bits(struct cb_stmt *st, int column, uint64_t *out,
                   struct cb_err *err); /* all 64 bits allowed */
int cb_column_bool(struct cb_stmt *st, int column, bool *out, struct cb_err *err);
int cb_column_real(struct cb_stmt *st, int column, double *out, struct cb_err *err); /* finite */

/* The steps of the run's ladders; loading, whose run and arms are there already. */
int cb_store_save_steps(struct cb_store *s, const struct cb_dataset *d, struct cb_err *err);
int cb_store_load_steps(struct cb_store *s, struct cb_dataset *d, struct cb_err *err);

/* SQL without parameters and rows. */
int cb_store_exec(struct cb_store *s, const char *sql, struct cb_err *err);
uint64_t cb_store_last_id(const struct cb_store *s);
/* Ends the transaction that "BEGIN ..." started: commits when result is 0, else rolls back and leaves *err as
 * it is. Returns 0 or -1. */
int cb_store_finish(struct cb_store *s, int result, struct cb_err *err);

#endif
