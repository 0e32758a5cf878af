/* cbench plan: blocks and minutes that each claim of a file needs on this machine, from the spread of earlier
 * runs. */
#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/units.h"
#include "cli/claims.h"
#include "cli/cli.h"

/* Earlier runs looked at: one of the last ten has what is measured regularly. */
#define RUNS_MAX 10

struct options {
    const char *file, *out;
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
        if (o->file)
            argp_error(state, "one FILE only");
        o->file = arg;
        return 0;
    case ARGP_KEY_END:
        if (!o->file)
            argp_error(state, "FILE is missing: a claims file, or Markdown with claims in comments");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = option_table,
    .parser = parse_option,
    .args_doc = "FILE",
    .doc = "Blocks and minutes that each claim needs to be decided four times in five, from the spread that "
           "the newest run with its metrics saw. Minutes are those of that run, with all of its arms and "
           "benchmarks.",
};

/* What is known of one claim. */
struct need {
    double blocks, block_s; /* blocks NAN: no run had its metrics */
    char run[32];
};

/* --- from one run */

/* Each claim has to pass the strictest step of the family's correction. */
static double level_of(const struct cb_claims *c, size_t family)
{
    return c->correction == CB_UNCORRECTED || !family ? c->alpha : c->alpha / (double)family;
}

static size_t count_testable(const struct cb_claims *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        n += !c->at[i].broken && !c->at[i].pending;
    return n;
}

static void take_needs(const struct cb_verdicts *v, struct need *needs)
{
    const struct cb_claims *c = v->claims;
    double level = level_of(c, count_testable(c));
    for (size_t i = 0; i < v->n; i++) {
        double blocks = v->at[i].row > CB_ROW_ARM ? cb_claim_blocks(&v->at[i], level) : NAN;
        if (!isnan(needs[i].blocks) || isnan(blocks))
            continue;
        needs[i].blocks = fmax(blocks, c->min_units);
        needs[i].block_s = v->block_s;
        snprintf(needs[i].run, sizeof needs[i].run, "%s", v->data->run.id);
    }
}

static int look_at_run(struct cb_store *store, const char *id, const struct cb_claims *c, struct need *needs,
                       struct cb_err *err)
{
    struct cb_dataset data = {0};
    struct cb_rows rows = {0};
    struct cb_verdicts v = {0};
    int got = cb_store_load(store, id, &data, err);
    if (got == 0)
        got = cb_effects(&data, &rows, err);
    if (got == 0)
        got = cb_claims_judge(c, &data, &rows, &v, err);
    if (got == 0)
        take_needs(&v, needs);
    cb_verdicts_free(&v);
    cb_rows_free(&rows);
    cb_dataset_free(&data);
    return got;
}

static bool all_known(const struct cb_claims *c, const struct need *needs)
{
    for (size_t i = 0; i < c->n; i++)
        if (isnan(needs[i].blocks) && !c->at[i].broken && !c->at[i].pending)
            return false;
    return true;
}

static int look_at_runs(const struct options *o, const struct cb_claims *c, struct need *needs,
                        struct cb_err *err)
{
    struct cb_run_place at;
    char ids[RUNS_MAX][32];
    size_t n = RUNS_MAX;
    if (cb_find_run("latest", o->out, &at, err) < 0)
        return -1;
    int got = cb_store_recent(at.store, ids, &n, err);
    for (size_t i = 0; got == 0 && i < n && !all_known(c, needs); i++)
        got = look_at_run(at.store, ids[i], c, needs, err);
    cb_store_close(at.store);
    return got;
}

/* --- the table */

static void print_need(const struct cb_claim *c, const struct need *n)
{
    char time[32];
    cb_print_text(stdout, c->id);
    printf("%*s  ", strlen(c->id) < 32 ? 32 - (int)strlen(c->id) : 0, "");
    if (c->broken) {
        puts("an error in the file");
    } else if (c->pending) {
        fputs("pending: ", stdout);
        cb_print_text(stdout, c->pending);
        putchar('\n');
    } else if (isnan(n->blocks)) {
        printf("unknown: none of the last %d runs could test it\n", RUNS_MAX);
    } else if (n->blocks > CB_BLOCKS_NEEDED_MAX) {
        printf(">%d blocks, as in run %s its bound is too near to what was measured\n", CB_BLOCKS_NEEDED_MAX,
               n->run);
    } else {
        cb_format_time((uint64_t)(n->blocks * n->block_s * 1e9), time, sizeof time);
        printf("%5.0f blocks  %-14s  run %s\n", n->blocks, time, n->run);
    }
}

static int plan(const struct options *o, const struct cb_claims *c, struct cb_err *err)
{
    struct need needs[CB_CLAIMS_MAX];
    for (size_t i = 0; i < c->n; i++)
        needs[i] = (struct need){.blocks = NAN};
    if (look_at_runs(o, c, needs, err) < 0)
        return -1;
    for (size_t i = 0; i < c->n; i++)
        print_need(&c->at[i], &needs[i]);
    return c->nerrors ? CB_EXIT_USAGE : CB_EXIT_OK;
}

static int cmd_plan(int argc, char **argv)
{
    struct options o = {0};
    struct cb_err err = {0};
    struct cb_claim_files files;
    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
        return CB_EXIT_USAGE;
    int got = cb_claim_files_load(&o.file, 1, &files, &err);
    if (got == 0)
        got = plan(&o, &files.at[0], &err);
    cb_claim_files_free(&files);
    return got < 0 ? cb_report_error(&err) : got;
}

const struct cb_command cb_cmd_plan = {"plan", "blocks and minutes that claims need here", cmd_plan};
