/* cbench list: what exists. */
#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "cli/cli.h"
#include "plots/report.h"
#include "runners/cases.h"
#include "runners/ladder.h"
#include "runners/runner.h"

enum form { FORM_PLAIN, FORM_MARKDOWN, FORM_JSON };

struct options {
    const char *what;
    enum form form;
};

/* ---- one row printer a form; a table is a title row and rows of text
 * --------------------------------------------- */

#define COLUMNS_MAX 5

struct table {
    const char *columns[COLUMNS_MAX]; /* ended by NULL where fewer */
    enum form form;
    json_t *json; /* array, FORM_JSON only */
};

static void print_cells(const struct table *t, const char *const *cells)
{
    static const int width[COLUMNS_MAX] = {24, 52, 14, 20, 0};
    for (int i = 0; i < COLUMNS_MAX && t->columns[i]; i++)
        if (t->form == FORM_MARKDOWN)
            printf("| %s ", cells[i]);
        else
            printf("%-*s%s", width[i], cells[i], i + 1 < COLUMNS_MAX && t->columns[i + 1] ? "  " : "");
    puts(t->form == FORM_MARKDOWN ? "|" : "");
}

static void table_begin(struct table *t)
{
    if (t->form == FORM_JSON) {
        t->json = json_array();
        return;
    }
    if (t->form != FORM_MARKDOWN)
        return;
    print_cells(t, t->columns);
    for (int i = 0; i < COLUMNS_MAX && t->columns[i]; i++)
        fputs("|---", stdout);
    puts("|");
}

static void table_row(struct table *t, const char *const *cells)
{
    if (t->form != FORM_JSON) {
        print_cells(t, cells);
        return;
    }
    json_t *row = json_object();
    for (int i = 0; i < COLUMNS_MAX && t->columns[i]; i++)
        json_object_set_new(row, t->columns[i], json_string(cells[i]));
    json_array_append_new(t->json, row);
}

static void table_end(struct table *t)
{
    if (t->form != FORM_JSON)
        return;
    json_dumpf(t->json, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(t->json);
}

/* ---- what can be listed
 * ------------------------------------------------------------------------------------------ */

/* "op=copy|scale, size" of a benchmark's parameters. */
static void describe_params(const struct cb_param *p, char *out, size_t cap)
{
    size_t n = 0;
    out[0] = '\0';
    for (; p && p->name && n < cap; p++)
        n += (size_t)snprintf(out + n, cap - n, "%s%s=%s", n ? ", " : "", p->name,
                              p->type == CB_PARAM_ENUM ? p->choices : p->def);
}

/* In a Markdown table a bar would end the cell. */
static void bars_to_slashes(char *s)
{
    for (; *s; s++)
        if (*s == '|')
            *s = '/';
}

/* "us, ops/s": of the metrics, each once. */
static void describe_units(const struct cb_metric *first, char *out, size_t cap)
{
    size_t n = 0;
    out[0] = '\0';
    for (const struct cb_metric *m = first; m->quantity && n < cap; m++) {
        const struct cb_metric *same = first;
        while (strcmp(same->unit, m->unit) != 0)
            same++;
        if (same == m)
            n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? ", " : "", m->unit);
    }
}

/* "2/3/9": how many cases each set has. A benchmark without a list has one, in every set. */
static void describe_sets(const struct cb_bench *b, char *out, size_t cap)
{
    unsigned cases[CB_SET_FULL + 1] = {0};
    for (int set = CB_SET_QUICK; set <= CB_SET_FULL; set++)
        for (const struct cb_variant *v = b->variants; v && v->params; v++)
            cases[set] += (int)v->set <= set;
    snprintf(out, cap, b->variants ? "%u/%u/%u" : "1/1/1", cases[CB_SET_QUICK], cases[CB_SET_STANDARD],
             cases[CB_SET_FULL]);
}

static void list_benchmarks(enum form form)
{
    struct table t = {.columns = {"name", "summary", "units", "quick/standard/full", "parameters"},
                      .form = form};
    table_begin(&t);
    for (const struct cb_bench *const *b = cb_benchmarks; *b; b++) {
        char params[256], units[64], sets[40];
        describe_params((*b)->params, params, sizeof params);
        describe_units((*b)->metrics, units, sizeof units);
        describe_sets(*b, sets, sizeof sets);
        bars_to_slashes(params);
        table_row(&t, (const char *[]){(*b)->name, (*b)->summary, units, sets, params});
    }
    table_end(&t);
}

/* Samples are a quarter of a run (runners/plan.c), the rest is starts and set-up. Where that is more than the
 * budget, the run ends with it, but not before it has the blocks that an interval needs. */
static double expected_minutes(const struct cb_plan *plan)
{
    double block = 4.0 * plan->narms * plan->ncases * (double)(plan->warm_ns + plan->time_ns);
    double all = block * plan->blocks, budget = (double)plan->budget_ns, least = block * CB_BLOCKS_MIN;
    double capped = all < budget ? all : budget;
    return (capped > least ? capped : least) / 60e9;
}

static void list_sets(enum form form)
{
    static const char *const how[] = {[CB_SET_QUICK] = "cbench run --quick",
                                      [CB_SET_STANDARD] = "cbench run --all",
                                      [CB_SET_FULL] = "cbench run --bench full"};
    struct table t = {.columns = {"name", "run by", "cases", "about"}, .form = form};
    struct cb_topology topo;
    struct cb_err err;
    table_begin(&t);
    for (int set = CB_SET_QUICK; set <= CB_SET_FULL; set++) {
        const struct cb_plan_request req = {.quick = set == CB_SET_QUICK, .benches = cb_set_name(set)};
        struct cb_plan plan;
        char cases[16] = "-", about[32] = "-";
        if (cb_topology_load(&topo, 1, &err) == 0 && cb_plan_make(&req, &topo, &plan, &err) == 0) {
            snprintf(cases, sizeof cases, "%u", plan.ncases);
            snprintf(about, sizeof about, "%.0f minutes", expected_minutes(&plan));
            cb_plan_free(&plan);
        }
        table_row(&t, (const char *[]){cb_set_name(set), how[set], cases, about});
    }
    table_end(&t);
}

static void list_metrics(enum form form)
{
    struct table t = {.columns = {"name", "unit", "better"}, .form = form};
    table_begin(&t);
    for (const struct cb_bench *const *b = cb_benchmarks; *b; b++)
        for (const struct cb_metric *m = (*b)->metrics; m->quantity; m++) {
            char name[128];
            snprintf(name, sizeof name, "%s.%s", (*b)->name, m->quantity);
            table_row(&t, (const char *[]){name, m->unit, m->better == CB_LOWER ? "lower" : "higher"});
        }
    table_end(&t);
}

static void list_arms(enum form form)
{
    struct table t = {.columns = {"name", "summary", "parameters"}, .form = form};
    table_begin(&t);
    for (const struct cb_runner *const *r = cb_runners; *r; r++) {
        char params[512] = "";
        size_t n = 0;
        for (const struct cb_arm_param *p = (*r)->params; p && p->name && n < sizeof params; p++)
            n += (size_t)snprintf(params + n, sizeof params - n, "%s%s=%s", n ? ", " : "", p->name,
                                  p->choices ? p->choices : p->def);
        bars_to_slashes(params);
        table_row(&t, (const char *[]){(*r)->name, (*r)->summary, params});
    }
    table_end(&t);
}

/* Each rung is compared with the one above it that is not aside. */
static void list_ladders(enum form form)
{
    struct table t = {.columns = {"name", "arm", "adds"}, .form = form};
    const char *ladder;
    table_begin(&t);
    for (size_t i = 0; (ladder = cb_ladder_name(i)); i++) {
        struct cb_rung rung;
        char chain[64] = "", name[64], adds[128];
        for (size_t at = 0; cb_rung_next(ladder, &at, &rung);) {
            snprintf(name, sizeof name, "%s%s%s", ladder, *rung.chain ? " " : "", rung.chain);
            snprintf(adds, sizeof adds, "%s%s", rung.label, rung.side ? " (aside)" : "");
            if (strcmp(chain, name) != 0)
                table_row(&t, (const char *[]){name, rung.base, "(foot)"});
            memcpy(chain, name, sizeof chain);
            table_row(&t, (const char *[]){name, rung.arm, adds});
        }
    }
    table_end(&t);
}

static void list_figures(enum form form)
{
    struct table t = {.columns = {"name", "title"}, .form = form};
    table_begin(&t);
    for (const struct cb_figure *const *f = cb_figures; *f; f++)
        table_row(&t, (const char *[]){(*f)->name, (*f)->title});
    table_end(&t);
}

static const struct {
    const char *name;
    void (*list)(enum form form);
} lists[] = {
    {"benchmarks", list_benchmarks}, {"sets", list_sets},       {"arms", list_arms},
    {"ladders", list_ladders},       {"metrics", list_metrics}, {"figures", list_figures},
};

/* ---- the command
 * ------------------------------------------------------------------------------------------------- */

enum { KEY_MARKDOWN = 256, KEY_JSON };

static const struct argp_option option_table[] = {
    {"markdown", KEY_MARKDOWN, NULL, 0, "A Markdown table", 0},
    {"json", KEY_JSON, NULL, 0, "A JSON array", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case KEY_MARKDOWN:
        o->form = FORM_MARKDOWN;
        return 0;
    case KEY_JSON:
        o->form = FORM_JSON;
        return 0;
    case ARGP_KEY_ARG:
        if (o->what)
            argp_error(state, "one list only");
        o->what = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = option_table,
    .parser = parse_option,
    .args_doc = "[benchmarks|sets|arms|ladders|metrics|figures]",
    .doc = "Lists what exists (default: benchmarks).",
};

static int cmd_list(int argc, char **argv)
{
    struct options o = {0};
    struct cb_err err = {0};
    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
        return CB_EXIT_USAGE;
    const char *what = o.what ? o.what : "benchmarks";
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(lists[i].name, what) == 0) {
            lists[i].list(o.form);
            return CB_EXIT_OK;
        }
    cb_fail(&err, CB_EUSAGE, "list %s: none of benchmarks, sets, arms, ladders, metrics, figures", what);
    return cb_report_error(&err);
}

const struct cb_command cb_cmd_list = {
    "list", "what exists: benchmarks, sets, arms, ladders, metrics, figures", cmd_list};
