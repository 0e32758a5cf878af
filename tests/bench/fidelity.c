/* Does a kernel measure what the tool that people trust measures? Runs both in alternation and prints the
 * ratio of their results, ours to theirs, with its interval over the pairs; scripts/bench-fidelity has the
 * tools.
 *
 *   bench_fidelity [OPTION]... BENCH QUANTITY[,QUANTITY] PARAMS[;PARAMS] -- TOOL [ARGUMENT]...
 *
 * TOOL prints a number for each quantity, in the metric's unit. Parameters of several cases belong to a tool
 * that does all of them and tells one rate: so many iterations of each, their work over their time. Agent and
 * tool inherit CPUs and network namespace from here, so that both have the same. Exit status: 0 every
 * interval lies within LIMIT_LO..LIMIT_HI, 1 one does not, 4 something could not be run. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/proc.h"
#include "bench/base/units.h"
#include "results/effect.h"
#include "results/rank.h"
#include "runners/session.h"
#include "runners/site.h"

#define LIMIT_LO 0.95
#define LIMIT_HI 1.05

#define QUANTITIES_MAX 4
#define CASES_MAX      8
#define PAIRS_MAX      100
/* A queue that fills and drains, and what starting a batch costs, are a hundredth of this or less. */
#define BATCH_NS    (200 * CB_NS_PER_MS)
#define SAMPLES_MIN 8u
#define SAMPLES_MAX 400u
/* Set-up of a case, and a tool that winds up. */
#define PATIENCE_NS (60 * CB_NS_PER_S)

struct comparison {
    const char *name; /* of the line that is printed */
    const struct cb_bench *bench;
    const struct cb_metric *metrics[QUANTITIES_MAX];
    unsigned nmetrics;
    char params[CASES_MAX][CB_PARAMS_TEXT_MAX];
    unsigned ncases;
    const char *const *tool;
    struct cb_wire_env env;
    unsigned pairs;
    uint64_t side_ns; /* what one side of a pair measures for */
    FILE *log;        /* NULL: none */
};

struct run {
    const struct comparison *c;
    pid_t agent;
    struct cb_session session;
    uint64_t iters; /* of a batch */
    uint32_t samples;
    struct cb_ds_sample kept[SAMPLES_MAX];
    struct cb_ds_result result;
    double ours[QUANTITIES_MAX][PAIRS_MAX], theirs[QUANTITIES_MAX][PAIRS_MAX];
};

/* ---- our side --------------------------------------------------------------------------------------- */

static int start_agent(struct run *r, struct cb_err *err)
{
    char path[256], sha256[CB_SHA256_HEX];
    int ends[2];
    if (cb_agent_find(path, sizeof path, err) < 0 || cb_sha256_file(path, sha256, err) < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return cb_fail_sys(err, errno, "socketpair");
    const struct cb_spawn spawn = {.argv = (const char *const[]){path, "run", NULL},
                                   .fd_in = ends[1],
                                   .fd_out = ends[1],
                                   .fd_err = STDERR_FILENO,
                                   .cpu = -1,
                                   .die_with_parent = true};
    struct cb_link link = {ends[0], ends[0]};
    int failed = cb_spawn(&spawn, &r->agent, NULL, err);
    close(ends[1]);
    if (failed) {
        cb_link_close(&link);
        return -1;
    }
    uint64_t deadline = cb_deadline_in(PATIENCE_NS);
    return cb_session_open(&r->session, &link, sha256, NULL, deadline, err) < 0 ||
                   cb_session_env(&r->session, &r->c->env, deadline, err) < 0 ||
                   cb_session_ping(&r->session, deadline, err) < 0
               ? -1
               : 0;
}

static struct cb_wire_run wire_run(const struct run *r, unsigned case_index)
{
    struct cb_wire_run run = {.id = case_index + 1, .seed = 1, .timeout_ns = r->c->side_ns + PATIENCE_NS};
    snprintf(run.bench, sizeof run.bench, "%s", r->c->bench->name);
    snprintf(run.params, sizeof run.params, "%s", r->c->params[case_index]);
    return run;
}

/* Iterations of a batch and how many of them fill our side's time, by the first case. */
static int calibrate(struct run *r, struct cb_err *err)
{
    struct cb_wire_run run = wire_run(r, 0);
    uint64_t wall_ns;
    int alive;
    run.time_ns = BATCH_NS;
    if (cb_session_calibrate(&r->session, &run, &r->iters, &wall_ns, cb_deadline_in(run.timeout_ns), &alive,
                             err) < 0)
        return -1;
    uint64_t n = r->c->side_ns / r->c->ncases / wall_ns;
    r->samples = n < SAMPLES_MIN ? SAMPLES_MIN : n > SAMPLES_MAX ? SAMPLES_MAX : (uint32_t)n;
    return 0;
}

static void keep_batch(void *arg, const struct cb_batch *b)
{
    struct run *r = arg;
    if (!b->warm && r->result.nsamples < SAMPLES_MAX)
        r->kept[r->result.nsamples++] = (struct cb_ds_sample){.s = b->sample, .trusted = true};
}

static int run_case(struct run *r, unsigned case_index, struct cb_err *err)
{
    const struct cb_case_sink sink = {.batch = keep_batch, .arg = r};
    struct cb_wire_run run = wire_run(r, case_index);
    int alive;
    bool trusted;
    run.iters = r->iters;
    run.samples_min = run.samples_max = r->samples;
    r->result.nsamples = 0;
    cb_hist_reset(r->result.hist);
    return cb_session_run(&r->session, &run, &sink, r->result.hist, &trusted, cb_deadline_in(run.timeout_ns),
                          &alive, err);
}

/* By the rules that a report's numbers follow. */
static int value_of(const struct run *r, const struct cb_metric *m, double *out, struct cb_err *err)
{
    const char *why = "";
    *out = cb_block_value(&(struct cb_ds_metric){.how = *m}, &r->result, &why);
    return isnan(*out) ? cb_fail(err, CB_EUNFIT, "%s.%s: %s", r->c->bench->name, m->quantity, why) : 0;
}

static int measure_one(struct run *r, double out[QUANTITIES_MAX], struct cb_err *err)
{
    if (run_case(r, 0, err) < 0)
        return -1;
    for (unsigned q = 0; q < r->c->nmetrics; q++)
        if (value_of(r, r->c->metrics[q], &out[q], err) < 0)
            return -1;
    return 0;
}

/* One rate of several cases: all work over all time. */
static int measure_mix(struct run *r, double *out, struct cb_err *err)
{
    double work = 0, time = 0, rate;
    for (unsigned i = 0; i < r->c->ncases; i++) {
        if (run_case(r, i, err) < 0 || value_of(r, r->c->metrics[0], &rate, err) < 0)
            return -1;
        work += (double)r->kept[0].s.work;
        time += (double)r->kept[0].s.work / rate;
    }
    *out = work / time;
    return 0;
}

static int measure_ours(struct run *r, double out[QUANTITIES_MAX], struct cb_err *err)
{
    return r->c->ncases == 1 ? measure_one(r, out, err) : measure_mix(r, out, err);
}

/* ---- their side ------------------------------------------------------------------------------------- */

static int measure_theirs(const struct comparison *c, double out[QUANTITIES_MAX], struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf text = {0};
    if (cb_capture(c->tool, c->side_ns + PATIENCE_NS, 4096, &text, err) < 0)
        return -1;
    const char *at = cb_buf_str(&text);
    for (unsigned q = 0; q < c->nmetrics; q++) {
        char *end;
        out[q] = strtod(at, &end);
        if (end == at || !(out[q] > 0))
            return cb_fail(err, CB_EUNFIT, "%s printed no %s: \"%.80s\"", c->tool[0], c->metrics[q]->quantity,
                           cb_buf_str(&text));
        at = end;
    }
    return 0;
}

/* ---- pairs ------------------------------------------------------------------------------------------ */

/* Who comes first alternates, so that a drift favours neither. */
static int run_pair(struct run *r, unsigned pair, struct cb_err *err)
{
    double ours[QUANTITIES_MAX], theirs[QUANTITIES_MAX];
    for (unsigned i = 0; i < 2; i++)
        if (((pair + i) % 2 ? measure_theirs(r->c, theirs, err) : measure_ours(r, ours, err)) < 0)
            return -1;
    for (unsigned q = 0; q < r->c->nmetrics; q++) {
        r->ours[q][pair] = ours[q];
        r->theirs[q][pair] = theirs[q];
        if (r->c->log)
            fprintf(r->c->log, "%s,%s,%u,%.17g,%.17g\n", r->c->name, r->c->metrics[q]->quantity, pair,
                    ours[q], theirs[q]);
    }
    return 0;
}

/* An interval that is too wide to lie within decides nothing; one that lies outside as a whole does. */
static const char *judge(double lo, double hi)
{
    if (lo >= LIMIT_LO && hi <= LIMIT_HI)
        return "within";
    return lo > LIMIT_HI || hi < LIMIT_LO ? "DIFFERS" : "open";
}

static bool put_quantity(const struct run *r, unsigned q)
{
    const struct comparison *c = r->c;
    double d[PAIRS_MAX];
    char metric[CB_NAME_MAX + 16];
    for (unsigned i = 0; i < c->pairs; i++)
        d[i] = log(r->ours[q][i] / r->theirs[q][i]);
    struct cb_interval in = cb_decision_interval(d, c->pairs, 0.95);
    const char *verdict = judge(exp(in.lo), exp(in.hi));
    snprintf(metric, sizeof metric, "%s.%s", c->bench->name, c->metrics[q]->quantity);
    printf("%-12s %-18s %11.6g %11.6g %-5s  %.3f [%.3f, %.3f]  %s\n", c->name, metric,
           cb_median(r->ours[q], c->pairs), cb_median(r->theirs[q], c->pairs), c->metrics[q]->unit,
           exp(in.estimate), exp(in.lo), exp(in.hi), verdict);
    return !strcmp(verdict, "within");
}

static int run_pairs(struct run *r, struct cb_err *err)
{
    int within = 0;
    if (start_agent(r, err) < 0 || calibrate(r, err) < 0)
        return -1;
    for (unsigned pair = 0; pair < r->c->pairs; pair++)
        if (run_pair(r, pair, err) < 0)
            return -1;
    for (unsigned q = 0; q < r->c->nmetrics; q++)
        within += put_quantity(r, q);
    return within == (int)r->c->nmetrics;
}

/* 1: all are within the limits, 0: not, -1. */
static int compare(const struct comparison *c, struct cb_err *err)
{
    CB_AUTOFREE struct run *r = calloc(1, sizeof *r);
    CB_AUTOFREE struct cb_hist *hist = malloc(sizeof *hist);
    if (!r || !hist)
        return cb_fail(err, CB_ESYS, "out of memory");
    r->c = c;
    r->session.link = (struct cb_link){-1, -1};
    r->result = (struct cb_ds_result){
        .outcome = (char[]){"ok"}, .reason = (char[]){""}, .samples = r->kept, .hist = hist};
    int got = run_pairs(r, err);
    cb_session_close(&r->session);
    cb_kill_wait(r->agent);
    return got;
}

/* ---- the command line ------------------------------------------------------------------------------- */

static const struct cb_metric *find_metric(const struct cb_bench *b, const char *quantity)
{
    for (const struct cb_metric *m = b->metrics; m->quantity; m++)
        if (!strcmp(m->quantity, quantity))
            return m;
    return NULL;
}

static int take_quantities(struct comparison *c, char *list, struct cb_err *err)
{
    for (char *word; (word = strsep(&list, ",")); c->nmetrics++) {
        const struct cb_metric *m = find_metric(c->bench, word);
        if (!m || c->nmetrics == QUANTITIES_MAX)
            return cb_fail(err, CB_EUSAGE, "%s has no quantity %s", c->bench->name, word);
        c->metrics[c->nmetrics] = m;
    }
    return 0;
}

static int take_params(struct comparison *c, char *list, struct cb_err *err)
{
    uint64_t values[CB_PARAM_MAX];
    for (char *word; (word = strsep(&list, ";")); c->ncases++)
        if (c->ncases == CASES_MAX)
            return cb_fail(err, CB_EUSAGE, "more than %d cases", CASES_MAX);
        else if (cb_params_parse(c->bench, word, values, err) < 0 ||
                 cb_path(c->params[c->ncases], sizeof c->params[0], err, "%s", word) < 0)
            return -1;
    if (c->ncases > 1 && (c->nmetrics > 1 || c->metrics[0]->derive != CB_WORK_PER_WALL))
        return cb_fail(err, CB_EUSAGE, "several cases make one rate");
    return 0;
}

static int take_option(struct comparison *c, int option, const char *value, struct cb_err *err)
{
    uint64_t n;
    switch (option) {
    case 'c':
        c->name = value;
        return 0;
    case 'd':
        return cb_path(c->env.scratch, sizeof c->env.scratch, err, "%s", value);
    case 'a':
        return cb_path(c->env.peer, sizeof c->env.peer, err, "%s", value);
    case 'n':
        if (cb_parse_u64(value, 2, PAIRS_MAX, &n, err) < 0)
            return -1;
        c->pairs = (unsigned)n;
        return 0;
    case 's':
        if (cb_parse_u64(value, 1, 60, &n, err) < 0)
            return -1;
        c->side_ns = n * CB_NS_PER_S;
        return 0;
    case 'l':
        c->log = fopen(value, "ae");
        return c->log ? 0 : cb_fail_sys(err, errno, "open %s", value);
    default:
        return cb_fail(err, CB_EUSAGE, "no such option");
    }
}

static int read_command_line(struct comparison *c, int argc, char **argv, struct cb_err *err)
{
    static const struct option options[] = {{"name", required_argument, NULL, 'c'},
                                            {"scratch", required_argument, NULL, 'd'},
                                            {"peer", required_argument, NULL, 'a'},
                                            {"pairs", required_argument, NULL, 'n'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"log", required_argument, NULL, 'l'},
                                            {NULL, 0, NULL, 0}};
    for (int o; (o = getopt_long(argc, argv, "+", options, NULL)) != -1;)
        if (take_option(c, o, optarg, err) < 0)
            return -1;
    char **rest = argv + optind;
    if (argc - optind < 5 || strcmp(rest[3], "--") != 0)
        return cb_fail(err, CB_EUSAGE, "BENCH QUANTITY[,QUANTITY] PARAMS[;PARAMS] -- TOOL [ARGUMENT]...");
    c->bench = cb_bench_find(rest[0]);
    if (!c->bench)
        return cb_fail(err, CB_EUSAGE, "no benchmark %s", rest[0]);
    c->tool = (const char *const *)rest + 4;
    return take_quantities(c, rest[1], err) < 0 ? -1 : take_params(c, rest[2], err);
}

int main(int argc, char **argv)
{
    struct comparison c = {.name = "", .pairs = 10, .side_ns = 2 * CB_NS_PER_S};
    struct cb_err err;
    int within = read_command_line(&c, argc, argv, &err) < 0 ? -1 : compare(&c, &err);
    if (within < 0)
        fprintf(stderr, "bench_fidelity: %s\n", err.msg);
    if (c.log)
        fclose(c.log);
    return within < 0 ? 4 : !within;
}
