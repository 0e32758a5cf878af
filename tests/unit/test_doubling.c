/* Honest and dishonest kernels, played by scripted agents whose clock is their own. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/clock.h"
#include "runners/doubling.h"
#include "tests/unit/agents.h"

/* What the agent of the test in progress does; it is forked after this is set. */
static struct behaviour {
    uint64_t fixed_ns, iter_ns; /* what a batch takes */
    uint64_t calibrated;        /* iterations that it says are enough */
    uint64_t work, cpu_ns, peer_ns;
    uint64_t checksum, step; /* step: by how much the checksum moves from run to run */
    const char *error;       /* says this instead of running */
    bool dies;
} act;

static void send_batch(int fd, const struct cb_wire_run *run, uint32_t seq)
{
    uint64_t wall_ns = act.fixed_ns + act.iter_ns * run->iters;
    struct cb_wire_msg mark = {.verb = CB_VERB_MARK, .mark = {.id = run->id, .seq = seq}};
    struct cb_wire_msg sample = {
        .verb = CB_VERB_SAMPLE,
        .sample = {.id = run->id, .warm = seq == 0, .clock_ns = wall_ns + 1},
    };
    sample.sample.sample = (struct cb_sample){.seq = seq,
                                              .iters = run->iters,
                                              .work = act.work,
                                              .wall_ns = wall_ns,
                                              .cpu_ns = act.cpu_ns,
                                              .peer_ns = act.peer_ns};
    cb_script_send(fd, &mark);
    cb_script_send(fd, &sample);
}

static void run_case(int fd, const struct cb_wire_run *run)
{
    struct cb_wire_msg calib = {.verb = CB_VERB_CALIB,
                                .calib = {.id = run->id, .iters = act.calibrated, .wall_ns = 1000}};
    struct cb_wire_msg error = {.verb = CB_VERB_ERROR, .error = {.id = run->id, .code = CB_ESYS}};
    struct cb_wire_msg done = {
        .verb = CB_VERB_DONE,
        .done = {.id = run->id, .samples = run->samples_min + 1, .checksum = act.checksum}};
    if (act.error) {
        snprintf(error.error.text, sizeof error.error.text, "%s", act.error);
        cb_script_send(fd, &error);
    } else if (run->iters == 0) {
        cb_script_send(fd, &calib);
    } else {
        for (uint32_t seq = 0; seq <= run->samples_min; seq++)
            send_batch(fd, run, seq);
        cb_script_send(fd, &done);
        act.checksum += act.step;
    }
}

static void agent(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    while (!act.dies) {
        run_case(fd, &run);
        struct cb_wire_msg m = cb_script_expect(fd);
        if (m.verb != CB_VERB_RUN)
            return;
        run = m.run;
    }
}

/* ---- a runner that has such agents
 * ------------------------------------------------------------------------------------ */

static int probe(const struct cb_arm *arm, const struct cb_site *site, struct cb_err *err)
{
    (void)site;
    return strcmp(arm->name, "missing") ? 0 : cb_fail(err, CB_EMISSING, "no such thing here");
}

static int up(struct cb_env *env, struct cb_err *err)
{
    env->state = calloc(1, sizeof(int));
    return env->state ? 0 : cb_fail(err, CB_ESYS, "out of memory");
}

static int launch(struct cb_env *env, struct cb_link *link, struct cb_err *err)
{
    int *pid = env->state;
    *pid = cb_script_start(agent, link);
    return *pid < 0 ? cb_fail(err, CB_ESYS, "fork") : 0;
}

static void down(struct cb_env *env)
{
    if (env->state)
        cb_script_end(*(int *)env->state);
    free(env->state);
    env->state = NULL;
}

static const struct cb_runner runner = {
    .name = "fake", .probe = probe, .up = up, .launch = launch, .down = down};

/* ---- the test
 * --------------------------------------------------------------------------------------------------- */

struct seen {
    unsigned begun, ended;
    struct cb_doubling last;
};

static void on_begin(void *arg, unsigned arm, unsigned case_index)
{
    struct seen *s = arg;
    (void)arm;
    (void)case_index;
    s->begun++;
}

static void on_end(void *arg, const struct cb_doubling *d)
{
    struct seen *s = arg;
    s->ended++;
    s->last = *d;
}

/* Of one benchmark in one arm. */
static int test_kernel(const struct cb_bench *bench, const char *arm, struct seen *s, struct cb_err *err)
{
    struct cb_case c = {.bench = bench};
    struct cb_plan plan = {.narms = 1, .cases = &c, .ncases = 1};
    struct cb_site site = {.agent_sha256 = CB_SCRIPT_SHA256};
    const struct cb_doubling_sink sink = {.begin = on_begin, .end = on_end, .arg = s};
    plan.arms[0].runner = &runner;
    snprintf(plan.arms[0].name, sizeof plan.arms[0].name, "%s", arm);
    *s = (struct seen){0};
    return cb_doubling_run(&plan, 0, &site, NULL, &sink, err);
}

static int test_bench(const char *bench, const char *arm, struct seen *s, struct cb_err *err)
{
    return test_kernel(cb_bench_find(bench), arm, s, err);
}

static void kernels_are_judged(void)
{
    static const struct {
        const char *bench;
        struct behaviour act;
        const char *say; /* NULL: ok */
    } table[] = {
        {"ctl.spin", {.iter_ns = 10000, .calibrated = 1000, .checksum = 5}, NULL},
        {"ctl.spin", {.fixed_ns = CB_NS_PER_S, .calibrated = 1000, .checksum = 5}, "1.00 times as long"},
        {"ctl.spin",
         {.fixed_ns = 5000000, .iter_ns = 5000, .calibrated = 1000, .checksum = 5},
         "1.50 times as long"},
        {"ctl.spin", {.iter_ns = 10000, .calibrated = 1000}, "the checksum is 0"},
        {"ctl.spin",
         {.iter_ns = 10000, .calibrated = 1000, .checksum = 5, .step = 1},
         "the checksum of the same work is not the same"},
        {"mem.stream",
         {.iter_ns = 10000, .calibrated = 1000, .checksum = 5, .cpu_ns = 5},
         "a batch did no work"},
        {"ctl.spin", {.error = "mmap: not today"}, "calibration: mmap: not today"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct seen s;
        struct cb_err err = {0};
        act = table[i].act;
        CU_ASSERT_EQUAL(test_bench(table[i].bench, "fake", &s, &err), 0);
        CU_ASSERT(s.begun == 1 && s.ended == 1);
        CU_ASSERT_EQUAL(s.last.outcome, table[i].say ? CB_OUTCOME_FAILED : CB_OUTCOME_OK);
        CU_ASSERT_PTR_NOT_NULL(strstr(s.last.reason, table[i].say ? table[i].say : ""));
    }
}

/* What takes bytes takes time. */
static void peers_that_do_nothing_are_found(void)
{
    struct cb_bench stream = *cb_bench_find("net.stream");
    struct seen s;
    struct cb_err err = {0};
    stream.needs = 0; /* the agents of this test have no link */
    act = (struct behaviour){.iter_ns = 10000, .calibrated = 1000, .work = 1, .cpu_ns = 5, .checksum = 5};
    CU_ASSERT_EQUAL(test_kernel(&stream, "fake", &s, &err), 0);
    CU_ASSERT_EQUAL(s.last.outcome, CB_OUTCOME_FAILED);
    CU_ASSERT_STRING_EQUAL(s.last.reason, "peer-cpu: a batch took no CPU time of the peer");
    act.peer_ns = 7;
    CU_ASSERT_EQUAL(test_kernel(&stream, "fake", &s, &err), 0);
    CU_ASSERT_EQUAL(s.last.outcome, CB_OUTCOME_OK);
}

static void what_passed_is_told(void)
{
    struct seen s;
    struct cb_err err = {0};
    act = (struct behaviour){.iter_ns = 10000, .calibrated = 1000, .checksum = 5};
    CU_ASSERT_EQUAL(test_bench("ctl.spin", "fake", &s, &err), 0);
    CU_ASSERT(s.last.iters == 1000 && s.last.ratio == 2 && s.last.rounds == 5 && s.last.checksum == 5);
}

/* A disturbed calibration may say that one iteration is enough. */
static void short_batches_are_lengthened(void)
{
    struct seen s;
    struct cb_err err = {0};
    act = (struct behaviour){.iter_ns = 10000, .calibrated = 1, .checksum = 5};
    CU_ASSERT_EQUAL(test_bench("ctl.spin", "fake", &s, &err), 0);
    CU_ASSERT_EQUAL(s.last.outcome, CB_OUTCOME_OK);
    CU_ASSERT_EQUAL(s.last.iters, 1024); /* the first of 8 ms */
}

static void what_is_missing_is_skipped(void)
{
    struct seen s;
    struct cb_err err = {0};
    act = (struct behaviour){.iter_ns = 10000, .calibrated = 1000, .checksum = 5};
    CU_ASSERT_EQUAL(test_bench("net.rr", "fake", &s, &err), 0);
    CU_ASSERT_EQUAL(s.last.outcome, CB_OUTCOME_SKIPPED);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.last.reason, "no link to the peer"));
    CU_ASSERT_EQUAL(test_bench("start.total", "fake", &s, &err), 0); /* nothing to double */
    CU_ASSERT_EQUAL(s.begun, 0);
}

static void lost_arms_are_errors(void)
{
    struct seen s;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(test_bench("ctl.spin", "missing", &s, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.msg, "missing: no such thing here");
    act = (struct behaviour){.dies = true};
    CU_ASSERT_EQUAL(test_bench("ctl.spin", "fake", &s, &err), -1);
    CU_ASSERT_EQUAL(s.last.outcome, CB_OUTCOME_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "fake lost in ctl.spin"));
}

const struct cb_suite cb_suite = {"doubling",
                                  {{"kernels are judged", kernels_are_judged},
                                   {"peers that do nothing are found", peers_that_do_nothing_are_found},
                                   {"what passed is told", what_passed_is_told},
                                   {"short batches are lengthened", short_batches_are_lengthened},
                                   {"what is missing is skipped", what_is_missing_is_skipped},
                                   {"lost arms are errors", lost_arms_are_errors},
                                   CU_TEST_INFO_NULL}};
