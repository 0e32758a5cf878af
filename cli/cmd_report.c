/* cbench report: renders a stored run again. */
#include <argp.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "bench/base/io.h"
#include "cli/cli.h"
#include "cli/render.h"

struct options {
    const char *run, *out;
    unsigned formats;
};

enum { KEY_OUT = 256, KEY_FORMAT };

static const struct argp_option option_table[] = {
    {"format", KEY_FORMAT, "LIST", 0, "html, md, json, csv, term, all (default: all)", 0},
    {"out", KEY_OUT, "DIR", 0, "Where results are (default: $CBENCH_HOME or ./cbench-results)", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    struct cb_err err = {0};
    switch (key) {
    case KEY_OUT:
        o->out = arg;
        return 0;
    case KEY_FORMAT:
        if (cb_render_formats(arg, &o->formats, &err) < 0)
            exit(cb_report_error(&err));
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
    .doc = "Renders a stored run again. Files go to OUT/RUN-ID, `term` to the terminal.",
};

static int render_stored(const struct options *o, struct cb_err *err)
{
    struct cb_run_place at;
    struct cb_dataset data = {0};
    if (cb_find_run(o->run, o->out, &at, err) < 0)
        return -1;
    int got = cb_mkdirs(at.dir, 0755, err);
    if (got == 0)
        got = cb_store_load(at.store, at.id, &data, err);
    if (got == 0)
        got = cb_render(&data, at.dir, o->formats, err);
    if (got == 0)
        got = cb_give_to_caller(at.dir, err);
    cb_dataset_free(&data);
    cb_store_close(at.store);
    return got;
}

static int cmd_report(int argc, char **argv)
{
    struct options o = {.formats = CB_RENDER_ALL};
    struct cb_err err = {0};
    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
        return CB_EXIT_USAGE;
    return render_stored(&o, &err) < 0 ? cb_report_error(&err) : CB_EXIT_OK;
}

const struct cb_command cb_cmd_report = {"report", "render a stored run again", cmd_report};
