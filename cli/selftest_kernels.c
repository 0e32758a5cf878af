/* Do the kernels do what they are told, here, in these arms? */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/io.h"
#include "cli/cli.h"
#include "cli/measuring.h"
#include "cli/selftest.h"
#include "runners/doubling.h"
#include "runners/site.h"

struct part {
    struct cb_selftest *test;
    const struct cb_plan *plan;
};

static void on_begin(void *arg, unsigned arm, unsigned case_index)
{
    const struct part *p = arg;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%s %s", p->plan->arms[arm].name, p->plan->cases[case_index].bench->name);
}

static void put_json(struct cb_selftest *t, const struct cb_arm *arm, const struct cb_case *c,
                     const struct cb_doubling *d)
{
    char checksum[24];
    snprintf(checksum, sizeof checksum, "%016" PRIx64, d->checksum);
    json_array_append_new(json_object_get(t->json, "kernels"),
                          json_pack("{s:s, s:s, s:s, s:I, s:f, s:i, s:s, s:s, s:s}", "arm", arm->name,
                                    "benchmark", c->bench->name, "params", c->params, "iters",
                                    (json_int_t)d->iters, "ratio", d->ratio, "rounds", (int)d->rounds,
                                    "checksum", checksum, "outcome", cb_outcome_name(d->outcome), "reason",
                                    d->reason));
}

static void on_end(void *arg, const struct cb_doubling *d)
{
    const struct part *p = arg;
    const struct cb_arm *arm = &p->plan->arms[d->arm];
    const struct cb_case *c = &p->plan->cases[d->case_index];
    char ratio[16] = "-";
    p->test->checks++;
    p->test->failed += d->outcome == CB_OUTCOME_FAILED;
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    if (p->test->json) {
        put_json(p->test, arm, c, d);
        return;
    }
    if (d->rounds)
        snprintf(ratio, sizeof ratio, "%.3f", d->ratio);
    printf("%-12s  %-12s  %-36s  %12" PRIu64 "  %5s  %6u  %s%s%s\n", arm->name, c->bench->name, c->params,
           d->iters, ratio, d->rounds,
           d->outcome == CB_OUTCOME_FAILED ? "FAILED" : cb_outcome_name(d->outcome), d->reason[0] ? ": " : "",
           d->reason);
    fflush(stdout);
}

/* An arm that was asked for and is not to be had fails the test; the others go on. */
static int test_arms(struct part *p, struct cb_site *site, unsigned first, struct cb_err *err)
{
    const struct cb_doubling_sink sink = {.begin = on_begin, .end = on_end, .arg = p};
    for (unsigned arm = first; arm < p->plan->narms; arm++) {
        if (cb_doubling_run(p->plan, arm, site, &cb_stop, &sink, err) == 0)
            continue;
        if (err->code == CB_EINTR)
            return -1;
        p->test->checks++;
        p->test->failed++;
        cb_report_error(err);
    }
    return 0;
}

static int test_plan(struct cb_selftest *t, const struct cb_selftest_kernels *req,
                     const struct cb_topology *topo, const struct cb_plan *plan, unsigned first,
                     struct cb_err *err)
{
    char out[2048], dir[2200], id[32], started[32];
    struct cb_site site;
    struct part part = {.test = t, .plan = plan};
    struct cb_site_request site_req = {
        .run_id = id,
        .run_dir = dir,
        .connect = req->connect ? req->connect : "",
        .memory = plan->memory,
        .network = cb_plan_needs_network(plan),
    };
    if (cb_name_run(id, started, err) < 0 || cb_out_dir(req->out, out, sizeof out, err) < 0 ||
        cb_path(dir, sizeof dir, err, "%s/%s", out, id) < 0 || cb_mkdirs(dir, 0755, err) < 0)
        return -1;
    int got = cb_site_open(&site_req, topo, &site, err);
    if (got == 0) {
        cb_take_seat(topo);
        got = test_arms(&part, &site, first, err);
        cb_site_close(&site);
    }
    /* Nothing is kept of a test; a directory of results that it had to make goes too, where it is empty. */
    rmdir(dir);
    rmdir(out);
    return got;
}

int cb_selftest_kernels(struct cb_selftest *t, const struct cb_selftest_kernels *req, struct cb_err *err)
{
    const char *arms[CB_ARMS_MAX + 2] = {"host"};
    bool has_host = false;
    unsigned n = 0;
    for (; req->arms[n]; n++)
        has_host |= !strcmp(req->arms[n], "host");
    memcpy(arms + !has_host, req->arms, (n + 1) * sizeof *arms); /* a plan has the host, tested or not */
    struct cb_plan_request plan_req = {
        .arms = arms, .benches = req->benches, .seed = req->seed, .quick = true};
    struct cb_topology topo;
    struct cb_plan plan;
    if (cb_topology_load(&topo, 1, err) < 0 || cb_plan_make(&plan_req, &topo, &plan, err) < 0)
        return -1;
    cb_watch_signals();
    if (t->json)
        json_object_set_new(t->json, "kernels", json_array());
    else
        printf("%-12s  %-12s  %-36s  %12s  %5s  %6s\n", "arm", "benchmark", "parameters", "n", "2n/n",
               "rounds");
    int got = test_plan(t, req, &topo, &plan, !has_host, err);
    cb_plan_free(&plan);
    return got;
}
