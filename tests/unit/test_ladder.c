/* Ladders: what every step adds, and that the steps add up to the whole. */
#include "results/ladder.h"

#include "results/rank.h"
#include "results/stats.h"
#include "results/synthetic.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

static struct cb_ladders ladders(const struct cb_dataset *d)
{
    struct cb_ladders l;
    struct cb_rows rows;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_effects(d, &rows, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_ladders(d, &rows, &l, &err), 0);
    cb_rows_free(&rows);
    return l;
}

static void forget_steps(struct cb_dataset *d)
{
    while (d->nsteps) {
        struct cb_ds_step *s = &d->steps[--d->nsteps];
        free(s->ladder);
        free(s->chain);
        free(s->label);
    }
}

/* host, container, vm; host2 beside container. */
static void planted_steps_are_found(void)
{
    struct cb_dataset d = fixture_make(10);
    struct cb_ladders l = ladders(&d);
    CU_ASSERT_EQUAL_FATAL(l.n, FIXTURE_METRICS);
    for (unsigned m = 0; m < FIXTURE_METRICS; m++) {
        const struct cb_ladder *x = &l.at[m];
        CU_ASSERT_EQUAL_FATAL(x->nsteps, 3);
        CU_ASSERT_DOUBLE_EQUAL(x->steps[0].row.ratio, 1.02, .02);
        CU_ASSERT_DOUBLE_EQUAL(x->steps[2].row.ratio, 1.5 / 1.02, .03);
        CU_ASSERT_DOUBLE_EQUAL(x->steps[1].row.ratio, 1 / 1.02, .02);
        CU_ASSERT(x->steps[1].side && !x->steps[0].side && !x->steps[2].side);
        CU_ASSERT_DOUBLE_EQUAL(x->sum, x->steps[0].row.ratio * x->steps[2].row.ratio, 1e-12);
        CU_ASSERT_DOUBLE_EQUAL(x->total.ratio, 1.5, .03);
        CU_ASSERT(x->adds_up);
        CU_ASSERT(cb_distinguishable(&x->steps[2].row) && x->steps[2].row.noise_floor > 0);
        CU_ASSERT_STRING_EQUAL(x->steps[2].label, "a machine");
    }
    cb_ladders_free(&l);
    cb_dataset_free(&d);
}

/* A step is the signed-rank interval of the blocks' log ratios, rates the other way round, as a row is. */
static void step_is_derived_as_documented(void)
{
    struct cb_dataset d = fixture_make(8);
    struct cb_ladders l = ladders(&d);
    const struct cb_row *r = &l.at[FIXTURE_RATE].steps[2].row;
    const struct cb_ds_metric *m = &d.metrics[FIXTURE_RATE];
    double ratio[8];
    const char *why;
    for (unsigned b = 0; b < 8; b++) {
        double with = cb_block_value(m, cb_dataset_result(&d, b, FIXTURE_VM, FIXTURE_STREAM), &why);
        double without = cb_block_value(m, cb_dataset_result(&d, b, FIXTURE_CONTAINER, FIXTURE_STREAM), &why);
        ratio[b] = log(without / with);
        CU_ASSERT_EQUAL(r->d[b], ratio[b]);
    }
    struct cb_interval i = cb_hl_paired(ratio, 8, .95);
    CU_ASSERT(r->ratio == exp(i.estimate) && r->ci95[0] == exp(i.lo) && r->ci95[1] == exp(i.hi));
    CU_ASSERT_EQUAL(r->mde, expm1(cb_mde(cb_sd(ratio, 8), 8, .05)));
    cb_ladders_free(&l);
    cb_dataset_free(&d);
}

/* The whole is what the table of results says of the same two arms. */
static void total_is_the_row_of_the_results(void)
{
    struct cb_dataset d = fixture_make(9);
    struct cb_ladders l = ladders(&d);
    struct cb_rows rows;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_effects(&d, &rows, &err), 0);
    for (unsigned m = 0; m < FIXTURE_METRICS; m++) {
        const struct cb_row *r = cb_rows_find(&rows, m, FIXTURE_VM);
        CU_ASSERT(l.at[m].total.ratio == r->ratio && l.at[m].total.ci95[0] == r->ci95[0]);
        CU_ASSERT(l.at[m].total.noise_floor == r->noise_floor);
    }
    cb_rows_free(&rows);
    cb_ladders_free(&l);
    cb_dataset_free(&d);
}

static void skip_arm(struct cb_dataset *d, unsigned arm, const char *reason)
{
    for (unsigned b = 0; b < d->nblocks; b++)
        for (unsigned c = 0; c < d->ncases; c++) {
            fixture_set(&fixture_result(d, b, arm, c)->outcome, "skipped");
            fixture_set(&fixture_result(d, b, arm, c)->reason, reason);
        }
}

static void chain_is_closed_over_a_gap(void)
{
    struct cb_dataset d = fixture_make(8);
    skip_arm(&d, FIXTURE_CONTAINER, "no cage here");
    struct cb_ladders l = ladders(&d);
    const struct cb_ladder *x = &l.at[FIXTURE_LATENCY];
    CU_ASSERT_STRING_EQUAL(x->steps[0].row.outcome, "skipped");
    CU_ASSERT_STRING_EQUAL(x->steps[0].row.reason, "no cage here");
    CU_ASSERT(isnan(x->steps[0].row.ratio) && !cb_distinguishable(&x->steps[0].row));
    CU_ASSERT_STRING_EQUAL(x->steps[2].label, "a cage + a machine");
    CU_ASSERT_EQUAL(x->steps[2].row.base, FIXTURE_HOST);
    CU_ASSERT_EQUAL(x->steps[2].row.ratio, x->total.ratio);
    CU_ASSERT_DOUBLE_EQUAL(x->sum, x->total.ratio, 1e-12);
    CU_ASSERT(x->adds_up);
    /* What branches off there has nothing to be held against. */
    CU_ASSERT(isnan(x->steps[1].row.ratio) && strstr(x->steps[1].row.reason, "no cage here"));
    cb_ladders_free(&l);
    cb_dataset_free(&d);
}

static void highest_rung_may_be_missing(void)
{
    struct cb_dataset d = fixture_make(8);
    skip_arm(&d, FIXTURE_VM, "no machine here");
    struct cb_ladders l = ladders(&d);
    const struct cb_ladder *x = &l.at[FIXTURE_LATENCY];
    CU_ASSERT_EQUAL(x->total.arm, FIXTURE_CONTAINER);
    CU_ASSERT_EQUAL(x->sum, exp(log(x->steps[0].row.ratio)));
    CU_ASSERT_STRING_EQUAL(x->steps[2].row.reason, "no machine here");
    CU_ASSERT_STRING_EQUAL(x->steps[2].label, "a machine");
    cb_ladders_free(&l);
    cb_dataset_free(&d);
}

static void lowest_rung_may_be_missing(void)
{
    struct cb_dataset d = fixture_make(8);
    forget_steps(&d);
    fixture_step(&d, "", "first", FIXTURE_HOST2, FIXTURE_CONTAINER, false);
    fixture_step(&d, "", "second", FIXTURE_VM, FIXTURE_HOST2, false);
    skip_arm(&d, FIXTURE_CONTAINER, "no cage here");
    struct cb_ladders l = ladders(&d);
    const struct cb_ladder *x = &l.at[FIXTURE_RATE];
    CU_ASSERT(isnan(x->steps[0].row.ratio) && strstr(x->steps[0].row.reason, "no cage here"));
    CU_ASSERT(x->total.base == FIXTURE_HOST2 && x->total.arm == FIXTURE_VM);
    CU_ASSERT_STRING_EQUAL(x->steps[1].label, "second");
    CU_ASSERT_DOUBLE_EQUAL(x->sum, x->total.ratio, 1e-12);
    cb_ladders_free(&l);
    cb_dataset_free(&d);
}

static void nothing_adds_up_to_nothing(void)
{
    struct cb_dataset d = fixture_make(8);
    skip_arm(&d, FIXTURE_CONTAINER, "no cage here");
    skip_arm(&d, FIXTURE_VM, "no machine here");
    struct cb_ladders l = ladders(&d);
    for (size_t i = 0; i < l.n; i++)
        CU_ASSERT(isnan(l.at[i].sum) && isnan(l.at[i].total.ratio) && !l.at[i].adds_up);
    cb_ladders_free(&l);
    skip_arm(&d, FIXTURE_HOST, "no ground here");
    l = ladders(&d);
    CU_ASSERT(isnan(l.at[0].sum) && !l.at[0].adds_up);
    cb_ladders_free(&l);
    forget_steps(&d);
    l = ladders(&d);
    CU_ASSERT_EQUAL(l.n, 0);
    cb_ladders_free(&l);
    cb_dataset_free(&d);
}

/* Two of eight blocks lack the rung between: its steps have six, the whole has all. */
static void a_rung_may_lack_blocks(void)
{
    struct cb_dataset d = fixture_make(8);
    for (unsigned b = 0; b < 2; b++)
        fixture_set(&fixture_result(&d, b, FIXTURE_CONTAINER, FIXTURE_CHASE)->outcome, "failed");
    struct cb_ladders l = ladders(&d);
    const struct cb_ladder *x = &l.at[FIXTURE_LATENCY];
    CU_ASSERT(x->steps[0].row.n == 6 && x->steps[2].row.n == 6 && x->total.n == 8);
    CU_ASSERT_STRING_EQUAL(x->steps[2].label, "a machine");
    CU_ASSERT(x->adds_up);
    cb_ladders_free(&l);
    cb_dataset_free(&d);
}

static void void_blocks_and_looks_count_as_in_rows(void)
{
    struct cb_dataset d = fixture_make(12);
    struct cb_ladders all = ladders(&d);
    fixture_set(&d.blocks[3].void_reason, "steal");
    d.run.looks[0] = 8;
    d.run.nlooks = 1;
    struct cb_ladders l = ladders(&d);
    const struct cb_row *r = &l.at[FIXTURE_LATENCY].steps[2].row;
    CU_ASSERT(r->n == 11 && r->n_all == 12 && r->voided == 1);
    CU_ASSERT_EQUAL(r->ci_level, .96);
    CU_ASSERT_EQUAL(r->ratio_all, all.at[FIXTURE_LATENCY].steps[2].row.ratio);
    cb_ladders_free(&all);
    cb_ladders_free(&l);
    cb_dataset_free(&d);
}

static void a_step_is_trusted_no_more_than_its_arms(void)
{
    struct cb_dataset d = fixture_make(8);
    for (unsigned b = 0; b < 8; b++)
        fixture_set(&fixture_result(&d, b, FIXTURE_CONTAINER, FIXTURE_CHASE)->outcome, "untrusted");
    struct cb_ladders l = ladders(&d);
    const struct cb_ladder *x = &l.at[FIXTURE_LATENCY];
    CU_ASSERT_STRING_EQUAL(x->steps[0].row.outcome, "untrusted");
    CU_ASSERT_STRING_EQUAL(x->steps[2].row.outcome, "untrusted");
    CU_ASSERT_STRING_EQUAL(x->total.outcome, "ok");
    cb_ladders_free(&l);
    cb_dataset_free(&d);
}

static void chains_are_apart(void)
{
    struct cb_dataset d = fixture_make(6);
    fixture_step(&d, "other", "all at once", FIXTURE_VM, FIXTURE_HOST, false);
    struct cb_ladders l = ladders(&d);
    CU_ASSERT_EQUAL_FATAL(l.n, 2 * FIXTURE_METRICS);
    CU_ASSERT_EQUAL(cb_chain_length(&d, 0), 3);
    CU_ASSERT_EQUAL(cb_chain_length(&d, 3), 1);
    const struct cb_ladder *x = &l.at[FIXTURE_METRICS];
    CU_ASSERT(x->planned == &d.steps[3] && x->nsteps == 1);
    CU_ASSERT_EQUAL(x->steps[0].row.ratio, l.at[0].total.ratio);
    cb_ladders_free(&l);
    cb_dataset_free(&d);
}

static void long_labels_are_cut(void)
{
    struct cb_dataset d = fixture_make(6);
    char label[200];
    memset(label, 'x', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    fixture_set(&d.steps[0].label, label);
    skip_arm(&d, FIXTURE_CONTAINER, "no");
    struct cb_ladders l = ladders(&d);
    CU_ASSERT_EQUAL(strlen(l.at[0].steps[2].label), CB_LADDER_TEXT - 1);
    cb_ladders_free(&l);
    cb_dataset_free(&d);
}

#define RUNS 300

/* Runs with a planted second step: intervals of steps hold the truth as often as those of rows do, nothing is
 * found where nothing is, and the steps add up to the whole. */
static void steps_hold_what_their_intervals_say(void)
{
    unsigned held = 0, alarms = 0, seen = 0, sums = 0;
    for (unsigned i = 0; i < RUNS; i++) {
        const struct cb_synthetic s = {
            .blocks = 10, .samples = 8, .cost = 1.05, .noise = .01, .spikes = 0, .seed = 7000 + i};
        struct cb_dataset d;
        struct cb_err err = {0};
        CU_ASSERT_EQUAL_FATAL(cb_synthetic_run(&s, &d, &err), 0);
        fixture_step(&d, "", "nothing", CB_SYNTHETIC_HOST2, CB_SYNTHETIC_HOST, false);
        fixture_step(&d, "", "five per cent", CB_SYNTHETIC_TEST, CB_SYNTHETIC_HOST2, false);
        struct cb_ladders l = ladders(&d);
        const struct cb_ladder *x = &l.at[0];
        const struct cb_row *step = &x->steps[1].row;
        held += step->ci95[0] <= 1.05 && 1.05 <= step->ci95[1];
        alarms += cb_distinguishable(&x->steps[0].row);
        seen += cb_distinguishable(step);
        sums += x->adds_up;
        cb_ladders_free(&l);
        cb_dataset_free(&d);
    }
    /* 95 % of 300 are 285, with a standard deviation of 3.8. */
    CU_ASSERT(held >= 272);
    CU_ASSERT(alarms <= 28);
    CU_ASSERT(seen >= 285);
    CU_ASSERT(sums >= 297);
}

const struct cb_suite cb_suite = {
    "ladder",
    {{"planted steps are found", planted_steps_are_found},
     {"a step is derived as documented", step_is_derived_as_documented},
     {"the total is the row of the results", total_is_the_row_of_the_results},
     {"a chain is closed over a gap", chain_is_closed_over_a_gap},
     {"the highest rung may be missing", highest_rung_may_be_missing},
     {"the lowest rung may be missing", lowest_rung_may_be_missing},
     {"nothing adds up to nothing", nothing_adds_up_to_nothing},
     {"a rung may lack blocks", a_rung_may_lack_blocks},
     {"void blocks and looks count as in rows", void_blocks_and_looks_count_as_in_rows},
     {"a step is trusted no more than its arms", a_step_is_trusted_no_more_than_its_arms},
     {"chains are apart", chains_are_apart},
     {"long labels are cut", long_labels_are_cut},
     {"steps hold what their intervals say", steps_hold_what_their_intervals_say},
     CU_TEST_INFO_NULL}};
