/* cbench audit: recomputes a run's report from its raw observations and seed, and names every difference. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "cli/cli.h"
#include "results/audit.h"
#include "results/export.h"
#include "results/void.h"
#include "runners/plan.h"

/* After this many the rest is counted: where a line is missing, every later one differs. */
#define LISTED_MAX 50
/* More than the largest run can write: 1000 blocks of 64 arms fill a fraction of it. */
#define FILE_MAX (UINT64_C(4) << 30)

struct options {
    const char *run, *out;
};

enum { KEY_OUT = 256 };

static const struct argp_option option_table[] = {
    {"out", KEY_OUT, "DIR", 0, "Where results are (default: $CBENCH_HOME or ./cbench-results)", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case KEY_OUT:
        o->out = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (o->run)
            argp_error(state, "one RUN only");
        o->run = arg;
        return 0;
    case ARGP_KEY_END:
        if (!o->run)
            argp_error(state, "RUN is missing: an id, a unique prefix, latest, or the path of a run.json");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = option_table,
    .parser = parse_option,
    .args_doc = "RUN",
    .doc = "Recomputes every number of a run's report from its raw samples and its seed, bit for bit, and "
           "compares with run.json and samples.csv. Exit status 1: something differs, and is named.",
};

/* ---- what the seed says
 * ----------------------------------------------------------------------------------------- */

static unsigned index_of(const unsigned *order, unsigned n, unsigned value)
{
    unsigned i = 0;
    while (i < n && order[i] != value)
        i++;
    return i;
}

static void check_arm_orders(struct cb_audit *a, const struct cb_dataset *d, const struct cb_plan *plan)
{
    char what[256];
    for (size_t i = 0; i < d->ninstances; i++) {
        const struct cb_ds_instance *in = &d->instances[i];
        unsigned order[CB_ARMS_MAX];
        cb_plan_order(plan, d->blocks[in->block].row, order);
        snprintf(what, sizeof what, "block %u: position of %s", in->block, d->arms[in->arm].name);
        cb_audit_number(a, "store", what, in->position, index_of(order, plan->narms, in->arm));
    }
}

static void check_case_orders(struct cb_audit *a, const struct cb_dataset *d, const struct cb_plan *plan)
{
    char what[512];
    for (size_t i = 0; i < d->nresults; i++) {
        const struct cb_ds_result *r = &d->results[i];
        const struct cb_ds_case *c = &d->cases[r->case_index];
        unsigned order[CB_CASES_MAX];
        cb_plan_case_order(plan, r->block, r->arm, order);
        snprintf(what, sizeof what, "block %u, %s: position of %s{%s}", r->block, d->arms[r->arm].name,
                 c->bench, c->params);
        cb_audit_number(a, "store", what, r->position, index_of(order, plan->ncases, r->case_index));
    }
}

static void check_case_seeds(struct cb_audit *a, const struct cb_dataset *d)
{
    char what[256];
    for (size_t i = 0; i < d->ncases; i++) {
        const struct cb_ds_case *c = &d->cases[i];
        snprintf(what, sizeof what, "seed of %s{%s}", c->bench, c->params);
        cb_audit_number(a, "store", what, c->seed, cb_seed_from(d->run.seed, c->bench, c->params));
    }
}

/* The plan's rows one after another; out of turn come only those of void blocks, which are repeated. */
static void check_rows(struct cb_audit *a, const struct cb_dataset *d)
{
    unsigned next = 0;
    char what[64];
    for (unsigned b = 0; b < d->nblocks; b++) {
        unsigned row = d->blocks[b].row, repeated = 0;
        while (repeated < b && !(d->blocks[repeated].row == row && *d->blocks[repeated].void_reason))
            repeated++;
        if (repeated < b)
            continue;
        snprintf(what, sizeof what, "block %u: row of the orders", b);
        cb_audit_number(a, "store", what, row, next++);
    }
}

/* Nobody may leave a block out but for the causes that its evidence shows. Runs of old have none. */
static void check_voids(struct cb_audit *a, const struct cb_dataset *d)
{
    char what[64], reason[CB_VOID_TEXT];
    for (unsigned b = 0; d->nevidence && b < d->nblocks; b++) {
        snprintf(what, sizeof what, "block %u: why it does not count", b);
        cb_void_reason(d, b, reason);
        cb_audit_text(a, "store", what, d->blocks[b].void_reason, reason);
    }
}

static void check_plan(struct cb_audit *a, const struct cb_dataset *d)
{
    const struct cb_plan plan = {
        .narms = (unsigned)d->narms, .ncases = (unsigned)d->ncases, .seed = d->run.seed};
    check_rows(a, d);
    check_voids(a, d);
    check_arm_orders(a, d, &plan);
    check_case_orders(a, d, &plan);
    check_case_seeds(a, d);
    cb_audit_iterations(a, d);
}

/* ---- what the files say
 * ----------------------------------------------------------------------------------------- */

static int recompute(const struct cb_dataset *d, struct cb_buf *json, struct cb_buf *csv, struct cb_err *err)
{
    struct cb_rows rows = {0};
    struct cb_notes notes = {0};
    struct cb_ladders ladders = {0};
    int got = cb_effects(d, &rows, err);
    if (got == 0)
        got = cb_confounds(d, &rows, &notes, err);
    if (got == 0)
        got = cb_ladders(d, &rows, &ladders, err);
    if (got == 0)
        got = cb_export_run_json(d, &rows, &notes, &ladders, NULL, json, err);
    if (got == 0)
        got = cb_export_samples_csv(d, csv, err);
    cb_ladders_free(&ladders);
    cb_notes_free(&notes);
    cb_rows_free(&rows);
    return got;
}

static int check_files(struct cb_audit *a, const struct cb_dataset *d, const char *run_dir,
                       struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf json = {0};
    CB_AUTOBUF struct cb_buf csv = {0};
    CB_AUTOBUF struct cb_buf stored_json = {0};
    CB_AUTOBUF struct cb_buf stored_csv = {0};
    CB_AUTOFD int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, errno, "open %s", run_dir);
    if (cb_read_file(dir, "run.json", FILE_MAX, &stored_json, err) < 0 ||
        cb_read_file(dir, "samples.csv", FILE_MAX, &stored_csv, err) < 0 ||
        recompute(d, &json, &csv, err) < 0 ||
        cb_audit_json(a, cb_buf_str(&stored_json), cb_buf_str(&json), err) < 0)
        return -1;
    return cb_audit_csv(a, cb_buf_str(&stored_csv), cb_buf_str(&csv), err);
}

/* ---- the audit
 * -------------------------------------------------------------------------------------------------- */

static void on_difference(void *arg, const char *where, const char *what, const char *stored,
                          const char *recomputed)
{
    const struct cb_audit *a = arg;
    if (a->differences <= LISTED_MAX)
        printf("%s: %s: stored %s, recomputed %s\n", where, what, stored, recomputed);
    else if (a->differences == LISTED_MAX + 1)
        puts("...");
}

static void on_finding(void *arg, const char *text)
{
    cb_audit_text(arg, "cbench.db", "integrity", text, "ok");
}

static int audit_run(const struct options *o, struct cb_audit *a, char id[32], struct cb_err *err)
{
    struct cb_run_place at;
    struct cb_dataset data = {0};
    if (cb_find_run(o->run, o->out, &at, err) < 0)
        return -1;
    int got = cb_store_check(at.store, on_finding, a, err);
    if (got == 0)
        got = cb_store_load(at.store, at.id, &data, err);
    if (got == 0) {
        check_plan(a, &data);
        got = check_files(a, &data, at.dir, err);
    }
    snprintf(id, 32, "%s", at.id);
    cb_dataset_free(&data);
    cb_store_close(at.store);
    return got;
}

static int cmd_audit(int argc, char **argv)
{
    struct options o = {0};
    struct cb_err err = {0};
    struct cb_audit a = {.differs = on_difference, .arg = &a};
    char id[32];
    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
        return CB_EXIT_USAGE;
    if (audit_run(&o, &a, id, &err) < 0)
        return cb_report_error(&err);
    if (a.differences) {
        fflush(stdout);
        fprintf(stderr, "cbench: audit %s: %zu of %zu values differ from what the raw samples say\n", id,
                a.differences, a.checked);
        return CB_EXIT_REFUTED;
    }
    printf("%s: %zu values recomputed, no difference\n", id, a.checked);
    return CB_EXIT_OK;
}

const struct cb_command cb_cmd_audit = {"audit", "recompute a report from the raw samples", cmd_audit};
