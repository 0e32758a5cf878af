/* Synthetic runs: what is planted is there, noise is what it is said to be, the same seed gives the same. */
#include "results/synthetic.h"

#include <math.h>
#include <string.h>

#include "results/digest.h"
#include "results/effect.h"
#include "results/stats.h"
#include "tests/unit/unit.h"

#define DRAWS 20000

static void draws_have_their_moments(void)
{
    struct cb_rng rng;
    static double x[DRAWS];
    cb_rng_seed(&rng, 1);
    for (unsigned i = 0; i < DRAWS; i++)
        x[i] = cb_draw_normal(&rng);
    CU_ASSERT(fabs(cb_mean(x, DRAWS)) < .03 && fabs(cb_sd(x, DRAWS) - 1) < .03);
    for (unsigned i = 0; i < DRAWS; i++)
        x[i] = cb_draw_uniform(&rng);
    CU_ASSERT(fabs(cb_mean(x, DRAWS) - .5) < .01 && cb_quantile(x, DRAWS, 0) > 0 &&
              cb_quantile(x, DRAWS, 1) < 1);
    for (unsigned i = 0; i < DRAWS; i++)
        x[i] = cb_draw_noise(&rng, 0, 1); /* nothing but spikes: exponential, mean 10 % */
    CU_ASSERT(fabs(cb_mean(x, DRAWS) - .1) < .005 && fabs(cb_sd(x, DRAWS) - .1) < .005);
    for (unsigned i = 0; i < DRAWS; i++)
        x[i] = cb_draw_noise(&rng, .01, 0);
    CU_ASSERT(fabs(cb_sd(x, DRAWS) - .01) < .0005);
}

static void planted_cost_is_there(void)
{
    const struct cb_synthetic s = {.blocks = 10, .samples = 12, .cost = 1.25, .noise = .001, .seed = 3};
    struct cb_dataset d;
    struct cb_rows rows;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_synthetic_run(&s, &d, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_effects(&d, &rows, &err), 0);
    const struct cb_row *again = cb_rows_find(&rows, 0, CB_SYNTHETIC_HOST2);
    const struct cb_row *test = cb_rows_find(&rows, 0, CB_SYNTHETIC_TEST);
    CU_ASSERT(fabs(again->ratio - 1) < .01 && fabs(test->ratio - 1.25) < .01);
    CU_ASSERT(again->n == 10 && !strcmp(test->outcome, "ok"));
    /* Drift is there, or pairing would have nothing to remove. */
    CU_ASSERT(test->value_hi / test->value_lo > 1.02);
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

static void seeds_decide(void)
{
    struct cb_synthetic s = {.blocks = 3, .samples = 5, .cost = 1, .noise = .01, .spikes = .5, .seed = 3};
    char first[CB_SHA256_HEX], again[CB_SHA256_HEX];
    struct cb_err err = {0};
    for (unsigned i = 0; i < 3; i++) {
        struct cb_dataset d;
        s.seed = i < 2 ? 3 : 4;
        CU_ASSERT_EQUAL_FATAL(cb_synthetic_run(&s, &d, &err), 0);
        CU_ASSERT_EQUAL(cb_observations_digest(&d, i ? again : first, &err), 0);
        if (i)
            CU_ASSERT_EQUAL(strcmp(first, again) == 0, i == 1);
        cb_dataset_free(&d);
    }
}

/* Nominal rates, with room for what 300 runs leave in doubt; exact numbers are the business of
 * scripts/bench-statistics. */
static void rates_are_counted(void)
{
    struct cb_synthetic s = {.blocks = 10, .samples = 5, .cost = 1, .noise = .01, .seed = 5};
    struct cb_rates r;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(cb_synthetic_rates(&s, 300, &r, &err), 0);
    CU_ASSERT(r.runs == 300 && r.alarms > 3 && r.alarms < 30 && r.seen < 20 && r.refuted < 30);
    s.cost = 1.05;
    CU_ASSERT_EQUAL(cb_synthetic_rates(&s, 50, &r, &err), 0);
    CU_ASSERT(r.runs == 50 && r.seen == 50 && r.refuted == 50);
}

const struct cb_suite cb_suite = {"synthetic",
                                  {{"draws have their moments", draws_have_their_moments},
                                   {"the planted cost is there", planted_cost_is_there},
                                   {"seeds decide", seeds_decide},
                                   {"rates are counted", rates_are_counted},
                                   CU_TEST_INFO_NULL}};
