/* The audit: what differs is named, what is the same is not. */
#include "results/audit.h"

#include "bench/base/cleanup.h"
#include "results/export.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

struct seen {
    unsigned n;
    char last[2048]; /* "where: what: stored, recomputed" */
};

static void on_difference(void *arg, const char *where, const char *what, const char *stored,
                          const char *recomputed)
{
    struct seen *s = arg;
    s->n++;
    snprintf(s->last, sizeof s->last, "%s: %s: %s, %s", where, what, stored, recomputed);
}

static void json_differences_are_named(void)
{
    static const struct {
        const char *stored, *recomputed, *say; /* NULL: the same */
    } table[] = {
        {"{\"a\": 1}", "{\"a\":1}", NULL},
        {"{\"a\": 1.0}", "{\"a\": 1.0000000000000002}", "a: 1.0, 1.0000000000000002"},
        {"{\"a\": 1}", "{\"a\": 1.0}", "a: 1, 1.0"},
        {"{\"a\": [1, 2]}", "{\"a\": [1, 3]}", "a[1]: 2, 3"},
        {"{\"a\": [1, 2]}", "{\"a\": [1]}", "a[1]: 2, nothing"},
        {"{\"a\": []}", "{\"a\": [null]}", "a[0]: nothing, null"},
        {"{\"a\": {\"b\": \"x\"}}", "{\"a\": {\"b\": \"y\"}}", "a.b: \"x\", \"y\""},
        {"{}", "{\"a\": true}", "a: nothing, true"},
        {"{\"verdicts\": [1]}", "{\"verdicts\": []}", NULL},
        {"{\"m\": [{\"name\": \"x\", \"v\": 1}, {\"name\": \"y\", \"v\": 2}]}",
         "{\"m\": [{\"name\": \"y\", \"v\": 2}, {\"name\": \"x\", \"v\": 1}]}", NULL},
        {"{\"m\": [{\"name\": \"x\", \"params\": {\"size\": 64}, \"arm\": \"vm\", \"ratio\": 1.5}]}",
         "{\"m\": [{\"name\": \"x\", \"params\": {\"size\": 64}, \"arm\": \"vm\", \"ratio\": 1.25}]}",
         "m[x{size=64} in vm].ratio: 1.5, 1.25"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct seen seen = {0};
        struct cb_audit a = {.differs = on_difference, .arg = &seen};
        struct cb_err err = {0};
        CU_ASSERT_EQUAL(cb_audit_json(&a, table[i].stored, table[i].recomputed, &err), 0);
        CU_ASSERT(table[i].say ? seen.n > 0 && strstr(seen.last, table[i].say) : seen.n == 0);
        CU_ASSERT_EQUAL(a.differences, seen.n);
    }
}

static void no_json_is_an_error(void)
{
    static const char *const stored[] = {"", "{", "{\"a\": 1, \"a\": 2}", "{\"a\": 1} x"};
    for (size_t i = 0; i < sizeof stored / sizeof *stored; i++) {
        struct seen seen = {0};
        struct cb_audit a = {.differs = on_difference, .arg = &seen};
        struct cb_err err = {0};
        CU_ASSERT_EQUAL(cb_audit_json(&a, stored[i], "{}", &err), -1);
        CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    }
}

/* What a run writes about itself. */
static void exported(const struct cb_dataset *d, struct cb_buf *json, struct cb_buf *csv)
{
    struct cb_rows rows;
    struct cb_notes notes;
    struct cb_ladders ladders;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_effects(d, &rows, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_confounds(d, &rows, &notes, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_ladders(d, &rows, &ladders, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_export_run_json(d, &rows, &notes, &ladders, NULL, json, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_export_samples_csv(d, csv, &err), 0);
    cb_notes_free(&notes);
    cb_ladders_free(&ladders);
    cb_rows_free(&rows);
}

/* Any digit of any line of samples.csv, flipped alone: exactly that field of that line is named. */
static void a_flipped_digit_is_named(void)
{
    struct cb_dataset d = fixture_make(2);
    CB_AUTOBUF struct cb_buf json = {0}, csv = {0};
    exported(&d, &json, &csv);
    CB_AUTOFREE char *stored = strdup(cb_buf_str(&csv));
    struct cb_rng rng;
    cb_rng_seed(&rng, 1);
    for (unsigned n = 0; n < 200;) {
        size_t at = cb_rng_below(&rng, csv.len);
        char digit = stored[at];
        if (digit < '0' || digit > '9')
            continue;
        struct seen seen = {0};
        struct cb_audit a = {.differs = on_difference, .arg = &seen};
        struct cb_err err = {0};
        stored[at] = digit == '9' ? '8' : (char)(digit + 1);
        CU_ASSERT_EQUAL(cb_audit_csv(&a, stored, cb_buf_str(&csv), &err), 0);
        CU_ASSERT_EQUAL(seen.n, 1);
        stored[at] = digit;
        n++;
    }
    cb_dataset_free(&d);
}

static void csv_differences_are_named(void)
{
    static const char head[] = "run,block,order,arm,instance,metric,seq,iters,work,wall_ns,cpu_ns,outcome\n";
    static const struct {
        const char *stored, *recomputed, *say;
    } table[] = {
        {"r,0,1,vm,0,m,3,10,0,500,400,ok\n", "r,0,1,vm,0,m,3,10,0,501,400,ok\n",
         "line 2: m in vm, block 0, sample 3: wall_ns: 500, 501"},
        {"r,0,1,\"vm:a=1,b=\"\"2\"\"\",0,m,3,10,0,500,400,ok\n",
         "r,0,1,\"vm:a=1,b=\"\"2\"\"\",0,m,3,10,0,500,400,void\n",
         "line 2: m in vm:a=1,b=\"2\", block 0, sample 3: outcome: ok, void"},
        {"r,0,1,vm\n", "r,0,1,vm,0,m,3,10,0,500,400,ok\n", "line 2: fields: 4, 12"},
        {"", "r,0,1,vm,0,m,3,10,0,500,400,ok\n", "lines: 1, 2"},
        {"\"", "\"\"\"", "line 2: run: , \""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char stored[512], recomputed[512];
        struct seen seen = {0};
        struct cb_audit a = {.differs = on_difference, .arg = &seen};
        struct cb_err err = {0};
        snprintf(stored, sizeof stored, "%s%s", head, table[i].stored);
        snprintf(recomputed, sizeof recomputed, "%s%s", head, table[i].recomputed);
        CU_ASSERT_EQUAL(cb_audit_csv(&a, recomputed, recomputed, &err), 0);
        CU_ASSERT_EQUAL(seen.n, 0);
        CU_ASSERT_EQUAL(cb_audit_csv(&a, stored, recomputed, &err), 0);
        CU_ASSERT(seen.n > 0 && a.differences == seen.n);
        if (seen.n == 1)
            CU_ASSERT_PTR_NOT_NULL(strstr(seen.last, table[i].say));
    }
}

/* A sample that is not what it was shows in run.json, whether or not a median moved. */
static void changed_observations_show(void)
{
    struct cb_dataset d = fixture_make(6);
    CB_AUTOBUF struct cb_buf json = {0}, csv = {0}, json2 = {0}, csv2 = {0};
    struct seen seen = {0};
    struct cb_audit a = {.differs = on_difference, .arg = &seen};
    struct cb_err err = {0};
    exported(&d, &json, &csv);
    CU_ASSERT_EQUAL(cb_audit_json(&a, cb_buf_str(&json), cb_buf_str(&json), &err), 0);
    CU_ASSERT(seen.n == 0 && a.checked > 200);
    fixture_result(&d, 3, FIXTURE_VM, FIXTURE_CHASE)->samples[0].host_ns++;
    exported(&d, &json2, &csv2);
    CU_ASSERT_EQUAL(cb_audit_json(&a, cb_buf_str(&json), cb_buf_str(&json2), &err), 0);
    CU_ASSERT_EQUAL(seen.n, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(seen.last, "run.json: run.observations_sha256: "));
    cb_dataset_free(&d);
}

static void unequal_iterations_are_named(void)
{
    struct cb_dataset d = fixture_make(2);
    struct seen seen = {0};
    struct cb_audit a = {.differs = on_difference, .arg = &seen};
    cb_audit_iterations(&a, &d);
    CU_ASSERT(a.checked > 0 && seen.n == 0);
    fixture_result(&d, 1, FIXTURE_VM, FIXTURE_CHASE)->samples[4].s.iters = 7;
    cb_audit_iterations(&a, &d);
    CU_ASSERT_EQUAL(seen.n, 1);
    CU_ASSERT_STRING_EQUAL(seen.last,
                           "store: mem.chase{size=65536} in vm, block 1, sample 4: iters: 7, 1000");
    d.cases[FIXTURE_CHASE].iters = 0; /* a start is not calibrated */
    cb_audit_iterations(&a, &d);
    CU_ASSERT_EQUAL(seen.n, 1);
    cb_dataset_free(&d);
}

const struct cb_suite cb_suite = {"audit",
                                  {{"differences of run.json are named", json_differences_are_named},
                                   {"what is no JSON is an error", no_json_is_an_error},
                                   {"a flipped digit is named", a_flipped_digit_is_named},
                                   {"differences of samples.csv are named", csv_differences_are_named},
                                   {"changed observations show", changed_observations_show},
                                   {"unequal iterations are named", unequal_iterations_are_named},
                                   CU_TEST_INFO_NULL}};
