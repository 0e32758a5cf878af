#include "results/bootstrap.h"
#include "results/decide.h"
#include "results/kalibera.h"
#include "results/multiple.h"
#include "results/rank.h"
#include "results/stopping.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

/* --- bootstrap
 * --------------------------------------------------------------------------------------------------- */

#define REPS 9999

/* The worked example as pairs. */
struct pairs {
    double vm[VECTOR_MAX], host[VECTOR_MAX];
};

static double geometric_mean_ratio(const void *units, const size_t *pick, size_t n)
{
    const struct pairs *p = units;
    struct cb_sum s = {0};
    for (size_t i = 0; i < n; i++)
        cb_sum_add(&s, log(p->vm[pick[i]] / p->host[pick[i]]));
    return exp(cb_sum_value(&s) / (double)n);
}

static double ratio_of_medians(const void *units, const size_t *pick, size_t n)
{
    const struct pairs *p = units;
    double vm[VECTOR_MAX], host[VECTOR_MAX];
    for (size_t i = 0; i < n; i++) {
        vm[i] = p->vm[pick[i]];
        host[i] = p->host[pick[i]];
    }
    return cb_median(vm, n) / cb_median(host, n);
}

static void same_bootstrap(json_t *row, const struct cb_boot *b)
{
    double reps[REPS], first[VECTOR_MAX], should[VECTOR_MAX];
    CU_ASSERT_FATAL(cb_boot_replicates(b, (uint64_t)vector_number(row, "seed"), REPS, reps));
    size_t n = vector_doubles(vector_at(row, "first5"), first);
    for (size_t i = 0; i < n; i++)
        CU_ASSERT(near(reps[i], first[i]));
    double *sorted = cb_sorted(reps, REPS);
    vector_doubles(vector_at(row, "pct95"), should);
    CU_ASSERT(near(cb_boot_quantile(sorted, REPS, .025), should[0]));
    CU_ASSERT(near(cb_boot_quantile(sorted, REPS, .975), should[1]));
    struct cb_bca r = cb_boot_bca(b, sorted, REPS, .95);
    vector_doubles(vector_at(row, "bca95"), should);
    CU_ASSERT(near(r.lo, should[0]) && near(r.hi, should[1]));
    CU_ASSERT(near(r.estimate, vector_number(row, "theta")));
    CU_ASSERT(near(r.z0, vector_number(row, "z0")) && near(r.a, vector_number(row, "a")));
    CU_ASSERT(near(r.level_lo, vector_number(row, "a1")) && near(r.level_hi, vector_number(row, "a2")));
    free(sorted);
}

static void bootstrap_vectors(void)
{
    json_t *v = vectors_load();
    struct pairs p;
    size_t n = vector_doubles(vector_at(v, "paired.vm"), p.vm);
    vector_doubles(vector_at(v, "paired.host"), p.host);
    const struct cb_boot mean = {&p, n, geometric_mean_ratio}, medians = {&p, n, ratio_of_medians};
    same_bootstrap(vector_at(v, "boot_geomean_of_block_ratios"), &mean);
    same_bootstrap(vector_at(v, "boot_ratio_of_medians"), &medians);
    json_decref(v);
}

static void hierarchical_vectors(void)
{
    json_t *v = vectors_load(), *h = vector_at(v, "hier"), *group;
    double values[VECTOR_MAX], means[VECTOR_MAX], reps[REPS], should[VECTOR_MAX];
    size_t sizes[VECTOR_MAX], groups = 0, at = 0, i;
    json_array_foreach(vector_at(h, "groups"), i, group)
    {
        sizes[groups] = vector_doubles(group, values + at);
        for (size_t j = at; j < at + sizes[groups]; j++)
            values[j] = log(values[j]);
        means[groups] = cb_mean(values + at, sizes[groups]);
        at += sizes[groups++];
    }
    CU_ASSERT_FATAL(
        cb_boot_hierarchical(values, sizes, groups, (uint64_t)vector_number(h, "seed"), REPS, reps));
    size_t n = vector_doubles(vector_at(h, "first3"), should);
    for (i = 0; i < n; i++)
        CU_ASSERT(near(exp(reps[i]), should[i]));
    double *sorted = cb_sorted(reps, REPS);
    vector_doubles(vector_at(h, "pct95"), should);
    CU_ASSERT(near(exp(cb_boot_quantile(sorted, REPS, .025)), should[0]));
    CU_ASSERT(near(exp(cb_boot_quantile(sorted, REPS, .975)), should[1]));
    free(sorted);
    struct cb_interval t = cb_t_interval(means, groups, .95);
    vector_doubles(vector_at(h, "t_instances"), should);
    CU_ASSERT(near(exp(t.estimate), should[0]) && near(exp(t.lo), should[1]) && near(exp(t.hi), should[2]));
    const size_t shape[] = {groups, sizes[0]};
    struct cb_levels l = cb_kalibera(values, shape, 2);
    CU_ASSERT(near(l.s2[0], vector_number(h, "S2.1")) && near(l.s2[1], vector_number(h, "S2.2")));
    CU_ASSERT(near(l.t2[0], vector_number(h, "T2.1")) && near(l.t2[1], vector_number(h, "T2.2")));
    json_decref(v);
}

static void bootstrap_edges(void)
{
    const double sorted[] = {1, 2, 3, 4};
    CU_ASSERT_EQUAL(cb_boot_quantile(sorted, 4, 0), 1);
    CU_ASSERT_EQUAL(cb_boot_quantile(sorted, 4, 1), 4);
    CU_ASSERT_EQUAL(cb_boot_quantile(sorted, 4, .5), 2.5);
    CU_ASSERT(isnan(cb_boot_quantile(sorted, 0, .5)));
    CU_ASSERT(isnan(cb_boot_quantile(sorted, 4, NAN)));
}

/* --- Kalibera and Jones
 * ------------------------------------------------------------------------------------------ */

static size_t flatten(json_t *array, double *out)
{
    if (!json_is_array(array)) {
        *out = json_number_value(array);
        return 1;
    }
    size_t n = 0, i;
    json_t *item;
    json_array_foreach(array, i, item) n += flatten(item, out + n);
    return n;
}

static void kalibera_vectors(void)
{
    json_t *v = vectors_load(), *row;
    size_t i;
    json_array_foreach(vector_at(v, "kalibera_jones"), i, row)
    {
        double x[VECTOR_MAX], best[VECTOR_MAX];
        size_t reps[CB_LEVELS_MAX];
        unsigned levels = (unsigned)json_array_size(vector_at(row, "reps"));
        for (unsigned k = 0; k < levels; k++)
            reps[k] = (size_t)json_integer_value(json_array_get(vector_at(row, "reps"), k));
        flatten(vector_at(row, "data"), x);
        struct cb_levels l = cb_kalibera(x, reps, levels);
        CU_ASSERT(near(l.mean, vector_number(row, "mean")));
        for (unsigned k = 0; k < levels; k++) {
            char key[] = {(char)('1' + k), '\0'};
            CU_ASSERT(near(l.s2[k], vector_number(vector_at(row, "S2"), key)));
            CU_ASSERT(near(l.t2[k], vector_number(vector_at(row, "T2"), key)));
        }
        if (!json_object_get(row, "r_opt_costs_3_20_100"))
            continue;
        vector_doubles(vector_at(row, "r_opt_costs_3_20_100"), best);
        CU_ASSERT(near(cb_kalibera_repetitions(&l, 1, 3, 20), best[0]));
        CU_ASSERT(near(cb_kalibera_repetitions(&l, 2, 20, 100), best[1]));
    }
    json_decref(v);
}

static void fieller_vectors(void)
{
    json_t *v = vectors_load(), *f = vector_at(v, "fieller");
    double x[VECTOR_MAX], should[VECTOR_MAX], ci[2], mean[2], half[2];
    for (int side = 0; side < 2; side++) {
        json_t *data = vector_at(f, side ? "B" : "A");
        const size_t reps[] = {json_array_size(data), json_array_size(json_array_get(data, 0))};
        flatten(data, x);
        struct cb_levels l = cb_kalibera(x, reps, 2);
        mean[side] = l.mean;
        half[side] = cb_kalibera_half_width(&l, reps[0], .95);
        CU_ASSERT(near(mean[side], vector_number(f, side ? "mB" : "mA")));
        CU_ASSERT(near(half[side], vector_number(f, side ? "hB" : "hA")));
    }
    vector_doubles(vector_at(f, "ci"), should);
    CU_ASSERT(cb_fieller(mean[0], half[0], mean[1], half[1], ci));
    CU_ASSERT(near(ci[0], should[0]) && near(ci[1], should[1]));
    CU_ASSERT(!cb_fieller(1, .1, .5, .6, ci)); /* the denominator may be 0 */
    CU_ASSERT(isinf(ci[0]) && isinf(ci[1]));
    json_decref(v);
}

static void levels_without_variance(void)
{
    const double same[] = {1, 1, 2, 2}, noisy[] = {1, 2, 1, 2};
    const size_t reps[] = {2, 2};
    struct cb_levels l = cb_kalibera(same, reps, 2);
    CU_ASSERT_EQUAL(cb_kalibera_repetitions(&l, 1, 1, 10), 0); /* repeating inside shows nothing new */
    l = cb_kalibera(noisy, reps, 2);
    CU_ASSERT(isinf(cb_kalibera_repetitions(&l, 1, 1, 10))); /* a new instance shows nothing new */
}

/* --- many tests
 * -------------------------------------------------------------------------------------------------- */

static void adjustment_vectors(void)
{
    json_t *v = vectors_load();
    double p[VECTOR_MAX], should[VECTOR_MAX], out[VECTOR_MAX];
    size_t m = vector_doubles(vector_at(v, "padjust.p"), p);
    vector_doubles(vector_at(v, "padjust.holm"), should);
    CU_ASSERT(cb_holm(p, m, out));
    for (size_t i = 0; i < m; i++)
        CU_ASSERT(near(out[i], should[i]));
    vector_doubles(vector_at(v, "padjust.bh"), should);
    CU_ASSERT(cb_benjamini_hochberg(p, m, p)); /* in place */
    for (size_t i = 0; i < m; i++)
        CU_ASSERT(near(p[i], should[i]));
    json_decref(v);
}

static void wilson_vectors(void)
{
    json_t *v = vectors_load(), *row;
    const char *key;
    json_object_foreach(vector_at(v, "wilson95"), key, row)
    {
        unsigned k, n;
        double should[VECTOR_MAX], ci[2];
        CU_ASSERT_EQUAL_FATAL(sscanf(key, "%u/%u", &k, &n), 2);
        vector_doubles(row, should);
        cb_wilson(k, n, .95, ci);
        CU_ASSERT(near(ci[0], should[0]) && near(ci[1], should[1]));
    }
    json_decref(v);
}

static void families_need_units(void)
{
    static const size_t rows[][2] = {{1, 5}, {5, 7}, {10, 8}, {20, 9}, {40, 10}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CU_ASSERT_EQUAL(cb_units_to_decide(rows[i][0], .05), rows[i][1]);
}

/* --- decisions
 * --------------------------------------------------------------------------------------------------- */

static struct cb_region region_of(json_t *claim)
{
    const char *kind = json_string_value(json_array_get(claim, 0));
    double a = json_number_value(json_array_get(claim, 1));
    if (!strcmp(kind, "<="))
        return (struct cb_region){0, a};
    if (!strcmp(kind, ">="))
        return (struct cb_region){a, INFINITY};
    return (struct cb_region){a, json_number_value(json_array_get(claim, 2))};
}

static void claim_vectors(void)
{
    json_t *v = vectors_load(), *row;
    double d[VECTOR_MAX], p[VECTOR_MAX], adjusted[VECTOR_MAX];
    struct cb_evidence e[VECTOR_MAX];
    size_t n = vector_log_ratios(v, d), m = 0, i;
    json_array_foreach(vector_at(v, "claims"), i, row)
    {
        e[m] = cb_evidence(d, n, region_of(vector_at(row, "claim")), 0);
        CU_ASSERT(near(e[m].p_sup, vector_number(row, "p_support")));
        CU_ASSERT(near(e[m].p_ref, vector_number(row, "p_refute")));
        p[m] = cb_evidence_p(e[m]);
        CU_ASSERT_STRING_EQUAL(cb_verdict_name(cb_verdict(e[m], p[m], .05)),
                               json_string_value(vector_at(row, "alone")));
        m++;
    }
    CU_ASSERT(cb_holm(p, m, adjusted));
    json_array_foreach(vector_at(v, "claims"), i, row)
    {
        CU_ASSERT(near(adjusted[i], vector_number(row, "holm_p")));
        CU_ASSERT_STRING_EQUAL(cb_verdict_name(cb_verdict(e[i], adjusted[i], .05)),
                               json_string_value(vector_at(row, "verdict_in_family")));
    }
    json_decref(v);
}

/* A verdict is a statement about the 90 % interval: inside the region, outside, or neither. */
static void verdicts_follow_the_interval(void)
{
    json_t *v = vectors_load();
    double d[VECTOR_MAX];
    size_t n = vector_log_ratios(v, d);
    struct cb_interval ci = cb_decision_interval(d, n, .90);
    for (double hi = 1.02; hi < 1.07; hi += .0005) {
        struct cb_evidence e = cb_evidence(d, n, (struct cb_region){.98, hi}, 0);
        enum cb_verdict should = exp(ci.hi) < hi   ? CB_SUPPORTED
                                 : exp(ci.lo) > hi ? CB_REFUTED
                                                   : CB_INCONCLUSIVE;
        CU_ASSERT_EQUAL(cb_verdict(e, cb_evidence_p(e), .05), should);
    }
    json_decref(v);
}

static enum cb_verdict alone(const double *d, size_t n, struct cb_region r, double bias)
{
    struct cb_evidence e = cb_evidence(d, n, r, bias);
    return cb_verdict(e, cb_evidence_p(e), .05);
}

static void bias_withholds(void)
{
    json_t *v = vectors_load();
    double d[VECTOR_MAX];
    size_t n = vector_log_ratios(v, d);
    const struct cb_region below = {0, 1.05}, refuted = {0, 1.03};
    CU_ASSERT_EQUAL(alone(d, n, below, 0), CB_SUPPORTED);
    CU_ASSERT_EQUAL(alone(d, n, below, .01), CB_INCONCLUSIVE);
    CU_ASSERT_EQUAL(alone(d, n, refuted, 0), CB_REFUTED);
    CU_ASSERT_EQUAL(alone(d, n, refuted, .02), CB_INCONCLUSIVE);
    CU_ASSERT_EQUAL(cb_bias(-.01, .02), 0);
    CU_ASSERT_EQUAL(cb_bias(.01, .02), .01);
    CU_ASSERT_EQUAL(cb_bias(-.02, -.01), .01);
    CU_ASSERT_EQUAL(cb_noise_floor(-.03, .02), .03);
    json_decref(v);
}

static void no_data_decides_nothing(void)
{
    const double d[] = {.01};
    const struct cb_region rows[] = {{0, 1.05}, {1.05, INFINITY}, cb_region_within(.02)};
    for (size_t i = 0; i < 3; i++)
        for (size_t n = 0; n < 2; n++)
            CU_ASSERT_EQUAL(alone(d, n, rows[i], 0), CB_INCONCLUSIVE);
}

static void orders_need_every_pair(void)
{
    const struct cb_evidence yes = {.001, .999}, no = {.999, .001}, unclear = {.3, .7};
    struct cb_evidence e = cb_evidence_all((const struct cb_evidence[]){yes, yes}, 2);
    CU_ASSERT_EQUAL(cb_verdict(e, cb_evidence_p(e), .05), CB_SUPPORTED);
    CU_ASSERT_EQUAL(e.p_ref, 1);
    e = cb_evidence_all((const struct cb_evidence[]){yes, unclear}, 2);
    CU_ASSERT_EQUAL(cb_verdict(e, cb_evidence_p(e), .05), CB_INCONCLUSIVE);
    e = cb_evidence_all((const struct cb_evidence[]){yes, unclear, no}, 3);
    CU_ASSERT_EQUAL(cb_verdict(e, cb_evidence_p(e), .05), CB_REFUTED);
    CU_ASSERT(near(e.p_ref, .003));
}

/* A heavy tail on one side moves the pseudo-median away from the median: the sign test does not follow. */
static void skew_is_noticed(void)
{
    double d[20];
    for (int i = 0; i < 20; i++)
        d[i] = i < 10 ? -.001 * (i + 1) : .01 * (i + 1);
    const struct cb_region above = {1, INFINITY};
    CU_ASSERT_EQUAL(alone(d, 20, above, 0), CB_SUPPORTED);
    CU_ASSERT(cb_skewed(d, 20, above, 0, CB_SUPPORTED, .05));
    CU_ASSERT(!cb_skewed(d, 20, above, 0, CB_INCONCLUSIVE, .05));
    CU_ASSERT(!cb_skewed(d + 5, CB_SKEW_UNITS - 1, above, 0, CB_SUPPORTED, .05)); /* too few to ask */
    for (int i = 0; i < 20; i++)
        d[i] = .01 + .001 * i;
    CU_ASSERT(!cb_skewed(d, 20, above, 0, CB_SUPPORTED, .05));
}

static void a_look_costs(void)
{
    CU_ASSERT(near(cb_level_after_look(.05, false), .95));
    CU_ASSERT(near(cb_level_after_look(.05, true), .96));
}

/* --- stopping
 * ---------------------------------------------------------------------------------------------------- */

static void width_sets_the_blocks(void)
{
    /* (2.262157 * .03 / .01)^2 = 46.06 */
    CU_ASSERT_EQUAL(cb_blocks_for_width(.03, 10, .01), 47);
    CU_ASSERT_EQUAL(cb_blocks_for_width(.001, 10, .01), 10); /* narrow enough already */
    CU_ASSERT_EQUAL(cb_blocks_for_width(.03, 1, .01), SIZE_MAX);
    CU_ASSERT_EQUAL(cb_blocks_for_width(NAN, 10, .01), SIZE_MAX);
}

static void budget_and_limit_cut_the_plan(void)
{
    struct cb_extension e = cb_extension(47, 10, 100, 600, 10);
    CU_ASSERT(e.blocks == 47 && !e.by_budget);
    e = cb_extension(47, 10, 30, 600, 10);
    CU_ASSERT(e.blocks == 30 && !e.by_budget);
    e = cb_extension(SIZE_MAX, 10, 100, 600, 20);
    CU_ASSERT(e.blocks == 30 && e.by_budget);
    e = cb_extension(47, 10, 100, 60, 20);
    CU_ASSERT(e.blocks == 10 && e.by_budget);
}

static void looks_are_fixed(void)
{
    static const size_t should[] = {10, 14, 20, 27, 38};
    for (unsigned k = 0; k < 5; k++)
        CU_ASSERT_EQUAL(cb_look(k), should[k]);
}

const struct cb_suite cb_suite = {"engine",
                                  {{"bootstrap, percentile and BCa: vectors", bootstrap_vectors},
                                   {"hierarchical bootstrap: vectors", hierarchical_vectors},
                                   {"bootstrap quantiles at the edges", bootstrap_edges},
                                   {"Kalibera and Jones: vectors", kalibera_vectors},
                                   {"Fieller: vectors", fieller_vectors},
                                   {"levels without variance", levels_without_variance},
                                   {"Holm, Benjamini-Hochberg: vectors", adjustment_vectors},
                                   {"Wilson: vectors", wilson_vectors},
                                   {"families need units", families_need_units},
                                   {"claims: vectors", claim_vectors},
                                   {"verdicts follow the interval", verdicts_follow_the_interval},
                                   {"bias withholds verdicts", bias_withholds},
                                   {"no data decides nothing", no_data_decides_nothing},
                                   {"orders need every pair", orders_need_every_pair},
                                   {"skew is noticed", skew_is_noticed},
                                   {"a look at the data costs", a_look_costs},
                                   {"width sets the blocks", width_sets_the_blocks},
                                   {"budget and limit cut the plan", budget_and_limit_cut_the_plan},
                                   {"looks are fixed", looks_are_fixed},
                                   CU_TEST_INFO_NULL}};
