/* Files that another version wrote, that are damaged, or that no cbench has written. */
#include "results/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/io.h"
#include "results/schema.h"
#include "tests/unit/fixture.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/unit.h"

static void newer_schema_is_refused(void)
{
    struct store_place p = store_place_make();
    struct cb_store *s = store_open(p.db);
    struct cb_err err = {0};
    cb_store_close(s);
    store_raw_sql(p.db, "PRAGMA user_version = 99");
    CU_ASSERT_EQUAL(cb_store_open(p.db, &s, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "schema 99 is newer"));
    CU_ASSERT_PTR_NULL(s);
    store_place_remove(&p);
}

/* A file that the first version made. */
static void make_first(const char *path)
{
    store_raw_sql(path, cb_schema_1);
    store_raw_sql(
        path, "INSERT INTO run VALUES ('first', '2026-11-24T06:30:12Z', 1, 1, 0, 1, '0', '', 2.5, 1.5, 0);"
              "INSERT INTO arm VALUES ('first', 0, 'host', 'host', 'ok', '', 'none', '');"
              "INSERT INTO block VALUES ('first', 0, 1, 2, 'steal'), ('first', 1, 3, 4, '');"
              "PRAGMA user_version = 1");
}

static void old_files_are_migrated(void)
{
    struct store_place p = store_place_make();
    struct cb_dataset d = fixture_make(3), back;
    struct cb_err err = {0};
    make_first(p.db);
    cb_store_close(store_open(p.db));
    struct cb_store *s = store_open(p.db); /* once migrated it stays so */
    CU_ASSERT_EQUAL_FATAL(cb_store_load(s, "first", &back, &err), 0);
    CU_ASSERT(back.narms == 1 && back.nblocks == 2 && back.nevidence == 0);
    CU_ASSERT(back.run.wall_s == 2.5 && back.run.target == 0 && back.run.nlooks == 0);
    CU_ASSERT_STRING_EQUAL(back.run.stopped, "");
    CU_ASSERT_STRING_EQUAL(back.blocks[0].void_reason, "steal");
    CU_ASSERT(back.blocks[0].row == 0 && back.blocks[1].row == 1);
    cb_dataset_free(&back);
    store_save(s, &d); /* and takes what is new */
    CU_ASSERT_EQUAL_FATAL(cb_store_load(s, d.run.id, &back, &err), 0);
    store_same_frame(&d, &back);
    store_same_evidence(&d, &back);
    cb_dataset_free(&back);
    cb_store_close(s);
    cb_dataset_free(&d);
    store_place_remove(&p);
}

/* Samples that were stored before the peer's time was. */
static void make_third(const char *path)
{
    make_first(path);
    store_raw_sql(path, cb_schema_2);
    store_raw_sql(path, cb_schema_3);
    store_raw_sql(path, "INSERT INTO bench_case VALUES ('first', 0, 'net.stream', 2, 'dir=up,flows=1', 7, 1);"
                        "INSERT INTO result VALUES (1, 'first', 1, 0, 0, 0, 'ok', '');"
                        "INSERT INTO sample VALUES (1, 0, 0, 7, 917504, 300, 200, 1, 1, 310, 320);"
                        "PRAGMA user_version = 3");
}

static void old_samples_have_no_peer_time(void)
{
    struct store_place p = store_place_make();
    struct cb_dataset d;
    struct cb_err err = {0};
    make_third(p.db);
    struct cb_store *s = store_open(p.db);
    CU_ASSERT_EQUAL_FATAL(cb_store_load(s, "first", &d, &err), 0);
    const struct cb_ds_result *r = cb_dataset_result(&d, 1, 0, 0);
    CU_ASSERT_FATAL(r && r->nsamples == 1);
    CU_ASSERT(r->samples[0].s.work == 917504 && r->samples[0].s.cpu_ns == 200);
    CU_ASSERT(r->samples[0].host_ns == 320 && r->samples[0].s.peer_ns == 0);
    cb_dataset_free(&d);
    cb_store_close(s);
    store_place_remove(&p);
}

static void other_files_are_refused(void)
{
    struct store_place p = store_place_make();
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
    store_place_remove(&p);
}

static void count_finding(void *arg, const char *text)
{
    unsigned *n = arg;
    CU_ASSERT(strlen(text) > 0);
    ++*n;
}

static void orphans_are_found(void)
{
    struct store_place p = store_place_make();
    struct cb_dataset d = fixture_make(2);
    struct cb_err err = {0};
    struct cb_store *s = store_open(p.db);
    unsigned findings = 0;
    store_save(s, &d);
    CU_ASSERT_EQUAL(cb_store_check(s, count_finding, &findings, &err), 0);
    CU_ASSERT_EQUAL(findings, 0);
    store_raw_sql(p.db, "PRAGMA foreign_keys = OFF; DELETE FROM result WHERE id = 1");
    CU_ASSERT_EQUAL(cb_store_check(s, count_finding, &findings, &err), 0);
    CU_ASSERT(findings >= FIXTURE_SAMPLES);
    cb_store_close(s);
    cb_dataset_free(&d);
    store_place_remove(&p);
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
    struct store_place p = store_place_make();
    struct cb_dataset d = fixture_make(3), back;
    struct cb_err err = {0};
    struct cb_store *s = store_open(p.db);
    store_save(s, &d);
    cb_store_close(s); /* the log is folded into the file */
    damage(p.db);
    int opened = cb_store_open(p.db, &s, &err);
    CU_ASSERT(opened < 0 || cb_store_load(s, d.run.id, &back, &err) < 0);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    CU_ASSERT(strlen(err.msg) > 0);
    cb_store_close(s);
    cb_dataset_free(&d);
    store_place_remove(&p);
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
        {"UPDATE sample SET peer_ns = -7 WHERE result = 2 AND nth = 1", "peer_ns"},
        {"UPDATE sample SET warm = 3 WHERE result = 2 AND nth = 1", "warm"},
        {"DELETE FROM sample WHERE result = 2 AND nth = 1", "samples"},
        {"UPDATE histogram SET counts = '1:1,1'", "run"},
        {"UPDATE evidence SET side = 'above' WHERE nth = 1", "side"},
        {"UPDATE evidence SET arm = 9 WHERE nth = 1", "arm"},
        {"UPDATE evidence SET arm = -2 WHERE nth = 1", "arm"},
        {"UPDATE evidence SET before = hex(zeroblob(200)) WHERE nth = 1", "before"},
        {"UPDATE run SET target = -1.0", "target"},
        {"UPDATE run SET stopped = 'because it was late'", "stopped"},
        {"UPDATE ladder_step SET arm = 9 WHERE nth = 1", "arm"},
        {"UPDATE ladder_step SET base = -1 WHERE nth = 1", "base"},
        {"UPDATE ladder_step SET side = 2 WHERE nth = 1", "side"},
        {"UPDATE ladder_step SET label = hex(zeroblob(200)) WHERE nth = 1", "label"},
        {"WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 999) "
         "INSERT INTO ladder_step SELECT id, i, 'l', '', 'x', 1, 0, 0 FROM run, n",
         "steps"},
        {"INSERT INTO look SELECT id, 1, 10 FROM run", "looks"},
        {"INSERT INTO look SELECT id, 0, -1 FROM run", "looks"},
        {"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 3) "
         "INSERT INTO look SELECT id, i, 10 FROM run, n",
         "looks"},
        {"WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) "
         "INSERT INTO evidence SELECT id, 0, i, -1, 'host', 'k', '1', '2' FROM run, n",
         "evidence"},
        {"WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "
         "INSERT INTO run_fact SELECT id, i, 'k', 'v' FROM run, n",
         "facts"},
    };
    struct store_place p = store_place_make();
    struct cb_dataset d = fixture_make(2), back;
    struct cb_err err = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_store *s = store_open(p.db);
        store_save(s, &d);
        cb_store_close(s);
        char sql[1024];
        snprintf(sql, sizeof sql, "PRAGMA ignore_check_constraints = ON; %s", rows[i].sql);
        store_raw_sql(p.db, sql);
        s = store_open(p.db);
        CU_ASSERT_EQUAL(cb_store_load(s, d.run.id, &back, &err), -1);
        CU_ASSERT_PTR_NULL(back.arms);
        if (!strstr(err.msg, rows[i].says))
            fprintf(stderr, "%s: %s\n", rows[i].sql, err.msg);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, rows[i].says));
        cb_store_close(s);
        CU_ASSERT_EQUAL(unlink(p.db), 0);
    }
    cb_dataset_free(&d);
    store_place_remove(&p);
}

const struct cb_suite cb_suite = {"store files",
                                  {{"a newer schema is refused", newer_schema_is_refused},
                                   {"old files are migrated", old_files_are_migrated},
                                   {"old samples have no peer time", old_samples_have_no_peer_time},
                                   {"other files are refused", other_files_are_refused},
                                   {"orphans are found", orphans_are_found},
                                   {"a corrupt file is an error", corrupt_file_is_an_error},
                                   {"planted values are refused", planted_values_are_refused},
                                   CU_TEST_INFO_NULL}};
