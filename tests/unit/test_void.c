/* Which blocks do not count: every declared cause, just below its limit and just above; evidence that is not
 * there or that no kernel gives. */
#include "results/void.h"

#include "results/effect.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

#define BLOCK -1

/* The evidence of one window in block 0: key, before, after. NULL ends it. */
struct row {
    int arm;
    bool inside;
    const char *items[7][3];
    const char *says; /* "" for a block that counts */
};

/* Ten seconds of one CPU. */
#define ALL                                                                                                  \
    {                                                                                                        \
        "cpu.all_ns", "5000000000", "15000000000"                                                            \
    }
#define ELAPSED                                                                                              \
    {                                                                                                        \
        "time.elapsed_ns", "7000000000", "17000000000"                                                       \
    }

static struct cb_dataset without_evidence(unsigned blocks)
{
    struct cb_dataset d = fixture_make(blocks);
    for (size_t i = 0; i < d.nevidence; i++) {
        free(d.evidence[i].key);
        free(d.evidence[i].before);
        free(d.evidence[i].after);
    }
    d.nevidence = 0;
    return d;
}

static void expect(const struct row *r, const char *host_key, const char *host_value)
{
    struct cb_dataset d = without_evidence(1);
    char reason[CB_VOID_TEXT];
    if (host_key)
        fixture_kv(&d.run.host, host_key, host_value);
    for (size_t i = 0; i < 7 && r->items[i][0]; i++)
        fixture_note(&d, 0, r->arm, r->inside, r->items[i][0], r->items[i][1], r->items[i][2]);
    cb_void_reason(&d, 0, reason);
    if (*r->says ? !strstr(reason, r->says) : *reason) {
        fprintf(stderr, "expected \"%s\", got \"%s\"\n", r->says, reason);
        CU_FAIL("void reason");
    }
    cb_dataset_free(&d);
}

static void expect_all(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect(&rows[i], NULL, NULL);
}
#define EXPECT(rows) expect_all(rows, sizeof(rows) / sizeof *(rows))

/* A tick or two cut off must not count: the limit lies 50 ms higher. */
static void steal_of_the_block(void)
{
    static const struct row rows[] = {
        {BLOCK, false, {ALL, {"cpu.steal_ns", "0", "160000000"}}, "steal 1.6 % (limit 1 %)"},
        {BLOCK, false, {ALL, {"cpu.steal_ns", "0", "150000000"}}, ""},
        {BLOCK, false, {{"cpu.all_ns", "0", "300000000"}, {"cpu.steal_ns", "0", "50000000"}}, ""},
        {FIXTURE_VM, false, {ALL, {"cpu.steal_ns", "0", "9000000000"}}, ""}, /* judged over the block */
        {FIXTURE_VM, true, {ALL, {"cpu.steal_ns", "0", "9000000000"}}, ""},  /* qemu's own threads */
        {BLOCK, false, {{"cpu.steal_ns", "0", "9000000000"}}, ""},
        {BLOCK, false, {ALL, {"cpu.steal_ns", "9000000000", "0"}}, ""}, /* counted backwards */
        {BLOCK, false, {ALL, {"cpu.steal_ns", "-1", "9e9"}}, ""},
    };
    EXPECT(rows);
}

/* Nine of the ten seconds were used, eight of them in user mode. */
#define USED                                                                                                 \
    {"cpu.user_ns", "0", "8000000000"},                                                                      \
    {                                                                                                        \
        "cpu.tasks_ns", "1000000000", "10000000000"                                                          \
    }
/* By the arm's group, in ms, and for how long tasks waited. */
#define GROUP(user, all)                                                                                     \
    {"group.user_ns", "0", #user "000000"},                                                                  \
    {                                                                                                        \
        "group.time_ns", "0", #all "000000"                                                                  \
    }
#define WAITED(ms)                                                                                           \
    {                                                                                                        \
        "pressure.cpu_some_us", "0", #ms "000"                                                               \
    }

static void others_on_the_arms_cpus(void)
{
    static const struct row rows[] = {
        {FIXTURE_CONTAINER,
         false,
         {ALL, ELAPSED, USED, GROUP(7000, 8000), WAITED(2000)},
         "other tasks took 10 % of the CPUs (limit 5 %) while container ran"},
        /* They were there, but nobody waited. */
        {FIXTURE_CONTAINER, false, {ALL, ELAPSED, USED, GROUP(7000, 8000), WAITED(500)}, ""},
        /* Somebody waited: the arm's tasks for each other. */
        {FIXTURE_VM, false, {ALL, ELAPSED, USED, GROUP(7900, 8900), WAITED(9000)}, ""},
        /* Just below and just above. */
        {FIXTURE_VM, false, {ALL, ELAPSED, USED, GROUP(7440, 8440), WAITED(9000)}, "5 %"},
        {FIXTURE_VM, false, {ALL, ELAPSED, USED, GROUP(7460, 8460), WAITED(9000)}, ""},
        /* Only in system mode: kernel threads, as far as these go. */
        {FIXTURE_HOST, false, {ALL, ELAPSED, USED, GROUP(8000, 8000), WAITED(9000)}, ""},
        {FIXTURE_HOST, false, {ALL, ELAPSED, USED, GROUP(8000, 7000), WAITED(9000)}, "took 10 %"},
        /* Without PSI, or without a group to subtract, nothing can be said. */
        {FIXTURE_VM, false, {ALL, ELAPSED, USED, GROUP(0, 0)}, ""},
        {FIXTURE_VM, false, {ALL, ELAPSED, USED, WAITED(9000)}, ""},
        {BLOCK, false, {ALL, ELAPSED, USED, GROUP(0, 0), WAITED(9000)}, ""},
    };
    EXPECT(rows);
    expect(&rows[0], "cpus.shared", "false");
    struct row shared = rows[0];
    shared.says = ""; /* cbench and the peer are the others, by design */
    expect(&shared, "cpus.shared", "true");
}

static void what_must_not_rise(void)
{
    static const struct row rows[] = {
        {BLOCK, false, {{"cpu.core_throttled", "7", "9"}}, "because it was hot (2 times)"},
        {BLOCK, false, {{"cpu.core_throttled", "7", "7"}}, ""},
        {BLOCK, false, {{"cpu.package_throttled", "0", "1"}}, "because they were hot (1 times)"},
        {FIXTURE_HOST2, false, {{"group.throttled", "3", "4"}}, "held back (1 times) while host2 ran"},
        {FIXTURE_HOST2, false, {{"group.throttled", "4", "3"}}, ""},
        {FIXTURE_HOST2, true, {{"group.throttled", "3", "4"}}, ""},
        {FIXTURE_CONTAINER,
         false,
         {{"group.oom_kills", "0", "1"}},
         "killed for memory (1 times) while container"},
        {FIXTURE_VM,
         true,
         {{"memory.oom_kills", "0", "1"}},
         "the guest's kernel killed for memory (1 times)"},
        {FIXTURE_CONTAINER, true, {{"memory.oom_kills", "0", "1"}}, ""}, /* anywhere on the machine */
        {BLOCK, false, {{"memory.oom_kills", "0", "1"}}, ""},
    };
    EXPECT(rows);
}

static void clocks(void)
{
    static const struct row rows[] = {
        {BLOCK, false, {{"time.source", "tsc", "hpet"}}, "the clock source went from tsc to hpet"},
        {FIXTURE_VM, true, {{"time.source", "tsc", "refined-jiffies"}}, "to refined-jiffies while vm ran"},
        {BLOCK, false, {{"time.source", "tsc", "tsc"}}, ""},
        {BLOCK, false, {{"time.suspended_ns", "100", "3000000100"}}, "suspended for 3.0 s"},
        {BLOCK, false, {{"time.suspended_ns", "8406", "90000622"}}, ""}, /* two clocks are not read at once */
        {BLOCK, false, {{"time.suspended_ns", "8406", "622"}}, ""},
    };
    EXPECT(rows);
}

static void causes_add_up(void)
{
    struct cb_dataset d = without_evidence(3);
    char reason[CB_VOID_TEXT];
    fixture_note(&d, 0, BLOCK, false, "time.source", "tsc", "hpet");
    fixture_note(&d, 1, BLOCK, false, "cpu.core_throttled", "0", "1");
    fixture_note(&d, 1, FIXTURE_VM, false, "group.oom_kills", "0", "1");
    cb_void_reason(&d, 1, reason);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "hot (1 times); the kernel killed"));
    CU_ASSERT_PTR_NULL(strstr(reason, "clock")); /* another block's */
    cb_void_reason(&d, 2, reason);
    CU_ASSERT_STRING_EQUAL(reason, "");
    for (unsigned a = 0; a < 40; a++) {
        fixture_note(&d, 2, (int)(a % FIXTURE_ARMS), a % 2, "time.source", "a-very-long-name-of-a-clock",
                     "and-yet-another-very-long-one");
        cb_void_reason(&d, 2, reason);
        CU_ASSERT(*reason && strlen(reason) < sizeof reason);
    }
    cb_dataset_free(&d);
    d = fixture_make(2); /* a quiet run */
    cb_void_reason(&d, 1, reason);
    CU_ASSERT_STRING_EQUAL(reason, "");
    cb_dataset_free(&d);
}

/* More than a fifth of the blocks. */
static void a_run_is_unfit(void)
{
    static const struct {
        unsigned blocks, voided;
        bool unfit;
    } rows[] = {{10, 0, false}, {10, 2, false}, {10, 3, true}, {6, 1, false}, {6, 2, true}, {0, 0, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_dataset d = fixture_make(rows[i].blocks);
        for (unsigned b = 0; b < rows[i].voided; b++)
            fixture_set(&d.blocks[rows[i].blocks - 1 - b].void_reason, "steal");
        struct cb_voids v = cb_voids(&d);
        CU_ASSERT(v.blocks == rows[i].blocks && v.voided == rows[i].voided && v.unfit == rows[i].unfit);
        if (v.voided)
            CU_ASSERT_EQUAL(v.first, rows[i].blocks - rows[i].voided);
        cb_dataset_free(&d);
    }
}

static const struct cb_row *row_of(const struct cb_rows *rows, unsigned arm)
{
    return cb_rows_find(rows, FIXTURE_LATENCY, arm);
}

/* Doubles what everything costs in one arm and block. */
static void disturb(struct cb_dataset *d, unsigned block, unsigned arm)
{
    struct cb_ds_result *r = fixture_result(d, block, arm, FIXTURE_CHASE);
    for (size_t i = 0; i < r->nsamples; i++)
        r->samples[i].s.wall_ns *= 2;
}

static void estimates_with_and_without(void)
{
    struct cb_dataset d = fixture_make(8);
    struct cb_rows rows;
    struct cb_err err = {0};
    for (unsigned b = 0; b < 3; b++) {
        disturb(&d, b, FIXTURE_CONTAINER);
        fixture_set(&d.blocks[b].void_reason, "steal");
    }
    CU_ASSERT_EQUAL_FATAL(cb_effects(&d, &rows, &err), 0);
    const struct cb_row *r = row_of(&rows, FIXTURE_CONTAINER);
    CU_ASSERT(r->n == 5 && r->n_all == 8 && r->voided == 3);
    CU_ASSERT_DOUBLE_EQUAL(r->ratio, 1.02, .01);
    CU_ASSERT(r->ratio_all > 1.1);
    CU_ASSERT(r->ci95_all[0] <= r->ratio_all && r->ratio_all <= r->ci95_all[1] && r->ci95_all[1] > 2);
    CU_ASSERT_STRING_EQUAL(r->outcome, "ok");
    CU_ASSERT(isnan(row_of(&rows, FIXTURE_HOST)->ratio_all));
    cb_rows_free(&rows);
    for (unsigned b = 3; b < 8; b++)
        fixture_set(&d.blocks[b].void_reason, "heat");
    CU_ASSERT_EQUAL_FATAL(cb_effects(&d, &rows, &err), 0);
    for (unsigned a = 0; a < FIXTURE_ARMS; a++) { /* none counts: all are shown, and none is believed */
        r = row_of(&rows, a);
        CU_ASSERT_STRING_EQUAL(r->outcome, "untrusted");
        CU_ASSERT_STRING_EQUAL(r->reason, "every block is void: steal");
        CU_ASSERT(r->n == 8 && r->voided == 8 && isfinite(r->value));
    }
    CU_ASSERT(r->ratio == r->ratio_all);
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

static void blocks_after_a_look_widen(void)
{
    struct cb_dataset d = fixture_make(20);
    struct cb_rows once, twice;
    struct cb_err err = {0};
    d.run.nlooks = 1;
    d.run.looks[0] = 20;
    CU_ASSERT_EQUAL_FATAL(cb_effects(&d, &once, &err), 0);
    d.run.looks[0] = 10;
    CU_ASSERT_EQUAL_FATAL(cb_effects(&d, &twice, &err), 0);
    const struct cb_row *a = row_of(&once, FIXTURE_VM), *b = row_of(&twice, FIXTURE_VM);
    CU_ASSERT(a->ci_level == .95 && b->ci_level == .96);
    CU_ASSERT(b->ci95[0] < a->ci95[0] && b->ci95[1] > a->ci95[1]);
    CU_ASSERT(b->value_lo <= a->value_lo && b->value_hi >= a->value_hi);
    CU_ASSERT(a->ratio == b->ratio && a->ci90[0] == b->ci90[0]);
    cb_rows_free(&once);
    cb_rows_free(&twice);
    cb_dataset_free(&d);
}

const struct cb_suite cb_suite = {"void",
                                  {{"steal of the block", steal_of_the_block},
                                   {"others on the arm's CPUs", others_on_the_arms_cpus},
                                   {"what must not rise", what_must_not_rise},
                                   {"clocks", clocks},
                                   {"causes add up", causes_add_up},
                                   {"a run is unfit", a_run_is_unfit},
                                   {"estimates with and without", estimates_with_and_without},
                                   {"blocks after a look widen", blocks_after_a_look_widen},
                                   CU_TEST_INFO_NULL}};
