/* The plan: sizes, orders, iteration counts. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "bench/base/clock.h"
#include "runners/cases.h"

#define MIB (UINT64_C(1) << 20)

static const struct cb_topology machine = {
    .ncpus = 2,
    .sut = {1},
    .nsut = 1,
    .other = {0},
    .nother = 1,
    .l1d = 32 * 1024,
    .l2 = 1 * MIB,
    .llc = 32 * MIB,
    .memory = 16384 * MIB,
};

static struct cb_plan make(const char *const *arms, const char *benches, unsigned blocks)
{
    struct cb_plan plan;
    struct cb_err err = {0};
    struct cb_plan_request req = {.arms = arms, .benches = benches, .blocks = blocks, .seed = 7};
    CU_ASSERT_EQUAL_FATAL(cb_plan_make(&req, &machine, &plan, &err), 0);
    return plan;
}

static void the_default_plan_has_all_arms(void)
{
    struct cb_plan plan = make(NULL, NULL, 0);
    CU_ASSERT_EQUAL(plan.narms, 4);
    CU_ASSERT_STRING_EQUAL(plan.arms[plan.baseline].name, "host");
    CU_ASSERT_EQUAL(plan.blocks, 10);
    CU_ASSERT(plan.ncases > 0);
    cb_plan_free(&plan);
}

static void the_full_set_has_all(void)
{
    struct cb_plan plan = make(NULL, "full", 0);
    unsigned seen = 0;
    for (const struct cb_bench *const *b = cb_benchmarks; *b; b++) {
        unsigned cases = 0;
        for (unsigned i = 0; i < plan.ncases; i++)
            cases += plan.cases[i].bench == *b;
        CU_ASSERT(cases > 0);
        seen += cases;
    }
    CU_ASSERT_EQUAL(seen, plan.ncases);
    for (unsigned i = 0; i < plan.ncases; i++)
        CU_ASSERT_PTR_NULL(strchr(plan.cases[i].params, '@'));
    cb_plan_free(&plan);
}

static void sizes_follow_the_caches(void)
{
    struct cb_plan plan = make(NULL, "mem.chase", 0);
    CU_ASSERT_EQUAL(plan.ncases, 4);
    CU_ASSERT(strstr(plan.cases[0].params, "size=16384") != NULL);
    CU_ASSERT(strstr(plan.cases[1].params, "size=524288") != NULL);
    CU_ASSERT(strstr(plan.cases[3].params, "size=134217728") != NULL);
    cb_plan_free(&plan);
}

/* Few cases get more time each, many the least that there is. */
static void few_cases_take_longer(void)
{
    struct cb_plan_request req = {.quick = true};
    struct cb_plan all, few;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_plan_make(&req, &machine, &all, &err), 0);
    req.benches = "ctl.spin,ctl.switch,ctl.syscall";
    CU_ASSERT_EQUAL_FATAL(cb_plan_make(&req, &machine, &few, &err), 0);
    CU_ASSERT(all.time_ns >= 80 * CB_NS_PER_MS && all.time_ns < 120 * CB_NS_PER_MS);
    CU_ASSERT_EQUAL(few.time_ns, 250 * CB_NS_PER_MS);
    CU_ASSERT(all.blocks == CB_BLOCKS_MIN && few.blocks == 16);
    CU_ASSERT(few.time_ns * few.ncases * few.narms * few.blocks < few.budget_ns / 2);
    cb_plan_free(&all);
    cb_plan_free(&few);
}

/* Every set has the smaller ones in it; a glob takes a benchmark's cases of the plan's own set. */
static void sets_grow(void)
{
    unsigned n[3];
    const char *const names[] = {"quick", "standard", "full"};
    for (int s = CB_SET_QUICK; s <= CB_SET_FULL; s++) {
        struct cb_plan plan = make(NULL, names[s], 0), both = make(NULL, NULL, 0);
        CU_ASSERT_STRING_EQUAL(cb_set_name((enum cb_set)s), names[s]);
        n[s] = plan.ncases;
        CU_ASSERT(s != CB_SET_STANDARD || both.ncases == plan.ncases); /* the default */
        cb_plan_free(&plan);
        cb_plan_free(&both);
    }
    CU_ASSERT(n[0] > 0 && n[0] <= n[1] && n[1] <= n[2]);
    for (const struct cb_bench *const *b = cb_benchmarks; *b; b++) {
        struct cb_plan plan = make(NULL, (*b)->name, 0);
        CU_ASSERT(plan.ncases > 0); /* also of one that only the full set has */
        cb_plan_free(&plan);
    }
    struct cb_plan few = make(NULL, "mem.chase", 0), more = make(NULL, "mem.chase@full", 0);
    CU_ASSERT(few.ncases > 0 && few.ncases < more.ncases);
    cb_plan_free(&few);
    cb_plan_free(&more);
    struct cb_plan all = make(NULL, "*", 0), mixed = make(NULL, "ctl.spin,full", 0);
    CU_ASSERT(all.ncases >= n[1]);
    CU_ASSERT_EQUAL(mixed.ncases, n[2]); /* no case twice */
    cb_plan_free(&all);
    cb_plan_free(&mixed);
}

static void bad_requests(void)
{
    const struct {
        const char *arms[4];
        const char *benches, *say;
    } table[] = {
        {{"host", "nosuch", NULL}, NULL, "nosuch"},
        {{"host", "host", NULL}, NULL, "twice"},
        {{"container", NULL}, NULL, "host"},
        {{"host", "host:slow=4", NULL}, NULL, "none of"},
        {{"host", "host:slow=5", "host2:slow=1", NULL}, NULL, "one positive control"},
        {{"host", NULL}, "mem.*,typo.*", "typo.*"},
        {{"host", NULL}, "typo", "no benchmark matches"},
        {{"host", NULL}, "quick,fulll", "fulll"},
        {{"host", NULL}, "mem.*@all", "mem.*@all"},
        {{"host", NULL}, "start.total@", "start.total@"},
        {{"host", NULL}, ",", "no benchmark matches"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct cb_plan plan;
        struct cb_err err = {0};
        struct cb_plan_request req = {.arms = table[i].arms, .benches = table[i].benches};
        CU_ASSERT_EQUAL(cb_plan_make(&req, &machine, &plan, &err), -1);
        CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, table[i].say));
    }
}

/* The control comes after the default arms, with a part of the cases unless they were chosen by name. */
static void a_full_run_ends_with_a_control(void)
{
    struct cb_plan plan;
    struct cb_err err = {0};
    struct cb_plan_request req = {.control = true};
    CU_ASSERT_EQUAL_FATAL(cb_plan_make(&req, &machine, &plan, &err), 0);
    CU_ASSERT_EQUAL(plan.narms, 5);
    CU_ASSERT(cb_arm_is_control(&plan.arms[4]));
    CU_ASSERT_STRING_EQUAL(plan.arms[4].name, CB_CONTROL_ARM);
    unsigned included = 0;
    for (unsigned i = 0; i < plan.ncases; i++) {
        CU_ASSERT(cb_plan_includes(&plan, 0, i) && cb_plan_includes(&plan, 3, i));
        included += cb_plan_includes(&plan, 4, i);
    }
    CU_ASSERT(included > 0 && included < plan.ncases);
    cb_plan_free(&plan);
    plan = make((const char *const[]){"host", CB_CONTROL_ARM, NULL}, "mem.*", 0);
    for (unsigned i = 0; i < plan.ncases; i++)
        CU_ASSERT(cb_plan_includes(&plan, 1, i));
    cb_plan_free(&plan);
    plan = make((const char *const[]){"host", "host:slow=0", NULL}, NULL, 0);
    CU_ASSERT(!cb_arm_is_control(&plan.arms[1]));
    cb_plan_free(&plan);
}

/* Over whole cycles every arm stands equally often in every position and follows every other equally often.
 */
static void orders_are_balanced(void)
{
    for (unsigned n = 2; n <= 5; n++) {
        static const char *const all[] = {"host", "host2", "container", "vm", "container:net=none", NULL};
        const char *arms[6] = {0};
        unsigned cycle = n % 2 ? 2 * n : n, position[5][5] = {{0}}, follows[5][5] = {{0}};
        memcpy(arms, all, n * sizeof *arms);
        struct cb_plan plan = make(arms, "ctl.*", 3 * cycle);
        for (unsigned b = 0; b < plan.blocks; b++) {
            unsigned order[CB_ARMS_MAX];
            cb_plan_order(&plan, b, order);
            for (unsigned i = 0; i < n; i++) {
                CU_ASSERT_FATAL(order[i] < n);
                position[order[i]][i]++;
                if (i > 0)
                    follows[order[i - 1]][order[i]]++;
            }
        }
        for (unsigned a = 0; a < n; a++)
            for (unsigned i = 0; i < n; i++) {
                CU_ASSERT_EQUAL(position[a][i], plan.blocks / n);
                CU_ASSERT_EQUAL(follows[a][i], a == i ? 0 : plan.blocks / n);
            }
        cb_plan_free(&plan);
    }
}

static void orders_depend_on_the_seed_only(void)
{
    struct cb_plan a = make(NULL, NULL, 8), b = make(NULL, NULL, 8);
    unsigned oa[CB_CASES_MAX], ob[CB_CASES_MAX], differ = 0;
    cb_plan_case_order(&a, 3, 1, oa);
    cb_plan_case_order(&b, 3, 1, ob);
    CU_ASSERT_EQUAL(memcmp(oa, ob, a.ncases * sizeof *oa), 0);
    cb_plan_case_order(&b, 4, 1, ob);
    for (unsigned i = 0; i < a.ncases; i++)
        differ += oa[i] != ob[i];
    CU_ASSERT(differ > 0);
    cb_plan_free(&a);
    cb_plan_free(&b);
}

static void iterations_hold_their_bounds(void)
{
    static const struct cb_metric time[] = {{.quantity = "time", .derive = CB_WALL_PER_ITER}, {0}};
    static const struct cb_metric tail[] = {{.quantity = "p99", .derive = CB_HIST_QUANTILE, .q = .99}, {0}};
    const struct cb_bench plain = {.name = "x", .metrics = time}, quantile = {.name = "y", .metrics = tail};
    struct cb_plan plan = make(NULL, "ctl.*", 0);
    for (double fast = 0.3; fast < 1e10; fast *= 3.7)
        for (double ratio = 1; ratio < 1e4; ratio *= 2.9) {
            double slow = fast * ratio;
            uint64_t k = cb_plan_iters(&plan, &plain, fast, slow, 1);
            CU_ASSERT(k >= 1);
            CU_ASSERT((double)k * fast >= 2e6 * (1 - 1e-9));
            /* Above 500 ms only where the floor of the fastest arm, or one iteration, demands it. */
            CU_ASSERT((double)k * slow <= 5e8 || k == 1 || (double)(k - 1) * fast < 2e6);
        }
    /* A coarse clock raises the floor: 1000 resolutions. */
    CU_ASSERT((double)cb_plan_iters(&plan, &plain, 100, 100, 10000) * 100 >= 1e7);
    /* Ten observations beyond p99, even from the fewest samples. */
    CU_ASSERT(cb_plan_iters(&plan, &quantile, 1e6, 1e6, 1) * plan.samples_min >= 1000);
    cb_plan_free(&plan);
}

static void dry_run_names_everything(void)
{
    CB_AUTOBUF struct cb_buf text = {0};
    struct cb_plan plan = make(NULL, NULL, 2);
    cb_plan_print(&plan, &text);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&text), "seed 7, 2 blocks"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&text), "host (baseline)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&text), "block   1"));
    for (unsigned i = 0; i < plan.ncases; i++)
        CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&text), plan.cases[i].bench->name));
    cb_plan_free(&plan);
}

static void steps_refer_to_arms(const struct cb_plan *plan)
{
    for (unsigned i = 0; i < plan->nsteps; i++) {
        const struct cb_plan_step *s = &plan->steps[i];
        CU_ASSERT_FATAL(s->arm < plan->narms && s->base < plan->narms && s->arm != s->base);
        CU_ASSERT_STRING_EQUAL(plan->arms[s->arm].name, s->rung.arm);
        CU_ASSERT_STRING_EQUAL(plan->arms[s->base].name, s->rung.base);
        CU_ASSERT(*s->rung.label && strlen(s->rung.label) < 64);
    }
}

/* Every rung of every ladder is an arm that this build knows, once. */
static void ladders_bring_their_arms(void)
{
    const char *name;
    for (size_t i = 0; (name = cb_ladder_name(i)); i++) {
        const char *const ladders[] = {name, NULL};
        const struct cb_plan_request req = {.ladders = ladders, .benches = "ctl.spin", .control = true};
        struct cb_plan plan;
        struct cb_err err = {0};
        CU_ASSERT_EQUAL_FATAL(cb_plan_make(&req, &machine, &plan, &err), 0);
        CU_ASSERT_STRING_EQUAL(plan.arms[0].name, "host");
        CU_ASSERT_STRING_EQUAL(plan.arms[1].name, "host2");
        CU_ASSERT(plan.nsteps > 0 && !plan.steps[0].rung.side);
        for (unsigned a = 0; a < plan.narms; a++)
            CU_ASSERT(!cb_arm_is_control(&plan.arms[a]));
        steps_refer_to_arms(&plan);
        cb_plan_free(&plan);
    }
    CU_ASSERT(name == NULL && cb_ladder_name(0) != NULL);
}

/* A chain climbs from arm to arm; what branches off is compared with the rung that it leaves. */
static void chains_of_ladders_climb(void)
{
    const char *name;
    for (size_t i = 0; (name = cb_ladder_name(i)); i++) {
        struct cb_rung rung;
        const char *chain = NULL, *below = NULL;
        for (size_t at = 0; cb_rung_next(name, &at, &rung);) {
            CU_ASSERT_STRING_EQUAL(rung.ladder, name);
            if (chain && strcmp(chain, rung.chain) == 0)
                CU_ASSERT_STRING_EQUAL(rung.base, below);
            chain = rung.chain;
            below = rung.side ? rung.base : rung.arm;
        }
    }
}

static void arms_may_be_added_to_a_ladder(void)
{
    const char *const ladders[] = {"container", NULL}, *const arms[] = {"container", "vm", "host", NULL};
    const struct cb_plan_request req = {.ladders = ladders, .arms = arms, .benches = "ctl.spin"};
    struct cb_plan plan, without;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_plan_make(&req, &machine, &plan, &err), 0);
    CU_ASSERT_STRING_EQUAL(plan.arms[plan.narms - 1].name, "vm");
    const struct cb_plan_request alone = {.ladders = ladders, .benches = "ctl.spin"};
    CU_ASSERT_EQUAL_FATAL(cb_plan_make(&alone, &machine, &without, &err), 0);
    CU_ASSERT_EQUAL(plan.narms, without.narms + 1); /* a rung is there once */
    CB_AUTOBUF struct cb_buf text = {0};
    cb_plan_print(&plan, &text);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&text), "step      container against container:net=host: veth"));
    cb_plan_free(&plan);
    cb_plan_free(&without);
    const char *const unknown[] = {"rope", NULL};
    const struct cb_plan_request bad = {.ladders = unknown};
    CU_ASSERT_EQUAL(cb_plan_make(&bad, &machine, &plan, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.msg, "there is no ladder \"rope\": see cbench list ladders");
}

const struct cb_suite cb_suite = {"plan",
                                  {{"the default plan has all arms", the_default_plan_has_all_arms},
                                   {"the full set has every benchmark", the_full_set_has_all},
                                   {"sizes follow the caches", sizes_follow_the_caches},
                                   {"few cases take longer", few_cases_take_longer},
                                   {"sets grow", sets_grow},
                                   {"bad requests are refused with a reason", bad_requests},
                                   {"a full run ends with a control", a_full_run_ends_with_a_control},
                                   {"orders are balanced", orders_are_balanced},
                                   {"orders depend on the seed only", orders_depend_on_the_seed_only},
                                   {"iterations hold their bounds", iterations_hold_their_bounds},
                                   {"ladders bring their arms", ladders_bring_their_arms},
                                   {"chains of ladders climb", chains_of_ladders_climb},
                                   {"arms may be added to a ladder", arms_may_be_added_to_a_ladder},
                                   {"a dry run names everything", dry_run_names_everything},
                                   CU_TEST_INFO_NULL}};
