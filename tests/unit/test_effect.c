#include "results/effect.h"

#include "results/control.h"
#include "results/rank.h"
#include "results/steady.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

static struct cb_rows effects(const struct cb_dataset *d)
{
    struct cb_rows rows;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_effects(d, &rows, &err), 0);
    return rows;
}

static const struct cb_row *row_of(const struct cb_rows *rows, unsigned metric, unsigned arm)
{
    const struct cb_row *r = cb_rows_find(rows, metric, arm);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    return r;
}

static int holds(const double ci[2], double v)
{
    return ci[0] <= v && v <= ci[1];
}

static void planted_effects_are_found(void)
{
    struct cb_dataset d = fixture_make(10);
    struct cb_rows rows = effects(&d);
    CU_ASSERT_EQUAL(rows.n, FIXTURE_METRICS * FIXTURE_ARMS);
    for (unsigned m = 0; m < FIXTURE_METRICS; m++)
        for (unsigned a = 1; a < FIXTURE_ARMS; a++) {
            const struct cb_row *r = row_of(&rows, m, a);
            /* Noise of an arm is at most .4 %, that of a quantile among 2000 values below 1 %. */
            CU_ASSERT_DOUBLE_EQUAL(r->ratio, fixture_cost[a], .02 * fixture_cost[a]);
            CU_ASSERT(r->ci95[0] <= r->ci90[0] && r->ci90[1] <= r->ci95[1]);
            CU_ASSERT(holds(r->ci90, r->ratio));
            CU_ASSERT_EQUAL(r->n, 10);
            CU_ASSERT_EQUAL(r->voided, 0);
            CU_ASSERT_STRING_EQUAL(r->outcome, "ok");
            CU_ASSERT_STRING_EQUAL(r->reason, "");
            CU_ASSERT(r->mde > 0 && r->mde < .02);
            CU_ASSERT(r->noise_floor > 0 && r->noise_floor < .02);
        }
    CU_ASSERT(row_of(&rows, FIXTURE_LATENCY, FIXTURE_HOST2)->within_noise);
    CU_ASSERT(!row_of(&rows, FIXTURE_LATENCY, FIXTURE_CONTAINER)->within_noise);
    CU_ASSERT(!row_of(&rows, FIXTURE_LATENCY, FIXTURE_VM)->within_noise);
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

/* The numbers of a row are those of the functions below it, applied to values computed here by hand. */
static void row_is_derived_as_documented(void)
{
    struct cb_dataset d = fixture_make(10);
    struct cb_rows rows = effects(&d);
    const struct cb_row *r = row_of(&rows, FIXTURE_RATE, FIXTURE_VM);
    double ratio[10], value[10], base[10];
    for (unsigned b = 0; b < 10; b++) {
        double work[2] = {0}, wall[2] = {0};
        for (unsigned i = 1; i < FIXTURE_SAMPLES; i++)
            for (unsigned side = 0; side < 2; side++) {
                const struct cb_ds_result *x =
                    cb_dataset_result(&d, b, side ? FIXTURE_VM : FIXTURE_HOST, FIXTURE_STREAM);
                work[side] += (double)x->samples[i].s.work;
                wall[side] += (double)x->samples[i].s.wall_ns;
            }
        base[b] = work[0] / wall[0];
        value[b] = work[1] / wall[1];
        ratio[b] = log(base[b] / value[b]); /* a rate: the host's over the arm's */
        CU_ASSERT(near(r->d[b], ratio[b]));
        CU_ASSERT_EQUAL(r->d_block[b], b);
    }
    struct cb_interval i = cb_hl_paired(r->d, 10, .95);
    CU_ASSERT(near(r->ratio, exp(i.estimate)) && near(r->ci95[0], exp(i.lo)) && near(r->ci95[1], exp(i.hi)));
    CU_ASSERT(near(r->value, cb_median(value, 10)) && near(r->baseline_value, cb_median(base, 10)));
    CU_ASSERT(near(r->mde, exp(cb_mde(cb_sd(ratio, 10), 10, .05)) - 1));
    const struct cb_row *aa = row_of(&rows, FIXTURE_RATE, FIXTURE_HOST2);
    CU_ASSERT(near(r->noise_floor, fmax(1 / aa->ci95[0], aa->ci95[1]) - 1));
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

static void baseline_comes_first_without_a_ratio(void)
{
    struct cb_dataset d = fixture_make(6);
    d.run.baseline = FIXTURE_CONTAINER;
    struct cb_rows rows = effects(&d);
    const unsigned order[] = {FIXTURE_CONTAINER, FIXTURE_HOST, FIXTURE_HOST2, FIXTURE_VM};
    for (unsigned i = 0; i < rows.n; i++) {
        CU_ASSERT_EQUAL(rows.at[i].arm, order[i % FIXTURE_ARMS]);
        CU_ASSERT_EQUAL(rows.at[i].metric_index, i / FIXTURE_ARMS);
    }
    const struct cb_row *r = &rows.at[0];
    CU_ASSERT(isnan(r->ratio) && isnan(r->ci95[0]) && isnan(r->mde));
    CU_ASSERT_EQUAL(r->value, r->baseline_value);
    CU_ASSERT(r->value_lo <= r->value && r->value <= r->value_hi);
    CU_ASSERT_EQUAL(r->n, 6);
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

static void swapping_arms_gives_the_reciprocal(void)
{
    struct cb_dataset d = fixture_make(8);
    struct cb_rows rows = effects(&d);
    d.run.baseline = FIXTURE_VM;
    struct cb_rows swapped = effects(&d);
    for (unsigned m = 0; m < FIXTURE_METRICS; m++) {
        const struct cb_row *a = row_of(&rows, m, FIXTURE_VM), *b = row_of(&swapped, m, FIXTURE_HOST);
        CU_ASSERT(near(a->ratio, 1 / b->ratio));
        CU_ASSERT(near(a->ci95[0], 1 / b->ci95[1]) && near(a->ci90[1], 1 / b->ci90[0]));
        CU_ASSERT(near(a->mde, b->mde));
    }
    cb_rows_free(&rows);
    cb_rows_free(&swapped);
    cb_dataset_free(&d);
}

static void unit_does_not_matter(void)
{
    struct cb_dataset d = fixture_make(8);
    struct cb_rows rows = effects(&d);
    for (unsigned m = 0; m < FIXTURE_METRICS; m++)
        d.metrics[m].how.scale *= 1000;
    struct cb_rows scaled = effects(&d);
    for (unsigned i = 0; i < rows.n; i++) {
        CU_ASSERT(near(scaled.at[i].value, 1000 * rows.at[i].value));
        CU_ASSERT(isnan(rows.at[i].ratio) || near(scaled.at[i].ratio, rows.at[i].ratio));
    }
    cb_rows_free(&rows);
    cb_rows_free(&scaled);
    cb_dataset_free(&d);
}

static void order_of_results_does_not_matter(void)
{
    struct cb_dataset d = fixture_make(8);
    struct cb_rows rows = effects(&d);
    struct cb_rng rng;
    cb_rng_seed(&rng, 3);
    for (size_t i = d.nresults - 1; i > 0; i--) {
        size_t j = cb_rng_below(&rng, i + 1);
        struct cb_ds_result t = d.results[i];
        d.results[i] = d.results[j];
        d.results[j] = t;
    }
    struct cb_rows again = effects(&d);
    for (unsigned i = 0; i < rows.n; i++) {
        CU_ASSERT_EQUAL(memcmp(&rows.at[i].ratio, &again.at[i].ratio, sizeof(double)), 0);
        CU_ASSERT_EQUAL(memcmp(rows.at[i].ci95, again.at[i].ci95, sizeof rows.at[i].ci95), 0);
    }
    cb_rows_free(&rows);
    cb_rows_free(&again);
    cb_dataset_free(&d);
}

static void void_blocks_are_left_out_and_counted(void)
{
    struct cb_dataset d = fixture_make(10);
    fixture_set(&d.blocks[3].void_reason, "steal 4 %");
    /* What happened there must not matter. */
    struct cb_ds_result *r = fixture_result(&d, 3, FIXTURE_VM, FIXTURE_CHASE);
    for (size_t i = 0; i < r->nsamples; i++)
        r->samples[i].s.wall_ns *= 50;
    struct cb_rows rows = effects(&d);
    const struct cb_row *row = row_of(&rows, FIXTURE_LATENCY, FIXTURE_VM);
    CU_ASSERT_EQUAL(row->n, 9);
    CU_ASSERT_EQUAL(row->voided, 1);
    CU_ASSERT(row->ci95[1] < 1.6);
    for (unsigned i = 0; i < row->n; i++)
        CU_ASSERT_NOT_EQUAL(row->d_block[i], 3);
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

static void failures_and_skips_say_why(void)
{
    struct cb_dataset d = fixture_make(6);
    for (unsigned b = 0; b < 6; b++) {
        struct cb_ds_result *r = fixture_result(&d, b, FIXTURE_VM, FIXTURE_CHASE);
        fixture_set(&r->outcome, "failed");
        fixture_set(&r->reason, "the guest hung");
        r = fixture_result(&d, b, FIXTURE_CONTAINER, FIXTURE_CHASE);
        fixture_set(&r->outcome, "skipped");
        fixture_set(&r->reason, "no io_uring");
    }
    struct cb_ds_result *r = fixture_result(&d, 2, FIXTURE_VM, FIXTURE_STREAM);
    fixture_set(&r->outcome, "failed");
    fixture_set(&r->reason, "timeout");
    struct cb_rows rows = effects(&d);
    const struct cb_row *row = row_of(&rows, FIXTURE_LATENCY, FIXTURE_VM);
    CU_ASSERT_STRING_EQUAL(row->outcome, "failed");
    CU_ASSERT_STRING_EQUAL(row->reason, "the guest hung");
    CU_ASSERT(row->n == 0 && isnan(row->value) && isnan(row->ratio) && isnan(row->mde));
    row = row_of(&rows, FIXTURE_LATENCY, FIXTURE_CONTAINER);
    CU_ASSERT_STRING_EQUAL(row->outcome, "skipped");
    CU_ASSERT_STRING_EQUAL(row->reason, "no io_uring");
    row = row_of(&rows, FIXTURE_RATE, FIXTURE_VM);
    CU_ASSERT_STRING_EQUAL(row->outcome, "ok");
    CU_ASSERT_EQUAL(row->n, 5);
    CU_ASSERT_STRING_EQUAL(row->reason, "1 of 6 blocks have no value: timeout");
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

static void arm_that_never_ran_has_rows(void)
{
    struct cb_dataset d = fixture_make(6);
    d.results[0].arm = FIXTURE_HOST; /* keep the type honest: only the vm's results are taken away below */
    size_t kept = 0;
    for (size_t i = 0; i < d.nresults; i++) {
        if (d.results[i].arm != FIXTURE_VM) {
            d.results[kept++] = d.results[i];
            continue;
        }
        free(d.results[i].outcome);
        free(d.results[i].reason);
        free(d.results[i].samples);
        free(d.results[i].hist);
    }
    d.nresults = kept;
    fixture_set(&d.arms[FIXTURE_VM].status, "skipped");
    fixture_set(&d.arms[FIXTURE_VM].reason, "no qemu");
    struct cb_rows rows = effects(&d);
    const struct cb_row *row = row_of(&rows, FIXTURE_P50, FIXTURE_VM);
    CU_ASSERT_STRING_EQUAL(row->outcome, "skipped");
    CU_ASSERT_STRING_EQUAL(row->reason, "no qemu");
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

static void missing_baseline_is_said(void)
{
    struct cb_dataset d = fixture_make(6);
    for (unsigned b = 0; b < 6; b++) {
        struct cb_ds_result *r = fixture_result(&d, b, FIXTURE_HOST, FIXTURE_CHASE);
        fixture_set(&r->outcome, "failed");
        fixture_set(&r->reason, "timeout");
    }
    struct cb_rows rows = effects(&d);
    const struct cb_row *row = row_of(&rows, FIXTURE_LATENCY, FIXTURE_VM);
    CU_ASSERT_STRING_EQUAL(row->outcome, "failed");
    CU_ASSERT_STRING_EQUAL(row->reason, "no block has both it and host: timeout");
    CU_ASSERT(isnan(row->ratio) && isnan(row->noise_floor) && !row->within_noise);
    CU_ASSERT(row->value > 0);
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

static void quantiles_need_enough_values(void)
{
    struct cb_dataset d = fixture_make(1);
    struct cb_ds_result *r = fixture_result(&d, 0, FIXTURE_HOST, FIXTURE_COMMIT);
    const char *why;
    struct cb_rng rng;
    cb_rng_seed(&rng, 1);
    free(r->hist);
    r->hist = fixture_hist(1, 999, &rng);
    CU_ASSERT(isnan(cb_block_value(&d.metrics[FIXTURE_P99], r, &why)));
    CU_ASSERT_STRING_EQUAL(why, "too-few-samples");
    CU_ASSERT(cb_block_value(&d.metrics[FIXTURE_P50], r, &why) > 0);
    cb_hist_add(r->hist, 1000000);
    CU_ASSERT(cb_block_value(&d.metrics[FIXTURE_P99], r, &why) > 0);
    CU_ASSERT_STRING_EQUAL(why, "");
    free(r->hist);
    r->hist = NULL;
    CU_ASSERT(isnan(cb_block_value(&d.metrics[FIXTURE_P50], r, &why)));
    CU_ASSERT_STRING_EQUAL(why, "no-histogram");
    cb_dataset_free(&d);
}

/* The first batch alone is what a cold metric has; the warm one's companion leaves it out. */
static void cold_is_the_first_batch(void)
{
    struct cb_dataset d = fixture_make(1);
    struct cb_ds_result *r = fixture_result(&d, 0, FIXTURE_HOST, FIXTURE_CHASE);
    struct cb_ds_metric cold = d.metrics[FIXTURE_LATENCY];
    const char *why;
    CU_ASSERT_TRUE_FATAL(cb_cold_rule(cold.how.derive, &cold.how.derive));
    CU_ASSERT(cb_is_cold(&cold) && !cb_is_cold(&d.metrics[FIXTURE_LATENCY]));
    double warm = cb_block_value(&d.metrics[FIXTURE_LATENCY], r, &why);
    r->samples[0].warm = true;
    r->samples[0].s.iters = 1000;
    r->samples[0].s.wall_ns = 7000000;
    CU_ASSERT_DOUBLE_EQUAL(cb_block_value(&cold, r, &why), 7000 * cold.how.scale, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(cb_block_value(&d.metrics[FIXTURE_LATENCY], r, &why), warm, 0.1 * warm);
    CU_ASSERT_EQUAL(cb_block_steadiness(&cold, r), CB_STEADY_UNKNOWN);
    r->samples[0].warm = false;
    CU_ASSERT(isnan(cb_block_value(&cold, r, &why)));
    CU_ASSERT_STRING_EQUAL(why, "no-warm-up");
    CU_ASSERT_FALSE(cb_cold_rule(CB_HIST_QUANTILE, &cold.how.derive));
    CU_ASSERT_FALSE(cb_cold_rule(CB_CPU_PER_WORK, &cold.how.derive));
    cb_dataset_free(&d);
}

static void peer_time_is_per_work(void)
{
    struct cb_dataset d = fixture_make(1);
    struct cb_ds_result *r = fixture_result(&d, 0, FIXTURE_HOST, FIXTURE_STREAM);
    struct cb_ds_metric peer = d.metrics[FIXTURE_CPU];
    const char *why;
    CU_ASSERT_EQUAL_FATAL(cb_derive_parse("peer-per-work", &peer.how.derive), 0);
    CU_ASSERT_EQUAL(peer.how.derive, CB_PEER_PER_WORK);
    peer.how.scale = 1024;
    CU_ASSERT(isnan(cb_block_value(&peer, r, &why))); /* nobody asked for it */
    CU_ASSERT_STRING_EQUAL(why, "not-positive");
    for (size_t i = 0; i < r->nsamples; i++)
        r->samples[i].s.peer_ns = (i % 2 ? 2 : 4) * r->samples[i].s.work;
    r->samples[2].s.work *= 3; /* total over total, so that a long batch counts as much as it did */
    r->samples[2].s.peer_ns *= 3;
    double peer_ns = 0, work = 0;
    for (size_t i = 1; i < r->nsamples; i++) {
        peer_ns += (double)r->samples[i].s.peer_ns;
        work += (double)r->samples[i].s.work;
    }
    CU_ASSERT_DOUBLE_EQUAL(cb_block_value(&peer, r, &why), 1024 * peer_ns / work, 1e-9);
    cb_dataset_free(&d);
}

/* Bytes are work: of each thing, or of one thing more. */
static void work_is_counted_and_has_a_slope(void)
{
    struct cb_dataset d = fixture_make(1);
    struct cb_ds_result *r = fixture_result(&d, 0, FIXTURE_HOST, FIXTURE_STREAM);
    struct cb_ds_metric each = d.metrics[FIXTURE_RATE], more = each;
    const char *why;
    CU_ASSERT_EQUAL_FATAL(cb_derive_parse("work-per-iter", &each.how.derive), 0);
    CU_ASSERT_EQUAL_FATAL(cb_derive_parse("work-slope", &more.how.derive), 0);
    CU_ASSERT_STRING_EQUAL(cb_derive_name(more.how.derive), "work-slope");
    each.how.scale = more.how.scale = 2;
    for (size_t i = 0; i < r->nsamples; i++) {
        r->samples[i].warm = false;
        r->samples[i].s.iters = i + 1;
        r->samples[i].s.work = 1000 + 70 * (i + 1);
    }
    CU_ASSERT_DOUBLE_EQUAL(cb_block_value(&more, r, &why), 140, 1e-9);
    r->samples[3].s.work += 5000; /* one that somebody else made */
    CU_ASSERT_DOUBLE_EQUAL(cb_block_value(&more, r, &why), 140, 1e-9);
    CU_ASSERT_EQUAL(cb_block_steadiness(&more, r), CB_STEADY_UNKNOWN);
    for (size_t i = 0; i < r->nsamples; i++)
        r->samples[i].s.work = 30 * r->samples[i].s.iters;
    CU_ASSERT_DOUBLE_EQUAL(cb_block_value(&each, r, &why), 60, 1e-9);
    r->nsamples = 1;
    CU_ASSERT(isnan(cb_block_value(&more, r, &why)));
    CU_ASSERT_STRING_EQUAL(why, "no-slope");
    cb_dataset_free(&d);
}

static void nonsense_samples_have_no_value(void)
{
    struct cb_dataset d = fixture_make(1);
    struct cb_ds_result *r = fixture_result(&d, 0, FIXTURE_HOST, FIXTURE_CHASE);
    const char *why;
    r->samples[5].s.iters = 0; /* one infinite value moves no median */
    CU_ASSERT(isfinite(cb_block_value(&d.metrics[FIXTURE_LATENCY], r, &why)));
    for (size_t i = 0; i < r->nsamples; i++)
        r->samples[i].s.wall_ns = 0;
    CU_ASSERT(isnan(cb_block_value(&d.metrics[FIXTURE_LATENCY], r, &why)));
    CU_ASSERT_STRING_EQUAL(why, "not-positive");
    for (size_t i = 0; i < r->nsamples; i++)
        r->samples[i].warm = true;
    CU_ASSERT(isnan(cb_block_value(&d.metrics[FIXTURE_LATENCY], r, &why)));
    CU_ASSERT_STRING_EQUAL(why, "no-samples");
    cb_dataset_free(&d);
}

static void clocks_that_disagree_mark_the_row(void)
{
    struct cb_dataset d = fixture_make(10);
    struct cb_rows rows;
    /* 11 of 110 samples are the share that is let pass. */
    for (unsigned b = 0; b < 10; b++)
        fixture_result(&d, b, FIXTURE_VM, FIXTURE_CHASE)->samples[4].trusted = false;
    fixture_result(&d, 0, FIXTURE_VM, FIXTURE_CHASE)->samples[5].trusted = false;
    rows = effects(&d);
    CU_ASSERT_STRING_EQUAL(row_of(&rows, FIXTURE_LATENCY, FIXTURE_VM)->outcome, "ok");
    cb_rows_free(&rows);
    fixture_result(&d, 0, FIXTURE_VM, FIXTURE_CHASE)->samples[6].trusted = false;
    fixture_result(&d, 0, FIXTURE_VM, FIXTURE_CHASE)->samples[0].trusted = false; /* warm: not counted */
    fixture_set(&fixture_result(&d, 0, FIXTURE_HOST, FIXTURE_STREAM)->outcome, "untrusted");
    fixture_set(&fixture_result(&d, 1, FIXTURE_HOST, FIXTURE_STREAM)->outcome, "untrusted");
    rows = effects(&d);
    const struct cb_row *row = row_of(&rows, FIXTURE_LATENCY, FIXTURE_VM);
    CU_ASSERT_STRING_EQUAL(row->outcome, "untrusted");
    CU_ASSERT_STRING_EQUAL(row->reason, "vm: its clock and the host's disagree in 12 of 110 samples");
    CU_ASSERT(row->ratio > 1); /* shown all the same */
    /* A baseline that cannot be trusted spoils every ratio to it. */
    CU_ASSERT_STRING_EQUAL(row_of(&rows, FIXTURE_RATE, FIXTURE_CONTAINER)->outcome, "untrusted");
    CU_ASSERT_STRING_EQUAL(row_of(&rows, FIXTURE_P50, FIXTURE_CONTAINER)->outcome, "ok");
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

static void few_blocks_give_what_they_can(void)
{
    for (unsigned blocks = 0; blocks < 7; blocks++) {
        struct cb_dataset d = fixture_make(blocks);
        struct cb_rows rows = effects(&d);
        const struct cb_row *row = row_of(&rows, FIXTURE_LATENCY, FIXTURE_VM);
        CU_ASSERT_EQUAL(row->n, blocks);
        CU_ASSERT_EQUAL(isnan(row->ratio), blocks == 0);
        CU_ASSERT_EQUAL(isnan(row->ci95[0]), blocks < 2); /* t from 2 to 5, signed rank from 6 */
        CU_ASSERT_EQUAL(isnan(row->mde), blocks < 2);
        CU_ASSERT_STRING_EQUAL(row->outcome, blocks ? "ok" : "skipped");
        cb_rows_free(&rows);
        cb_dataset_free(&d);
    }
}

static void no_baseline_arm_is_an_error(void)
{
    struct cb_dataset d = fixture_make(1);
    struct cb_rows rows;
    struct cb_err err = {0};
    d.run.baseline = 9;
    CU_ASSERT_EQUAL(cb_effects(&d, &rows, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    cb_dataset_free(&d);
}

static void arms_are_found_by_name(void)
{
    struct cb_dataset d = fixture_make(1);
    CU_ASSERT_EQUAL(cb_dataset_arm(&d, "vm"), FIXTURE_VM);
    CU_ASSERT_EQUAL(cb_dataset_arm(&d, "v"), -1);
    fixture_set(&d.arms[FIXTURE_CONTAINER].name, "vm:disk=sata");
    CU_ASSERT_EQUAL(cb_dataset_arm(&d, "vm"), FIXTURE_VM); /* the exact name wins */
    fixture_set(&d.arms[FIXTURE_VM].name, "exec:docker");
    CU_ASSERT_EQUAL(cb_dataset_arm(&d, "vm"), FIXTURE_CONTAINER);
    CU_ASSERT_EQUAL(cb_dataset_arm(&d, "exec:docker"), FIXTURE_VM);
    cb_dataset_free(&d);
}

static void roles_follow_from_names(void)
{
    struct cb_dataset d = fixture_make(1);
    CU_ASSERT_EQUAL(cb_dataset_role(&d, FIXTURE_HOST), CB_ROLE_BASELINE);
    CU_ASSERT_EQUAL(cb_dataset_role(&d, FIXTURE_HOST2), CB_ROLE_AGAIN);
    CU_ASSERT_EQUAL(cb_dataset_role(&d, FIXTURE_VM), CB_ROLE_TESTED);
    static const struct {
        const char *name, *runner;
        double slowdown;
    } table[] = {
        {"host:slow=5", "host", .05},     {"host2:slow=100", "host", 1},        {"host:slow=0", "host", 0},
        {"host:a=b,slow=2", "host", .02}, {"container:slow=5", "container", 0}, {"host:xslow=5", "host", 0},
        {"host:slow", "host", 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        fixture_set(&d.arms[FIXTURE_VM].name, table[i].name);
        fixture_set(&d.arms[FIXTURE_VM].runner, table[i].runner);
        CU_ASSERT_EQUAL(cb_arm_slowdown(&d.arms[FIXTURE_VM]), table[i].slowdown);
        CU_ASSERT_EQUAL(cb_dataset_role(&d, FIXTURE_VM),
                        table[i].slowdown > 0 ? CB_ROLE_CONTROL : CB_ROLE_TESTED);
    }
    cb_dataset_free(&d);
}

/* Of five metrics two come from the wall time of batches: those judge. */
static void control_is_counted(void)
{
    struct cb_dataset d = fixture_make(10);
    struct cb_rows rows = effects(&d);
    struct cb_control control;
    CU_ASSERT(!cb_control(&d, &rows, &control));
    cb_rows_free(&rows);
    fixture_set(&d.arms[FIXTURE_VM].name, "host:slow=50");
    fixture_set(&d.arms[FIXTURE_VM].runner, "host");
    rows = effects(&d);
    CU_ASSERT(cb_control(&d, &rows, &control));
    CU_ASSERT(control.arm == FIXTURE_VM && control.slowdown == .5);
    CU_ASSERT(control.seen == 2 && control.of == 2);
    cb_rows_free(&rows);

    fixture_set(&d.arms[FIXTURE_HOST2].name, "host:slow=5"); /* where nothing was planted nothing is seen */
    fixture_set(&d.arms[FIXTURE_VM].name, "vm");
    d.cases[FIXTURE_CHASE].iters = 0; /* as a start's, which is not prolonged */
    rows = effects(&d);
    CU_ASSERT(cb_control(&d, &rows, &control));
    CU_ASSERT(control.arm == FIXTURE_HOST2 && control.seen == 0 && control.of == 1);
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

const struct cb_suite cb_suite = {
    "effect",
    {{"planted effects are found", planted_effects_are_found},
     {"a row is derived as documented", row_is_derived_as_documented},
     {"the baseline comes first, without a ratio", baseline_comes_first_without_a_ratio},
     {"swapping arms gives the reciprocal", swapping_arms_gives_the_reciprocal},
     {"the unit does not matter", unit_does_not_matter},
     {"the order of results does not matter", order_of_results_does_not_matter},
     {"void blocks are left out and counted", void_blocks_are_left_out_and_counted},
     {"failures and skips say why", failures_and_skips_say_why},
     {"an arm that never ran has rows", arm_that_never_ran_has_rows},
     {"a missing baseline is said", missing_baseline_is_said},
     {"quantiles need enough values", quantiles_need_enough_values},
     {"cold is the first batch", cold_is_the_first_batch},
     {"the peer's time is per work", peer_time_is_per_work},
     {"work is counted and has a slope", work_is_counted_and_has_a_slope},
     {"nonsense samples have no value", nonsense_samples_have_no_value},
     {"clocks that disagree mark the row", clocks_that_disagree_mark_the_row},
     {"few blocks give what they can", few_blocks_give_what_they_can},
     {"no baseline arm is an error", no_baseline_arm_is_an_error},
     {"arms are found by name", arms_are_found_by_name},
     {"roles follow from names", roles_follow_from_names},
     {"the positive control is counted", control_is_counted},
     CU_TEST_INFO_NULL}};
