#include "results/stats.h"

#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

static void normal_vectors(void)
{
    json_t *v = vectors_load(), *should;
    const char *key;
    json_object_foreach(vector_at(v, "norm.ppf"), key, should)
        CU_ASSERT(near(cb_norm_ppf(atof(key)), json_number_value(should)));
    json_object_foreach(vector_at(v, "norm.cdf"), key, should)
        CU_ASSERT(near(cb_norm_cdf(atof(key)), json_number_value(should)));
    json_decref(v);
}

static void student_vectors(void)
{
    json_t *v = vectors_load(), *should;
    const char *key;
    double at, df;
    json_object_foreach(vector_at(v, "t.ppf"), key, should)
    {
        CU_ASSERT_EQUAL_FATAL(sscanf(key, "%lf/%lf", &at, &df), 2);
        CU_ASSERT(near(cb_t_ppf(at, df), json_number_value(should)));
        CU_ASSERT(near(cb_t_ppf(1 - at, df), -json_number_value(should)));
    }
    json_object_foreach(vector_at(v, "t.sf"), key, should)
    {
        CU_ASSERT_EQUAL_FATAL(sscanf(key, "%lf/%lf", &at, &df), 2);
        CU_ASSERT(near(cb_t_sf(at, df), json_number_value(should)));
        CU_ASSERT(near(cb_t_sf(-at, df), 1 - json_number_value(should)));
    }
    json_decref(v);
}

static void distributions_refuse_nonsense(void)
{
    CU_ASSERT(isnan(cb_norm_ppf(0)));
    CU_ASSERT(isnan(cb_norm_ppf(1)));
    CU_ASSERT(isnan(cb_norm_ppf(NAN)));
    CU_ASSERT(isnan(cb_t_ppf(0.9, 0)));
    CU_ASSERT(isnan(cb_t_ppf(1, 5)));
    CU_ASSERT(isnan(cb_t_sf(NAN, 5)));
    CU_ASSERT_EQUAL(cb_ibeta(2, 3, -1), 0);
    CU_ASSERT_EQUAL(cb_ibeta(2, 3, 2), 1);
    CU_ASSERT(near(cb_ibeta(1, 1, .3), .3)); /* the uniform distribution */
    CU_ASSERT(near(cb_norm_ppf(cb_norm_cdf(-5.5)), -5.5));
}

static void one_sample_vectors(void)
{
    json_t *v = vectors_load(), *o = vector_at(v, "onesample");
    double x[VECTOR_MAX];
    size_t n = vector_doubles(vector_at(o, "x"), x);
    CU_ASSERT(near(cb_mean(x, n), vector_number(o, "mean")));
    CU_ASSERT(near(cb_var(x, n), vector_number(o, "var")));
    CU_ASSERT(near(cb_sd(x, n), sqrt(vector_number(o, "var"))));
    CU_ASSERT(near(cb_median(x, n), vector_number(o, "median")));
    CU_ASSERT(near(cb_mad(x, n), vector_number(o, "mad")));
    struct cb_tukey t = cb_tukey(x, n);
    CU_ASSERT(near(t.q1, vector_number(o, "tukey.q1")));
    CU_ASSERT(near(t.q3, vector_number(o, "tukey.q3")));
    CU_ASSERT(near(t.lo15, vector_number(o, "tukey.lo15")));
    CU_ASSERT(near(t.hi15, vector_number(o, "tukey.hi15")));
    CU_ASSERT(near(t.lo3, vector_number(o, "tukey.lo3")));
    CU_ASSERT(near(t.hi3, vector_number(o, "tukey.hi3")));
    CU_ASSERT_EQUAL(t.mild, vector_number(o, "tukey.mild"));
    CU_ASSERT_EQUAL(t.severe, vector_number(o, "tukey.severe"));
    CU_ASSERT(near(t.max_z, (60 - 13) / (1.4826 * 1.5)));
    json_decref(v);
}

static void tukey_counts_mild_apart_from_severe(void)
{
    /* q1 2, q3 4: fences -1 and 7, -4 and 10 */
    const double x[] = {1, 2, 3, 4, 8};
    struct cb_tukey t = cb_tukey(x, 5);
    CU_ASSERT_EQUAL(t.mild, 1);
    CU_ASSERT_EQUAL(t.severe, 0);
    const double flat[] = {5, 5, 5, 5, 5};
    t = cb_tukey(flat, 5);
    CU_ASSERT_EQUAL(t.mild + t.severe, 0);
    CU_ASSERT_EQUAL(t.max_z, 0);
}

static void quantile_is_type_7(void)
{
    const double x[] = {40, 10, 30, 20};
    CU_ASSERT_EQUAL(cb_quantile(x, 4, 0), 10);
    CU_ASSERT_EQUAL(cb_quantile(x, 4, 1), 40);
    CU_ASSERT(near(cb_quantile(x, 4, .25), 17.5));
    CU_ASSERT(near(cb_quantile(x, 4, .9), 37));
    CU_ASSERT_EQUAL(x[0], 40); /* the input is left alone */
    CU_ASSERT_EQUAL(cb_median(x, 1), 40);
    CU_ASSERT(isnan(cb_quantile(x, 4, 1.5)));
}

static void nan_and_nothing_give_nan(void)
{
    const double x[] = {1, NAN, 3};
    CU_ASSERT(isnan(cb_mean(x, 3)));
    CU_ASSERT(isnan(cb_median(x, 3)));
    CU_ASSERT(isnan(cb_mad(x, 3)));
    CU_ASSERT(isnan(cb_sd(x, 3)));
    CU_ASSERT(isnan(cb_mean(x, 0)));
    CU_ASSERT(isnan(cb_median(x, 0)));
    CU_ASSERT(isnan(cb_var(x, 1)));
    CU_ASSERT(isnan(cb_mde(1, 1, .05)));
    struct cb_interval i = cb_t_interval(x, 1, .95);
    CU_ASSERT(isinf(i.lo) && isinf(i.hi) && i.estimate == 1);
}

static void sums_keep_what_rounding_loses(void)
{
    const double x[] = {1, 1e100, 1, -1e100};
    CU_ASSERT_EQUAL(cb_mean(x, 4), 0.5);
}

static void paired_t_vectors(void)
{
    json_t *v = vectors_load();
    double d[VECTOR_MAX], should[VECTOR_MAX];
    size_t n = vector_log_ratios(v, d);
    CU_ASSERT(near(cb_mean(d, n), vector_number(v, "paired.mean_d")));
    CU_ASSERT(near(cb_sd(d, n), vector_number(v, "paired.sd_d")));
    const struct {
        const char *path;
        double conf;
    } rows[] = {{"paired.t95", .95}, {"paired.t90", .90}};
    for (size_t i = 0; i < 2; i++) {
        vector_doubles(vector_at(v, rows[i].path), should);
        struct cb_interval t = cb_t_interval(d, n, rows[i].conf);
        CU_ASSERT(near(exp(t.estimate), should[0]));
        CU_ASSERT(near(exp(t.lo), should[1]));
        CU_ASSERT(near(exp(t.hi), should[2]));
        CU_ASSERT_EQUAL(t.level, rows[i].conf);
    }
    json_decref(v);
}

static void planning_vectors(void)
{
    json_t *v = vectors_load();
    double d[VECTOR_MAX];
    size_t n = vector_log_ratios(v, d);
    double sd = cb_sd(d, n), gap = fabs(cb_mean(d, n) - log(1.05));
    CU_ASSERT(near(cb_mde(sd, n, .05), vector_number(v, "paired.mde_log")));
    CU_ASSERT(near(cb_equivalence_margin(sd, n, .05), vector_number(v, "paired.equiv_margin_log")));
    CU_ASSERT(near(cb_blocks_needed(sd, gap, .05), vector_number(v, "paired.blocks_for_bound_1_05")));
    json_decref(v);
}

static void prediction_vectors(void)
{
    json_t *v = vectors_load(), *p = vector_at(v, "prediction_interval_bencher_doc");
    double should[VECTOR_MAX];
    vector_doubles(vector_at(p, "t"), should);
    struct cb_interval i =
        cb_prediction_interval(vector_number(p, "mean"), vector_number(p, "sd"),
                               (size_t)vector_number(p, "n"), vector_number(p, "boundary"));
    CU_ASSERT(near(i.lo, should[0]));
    CU_ASSERT(near(i.hi, should[1]));
    CU_ASSERT(near(100 + 10 * cb_norm_ppf(vector_number(p, "boundary")), vector_number(p, "z")));
    json_decref(v);
}

static void theil_sen_is_a_median_of_slopes(void)
{
    const double x[] = {1, 2, 4, 8}, line[] = {103, 106, 112, 124}, out[] = {103, 106, 112, 900};
    const double same[] = {3, 3, 3}, y[] = {1, 2, 9};
    CU_ASSERT(near(cb_theil_sen(x, line, 4), 3));
    CU_ASSERT(near(cb_theil_sen(x, out, 3), 3));
    /* slopes 3 3 3 of the first three, 797/7 794/6 788/4 of those with the last: their median lies between */
    CU_ASSERT(near(cb_theil_sen(x, out, 4), (3 + 797. / 7) / 2));
    CU_ASSERT(near(cb_theil_sen((const double[]){1, 1, 2}, y, 3), (8 + 7) / 2.)); /* a pair says nothing */
    CU_ASSERT(isnan(cb_theil_sen(same, y, 3)) && isnan(cb_theil_sen(x, y, 1)) &&
              isnan(cb_theil_sen(x, y, 0)));
    CU_ASSERT(isnan(cb_theil_sen(x, (const double[]){1, NAN, 2}, 3)));
}

const struct cb_suite cb_suite = {
    "stats",
    {{"normal distribution: vectors", normal_vectors},
     {"t distribution: vectors", student_vectors},
     {"distributions refuse nonsense", distributions_refuse_nonsense},
     {"one sample: vectors", one_sample_vectors},
     {"Tukey counts mild apart from severe", tukey_counts_mild_apart_from_severe},
     {"quantile is type 7", quantile_is_type_7},
     {"NAN and nothing give NAN", nan_and_nothing_give_nan},
     {"sums keep what rounding loses", sums_keep_what_rounding_loses},
     {"paired t: vectors", paired_t_vectors},
     {"planning: vectors", planning_vectors},
     {"prediction interval: vectors", prediction_vectors},
     {"Theil-Sen is a median of slopes", theil_sen_is_a_median_of_slopes},
     CU_TEST_INFO_NULL}};
