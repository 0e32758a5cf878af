#include "results/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "bench/base/io.h"
#include "results/effect.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

/* A directory of the test, and the database in it. */
struct place {
    char dir[64], db[96];
};

static struct place place_make(void)
{
    struct place p = {.dir = "/tmp/cbench-store-XXXXXX"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(p.dir));
    snprintf(p.db, sizeof p.db, "%s/cbench.db", p.dir);
    return p;
}

static void place_remove(const struct place *p)
{
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(cb_remove_tree(p->dir, &err), 0);
}

static struct cb_store *open_store(const char *path)
{
    struct cb_store *s;
    struct cb_err err = {0};
    if (cb_store_open(path, &s, &err) < 0)
        fprintf(stderr, "%s\n", err.msg);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    return s;
}

static int save_block(struct cb_store *s, const struct cb_dataset *d, unsigned b, struct cb_err *err)
{
    return cb_store_block(s, d->run.id, b, &d->blocks[b], d->instances + (size_t)b * FIXTURE_ARMS,
                          FIXTURE_ARMS, d->results + (size_t)b * FIXTURE_ARMS * FIXTURE_CASES,
                          FIXTURE_ARMS * FIXTURE_CASES, err);
}

static void save(struct cb_store *s, const struct cb_dataset *d)
{
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_store_begin_run(s, d, &err), 0);
    for (unsigned b = 0; b < d->nblocks; b++)
        CU_ASSERT_EQUAL_FATAL(save_block(s, d, b, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_store_end_run(s, d, &err), 0);
}

static void same_facts(const struct cb_kvs *a, const struct cb_kvs *b)
{
    CU_ASSERT_EQUAL_FATAL(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        CU_ASSERT_STRING_EQUAL(a->at[i].key, b->at[i].key);
        CU_ASSERT_STRING_EQUAL(a->at[i].value, b->at[i].value);
    }
}

static void same_frame(const struct cb_dataset *a, const struct cb_dataset *b)
{
    CU_ASSERT_STRING_EQUAL(a->run.id, b->run.id);
    CU_ASSERT_STRING_EQUAL(a->run.started, b->run.started);
    CU_ASSERT_STRING_EQUAL(a->run.version, b->run.version);
    CU_ASSERT_STRING_EQUAL(a->run.agent_sha256, b->run.agent_sha256);
    CU_ASSERT_EQUAL(a->run.seed, b->run.seed);
    CU_ASSERT(a->run.quick == b->run.quick && a->run.complete == b->run.complete);
    CU_ASSERT(a->run.wall_s == b->run.wall_s && a->run.measuring_s == b->run.measuring_s);
    same_facts(&a->run.host, &b->run.host);
    CU_ASSERT_EQUAL_FATAL(a->narms, b->narms);
    for (size_t i = 0; i < a->narms; i++) {
        CU_ASSERT_STRING_EQUAL(a->arms[i].name, b->arms[i].name);
        CU_ASSERT_STRING_EQUAL(a->arms[i].status, b->arms[i].status);
        CU_ASSERT_STRING_EQUAL(a->arms[i].reason, b->arms[i].reason);
        CU_ASSERT_STRING_EQUAL(a->arms[i].accelerator, b->arms[i].accelerator);
        same_facts(&a->arms[i].facts, &b->arms[i].facts);
    }
    CU_ASSERT_EQUAL_FATAL(a->ncases, b->ncases);
    for (size_t i = 0; i < a->ncases; i++) {
        CU_ASSERT_STRING_EQUAL(a->cases[i].bench, b->cases[i].bench);
        CU_ASSERT_STRING_EQUAL(a->cases[i].params, b->cases[i].params);
        CU_ASSERT(a->cases[i].iters == b->cases[i].iters && a->cases[i].seed == b->cases[i].seed);
    }
    CU_ASSERT_EQUAL_FATAL(a->nmetrics, b->nmetrics);
    for (size_t i = 0; i < a->nmetrics; i++) {
        const struct cb_metric *x = &a->metrics[i].how, *y = &b->metrics[i].how;
        CU_ASSERT_STRING_EQUAL(a->metrics[i].name, b->metrics[i].name);
        CU_ASSERT_STRING_EQUAL(x->quantity, y->quantity);
        CU_ASSERT_STRING_EQUAL(x->unit, y->unit);
        CU_ASSERT(x->better == y->better && x->derive == y->derive && x->scale == y->scale && x->q == y->q);
    }
}

static void same_observations(const struct cb_dataset *a, const struct cb_dataset *b)
{
    CU_ASSERT_EQUAL_FATAL(a->nblocks, b->nblocks);
    for (size_t i = 0; i < a->nblocks; i++) {
        CU_ASSERT(a->blocks[i].begin_ns == b->blocks[i].begin_ns &&
                  a->blocks[i].end_ns == b->blocks[i].end_ns);
        CU_ASSERT_STRING_EQUAL(a->blocks[i].void_reason, b->blocks[i].void_reason);
    }
    CU_ASSERT_EQUAL_FATAL(a->ninstances, b->ninstances);
    CU_ASSERT_EQUAL_FATAL(a->nresults, b->nresults);
    for (size_t i = 0; i < a->nresults; i++) {
        const struct cb_ds_result *x = &a->results[i];
        const struct cb_ds_result *y = cb_dataset_result(b, x->block, x->arm, x->case_index);
        CU_ASSERT_PTR_NOT_NULL_FATAL(y);
        CU_ASSERT_STRING_EQUAL(x->outcome, y->outcome);
        CU_ASSERT_EQUAL(x->position, y->position);
        CU_ASSERT_EQUAL_FATAL(x->nsamples, y->nsamples);
        for (size_t j = 0; j < x->nsamples; j++) {
            const struct cb_ds_sample *s = &x->samples[j], *t = &y->samples[j];
            CU_ASSERT(s->s.seq == t->s.seq && s->s.iters == t->s.iters && s->s.work == t->s.work);
            CU_ASSERT(s->s.wall_ns == t->s.wall_ns && s->s.cpu_ns == t->s.cpu_ns);
            CU_ASSERT(s->warm == t->warm && s->trusted == t->trusted);
            CU_ASSERT(s->agent_ns == t->agent_ns && s->host_ns == t->host_ns);
        }
        CU_ASSERT_EQUAL_FATAL(!x->hist, !y->hist);
        if (x->hist)
            CU_ASSERT_EQUAL(memcmp(x->hist, y->hist, sizeof *x->hist), 0);
    }
}

static void same_rows(const struct cb_dataset *a, const struct cb_dataset *b)
{
    struct cb_rows x, y;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_effects(a, &x, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_effects(b, &y, &err), 0);
    CU_ASSERT_EQUAL_FATAL(x.n, y.n);
    for (size_t i = 0; i < x.n; i++) {
        CU_ASSERT_EQUAL(memcmp(&x.at[i].value, &y.at[i].value, sizeof(double)), 0);
        CU_ASSERT_EQUAL(memcmp(&x.at[i].ratio, &y.at[i].ratio, sizeof(double)), 0);
        CU_ASSERT_EQUAL(memcmp(x.at[i].ci90, y.at[i].ci90, sizeof x.at[i].ci90), 0);
        CU_ASSERT_EQUAL(
            memcmp(x.at[i].d, y.at[i].d, x.at[i].n * sizeof(double) * (x.at[i].arm != FIXTURE_HOST)), 0);
    }
    cb_rows_free(&x);
    cb_rows_free(&y);
}

static void round_trip_is_bit_for_bit(void)
{
    struct place p = place_make();
    struct cb_dataset d = fixture_make(6), back;
    struct cb_err err = {0};
    fixture_set(&d.blocks[2].void_reason, "steal");
    fixture_result(&d, 1, FIXTURE_VM, FIXTURE_CHASE)->samples[3].trusted = false;
    cb_hist_reset(fixture_result(&d, 1, FIXTURE_VM, FIXTURE_COMMIT)->hist); /* an empty one too */
    struct cb_store *s = open_store(p.db);
    save(s, &d);
    cb_store_close(s);
    s = open_store(p.db);
    CU_ASSERT_EQUAL_FATAL(cb_store_load(s, d.run.id, &back, &err), 0);
    same_frame(&d, &back);
    same_observations(&d, &back);
    same_rows(&d, &back);
    cb_dataset_free(&back);
    cb_store_close(s);
    cb_dataset_free(&d);
    place_remove(&p);
}

static void end_of_run_updates(void)
{
    struct place p = place_make();
    struct cb_dataset d = fixture_make(1), back;
    struct cb_err err = {0};
    struct cb_store *s = open_store(p.db);
    d.run.complete = false;
    save(s, &d);
    d.run.complete = true;
    d.run.wall_s = 99;
    fixture_set(&d.arms[FIXTURE_VM].status, "failed");
    fixture_set(&d.arms[FIXTURE_VM].reason, "hung");
    fixture_kv(&d.arms[FIXTURE_VM].facts, "thp", "madvise");
    fixture_kv(&d.run.host, "llc", "16777216");
    CU_ASSERT_EQUAL(cb_store_end_run(s, &d, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_store_load(s, d.run.id, &back, &err), 0);
    same_frame(&d, &back);
    cb_dataset_free(&back);
    cb_store_close(s);
    cb_dataset_free(&d);
    place_remove(&p);
}

static void runs_are_found(void)
{
    static const struct {
        const char *id, *started;
    } runs[] = {{"20261124-063012-3f9a", "2026-11-24T06:30:12Z"},
                {"20261124-070000-aaaa", "2026-11-24T07:00:00Z"},
                {"20261124", "2026-11-23T00:00:00Z"}};
    static const struct {
        const char *typed, *id;
    } rows[] = {{"latest", "20261124-070000-aaaa"},
                {"20261124-07", "20261124-070000-aaaa"},
                {"20261124-063012-3f9a", "20261124-063012-3f9a"},
                {"20261124", "20261124"},
                {"20261124-", NULL},
                {"2027", NULL},
                {"", NULL},
                {"%", NULL}};
    struct place p = place_make();
    struct cb_dataset d = fixture_make(0);
    struct cb_err err = {0};
    struct cb_store *s = open_store(p.db);
    char id[32];
    CU_ASSERT_EQUAL(cb_store_find(s, "latest", id, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    for (size_t i = 0; i < 3; i++) {
        snprintf(d.run.id, sizeof d.run.id, "%s", runs[i].id);
        snprintf(d.run.started, sizeof d.run.started, "%s", runs[i].started);
        save(s, &d);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int found = cb_store_find(s, rows[i].typed, id, &err);
        CU_ASSERT_EQUAL(found, rows[i].id ? 0 : -1);
        if (rows[i].id)
            CU_ASSERT_STRING_EQUAL(id, rows[i].id);
    }
    struct cb_dataset none;
    CU_ASSERT_EQUAL(cb_store_load(s, "2027", &none, &err), -1);
    CU_ASSERT_EQUAL(none.narms, 0);
    cb_store_close(s);
    cb_dataset_free(&d);
    place_remove(&p);
}

/* Dies inside the transaction of block 3: the child's last result refers to an arm that does not exist, so
 * that the statements before it ran, and it leaves without a rollback. */
static void die_in_block(const char *path, struct cb_dataset *d)
{
    struct cb_store *s;
    struct cb_err err = {0};
    if (cb_store_open(path, &s, &err) < 0 || cb_store_begin_run(s, d, &err) < 0)
        _exit(1);
    for (unsigned b = 0; b < 3; b++)
        if (save_block(s, d, b, &err) < 0)
            _exit(2);
    sqlite3 *raw;
    if (sqlite3_open(path, &raw) != SQLITE_OK ||
        sqlite3_exec(raw,
                     "BEGIN IMMEDIATE; INSERT INTO block SELECT run, 3, 1, 2, '' FROM block WHERE block = 0;",
                     NULL, NULL, NULL) != SQLITE_OK)
        _exit(3);
    _exit(42);
}

static void killed_writer_keeps_finished_blocks(void)
{
    struct place p = place_make();
    struct cb_dataset d = fixture_make(4), back;
    struct cb_err err = {0};
    pid_t child = fork();
    if (child == 0)
        die_in_block(p.db, &d);
    int status = 0;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    struct cb_store *s = open_store(p.db);
    CU_ASSERT_EQUAL_FATAL(cb_store_load(s, d.run.id, &back, &err), 0);
    CU_ASSERT_EQUAL(back.nblocks, 3);
    CU_ASSERT_EQUAL(back.nresults, 3 * FIXTURE_ARMS * FIXTURE_CASES);
    CU_ASSERT_EQUAL(save_block(s, &d, 3, &err), 0); /* and goes on */
    cb_dataset_free(&back);
    cb_store_close(s);
    cb_dataset_free(&d);
    place_remove(&p);
}

static void failed_block_leaves_no_trace(void)
{
    struct place p = place_make();
    struct cb_dataset d = fixture_make(2), back;
    struct cb_err err = {0};
    struct cb_store *s = open_store(p.db);
    CU_ASSERT_EQUAL(cb_store_begin_run(s, &d, &err), 0);
    CU_ASSERT_EQUAL(save_block(s, &d, 0, &err), 0);
    unsigned last = 2 * FIXTURE_ARMS * FIXTURE_CASES - 1;
    d.results[last].arm = 40; /* no such arm: refused by the foreign key after all the others were written */
    CU_ASSERT_EQUAL(save_block(s, &d, 1, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "block 1"));
    CU_ASSERT_EQUAL(save_block(s, &d, 0, &err), -1); /* the same block twice */
    CU_ASSERT_EQUAL_FATAL(cb_store_load(s, d.run.id, &back, &err), 0);
    CU_ASSERT_EQUAL(back.nblocks, 1);
    CU_ASSERT_EQUAL(back.ninstances, FIXTURE_ARMS);
    cb_dataset_free(&back);
    cb_store_close(s);
    cb_dataset_free(&d);
    place_remove(&p);
}

static void full_disk_is_said_and_costs_one_block(void)
{
    if (geteuid() != 0) {
        printf("(not root: no small file system can be mounted) ");
        return;
    }
    struct place p = place_make();
    /* In a mount namespace of the test's own: it goes away with the test, however that ends. */
    CU_ASSERT_EQUAL_FATAL(unshare(CLONE_NEWNS), 0);
    CU_ASSERT_EQUAL_FATAL(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(mount("tmpfs", p.dir, "tmpfs", 0, "size=1m"), 0);
    struct cb_dataset d = fixture_make(60), back;
    struct cb_err err = {0};
    struct cb_store *s = open_store(p.db);
    CU_ASSERT_EQUAL(cb_store_begin_run(s, &d, &err), 0);
    unsigned kept = 0;
    while (kept < d.nblocks && save_block(s, &d, kept, &err) == 0)
        kept++;
    CU_ASSERT(kept > 0 && kept < d.nblocks);
    CU_ASSERT_EQUAL(err.sys, ENOSPC);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "No space left on device"));
    CU_ASSERT_EQUAL_FATAL(cb_store_load(s, d.run.id, &back, &err), 0);
    CU_ASSERT_EQUAL(back.nblocks, kept);
    cb_dataset_free(&back);
    cb_store_close(s);
    cb_dataset_free(&d);
    CU_ASSERT_EQUAL(umount(p.dir), 0);
    place_remove(&p);
}

static void raw_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    char *why = NULL;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fprintf(stderr, "%s: %s\n", sql, why);
    CU_ASSERT_PTR_NULL(why);
    sqlite3_free(why);
    sqlite3_close(db);
}

static void newer_schema_is_refused(void)
{
    struct place p = place_make();
    struct cb_store *s = open_store(p.db);
    struct cb_err err = {0};
    cb_store_close(s);
    raw_sql(p.db, "PRAGMA user_version = 99");
    CU_ASSERT_EQUAL(cb_store_open(p.db, &s, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "schema 99 is newer"));
    CU_ASSERT_PTR_NULL(s);
    place_remove(&p);
}

static void other_files_are_refused(void)
{
    struct place p = place_make();
    struct cb_store *s;
    struct cb_err err = {0};
    int dir = open(p.dir, O_DIRECTORY | O_CLOEXEC);
    char text[4096];
    memset(text, 'x', sizeof text);
    CU_ASSERT_EQUAL(cb_replace_file(dir, "cbench.db", text, sizeof text, 0600, &err), 0);
    CU_ASSERT_EQUAL(cb_store_open(p.db, &s, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "not a database"));
    CU_ASSERT_EQUAL(renameat(dir, "cbench.db", dir, "elsewhere"), 0);
    CU_ASSERT_EQUAL(symlinkat("elsewhere", dir, "cbench.db"), 0);
    CU_ASSERT_EQUAL(cb_store_open(p.db, &s, &err), -1); /* never through a link */
    close(dir);
    char missing[160];
    snprintf(missing, sizeof missing, "%s/no/such/cbench.db", p.dir);
    CU_ASSERT_EQUAL(cb_store_open(missing, &s, &err), -1);
    CU_ASSERT_EQUAL(err.sys, ENOENT);
    place_remove(&p);
}

static void count_finding(void *arg, const char *text)
{
    unsigned *n = arg;
    CU_ASSERT(strlen(text) > 0);
    ++*n;
}

static void orphans_are_found(void)
{
    struct place p = place_make();
    struct cb_dataset d = fixture_make(2);
    struct cb_err err = {0};
    struct cb_store *s = open_store(p.db);
    unsigned findings = 0;
    save(s, &d);
    CU_ASSERT_EQUAL(cb_store_check(s, count_finding, &findings, &err), 0);
    CU_ASSERT_EQUAL(findings, 0);
    raw_sql(p.db, "PRAGMA foreign_keys = OFF; DELETE FROM result WHERE id = 1");
    CU_ASSERT_EQUAL(cb_store_check(s, count_finding, &findings, &err), 0);
    CU_ASSERT(findings >= FIXTURE_SAMPLES);
    cb_store_close(s);
    cb_dataset_free(&d);
    place_remove(&p);
}

/* Overwrites everything behind the first page. */
static void damage(const char *path)
{
    struct stat st;
    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    char junk[512];
    memset(junk, 0xa5, sizeof junk);
    for (off_t at = 4096; at < st.st_size; at += (off_t)sizeof junk)
        CU_ASSERT_EQUAL(pwrite(fd, junk, sizeof junk, at), (ssize_t)sizeof junk);
    close(fd);
}

static void corrupt_file_is_an_error(void)
{
    struct place p = place_make();
    struct cb_dataset d = fixture_make(3), back;
    struct cb_err err = {0};
    struct cb_store *s = open_store(p.db);
    save(s, &d);
    cb_store_close(s); /* the log is folded into the file */
    damage(p.db);
    int opened = cb_store_open(p.db, &s, &err);
    CU_ASSERT(opened < 0 || cb_store_load(s, d.run.id, &back, &err) < 0);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    CU_ASSERT(strlen(err.msg) > 0);
    cb_store_close(s);
    cb_dataset_free(&d);
    place_remove(&p);
}

/* A file that SQLite finds valid, and that no cbench has written. */
static void planted_values_are_refused(void)
{
    static const struct {
        const char *sql, *says;
    } rows[] = {
        {"UPDATE run SET baseline = 40", "baseline"},
        {"UPDATE run SET blocks = -1", "blocks"},
        {"UPDATE run SET wall_s = 9e999", "wall_s"},
        {"UPDATE run SET version = hex(zeroblob(600))", "version"},
        {"UPDATE arm SET name = char(97,0,98) WHERE arm = 1", "name"},
        {"UPDATE arm SET reason = hex(zeroblob(40000)) WHERE arm = 1", "reason"},
        {"DELETE FROM arm WHERE arm = 1", "arms"},
        {"UPDATE arm SET status = 'fine'", "outcome"},
        {"UPDATE metric SET derive = 'magic'", "rule"},
        {"UPDATE metric SET scale = -1.0", "rule"},
        {"UPDATE metric SET case_index = 77", "case_index"},
        {"UPDATE bench_case SET iters = -5", "iters"},
        {"UPDATE block SET block = block + 5", "blocks"},
        {"UPDATE result SET arm = -3 WHERE id = 1", "arm"},
        {"UPDATE result SET block = 1000000 WHERE id = 1", "block"},
        {"UPDATE instance SET start_ns = -1", "start_ns"},
        {"UPDATE sample SET wall_ns = -7 WHERE result = 2 AND nth = 1", "wall_ns"},
        {"UPDATE sample SET warm = 3 WHERE result = 2 AND nth = 1", "warm"},
        {"DELETE FROM sample WHERE result = 2 AND nth = 1", "samples"},
        {"UPDATE histogram SET counts = '1:1,1'", "run"},
        {"WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "
         "INSERT INTO run_fact SELECT id, i, 'k', 'v' FROM run, n",
         "facts"},
    };
    struct place p = place_make();
    struct cb_dataset d = fixture_make(2), back;
    struct cb_err err = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_store *s = open_store(p.db);
        save(s, &d);
        cb_store_close(s);
        char sql[1024];
        snprintf(sql, sizeof sql, "PRAGMA ignore_check_constraints = ON; %s", rows[i].sql);
        raw_sql(p.db, sql);
        s = open_store(p.db);
        CU_ASSERT_EQUAL(cb_store_load(s, d.run.id, &back, &err), -1);
        CU_ASSERT_PTR_NULL(back.arms);
        if (!strstr(err.msg, rows[i].says))
            fprintf(stderr, "%s: %s\n", rows[i].sql, err.msg);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, rows[i].says));
        cb_store_close(s);
        CU_ASSERT_EQUAL(unlink(p.db), 0);
    }
    cb_dataset_free(&d);
    place_remove(&p);
}

static void two_writers_take_turns(void)
{
    struct place p = place_make();
    struct cb_dataset d = fixture_make(3), other = fixture_make(3), back;
    struct cb_err err = {0};
    snprintf(other.run.id, sizeof other.run.id, "other");
    struct cb_store *s = open_store(p.db), *t = open_store(p.db);
    CU_ASSERT_EQUAL(cb_store_begin_run(s, &d, &err), 0);
    CU_ASSERT_EQUAL(cb_store_begin_run(t, &other, &err), 0);
    for (unsigned b = 0; b < 3; b++) {
        CU_ASSERT_EQUAL(save_block(s, &d, b, &err), 0);
        CU_ASSERT_EQUAL(save_block(t, &other, b, &err), 0);
    }
    CU_ASSERT_EQUAL_FATAL(cb_store_load(s, "other", &back, &err), 0);
    CU_ASSERT_EQUAL(back.nblocks, 3);
    cb_dataset_free(&back);
    CU_ASSERT_EQUAL(cb_store_begin_run(t, &d, &err), -1); /* an id is taken once */
    cb_store_close(s);
    cb_store_close(t);
    cb_store_close(NULL);
    cb_dataset_free(&d);
    cb_dataset_free(&other);
    place_remove(&p);
}

const struct cb_suite cb_suite = {
    "store",
    {{"round trip, bit for bit", round_trip_is_bit_for_bit},
     {"the end of a run updates", end_of_run_updates},
     {"runs are found", runs_are_found},
     {"a killed writer keeps finished blocks", killed_writer_keeps_finished_blocks},
     {"a failed block leaves no trace", failed_block_leaves_no_trace},
     {"a full disk is said and costs one block", full_disk_is_said_and_costs_one_block},
     {"a newer schema is refused", newer_schema_is_refused},
     {"other files are refused", other_files_are_refused},
     {"orphans are found", orphans_are_found},
     {"a corrupt file is an error", corrupt_file_is_an_error},
     {"planted values are refused", planted_values_are_refused},
     {"two writers take turns", two_writers_take_turns},
     CU_TEST_INFO_NULL}};
