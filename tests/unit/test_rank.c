#include "results/rank.h"

#include "bench/base/rng.h"
#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

/* [estimate, lo, hi, level] as in vectors.json; paired.hl95 has no level. */
static int same_interval(struct cb_interval i, json_t *should)
{
    double s[VECTOR_MAX];
    size_t n = vector_doubles(should, s);
    return near(i.estimate, s[0]) && near(i.lo, s[1]) && near(i.hi, s[2]) && (n < 4 || near(i.level, s[3]));
}

static void signed_rank_vectors(void)
{
    json_t *v = vectors_load();
    const char *const paths[] = {"signed_rank", "signed_rank.ties"};
    double d[VECTOR_MAX], should[VECTOR_MAX], w;
    for (size_t i = 0; i < 2; i++) {
        json_t *at = vector_at(v, paths[i]);
        size_t n = vector_doubles(vector_at(at, "d"), d);
        vector_doubles(vector_at(at, "W_pg_pl"), should);
        struct cb_tails p = cb_signed_rank(d, n, 0, &w);
        CU_ASSERT_EQUAL(w, should[0]);
        CU_ASSERT_EQUAL(p.greater, should[1]); /* exact: dyadic fractions */
        CU_ASSERT_EQUAL(p.less, should[2]);
    }
    size_t n = vector_doubles(vector_at(v, "signed_rank.d"), d);
    CU_ASSERT(same_interval(cb_hl_paired(d, n, .95), vector_at(v, "signed_rank.hl95")));
    CU_ASSERT(same_interval(cb_hl_paired(d, n, .90), vector_at(v, "signed_rank.hl90")));
    json_decref(v);
}

static void cut_vectors(void)
{
    json_t *v = vectors_load(), *row;
    const char *key;
    const double alpha[] = {.05, .025, .01, .005};
    json_object_foreach(vector_at(v, "signed_rank_cut_k.k"), key, row) for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(cb_signed_rank_cut((size_t)atol(key), alpha[i]),
                        (size_t)json_integer_value(json_array_get(row, i)));
    json_decref(v);
}

static void paired_vectors(void)
{
    json_t *v = vectors_load();
    double d[VECTOR_MAX], should[VECTOR_MAX];
    size_t n = vector_log_ratios(v, d);
    for (int level = 90; level <= 95; level += 5) {
        vector_doubles(vector_at(v, level == 95 ? "paired.hl95" : "paired.hl90"), should);
        struct cb_interval i = cb_decision_interval(d, n, level / 100.0);
        CU_ASSERT(near(exp(i.estimate), should[0]));
        CU_ASSERT(near(exp(i.lo), should[1]));
        CU_ASSERT(near(exp(i.hi), should[2]));
    }
    json_t *p;
    const char *key;
    json_object_foreach(vector_at(v, "paired.t_p_less"), key, p)
    {
        struct cb_tails t = cb_t_test(d, n, log(atof(key)));
        CU_ASSERT(near(t.less, json_number_value(p)));
        CU_ASSERT(near(t.greater, 1 - json_number_value(p)));
    }
    json_decref(v);
}

static void median_rank_vectors(void)
{
    json_t *v = vectors_load(), *row;
    const char *key;
    json_object_foreach(vector_at(v, "median_ci_order"), key, row)
    {
        size_t n = (size_t)atol(key), lo;
        double achieved = cb_median_ranks(n, .95, &lo);
        if (json_is_null(row)) {
            CU_ASSERT_EQUAL(lo, 0);
            continue;
        }
        CU_ASSERT_EQUAL(lo, (size_t)json_integer_value(json_array_get(row, 0)));
        CU_ASSERT_EQUAL(n + 1 - lo, (size_t)json_integer_value(json_array_get(row, 1)));
        CU_ASSERT(near(achieved, json_number_value(json_array_get(row, 2))));
    }
    json_decref(v);
}

static void sign_test_counts_sides(void)
{
    const double d[] = {1, 2, 3, 4, 5, 6, 7, 8, -1, 0};
    struct cb_tails p = cb_sign_test(d, 10, 0); /* 8 above, 1 below, 1 dropped: (1 + 9) / 512 */
    CU_ASSERT(near(p.greater, 10 / 512.0));
    CU_ASSERT(near(p.less, 511 / 512.0));
    p = cb_sign_test(d + 9, 1, 0);
    CU_ASSERT(p.greater == 1 && p.less == 1);
}

static void mann_whitney_vectors(void)
{
    json_t *v = vectors_load(), *row, *p;
    size_t i;
    json_array_foreach(vector_at(v, "mwu"), i, row)
    {
        double x[VECTOR_MAX], y[VECTOR_MAX];
        size_t m = vector_doubles(vector_at(row, "x"), x), n = vector_doubles(vector_at(row, "y"), y);
        CU_ASSERT(near(cb_mwu_u(x, m, y, n), vector_number(row, "U")));
        CU_ASSERT(near(cb_cliff(x, m, y, n), vector_number(row, "cliff")));
        if ((p = json_object_get(row, "p_exact_ties")) || (p = json_object_get(row, "p_exact")))
            CU_ASSERT(near(cb_mwu(x, m, y, n), json_number_value(p)));
        if ((p = json_object_get(row, "p_normal_cc")))
            CU_ASSERT(near(cb_mwu_normal(x, m, y, n), json_number_value(p)));
        if ((p = json_object_get(row, "hl")))
            CU_ASSERT(same_interval(cb_hl_shift(x, m, y, n, .95), p));
        if ((p = json_object_get(row, "hl90")))
            CU_ASSERT(same_interval(cb_hl_shift(x, m, y, n, .90), p));
    }
    json_decref(v);
}

/* A fixed sample of n values around `centre`. */
static void noise(double *x, size_t n, uint64_t seed, double centre)
{
    struct cb_rng rng;
    cb_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++)
        x[i] = centre + (double)cb_rng_below(&rng, 1000000) / 1e6;
}

static void order_does_not_matter(void)
{
    double d[12], shuffled[12];
    noise(d, 12, 5, -.4);
    struct cb_rng rng;
    cb_rng_seed(&rng, 6);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 12; i++)
            shuffled[i] = d[i];
        cb_rng_shuffle(&rng, shuffled, 12, sizeof *shuffled);
        struct cb_interval a = cb_hl_paired(d, 12, .95), b = cb_hl_paired(shuffled, 12, .95);
        CU_ASSERT(a.estimate == b.estimate && a.lo == b.lo && a.hi == b.hi);
        struct cb_tails p = cb_signed_rank(d, 12, .1, NULL), q = cb_signed_rank(shuffled, 12, .1, NULL);
        CU_ASSERT(p.greater == q.greater && p.less == q.less);
    }
}

static void negation_mirrors(void)
{
    double d[9], minus[9];
    noise(d, 9, 7, -.3);
    for (int i = 0; i < 9; i++)
        minus[i] = -d[i];
    struct cb_interval a = cb_hl_paired(d, 9, .95), b = cb_hl_paired(minus, 9, .95);
    CU_ASSERT(near(a.estimate, -b.estimate) && near(a.lo, -b.hi) && near(a.hi, -b.lo));
    struct cb_tails p = cb_signed_rank(d, 9, 0, NULL), q = cb_signed_rank(minus, 9, 0, NULL);
    CU_ASSERT(near(p.greater, q.less) && near(p.less, q.greater));
}

/* The interval and the test are two views of one distribution: at a bound outside the 90 % interval the
 * one-sided p is at most 5 %, inside it is above. */
static void interval_and_test_agree(void)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        double d[10];
        noise(d, 10, seed, 0);
        struct cb_interval i = cb_hl_paired(d, 10, .90);
        CU_ASSERT(cb_signed_rank(d, 10, i.hi + 1e-9, NULL).less <= .05);
        CU_ASSERT(cb_signed_rank(d, 10, i.hi - 1e-9, NULL).less > .05);
        CU_ASSERT(cb_signed_rank(d, 10, i.lo - 1e-9, NULL).greater <= .05);
        CU_ASSERT(cb_signed_rank(d, 10, i.lo + 1e-9, NULL).greater > .05);
    }
}

static void small_samples_use_t(void)
{
    const double d[] = {.01, .02, .03, .02, .01};
    struct cb_interval i = cb_decision_interval(d, 5, .95), t = cb_t_interval(d, 5, .95);
    CU_ASSERT(i.lo == t.lo && i.hi == t.hi);
    CU_ASSERT_EQUAL(cb_signed_rank_cut(5, .025), 0);
    i = cb_hl_paired(d, 5, .95);
    CU_ASSERT(isinf(i.lo) && isinf(i.hi) && near(i.estimate, .02));
}

static void two_sample_symmetry(void)
{
    double x[8], y[13];
    noise(x, 8, 11, .1);
    noise(y, 13, 12, 0);
    CU_ASSERT(near(cb_mwu_u(x, 8, y, 13) + cb_mwu_u(y, 13, x, 8), 8 * 13));
    struct cb_tails a = cb_mwu_exact(x, 8, y, 13), b = cb_mwu_exact(y, 13, x, 8);
    CU_ASSERT(near(a.greater, b.less) && near(a.less, b.greater));
    struct cb_interval s = cb_hl_shift(x, 8, y, 13, .95), t = cb_hl_shift(y, 13, x, 8, .95);
    CU_ASSERT(near(s.estimate, -t.estimate) && near(s.lo, -t.hi) && near(s.hi, -t.lo));
}

static void large_samples_are_normal(void)
{
    double x[60], y[60];
    noise(x, 60, 21, .05);
    noise(y, 60, 22, 0);
    CU_ASSERT_EQUAL(cb_mwu(x, 60, y, 60), cb_mwu_normal(x, 60, y, 60));
    /* Where both can be had they agree: 50 x 50 is the largest exact case. */
    CU_ASSERT_DOUBLE_EQUAL(cb_mwu(x, 50, y, 50), cb_mwu_normal(x, 50, y, 50), .005);
    struct cb_interval exact = cb_hl_shift(x, 50, y, 50, .95), normal = cb_hl_shift(x, 60, y, 60, .95);
    CU_ASSERT(exact.lo < exact.estimate && exact.estimate < exact.hi);
    CU_ASSERT(normal.lo < normal.estimate && normal.estimate < normal.hi);
    const double equal[] = {3, 3, 3};
    CU_ASSERT_EQUAL(cb_mwu_normal(equal, 3, equal, 3), 1);
    CU_ASSERT_EQUAL(cb_mwu(equal, 3, equal, 3), 1);
}

static void nan_and_nothing(void)
{
    const double d[] = {1, NAN, 2, 3, 4, 5, 6};
    CU_ASSERT(isnan(cb_hl_paired(d, 7, .95).estimate));
    CU_ASSERT(isnan(cb_signed_rank(d, 7, 0, NULL).greater));
    CU_ASSERT(isnan(cb_sign_test(d, 7, 0).greater));
    CU_ASSERT(isnan(cb_mwu(d, 3, d + 3, 3)));
    CU_ASSERT(isnan(cb_mwu(d, 0, d + 3, 3)));
    CU_ASSERT(isnan(cb_hl_shift(d, 3, d + 3, 3, .95).estimate));
    CU_ASSERT(isnan(cb_hl_paired(d, 0, .95).estimate));
    struct cb_tails p = cb_signed_rank(d, 1, 1, NULL); /* only zeros: nothing speaks for a side */
    CU_ASSERT(p.greater == 1 && p.less == 1);
}

const struct cb_suite cb_suite = {"rank",
                                  {{"signed rank: vectors", signed_rank_vectors},
                                   {"Walsh averages cut off: vectors", cut_vectors},
                                   {"paired example: vectors", paired_vectors},
                                   {"order statistics of the median: vectors", median_rank_vectors},
                                   {"sign test counts sides", sign_test_counts_sides},
                                   {"Mann-Whitney: vectors", mann_whitney_vectors},
                                   {"order of the data does not matter", order_does_not_matter},
                                   {"negation mirrors", negation_mirrors},
                                   {"interval and test agree", interval_and_test_agree},
                                   {"below six units Student decides", small_samples_use_t},
                                   {"two samples: swapping mirrors", two_sample_symmetry},
                                   {"two large samples: normal approximation", large_samples_are_normal},
                                   {"NAN and nothing", nan_and_nothing},
                                   CU_TEST_INFO_NULL}};
