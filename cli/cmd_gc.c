/* cbench gc: removes what a killed run left behind. */
#include <argp.h>
#include <stdio.h>

#include "cli/cli.h"
#include "runners/gc.h"

struct options {
    bool dry;
    const char *out;
};

enum { KEY_DRY = 256, KEY_OUT };

static const struct argp_option option_table[] = {
    {"dry-run", KEY_DRY, NULL, 0, "Only say what would be removed", 0},
    {"out", KEY_OUT, "DIR", 0,
     "Results whose work directories are looked at (default: $CBENCH_HOME or ./cbench-results)", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case KEY_DRY:
        o->dry = true;
        return 0;
    case KEY_OUT:
        o->out = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = option_table,
    .parser = parse_option,
    .doc = "Removes what carries cbench's names and has no living owner: processes, mounts, cgroups, links, "
           "directories.",
};

struct tally {
    unsigned found;
    bool dry;
};

static void print_leftover(const struct cb_leftover *l, bool removed, void *arg)
{
    struct tally *t = arg;
    t->found++;
    printf("%-10s %s (run %s): %s\n", l->kind, l->name, l->run_id,
           t->dry    ? "found"
           : removed ? "removed"
                     : "NOT removed");
}

static int cmd_gc(int argc, char **argv)
{
    struct options o = {0};
    struct cb_err err = {0};
    char out[2048];
    unsigned failed = 0;
    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
        return CB_EXIT_USAGE;
    struct tally tally = {.dry = o.dry};
    if (cb_out_dir(o.out, out, sizeof out, &err) < 0 ||
        cb_gc(out, o.dry, print_leftover, &tally, &failed, &err) < 0)
        return cb_report_error(&err);
    if (tally.found == 0)
        puts("nothing left behind");
    return failed ? CB_EXIT_UNFIT : CB_EXIT_OK;
}

const struct cb_command cb_cmd_gc = {"gc", "remove what a killed run left behind", cmd_gc};
