/* cbench run: plan, site, blocks, reports. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "bench/base/units.h"
#include "cli/cli.h"
#include "cli/collect.h"
#include "cli/measuring.h"
#include "cli/render.h"
#include "results/stopping.h"
#include "results/void.h"
#include "runners/site.h"

struct options {
    const char *arms[CB_ARMS_MAX + 1];
    unsigned narms;
    const char *ladders[CB_ARMS_MAX + 1];
    unsigned nladders;
    const char *benches, *out, *connect;
    struct cb_plan_request plan;
    unsigned cpus; /* of every arm; 0: one */
    bool all, dry_run, seeded;
};

enum {
    KEY_BLOCKS = 256,
    KEY_BUDGET,
    KEY_TARGET,
    KEY_SEED,
    KEY_OUT,
    KEY_DRY,
    KEY_QUICK,
    KEY_ALL,
    KEY_BENCH,
    KEY_ARM,
    KEY_LADDER,
    KEY_CONNECT,
    KEY_CPUS,
};

static const struct argp_option option_table[] = {
    {"all", KEY_ALL, NULL, 0, "The standard set in all arms (the default without --bench)", 0},
    {"bench", KEY_BENCH, "LIST", 0,
     "Sets (quick, standard, full), globs of names ('mem.*,fs.commit'), or a glob's cases of a set "
     "('mem.*@full')",
     0},
    {"arm", KEY_ARM, "ARM", 0,
     "An arm, e.g. container or vm:accel=tcg; repeat for more (default: host host2 container vm)", 0},
    {"ladder", KEY_LADDER, "NAME", 0,
     "The arms of a ladder (cbench list ladders), and what each of its steps costs; --arm adds others", 0},
    {"quick", KEY_QUICK, NULL, 0, "6 short blocks; the report is marked quick", 0},
    {"blocks", KEY_BLOCKS, "N", 0, "Exactly so many blocks (default: 10, then as many as --target needs)", 0},
    {"target", KEY_TARGET, "PCT", 0,
     "Measure more blocks, within the budget, until the half width of every 95 % interval is at most PCT "
     "percent (default 1)",
     0},
    {"budget", KEY_BUDGET, "TIME", 0,
     "Stop after the block that would pass this, e.g. 10m (never below 6 blocks)", 0},
    {"seed", KEY_SEED, "N", 0, "Seed of orders and data (default: random, recorded)", 0},
    {"out", KEY_OUT, "DIR", 0, "Where results go (default: $CBENCH_HOME or ./cbench-results)", 0},
    {"connect", KEY_CONNECT, "URI", 0, "libvirt connection of vm arms (default: qemu:///embed, no daemon)",
     0},
    {"cpus", KEY_CPUS, "N", 0, "CPUs of every arm (default: 1); the rest is for the peer and the harness", 0},
    {"dry-run", KEY_DRY, NULL, 0, "Print the plan and stop", 0},
    {0},
};

/* ---- options
 * ---------------------------------------------------------------------------------------------------- */

static int parse_count(const char *option, const char *text, uint64_t most, unsigned *out, struct cb_err *err)
{
    uint64_t n;
    if (cb_parse_u64(text, 1, most, &n, err) < 0)
        return cb_wrap(err, "%s", option);
    *out = (unsigned)n;
    return 0;
}

static int parse_percent(const char *text, double *out, struct cb_err *err)
{
    char number[32];
    snprintf(number, sizeof number, "%.*s", (int)strcspn(text, "%"), text);
    if (cb_parse_double(number, out, err) < 0)
        return -1;
    *out /= 100;
    return *out > 0 && *out < 1 ? 0 : cb_fail(err, CB_EUSAGE, "%s: not between 0 and 100 %%", text);
}

static int parse_value(int key, char *arg, struct options *o, struct cb_err *err)
{
    switch (key) {
    case KEY_BLOCKS:
        return parse_count("--blocks", arg, CB_BLOCKS_MAX, &o->plan.blocks, err);
    case KEY_CPUS:
        return parse_count("--cpus", arg, CB_CPUS_MAX, &o->cpus, err);
    case KEY_BUDGET:
        return cb_parse_time(arg, &o->plan.budget_ns, err) < 0 ? cb_wrap(err, "--budget") : 0;
    case KEY_TARGET:
        return parse_percent(arg, &o->plan.target, err) < 0 ? cb_wrap(err, "--target") : 0;
    case KEY_SEED:
        o->seeded = true;
        return cb_parse_u64(arg, 0, INT64_MAX, &o->plan.seed, err) < 0 ? cb_wrap(err, "--seed") : 0;
    case KEY_ARM:
        if (o->narms == CB_ARMS_MAX)
            return cb_fail(err, CB_EUSAGE, "more than %d arms", CB_ARMS_MAX);
        o->arms[o->narms++] = arg;
        return 0;
    case KEY_LADDER:
        if (o->nladders == CB_ARMS_MAX)
            return cb_fail(err, CB_EUSAGE, "more than %d ladders", CB_ARMS_MAX);
        o->ladders[o->nladders++] = arg;
        return 0;
    default:
        return 0;
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    struct cb_err err = {0};
    switch (key) {
    case KEY_ALL:
        o->all = true;
        return 0;
    case KEY_QUICK:
        o->plan.quick = true;
        return 0;
    case KEY_DRY:
        o->dry_run = true;
        return 0;
    case KEY_BENCH:
        o->benches = arg;
        return 0;
    case KEY_OUT:
        o->out = arg;
        return 0;
    case KEY_CONNECT:
        o->connect = arg;
        return 0;
    case KEY_BLOCKS:
    case KEY_BUDGET:
    case KEY_TARGET:
    case KEY_SEED:
    case KEY_ARM:
    case KEY_LADDER:
    case KEY_CPUS:
        if (parse_value(key, arg, o, &err) < 0)
            exit(cb_report_error(&err));
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = option_table,
    .parser = parse_option,
    .doc = "Runs the same benchmarks on the host, in a container and in a VM, block by block, and writes a "
           "report.",
};

/* So many blocks as were asked for, however long they take; else as many as the target needs, but for quick
 * runs. */
static int choose_length(struct options *o, struct cb_err *err)
{
    struct cb_plan_request *p = &o->plan;
    if (p->target > 0 && (p->blocks || p->quick))
        return cb_fail(err, CB_EUSAGE, "--target and %s exclude each other",
                       p->quick ? "--quick" : "--blocks");
    if (p->blocks && !p->budget_ns)
        p->budget_ns = CB_NO_BUDGET;
    if (!p->blocks && !p->quick && !(p->target > 0))
        p->target = CB_TARGET_HALF_WIDTH;
    return 0;
}

static int finish_options(struct options *o, struct cb_err *err)
{
    if (o->all && o->benches)
        return cb_fail(err, CB_EUSAGE, "--all and --bench exclude each other");
    if (choose_length(o, err) < 0)
        return -1;
    o->plan.arms = o->narms ? o->arms : NULL;
    o->plan.ladders = o->nladders ? o->ladders : NULL;
    o->plan.benches = o->benches;
    o->plan.control = o->all && !o->plan.quick;
    uint32_t random;
    if (!o->seeded) {
        if (getrandom(&random, sizeof random, 0) != sizeof random)
            return cb_fail_sys(err, errno, "getrandom");
        o->plan.seed = random;
    }
    return 0;
}

/* ---- directories
 * ------------------------------------------------------------------------------------------------ */

static int make_run_dir(const char *out, const char *id, char *dir, size_t cap, struct cb_err *err)
{
    if (cb_path(dir, cap, err, "%s/%s", out, id) < 0)
        return -1;
    return mkdir(dir, 0755) < 0 ? cb_fail_sys(err, errno, "create %s", dir) : 0;
}

/* OUT/latest points at the newest run; replaced atomically. */
static int point_latest(const char *out, const char *id, struct cb_err *err)
{
    char tmp[4096], link[4096];
    if (cb_path(tmp, sizeof tmp, err, "%s/.latest-%s", out, id) < 0 ||
        cb_path(link, sizeof link, err, "%s/latest", out) < 0)
        return -1;
    if (symlink(id, tmp) < 0 || rename(tmp, link) < 0) {
        unlink(tmp);
        return cb_fail_sys(err, errno, "point %s at the run", link);
    }
    return 0;
}

/* ---- the run
 * ---------------------------------------------------------------------------------------------------- */

static int asked_by_name(const struct options *o, const char *arm)
{
    for (unsigned i = 0; i < o->narms; i++)
        if (strcmp(o->arms[i], arm) == 0)
            return 1;
    return 0;
}

/* CB_MUST_RUN names runners whose absence fails the run: CI must not turn green by skipping. */
static int must_run(const char *runner)
{
    const char *list = getenv("CB_MUST_RUN");
    size_t len = strlen(runner);
    for (const char *p = list ? list : ""; *p;) {
        size_t n = strcspn(p, ",");
        if (n == len && memcmp(p, runner, n) == 0)
            return 1;
        p += n + (p[n] == ',');
    }
    return 0;
}

static int judge_arms(const struct options *o, const struct cb_dataset *d)
{
    size_t ok = 0;
    int code = CB_EXIT_OK;
    for (size_t i = 0; i < d->narms; i++) {
        const struct cb_ds_arm *a = &d->arms[i];
        if (strcmp(a->status, "ok") == 0)
            ok++;
        else if (asked_by_name(o, a->name) || must_run(a->runner))
            code = CB_EXIT_ARM;
    }
    return ok ? code : code == CB_EXIT_OK ? CB_EXIT_SKIPPED : code;
}

/* Everything between an open site and a closed one. */
static int measure(struct cb_plan *plan, struct cb_site *site, struct cb_collector *c, struct cb_err *err)
{
    struct cb_run_totals totals;
    struct cb_err closing = {0};
    struct cb_sink sink = cb_collect_sink(c);
    int got = cb_execute(plan, site, &sink, &cb_stop, &totals, err);
    cb_site_close(site);
    if (cb_collect_end(c, &totals, got == 0, &closing) < 0 && got == 0) {
        *err = closing;
        got = -1;
    }
    return got;
}

struct places {
    char out[2048], run_dir[2200], id[32], started[32];
};

static int open_log(const struct places *at, FILE **log, struct cb_err *err)
{
    char path[4096];
    if (cb_path(path, sizeof path, err, "%s/log.txt", at->run_dir) < 0)
        return -1;
    *log = fopen(path, "we");
    return *log ? 0 : cb_fail_sys(err, errno, "create %s", path);
}

/* Nothing is wrong with the run but the machine it ran on. */
static int judge_noise(const struct cb_dataset *d)
{
    struct cb_voids v = cb_voids(d);
    if (!v.unfit)
        return CB_EXIT_OK;
    fprintf(stderr,
            "cbench: this machine is too noisy to measure: %u of %u blocks are void: %s\n"
            "        `cbench doctor` says what can be done about it\n",
            v.voided, v.blocks, d->blocks[v.first].void_reason);
    return CB_EXIT_UNFIT;
}

/* Reports what there is, also after an interruption: nothing measured is lost. */
static int conclude(const struct options *o, const struct places *at, const struct cb_collector *c, int got,
                    struct cb_err *err)
{
    struct cb_err rendering = {0};
    int code = got < 0 ? cb_report_error(err) : judge_arms(o, &c->data);
    if (c->data.nblocks > 0 && cb_render(&c->data, at->run_dir, CB_RENDER_ALL, &rendering) < 0)
        code = cb_report_error(&rendering);
    else if (c->data.nblocks > 0)
        fprintf(stderr, "cbench: report: %s/report.html\n", at->run_dir);
    if (code == CB_EXIT_OK)
        code = judge_noise(&c->data);
    if (point_latest(at->out, at->id, &rendering) < 0 || cb_give_to_caller(at->out, &rendering) < 0)
        cb_report_error(&rendering);
    return got < 0 && err->code == CB_EINTR ? CB_EXIT_INTERRUPTED : code;
}

static int run_plan(const struct options *o, struct cb_plan *plan, const struct cb_topology *topo,
                    struct cb_err *err)
{
    struct places at;
    struct cb_store *store = NULL;
    struct cb_site site;
    struct cb_collector c;
    CB_AUTOFILE FILE *log = NULL;
    if (cb_name_run(at.id, at.started, err) < 0 || cb_out_dir(o->out, at.out, sizeof at.out, err) < 0 ||
        cb_open_store(at.out, true, &store, err) < 0)
        return cb_report_error(err);
    struct cb_site_request req = {
        .run_id = at.id,
        .run_dir = at.run_dir,
        .connect = o->connect ? o->connect : "",
        .memory = plan->memory,
        .network = cb_plan_needs_network(plan),
    };
    int code;
    cb_watch_signals();
    if (make_run_dir(at.out, at.id, at.run_dir, sizeof at.run_dir, err) < 0 || open_log(&at, &log, err) < 0 ||
        cb_site_open(&req, topo, &site, err) < 0) {
        code = cb_report_error(err);
    } else if (cb_collect_init(&c, plan, &site, store, log, at.started, err) < 0) {
        cb_site_close(&site);
        code = cb_report_error(err);
    } else {
        cb_take_seat(topo);
        int got = measure(plan, &site, &c, err);
        code = conclude(o, &at, &c, got, err);
        cb_collect_free(&c);
    }
    cb_store_close(store);
    return code;
}

static int cmd_run(int argc, char **argv)
{
    struct options o = {0};
    struct cb_err err = {0};
    struct cb_topology topo;
    struct cb_plan plan;
    int unparsed;
    if (argp_parse(&argp, argc, argv, 0, &unparsed, &o) != 0)
        return CB_EXIT_USAGE;
    if (finish_options(&o, &err) < 0 || cb_topology_load(&topo, o.cpus ? (int)o.cpus : 1, &err) < 0 ||
        cb_plan_make(&o.plan, &topo, &plan, &err) < 0)
        return cb_report_error(&err);
    int code;
    if (o.dry_run) {
        CB_AUTOBUF struct cb_buf text = {0};
        cb_plan_print(&plan, &text);
        fputs(cb_buf_str(&text), stdout);
        code = CB_EXIT_OK;
    } else {
        code = run_plan(&o, &plan, &topo, &err);
    }
    cb_plan_free(&plan);
    return code;
}

const struct cb_command cb_cmd_run = {"run", "run benchmarks in all arms and write the report", cmd_run};
