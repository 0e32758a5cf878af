/* Writing and reading runs: nothing changes on the way, and what fails costs one block. */
#include "results/store.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/unit/fixture.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/unit.h"

static void round_trip_is_bit_for_bit(void)
{
    struct store_place p = store_place_make();
    struct cb_dataset d = fixture_make(6), back;
    struct cb_err err = {0};
    fixture_set(&d.blocks[2].void_reason, "steal");
    fixture_result(&d, 1, FIXTURE_VM, FIXTURE_CHASE)->samples[3].trusted = false;
    fixture_result(&d, 1, FIXTURE_VM, FIXTURE_STREAM)->samples[3].s.peer_ns = 12345;
    cb_hist_reset(fixture_result(&d, 1, FIXTURE_VM, FIXTURE_COMMIT)->hist); /* an empty one too */
    struct cb_store *s = store_open(p.db);
    store_save(s, &d);
    cb_store_close(s);
    s = store_open(p.db);
    CU_ASSERT_EQUAL_FATAL(cb_store_load(s, d.run.id, &back, &err), 0);
    store_same_frame(&d, &back);
    store_same_observations(&d, &back);
    store_same_evidence(&d, &back);
    store_same_rows(&d, &back);
    cb_dataset_free(&back);
    cb_store_close(s);
    cb_dataset_free(&d);
    store_place_remove(&p);
}

static void end_of_run_updates(void)
{
    struct store_place p = store_place_make();
    struct cb_dataset d = fixture_make(1), back;
    struct cb_err err = {0};
    struct cb_store *s = store_open(p.db);
    d.run.complete = false;
    store_save(s, &d);
    d.run.complete = true;
    d.run.wall_s = 99;
    d.run.target = .01;
    snprintf(d.run.stopped, sizeof d.run.stopped, "budget");
    d.run.nlooks = 2;
    d.run.looks[0] = 10;
    d.run.looks[1] = 17;
    fixture_set(&d.arms[FIXTURE_VM].status, "failed");
    fixture_set(&d.arms[FIXTURE_VM].reason, "hung");
    fixture_kv(&d.arms[FIXTURE_VM].facts, "thp", "madvise");
    fixture_kv(&d.run.host, "llc", "16777216");
    CU_ASSERT_EQUAL(cb_store_end_run(s, &d, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_store_load(s, d.run.id, &back, &err), 0);
    store_same_frame(&d, &back);
    cb_dataset_free(&back);
    cb_store_close(s);
    cb_dataset_free(&d);
    store_place_remove(&p);
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
    struct store_place p = store_place_make();
    struct cb_dataset d = fixture_make(0);
    struct cb_err err = {0};
    struct cb_store *s = store_open(p.db);
    char id[32];
    CU_ASSERT_EQUAL(cb_store_find(s, "latest", id, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    for (size_t i = 0; i < 3; i++) {
        snprintf(d.run.id, sizeof d.run.id, "%s", runs[i].id);
        snprintf(d.run.started, sizeof d.run.started, "%s", runs[i].started);
        store_save(s, &d);
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
    store_place_remove(&p);
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
        if (store_save_block(s, d, b, &err) < 0)
            _exit(2);
    sqlite3 *raw;
    if (sqlite3_open(path, &raw) != SQLITE_OK ||
        sqlite3_exec(
            raw, "BEGIN IMMEDIATE; INSERT INTO block SELECT run, 3, 1, 2, '', 3 FROM block WHERE block = 0;",
            NULL, NULL, NULL) != SQLITE_OK)
        _exit(3);
    _exit(42);
}

static void killed_writer_keeps_finished_blocks(void)
{
    struct store_place p = store_place_make();
    struct cb_dataset d = fixture_make(4), back;
    struct cb_err err = {0};
    pid_t child = fork();
    if (child == 0)
        die_in_block(p.db, &d);
    int status = 0;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    struct cb_store *s = store_open(p.db);
    CU_ASSERT_EQUAL_FATAL(cb_store_load(s, d.run.id, &back, &err), 0);
    CU_ASSERT_EQUAL(back.nblocks, 3);
    CU_ASSERT_EQUAL(back.nresults, 3 * FIXTURE_ARMS * FIXTURE_CASES);
    CU_ASSERT_EQUAL(store_save_block(s, &d, 3, &err), 0); /* and goes on */
    cb_dataset_free(&back);
    cb_store_close(s);
    cb_dataset_free(&d);
    store_place_remove(&p);
}

static void failed_block_leaves_no_trace(void)
{
    struct store_place p = store_place_make();
    struct cb_dataset d = fixture_make(2), back;
    struct cb_err err = {0};
    struct cb_store *s = store_open(p.db);
    CU_ASSERT_EQUAL(cb_store_begin_run(s, &d, &err), 0);
    CU_ASSERT_EQUAL(store_save_block(s, &d, 0, &err), 0);
    unsigned last = 2 * FIXTURE_ARMS * FIXTURE_CASES - 1;
    d.results[last].arm = 40; /* no such arm: refused by the foreign key after all the others were written */
    CU_ASSERT_EQUAL(store_save_block(s, &d, 1, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "block 1"));
    CU_ASSERT_EQUAL(store_save_block(s, &d, 0, &err), -1); /* the same block twice */
    CU_ASSERT_EQUAL_FATAL(cb_store_load(s, d.run.id, &back, &err), 0);
    CU_ASSERT_EQUAL(back.nblocks, 1);
    CU_ASSERT_EQUAL(back.ninstances, FIXTURE_ARMS);
    cb_dataset_free(&back);
    cb_store_close(s);
    cb_dataset_free(&d);
    store_place_remove(&p);
}

static void full_disk_is_said_and_costs_one_block(void)
{
    if (geteuid() != 0) {
        printf("(not root: no small file system can be mounted) ");
        return;
    }
    struct store_place p = store_place_make();
    /* In a mount namespace of the test's own: it goes away with the test, however that ends. */
    CU_ASSERT_EQUAL_FATAL(unshare(CLONE_NEWNS), 0);
    CU_ASSERT_EQUAL_FATAL(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(mount("tmpfs", p.dir, "tmpfs", 0, "size=1m"), 0);
    struct cb_dataset d = fixture_make(60), back;
    struct cb_err err = {0};
    struct cb_store *s = store_open(p.db);
    CU_ASSERT_EQUAL(cb_store_begin_run(s, &d, &err), 0);
    unsigned kept = 0;
    while (kept < d.nblocks && store_save_block(s, &d, kept, &err) == 0)
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
    store_place_remove(&p);
}

static void two_writers_take_turns(void)
{
    struct store_place p = store_place_make();
    struct cb_dataset d = fixture_make(3), other = fixture_make(3), back;
    struct cb_err err = {0};
    snprintf(other.run.id, sizeof other.run.id, "other");
    struct cb_store *s = store_open(p.db), *t = store_open(p.db);
    CU_ASSERT_EQUAL(cb_store_begin_run(s, &d, &err), 0);
    CU_ASSERT_EQUAL(cb_store_begin_run(t, &other, &err), 0);
    for (unsigned b = 0; b < 3; b++) {
        CU_ASSERT_EQUAL(store_save_block(s, &d, b, &err), 0);
        CU_ASSERT_EQUAL(store_save_block(t, &other, b, &err), 0);
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
    store_place_remove(&p);
}

const struct cb_suite cb_suite = {
    "store",
    {{"round trip, bit for bit", round_trip_is_bit_for_bit},
     {"the end of a run updates", end_of_run_updates},
     {"runs are found", runs_are_found},
     {"a killed writer keeps finished blocks", killed_writer_keeps_finished_blocks},
     {"a failed block leaves no trace", failed_block_leaves_no_trace},
     {"a full disk is said and costs one block", full_disk_is_said_and_costs_one_block},
     {"two writers take turns", two_writers_take_turns},
     CU_TEST_INFO_NULL}};
