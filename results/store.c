#include "results/store.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "results/store_db.h"
#include "results/schema.h"

/* The longest text is a histogram with every bucket in use: 27648 buckets of at most 17 bytes. */
#define TEXT_MAX (1 << 20)
/* Another cbench may hold the write lock for one block's transaction. */
#define BUSY_MS 10000

struct cb_store {
    sqlite3 *db;
    char *path;
};

/* --- errors
 * ------------------------------------------------------------------------------------------------------ */

static int fail(struct cb_store *s, const char *what, struct cb_err *err)
{
    int code = sqlite3_errcode(s->db);
    if (code == SQLITE_FULL)
        return cb_fail_sys(err, ENOSPC, "store %s: %s", s->path, what);
    /* The file's fault, not the system's. */
    bool broken = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    return cb_fail(err, broken ? CB_EUSAGE : CB_ESYS, "store %s: %s: %s", s->path, what,
                   sqlite3_errmsg(s->db));
}

static int fail_column(struct cb_stmt *st, int column, const char *what, struct cb_err *err)
{
    const char *name = sqlite3_column_name(st->handle, column);
    return cb_fail(err, CB_EUSAGE, "store %s: damaged: column %s: %s", st->store->path, name ? name : "?",
                   what);
}

/* --- statements
 * -------------------------------------------------------------------------------------------------- */

int cb_store_exec(struct cb_store *s, const char *sql, struct cb_err *err)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(s, "execute", err);
}

uint64_t cb_store_last_id(const struct cb_store *s)
{
    return (uint64_t)sqlite3_last_insert_rowid(s->db);
}

int cb_store_finish(struct cb_store *s, int result, struct cb_err *err)
{
    if (result == 0 && cb_store_exec(s, "COMMIT", err) == 0)
        return 0;
    /* A failed statement may have ended the transaction already; then this fails, and says nothing new. */
    sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

int cb_stmt_prepare(struct cb_store *s, const char *sql, struct cb_stmt *st, struct cb_err *err)
{
    st->store = s;
    return sqlite3_prepare_v2(s->db, sql, -1, &st->handle, NULL) == SQLITE_OK ? 0 : fail(s, "prepare", err);
}

void cb_stmt_finalize(struct cb_stmt *st)
{
    sqlite3_finalize(st->handle);
}

static int bind_one(sqlite3_stmt *handle, int at, const struct cb_bind *v)
{
    switch (v->type) {
    case CB_BIND_TEXT:
        return sqlite3_bind_text(handle, at, v->text, -1, SQLITE_STATIC);
    case CB_BIND_INT:
        return sqlite3_bind_int64(handle, at, (sqlite3_int64)v->integer);
    case CB_BIND_REAL:
        return sqlite3_bind_double(handle, at, v->real);
    }
    return SQLITE_MISUSE;
}

int cb_stmt_bind(struct cb_stmt *st, const struct cb_bind *values, unsigned n, struct cb_err *err)
{
    sqlite3_reset(st->handle);
    for (unsigned i = 0; i < n; i++)
        if (bind_one(st->handle, (int)i + 1, &values[i]) != SQLITE_OK)
            return fail(st->store, "bind", err);
    return 0;
}

int cb_stmt_step(struct cb_stmt *st, struct cb_err *err)
{
    int code = sqlite3_step(st->handle);
    if (code == SQLITE_ROW)
        return 1;
    return code == SQLITE_DONE ? 0 : fail(st->store, "read or write", err);
}

int cb_stmt_run(struct cb_stmt *st, const struct cb_bind *values, unsigned n, struct cb_err *err)
{
    if (cb_stmt_bind(st, values, n, err) < 0 || cb_stmt_step(st, err) < 0)
        return -1;
    sqlite3_reset(st->handle);
    return 0;
}

/* --- columns
 * ----------------------------------------------------------------------------------------------------- */

/* The column's own bytes, valid until the next step; NULL with *err filled. */
static const char *text_of(struct cb_stmt *st, int column, size_t max, struct cb_err *err)
{
    if (sqlite3_column_type(st->handle, column) != SQLITE_TEXT) {
        fail_column(st, column, "not a text", err);
        return NULL;
    }
    const char *text = (const char *)sqlite3_column_text(st->handle, column);
    size_t n = (size_t)sqlite3_column_bytes(st->handle, column);
    if (!text || n > max || strlen(text) != n) {
        fail_column(st, column, text ? "text too long, or with a NUL" : "out of memory", err);
        return NULL;
    }
    return text;
}

int cb_column_text(struct cb_stmt *st, int column, size_t max, char **out, struct cb_err *err)
{
    const char *text = text_of(st, column, max, err);
    if (!text)
        return -1;
    *out = strdup(text);
    return *out ? 0 : cb_fail_sys(err, ENOMEM, "store %s", st->store->path);
}

int cb_column_field(struct cb_stmt *st, int column, char *out, size_t cap, struct cb_err *err)
{
    const char *text = text_of(st, column, cap - 1, err);
    if (!text)
        return -1;
    snprintf(out, cap, "%s", text);
    return 0;
}

int cb_column_bits(struct cb_stmt *st, int column, uint64_t *out, struct cb_err *err)
{
    if (sqlite3_column_type(st->handle, column) != SQLITE_INTEGER)
        return fail_column(st, column, "not an integer", err);
    *out = (uint64_t)sqlite3_column_int64(st->handle, column);
    return 0;
}

int cb_column_uint(struct cb_stmt *st, int column, uint64_t max, uint64_t *out, struct cb_err *err)
{
    uint64_t v = 0;
    if (cb_column_bits(st, column, &v, err) < 0)
        return -1;
    if (v > max)
        return fail_column(st, column, "out of range", err);
    *out = v;
    return 0;
}

int cb_column_bool(struct cb_stmt *st, int column, bool *out, struct cb_err *err)
{
    uint64_t v = 0;
    if (cb_column_uint(st, column, 1, &v, err) < 0)
        return -1;
    *out = v;
    return 0;
}

int cb_column_real(struct cb_stmt *st, int column, double *out, struct cb_err *err)
{
    if (sqlite3_column_type(st->handle, column) != SQLITE_FLOAT)
        return fail_column(st, column, "not a real number", err);
    *out = sqlite3_column_double(st->handle, column);
    return isfinite(*out) ? 0 : fail_column(st, column, "not finite", err);
}

/* --- checking
 * ---------------------------------------------------------------------------------------------------- */

static int check_pages(struct cb_store *s, void (*finding)(void *arg, const char *text), void *arg,
                       struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "PRAGMA integrity_check", &st, err) < 0)
        return -1;
    int more;
    while ((more = cb_stmt_step(&st, err)) > 0) {
        CB_AUTOFREE char *text = NULL;
        if (cb_column_text(&st, 0, TEXT_MAX, &text, err) < 0)
            return -1;
        if (strcmp(text, "ok") != 0)
            finding(arg, text);
    }
    return more;
}

static int check_references(struct cb_store *s, void (*finding)(void *arg, const char *text), void *arg,
                            struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "PRAGMA foreign_key_check", &st, err) < 0)
        return -1;
    int more;
    while ((more = cb_stmt_step(&st, err)) > 0) {
        char table[64], text[128];
        if (cb_column_field(&st, 0, table, sizeof table, err) < 0)
            return -1;
        snprintf(text, sizeof text, "a row of %s refers to one that is not there", table);
        finding(arg, text);
    }
    return more;
}

int cb_store_check(struct cb_store *s, void (*finding)(void *arg, const char *text), void *arg,
                   struct cb_err *err)
{
    return check_pages(s, finding, arg, err) < 0 ? -1 : check_references(s, finding, arg, err);
}

/* --- opening
 * ----------------------------------------------------------------------------------------------------- */

/* Step i takes a database from version i to i+1. Steps are only ever added. */
static const char *const migrations[] = {cb_schema_1, cb_schema_2, cb_schema_3, cb_schema_4, cb_schema_5};
#define SCHEMA_VERSION (sizeof migrations / sizeof *migrations)

static int read_version(struct cb_store *s, uint64_t *version, struct cb_err *err)
{
    CB_AUTOSTMT struct cb_stmt st = {0};
    if (cb_stmt_prepare(s, "PRAGMA user_version", &st, err) < 0 || cb_stmt_step(&st, err) < 0)
        return -1;
    return cb_column_uint(&st, 0, INT_MAX, version, err);
}

static int apply_migrations(struct cb_store *s, struct cb_err *err)
{
    uint64_t version = 0;
    if (read_version(s, &version, err) < 0)
        return -1;
    if (version > SCHEMA_VERSION)
        return cb_fail(err, CB_EUSAGE, "store %s: schema %llu is newer than this cbench's %zu", s->path,
                       (unsigned long long)version, SCHEMA_VERSION);
    for (; version < SCHEMA_VERSION; version++) {
        char set[64];
        snprintf(set, sizeof set, "PRAGMA user_version = %llu", (unsigned long long)version + 1);
        if (cb_store_exec(s, migrations[version], err) < 0 || cb_store_exec(s, set, err) < 0)
            return -1;
    }
    return 0;
}

/* The version is read inside the transaction: two processes that open a new file at once must not both create
 * it. */
static int migrate(struct cb_store *s, struct cb_err *err)
{
    uint64_t version = 0;
    if (read_version(s, &version, err) < 0)
        return -1;
    if (version == SCHEMA_VERSION)
        return 0;
    if (cb_store_exec(s, "BEGIN IMMEDIATE", err) < 0)
        return -1;
    return cb_store_finish(s, apply_migrations(s, err), err);
}

/* SQLite refuses links anywhere in the path, but a home behind a link is nobody's attack: only the last
 * component must not be one. */
static char *resolve_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    CB_AUTOFREE char *parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    CB_AUTOFREE char *real = parent ? realpath(parent, NULL) : NULL;
    char *out = NULL;
    if (real && asprintf(&out, "%s/%s", real, slash ? slash + 1 : path) < 0)
        return NULL;
    return out;
}

/* DEFENSIVE and an untrusted schema: a planted database must not run functions or write its own pages. The
 * integrity of cells is checked because such a file may be malformed on purpose. */
static int configure(struct cb_store *s, struct cb_err *err)
{
    sqlite3_busy_timeout(s->db, BUSY_MS);
    sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, TEXT_MAX);
    if (sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK)
        return fail(s, "configure", err);
    return cb_store_exec(s,
                         "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON;"
                         "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
                         err);
}

int cb_store_open(const char *path, struct cb_store **out, struct cb_err *err)
{
    *out = NULL;
    struct cb_store *s = calloc(1, sizeof *s);
    if (!s)
        return cb_fail_sys(err, ENOMEM, "store %s", path);
    s->path = resolve_parent(path);
    if (!s->path) {
        cb_fail_sys(err, errno, "store %s", path);
        cb_store_close(s);
        return -1;
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW;
    int opened = sqlite3_open_v2(s->path, &s->db, flags, NULL) == SQLITE_OK ? 0 : fail(s, "open", err);
    if (opened < 0 || configure(s, err) < 0 || migrate(s, err) < 0) {
        cb_store_close(s);
        return -1;
    }
    *out = s;
    return 0;
}

void cb_store_close(struct cb_store *s)
{
    if (!s)
        return;
    sqlite3_close(s->db);
    free(s->path);
    free(s);
}
