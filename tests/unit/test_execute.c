/* The executor on fake runners that deliver scripted agents: outcomes, teardown, stopping. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runners/execute.h"
#include "tests/unit/agents.h"

/* ---- the fake runner
 * --------------------------------------------------------------------------------------------- */

static struct {
    int ups, downs, alive; /* instances: made, unmade, and the difference */
} count;

static int probe_ok(const struct cb_arm *arm, const struct cb_site *site, struct cb_err *err)
{
    (void)arm;
    (void)site;
    (void)err;
    return 0;
}

static int probe_missing(const struct cb_arm *arm, const struct cb_site *site, struct cb_err *err)
{
    (void)arm;
    (void)site;
    return cb_fail(err, CB_EMISSING, "no such thing here");
}

static int up_ok(struct cb_env *env, struct cb_err *err)
{
    (void)err;
    count.ups++;
    env->state = calloc(1, sizeof(int));
    return 0;
}

static int up_fails(struct cb_env *env, struct cb_err *err)
{
    (void)up_ok(env, err);
    return cb_fail(err, CB_ESYS, "mount /proc: not today");
}

static int start(struct cb_env *env, cb_script *script, struct cb_link *link)
{
    int *pid = env->state;
    *pid = cb_script_start(script, link);
    return *pid < 0 ? -1 : 0;
}

static int launch_good(struct cb_env *env, struct cb_link *link, struct cb_err *err)
{
    (void)err;
    return start(env, cb_script_good, link);
}

static void ends_at_once(int fd)
{
    close(fd);
}

static int launch_bad(struct cb_env *env, struct cb_link *link, struct cb_err *err)
{
    (void)err;
    return start(env, ends_at_once, link);
}

/* Calibrates well, dies in the first case. */
static void dies_later(int fd)
{
    struct cb_wire_run run = cb_script_greet(fd);
    while (run.iters == 0) {
        struct cb_wire_msg calib = {.verb = CB_VERB_CALIB,
                                    .calib = {.id = run.id, .iters = 1000, .wall_ns = 3000000}};
        cb_script_send(fd, &calib);
        struct cb_wire_msg m = cb_script_expect(fd);
        if (m.verb != CB_VERB_RUN)
            return;
        run = m.run;
    }
}

static int launch_dying(struct cb_env *env, struct cb_link *link, struct cb_err *err)
{
    (void)err;
    return start(env, dies_later, link);
}

static void last_words(struct cb_env *env, char *out, size_t cap)
{
    (void)env;
    snprintf(out, cap, "kernel panic\nnot syncing");
}

static void down(struct cb_env *env)
{
    int *pid = env->state;
    if (!pid)
        return;
    if (*pid > 0)
        cb_script_end(*pid);
    free(pid);
    env->state = NULL;
    count.downs++;
}

static const struct cb_runner good = {
    .name = "good", .probe = probe_ok, .up = up_ok, .launch = launch_good, .down = down};
static const struct cb_runner missing = {.name = "missing", .probe = probe_missing};
static const struct cb_runner broken = {.name = "broken", .probe = probe_ok, .up = up_fails, .down = down};
static const struct cb_runner bad = {.name = "bad",
                                     .probe = probe_ok,
                                     .up = up_ok,
                                     .launch = launch_bad,
                                     .diagnose = last_words,
                                     .down = down};
static const struct cb_runner dying = {
    .name = "dying", .probe = probe_ok, .up = up_ok, .launch = launch_dying, .down = down};

static const struct cb_arm_param slow_params[] = {{"slow", "", "0", NULL}, {NULL, NULL, NULL, NULL}};
static const struct cb_runner control = {.name = "control",
                                         .params = slow_params,
                                         .probe = probe_ok,
                                         .up = up_ok,
                                         .launch = launch_good,
                                         .down = down};

/* ---- the run
 * ----------------------------------------------------------------------------------------------------- */

static volatile int stop;

struct seen {
    unsigned results[CB_ARMS_MAX][4]; /* by outcome */
    unsigned instances[CB_ARMS_MAX], blocks, calibrated;
    enum cb_outcome status[CB_ARMS_MAX];
    char reason[CB_ARMS_MAX][600];
    unsigned stop_after; /* blocks; 0: never */
    uint64_t iters;
    unsigned order[16][2];          /* arms of a block */
    unsigned rows[16];              /* of the plan's orders, of a block */
    unsigned machine, host, inside; /* pieces of evidence */
    unsigned repeat[4], nrepeats;   /* blocks that the sink wants again, when it is asked first */
    unsigned asked;
    uint64_t left_ns, block_ns;
    uint64_t budget_ns; /* 0: plenty */
};

static void on_status(void *arg, unsigned arm, enum cb_outcome o, const char *reason)
{
    struct seen *s = arg;
    s->status[arm] = o;
    snprintf(s->reason[arm], sizeof s->reason[arm], "%s", reason);
}

static int on_calibrated(void *arg, const struct cb_plan *plan, struct cb_err *err)
{
    struct seen *s = arg;
    (void)err;
    s->calibrated++;
    s->iters = plan->cases[0].iters;
    return 0;
}

static void on_result(void *arg, const struct cb_case_result *r)
{
    struct seen *s = arg;
    s->results[r->arm][r->outcome]++;
    if (r->outcome == CB_OUTCOME_OK)
        CU_ASSERT(r->nbatches > 0);
}

static void on_instance(void *arg, const struct cb_instance_result *r)
{
    struct seen *s = arg;
    s->instances[r->arm]++;
    if (r->block < 16 && r->position < 2)
        s->order[r->block][r->position] = r->arm;
}

static int on_block(void *arg, const struct cb_block_result *r, struct cb_err *err)
{
    struct seen *s = arg;
    (void)err;
    CU_ASSERT_FATAL(r->block == s->blocks && r->block < 16);
    s->rows[r->block] = r->row;
    CU_ASSERT(r->end_ns > r->begin_ns);
    s->blocks++;
    if (s->stop_after == s->blocks)
        stop = 1;
    return 0;
}

static void on_progress(void *arg, const struct cb_progress *p)
{
    (void)arg;
    CU_ASSERT(p->done <= p->total);
}

static void on_noise(void *arg, const struct cb_noise_result *r)
{
    struct seen *s = arg;
    CU_ASSERT_EQUAL(r->block, s->blocks); /* before the block ends */
    s->machine += r->arm < 0;
    s->host += r->arm >= 0 && !r->inside;
    s->inside += r->inside;
    CU_ASSERT(r->before->n > 0 && r->after->n > 0);
    if (!r->inside)
        return;
    CU_ASSERT_EQUAL(r->after->n, 2); /* what is no item of ours was left out */
    CU_ASSERT_STRING_EQUAL(cb_noise_get(r->after, "cpu.steal_ns"), "40");
    CU_ASSERT_STRING_EQUAL(cb_noise_get(r->before, "time.source"), "tsc");
}

static int more(void *arg, struct cb_schedule *s, struct cb_err *err)
{
    struct seen *seen = arg;
    (void)err;
    CU_ASSERT_EQUAL(s->n, seen->blocks); /* asked when all are done */
    seen->left_ns = s->left_ns;
    seen->block_ns = s->block_ns;
    for (unsigned i = 0; i < seen->nrepeats && !seen->asked; i++)
        s->rows[s->n++] = s->rows[seen->repeat[i]];
    seen->asked++;
    return 0;
}

static int run(const struct cb_runner *const *runners, unsigned blocks, struct seen *seen,
               struct cb_run_totals *totals, struct cb_err *err)
{
    struct cb_site site = {.run_id = "20260101-000000-abcd", .agent_sha256 = CB_SCRIPT_SHA256};
    struct cb_case cases[] = {{.bench = cb_bench_find("ctl.spin")},
                              {.bench = cb_bench_find("start.total")},
                              {.bench = cb_bench_find("net.rr")}};
    struct cb_plan plan = {.cases = cases,
                           .ncases = 3,
                           .blocks = blocks,
                           .samples_min = 2,
                           .samples_max = 4,
                           .time_ns = 1000000,
                           .budget_ns = seen->budget_ns ? seen->budget_ns : UINT64_C(1) << 50};
    for (; runners[plan.narms]; plan.narms++) {
        plan.arms[plan.narms].runner = runners[plan.narms];
        plan.arms[plan.narms].value[0][0] = '5'; /* of a control, slow=5; others have no parameter */
        snprintf(plan.arms[plan.narms].name, CB_ARM_NAME_MAX, "%s%u", runners[plan.narms]->name, plan.narms);
    }
    struct cb_sink sink = {seen,     on_status,   on_calibrated, on_result, on_instance,
                           on_block, on_progress, on_noise,      more};
    memset(&count, 0, sizeof count);
    stop = 0;
    return cb_execute(&plan, &site, &sink, &stop, totals, err);
}

static void two_good_arms(void)
{
    struct seen seen = {0};
    struct cb_run_totals totals;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(run((const struct cb_runner *[]){&good, &good, NULL}, 3, &seen, &totals, &err), 0);
    CU_ASSERT_EQUAL(seen.blocks, 3);
    CU_ASSERT_EQUAL(seen.calibrated, 1);
    CU_ASSERT(seen.iters > 0);
    for (int a = 0; a < 2; a++) {
        CU_ASSERT_EQUAL(seen.instances[a], 3);
        CU_ASSERT_EQUAL(seen.results[a][CB_OUTCOME_OK], 6);      /* spin and start */
        CU_ASSERT_EQUAL(seen.results[a][CB_OUTCOME_SKIPPED], 3); /* no peer */
    }
    CU_ASSERT_EQUAL(count.ups, 8);
    CU_ASSERT_EQUAL(count.downs, 8);
}

static void a_control_runs_a_part(void)
{
    struct seen seen = {0};
    struct cb_run_totals totals;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(run((const struct cb_runner *[]){&good, &control, NULL}, 2, &seen, &totals, &err), 0);
    CU_ASSERT_EQUAL(seen.instances[1], 2);
    CU_ASSERT_EQUAL(seen.results[0][CB_OUTCOME_OK], 4);
    CU_ASSERT_EQUAL(seen.results[1][CB_OUTCOME_OK], 2); /* spin, not the start */
    CU_ASSERT_EQUAL(seen.results[1][CB_OUTCOME_SKIPPED] + seen.results[1][CB_OUTCOME_FAILED], 0);
}

static void a_broken_arm_costs_itself_only(void)
{
    const struct cb_runner *const others[] = {&missing, &broken, &bad, &dying};
    static const char *const say[] = {"no such thing here", "mount /proc: not today",
                                      "kernel panic not syncing", "ended"};
    for (int i = 0; i < 4; i++) {
        struct seen seen = {0};
        struct cb_run_totals totals;
        struct cb_err err = {0};
        CU_ASSERT_EQUAL(run((const struct cb_runner *[]){others[i], &good, NULL}, 4, &seen, &totals, &err),
                        0);
        CU_ASSERT_EQUAL(seen.blocks, 4);
        CU_ASSERT_EQUAL(seen.results[1][CB_OUTCOME_OK], 8);
        CU_ASSERT_EQUAL(seen.results[0][CB_OUTCOME_OK], i == 3 ? seen.instances[0] : 0);
        CU_ASSERT_EQUAL(seen.status[0], i == 0 ? CB_OUTCOME_SKIPPED : CB_OUTCOME_FAILED);
        CU_ASSERT_PTR_NOT_NULL(strstr(seen.reason[0], say[i]));
        CU_ASSERT_EQUAL(count.ups, count.downs);
        CU_ASSERT(seen.instances[0] <= 2); /* given up after two failures in a row */
    }
}

static void repeated_blocks_keep_their_order(void)
{
    struct seen seen = {.repeat = {1, 0}, .nrepeats = 2};
    struct cb_run_totals totals;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(run((const struct cb_runner *[]){&good, &good, NULL}, 3, &seen, &totals, &err), 0);
    CU_ASSERT(totals.blocks == 5 && seen.blocks == 5 && !totals.budget_hit);
    CU_ASSERT_EQUAL(seen.asked, 2);
    CU_ASSERT(seen.block_ns > 0 && seen.left_ns > 0);
    CU_ASSERT_EQUAL(memcmp(seen.order[3], seen.order[1], sizeof seen.order[1]), 0);
    CU_ASSERT_EQUAL(memcmp(seen.order[4], seen.order[0], sizeof seen.order[0]), 0);
    CU_ASSERT(memcmp(seen.order[0], seen.order[1], sizeof seen.order[1]) != 0);
    CU_ASSERT(seen.rows[2] == 2 && seen.rows[3] == 1 && seen.rows[4] == 0); /* as it is told */
    CU_ASSERT(seen.instances[0] == 5 && seen.instances[1] == 5);
    CU_ASSERT_EQUAL(count.ups, count.downs);
}

/* The blocks of the plan come first, if need be beyond the budget; what else is wanted then waits for another
 * run. */
static void a_spent_budget_ends_repetitions(void)
{
    struct seen seen = {.repeat = {1, 0}, .nrepeats = 2, .budget_ns = 1};
    struct cb_run_totals totals;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(
        run((const struct cb_runner *[]){&good, &good, NULL}, CB_BLOCKS_MIN, &seen, &totals, &err), 0);
    CU_ASSERT(totals.blocks == CB_BLOCKS_MIN && totals.budget_hit);
    CU_ASSERT(seen.asked == 1 && seen.left_ns == 0);
}

static void every_instance_has_its_evidence(void)
{
    struct seen seen = {0};
    struct cb_run_totals totals;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(run((const struct cb_runner *[]){&good, &good, NULL}, 3, &seen, &totals, &err), 0);
    CU_ASSERT(seen.machine == 3 && seen.host == 6 && seen.inside == 6);
    seen = (struct seen){0};
    CU_ASSERT_EQUAL(run((const struct cb_runner *[]){&dying, &good, NULL}, 3, &seen, &totals, &err), 0);
    /* Two instances die before the arm is given up: they tell nothing, their groups do. */
    CU_ASSERT(seen.machine == 3 && seen.host == 3 + 2 && seen.inside == 3);
}

static void no_arm_at_all(void)
{
    struct seen seen = {0};
    struct cb_run_totals totals;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(run((const struct cb_runner *[]){&missing, NULL}, 2, &seen, &totals, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
}

static void stop_keeps_finished_blocks(void)
{
    struct seen seen = {.stop_after = 2};
    struct cb_run_totals totals;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(run((const struct cb_runner *[]){&good, &good, NULL}, 50, &seen, &totals, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EINTR);
    CU_ASSERT_EQUAL(seen.blocks, 2);
    CU_ASSERT_EQUAL(totals.blocks, 2);
    CU_ASSERT(totals.interrupted);
    CU_ASSERT_EQUAL(count.ups, count.downs);
}

const struct cb_suite cb_suite = {"execute",
                                  {{"two good arms", two_good_arms},
                                   {"a control runs a part", a_control_runs_a_part},
                                   {"a broken arm costs itself only", a_broken_arm_costs_itself_only},
                                   {"repeated blocks keep their order", repeated_blocks_keep_their_order},
                                   {"a spent budget ends repetitions", a_spent_budget_ends_repetitions},
                                   {"every instance has its evidence", every_instance_has_its_evidence},
                                   {"no arm at all", no_arm_at_all},
                                   {"stop keeps finished blocks", stop_keeps_finished_blocks},
                                   CU_TEST_INFO_NULL}};
