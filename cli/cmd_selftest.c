/* cbench selftest: are the kernels and the pipeline honest on this machine? */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/base/units.h"
#include "cli/cli.h"
#include "cli/selftest.h"
#include "runners/runner.h"

/* Enough for a false-alarm rate of 10 % to be told from 5 %; takes seconds. */
#define RUNS_DEFAULT 200
#define RUNS_MAX     1000000

struct options {
    const char *arms[CB_ARMS_MAX + 1];
    unsigned narms;
    struct cb_selftest_kernels kernels;
    unsigned runs;
    bool json;
};

enum { KEY_ARM = 256, KEY_BENCH, KEY_AA, KEY_SEED, KEY_OUT, KEY_CONNECT, KEY_JSON };

static const struct argp_option option_table[] = {
    {"arm", KEY_ARM, "ARM", 0, "An arm to test the kernels in; repeat for more (default: host)", 0},
    {"bench", KEY_BENCH, "GLOB,..", 0, "Only kernels that match one of the globs", 0},
    {"aa", KEY_AA, "N", 0, "Synthetic runs of each kind (default 200)", 0},
    {"seed", KEY_SEED, "N", 0, "Seed of data and synthetic runs (default 1)", 0},
    {"out", KEY_OUT, "DIR", 0,
     "Directory whose filesystem is used (default: $CBENCH_HOME or ./cbench-results)", 0},
    {"connect", KEY_CONNECT, "URI", 0, "libvirt connection of vm arms (default: qemu:///embed, no daemon)",
     0},
    {"json", KEY_JSON, NULL, 0, "A JSON object", 0},
    {0},
};

static int parse_number(int key, const char *arg, struct options *o, struct cb_err *err)
{
    uint64_t n;
    if (key == KEY_SEED)
        return cb_parse_u64(arg, 0, INT64_MAX, &o->kernels.seed, err) < 0 ? cb_wrap(err, "--seed") : 0;
    if (cb_parse_u64(arg, 1, RUNS_MAX, &n, err) < 0)
        return cb_wrap(err, "--aa");
    o->runs = (unsigned)n;
    return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    struct cb_err err = {0};
    switch (key) {
    case KEY_ARM:
        if (o->narms == CB_ARMS_MAX - 1) /* the host may have to be added */
            argp_error(state, "more than %d arms", CB_ARMS_MAX - 1);
        o->arms[o->narms++] = arg;
        return 0;
    case KEY_BENCH:
        o->kernels.benches = arg;
        return 0;
    case KEY_AA:
    case KEY_SEED:
        if (parse_number(key, arg, o, &err) < 0)
            exit(cb_report_error(&err));
        return 0;
    case KEY_OUT:
        o->kernels.out = arg;
        return 0;
    case KEY_CONNECT:
        o->kernels.connect = arg;
        return 0;
    case KEY_JSON:
        o->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = option_table,
    .parser = parse_option,
    .doc =
        "Checks that twice the iterations of every kernel take twice as long, that nothing measured is "
        "zero and checksums hold, and what the pipeline makes of synthetic runs: false alarms where nothing "
        "was planted, detections where something was. Exit status 1: a check failed.",
};

static int conclude(const struct cb_selftest *t)
{
    if (t->json) {
        json_object_set_new(t->json, "ok", json_boolean(!t->failed));
        json_dumpf(t->json, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    fflush(stdout);
    if (!t->failed) {
        fprintf(stderr, "cbench: selftest: %u checks passed\n", t->checks);
        return CB_EXIT_OK;
    }
    fprintf(stderr, "cbench: selftest: %u of %u checks failed\n", t->failed, t->checks);
    return CB_EXIT_REFUTED;
}

static int cmd_selftest(int argc, char **argv)
{
    struct options o = {.runs = RUNS_DEFAULT, .kernels = {.seed = 1}};
    struct cb_err err = {0};
    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
        return CB_EXIT_USAGE;
    if (!o.narms)
        o.arms[0] = "host";
    o.kernels.arms = o.arms;
    struct cb_selftest t = {.json = o.json ? json_object() : NULL};
    int got = cb_selftest_kernels(&t, &o.kernels, &err);
    if (got == 0 && !t.json)
        putchar('\n');
    if (got == 0)
        got = cb_selftest_rates(&t, o.runs, o.kernels.seed, &err);
    int code = got < 0 ? cb_report_error(&err) : conclude(&t);
    json_decref(t.json);
    return code;
}

const struct cb_command cb_cmd_selftest = {"selftest", "are kernels and statistics honest here",
                                           cmd_selftest};
