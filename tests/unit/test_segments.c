#include "results/segments.h"

#include "bench/base/rng.h"
#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

static void same_steps(const struct cb_segments *s, json_t *should)
{
    json_t *cps = vector_at(should, "cps"), *steps = vector_at(should, "steps");
    CU_ASSERT_EQUAL_FATAL(s->ncuts, json_array_size(cps));
    for (size_t i = 0; i < s->ncuts; i++)
        CU_ASSERT_EQUAL(s->cuts[i], (size_t)json_integer_value(json_array_get(cps, i)));
    CU_ASSERT_EQUAL_FATAL(s->nsteps, json_array_size(steps));
    for (size_t i = 0; i < s->nsteps; i++) {
        json_t *step = json_array_get(steps, i);
        CU_ASSERT_EQUAL(s->steps[i].index, (size_t)vector_number(step, "index"));
        CU_ASSERT(near(s->steps[i].q, vector_number(step, "Q")));
        CU_ASSERT(near(s->steps[i].p, vector_number(step, "p")));
    }
}

static void edivisive_vectors(void)
{
    json_t *v = vectors_load(), *row;
    size_t i;
    json_array_foreach(vector_at(v, "edivisive"), i, row)
    {
        double z[VECTOR_MAX], best[VECTOR_MAX];
        size_t n = vector_doubles(vector_at(row, "z"), z);
        vector_doubles(vector_at(row, "best"), best);
        struct cb_split split = cb_edivisive_split(z, n, 1);
        CU_ASSERT(near(split.q, best[0]));
        CU_ASSERT(split.tau == (size_t)best[1] && split.kappa == (size_t)best[2]);
        for (size_t min = 1; min <= 3; min++) {
            char key[32];
            snprintf(key, sizeof key, "minseg%zu_R199_seed1", min);
            const struct cb_segment_rule rule = {
                .min_segment = min, .reps = 199, .alpha = .05, .seed = 1, .permute_block = 1};
            struct cb_segments s;
            CU_ASSERT_FATAL(cb_edivisive(z, n, &rule, &s));
            same_steps(&s, vector_at(row, key));
            cb_segments_free(&s);
        }
    }
    json_decref(v);
}

/* n values of a level each, with noise below one tenth. */
static void levels(double *z, size_t n, const double *level, size_t nlevels)
{
    struct cb_rng rng;
    cb_rng_seed(&rng, 9);
    for (size_t i = 0; i < n * nlevels; i++)
        z[i] = level[i / n] + (double)cb_rng_below(&rng, 1000) / 1e4;
}

static void a_step_is_found_by_blocks_too(void)
{
    const double two[] = {0, 1};
    double z[40];
    levels(z, 20, two, 2);
    const struct cb_segment_rule rule = {
        .min_segment = 3, .reps = 199, .alpha = .05, .seed = 4, .permute_block = 5};
    struct cb_segments s, again;
    CU_ASSERT_FATAL(cb_edivisive(z, 40, &rule, &s) && cb_edivisive(z, 40, &rule, &again));
    CU_ASSERT_EQUAL_FATAL(s.ncuts, 1);
    CU_ASSERT_EQUAL(s.cuts[0], 20);
    CU_ASSERT_EQUAL(s.steps[1].p, again.steps[1].p); /* the same seed, the same answer */
    cb_segments_free(&s);
    cb_segments_free(&again);
}

static void short_series_have_no_changes(void)
{
    const double z[] = {1, 2, 9, 9, 9};
    const struct cb_segment_rule rule = {
        .min_segment = 3, .reps = 9, .alpha = .5, .seed = 4, .permute_block = 1};
    for (size_t n = 0; n <= 5; n++) {
        struct cb_segments s;
        CU_ASSERT_FATAL(cb_edivisive(z, n, &rule, &s));
        CU_ASSERT(s.ncuts == 0 && s.nsteps == 0);
        cb_segments_free(&s);
    }
}

static void weak_changes_are_merged(void)
{
    const double three[] = {0, .02, 1};
    double z[30];
    levels(z, 10, three, 3);
    struct cb_segments s = {.cuts = malloc(2 * sizeof *s.cuts), .ncuts = 2};
    s.cuts[0] = 10;
    s.cuts[1] = 20;
    cb_segments_merge(z, 30, .5, .05, &s);
    CU_ASSERT_EQUAL_FATAL(s.ncuts, 1);
    CU_ASSERT_EQUAL(s.cuts[0], 20);
    cb_segments_merge(z, 30, 5, .05, &s);
    CU_ASSERT_EQUAL(s.ncuts, 0);
    cb_segments_free(&s);
}

const struct cb_suite cb_suite = {"segments",
                                  {{"E-divisive: vectors", edivisive_vectors},
                                   {"a step is found by blocks too", a_step_is_found_by_blocks_too},
                                   {"short series have no changes", short_series_have_no_changes},
                                   {"weak changes are merged", weak_changes_are_merged},
                                   CU_TEST_INFO_NULL}};
