/* What comes after the blocks of a plan. */
#include "results/extend.h"

#include "results/stopping.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

#define ROOM 200 /* blocks that the fixture has; a run has the first ones of them */

struct run {
    struct cb_dataset d;
    struct cb_extend e;
};

static struct run run_make(unsigned blocks, double target)
{
    struct run r = {.d = fixture_make(ROOM), .e = {.blocks_max = ROOM}};
    r.d.nblocks = blocks;
    r.d.run.blocks = blocks;
    r.d.run.target = target;
    return r;
}

static void run_free(struct run *r)
{
    r->d.nblocks = ROOM;
    cb_dataset_free(&r->d);
}

static void void_block(struct run *r, unsigned block)
{
    fixture_set(&r->d.blocks[block].void_reason, "steal");
}

/* Asks with blocks of 10 s. */
static struct cb_more ask(struct run *r, double left_s)
{
    struct cb_more m;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(cb_extend(&r->e, &r->d, 10, left_s, &m, &err), 0);
    return m;
}

static bool is_over(struct cb_more m)
{
    return m.from == m.to && !m.fresh;
}

static void without_a_target_the_plan_is_all(void)
{
    struct run r = run_make(6, 0);
    CU_ASSERT(is_over(ask(&r, 1e6)));
    CU_ASSERT_STRING_EQUAL(r.d.run.stopped, "blocks");
    CU_ASSERT(r.d.run.nlooks == 0 && r.d.run.blocks == 6);
    run_free(&r);
}

static void void_blocks_are_repeated_once(void)
{
    struct run r = run_make(6, 0);
    void_block(&r, 1);
    void_block(&r, 4);
    struct cb_more m = ask(&r, 1e6);
    CU_ASSERT(m.from == 0 && m.to == 6 && m.fresh == 0);
    CU_ASSERT_STRING_EQUAL(r.d.run.stopped, "");
    r.d.nblocks = 8;
    void_block(&r, 7); /* again; that was it */
    CU_ASSERT(is_over(ask(&r, 1e6)));
    CU_ASSERT_STRING_EQUAL(r.d.run.stopped, "blocks");
    CU_ASSERT_EQUAL(r.d.run.blocks, 6);
    run_free(&r);
    r = run_make(ROOM, 0); /* no room for more */
    void_block(&r, 4);
    CU_ASSERT(is_over(ask(&r, 1e6)));
    run_free(&r);
}

static void narrow_enough_after_the_pilot(void)
{
    struct run r = run_make(10, .01);
    CU_ASSERT(is_over(ask(&r, 1e6)));
    CU_ASSERT_STRING_EQUAL(r.d.run.stopped, "target");
    CU_ASSERT(r.d.run.nlooks == 1 && r.d.run.looks[0] == 10);
    run_free(&r);
}

/* At a target that the fixture's noise of half a percent needs some 50 blocks for. */
static void one_plan_one_revision(void)
{
    struct run r = run_make(10, .002);
    struct cb_more m = ask(&r, 1e6);
    CU_ASSERT(m.from == m.to && m.fresh > 10 && m.fresh < 150);
    CU_ASSERT_EQUAL(r.d.run.blocks, 10 + m.fresh);
    unsigned planned = r.d.run.blocks;
    r.d.nblocks = planned;
    void_block(&r, planned - 1); /* a void block of the extension is repeated before anybody looks */
    m = ask(&r, 1e6);
    CU_ASSERT(m.from == 10 && m.to == planned && r.d.run.nlooks == 1);
    r.d.nblocks = planned + 1;
    r.d.run.target = .0015; /* what came turned out noisier than the pilot */
    m = ask(&r, 1e6);
    CU_ASSERT(m.fresh > 0 && r.d.run.nlooks == 2 && r.d.run.looks[1] == planned);
    r.d.nblocks += m.fresh;
    r.d.run.target = .0001;
    CU_ASSERT(is_over(ask(&r, 1e6))); /* no third plan */
    CU_ASSERT_STRING_EQUAL(r.d.run.stopped, "blocks");
    CU_ASSERT_EQUAL(r.d.run.nlooks, 3);
    run_free(&r);
}

static void the_budget_is_the_limit(void)
{
    struct run r = run_make(10, .001);
    CU_ASSERT(is_over(ask(&r, 9))); /* less than a block */
    CU_ASSERT_STRING_EQUAL(r.d.run.stopped, "budget");
    run_free(&r);
    r = run_make(10, .001);
    CU_ASSERT_EQUAL(ask(&r, 35).fresh, 3);
    r.d.nblocks = 13;
    CU_ASSERT(is_over(ask(&r, 5)));
    CU_ASSERT_STRING_EQUAL(r.d.run.stopped, "budget");
    CU_ASSERT(r.d.run.nlooks == 2 && r.d.run.blocks == 13);
    run_free(&r);
}

static void the_limit_of_blocks_is_one_too(void)
{
    struct run r = run_make(10, 1e-5);
    r.e.blocks_max = 12;
    CU_ASSERT_EQUAL(ask(&r, 1e6).fresh, 2);
    r.d.nblocks = 12;
    CU_ASSERT(is_over(ask(&r, 1e6)));
    CU_ASSERT_STRING_EQUAL(r.d.run.stopped, "blocks");
    run_free(&r);
}

/* The widest interval sets the number; the positive control's does not. */
static void the_noisiest_metric_decides(void)
{
    struct cb_dataset d = fixture_make(10);
    struct cb_rows rows;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_effects(&d, &rows, &err), 0);
    CU_ASSERT_EQUAL(cb_blocks_for_rows(&d, &rows, .01), 10);
    cb_rows_free(&rows);
    for (unsigned b = 0; b < 10; b += 2) {
        struct cb_ds_result *r = fixture_result(&d, b, FIXTURE_VM, FIXTURE_CHASE);
        for (size_t i = 0; i < r->nsamples; i++)
            r->samples[i].s.wall_ns = r->samples[i].s.wall_ns * 11 / 10;
    }
    CU_ASSERT_EQUAL_FATAL(cb_effects(&d, &rows, &err), 0);
    size_t wanted = cb_blocks_for_rows(&d, &rows, .01);
    CU_ASSERT(wanted > 100 && wanted < 200); /* sd 5 %: (2.26 x 5)^2 */
    cb_rows_free(&rows);
    fixture_set(&d.arms[FIXTURE_VM].name, "host:slow=5");
    fixture_set(&d.arms[FIXTURE_VM].runner, "host");
    CU_ASSERT_EQUAL_FATAL(cb_effects(&d, &rows, &err), 0);
    CU_ASSERT_EQUAL(cb_blocks_for_rows(&d, &rows, .01), 10);
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

const struct cb_suite cb_suite = {"extend",
                                  {{"without a target the plan is all", without_a_target_the_plan_is_all},
                                   {"void blocks are repeated once", void_blocks_are_repeated_once},
                                   {"narrow enough after the pilot", narrow_enough_after_the_pilot},
                                   {"one plan, one revision", one_plan_one_revision},
                                   {"the budget is the limit", the_budget_is_the_limit},
                                   {"the limit of blocks is one too", the_limit_of_blocks_is_one_too},
                                   {"the noisiest metric decides", the_noisiest_metric_decides},
                                   CU_TEST_INFO_NULL}};
