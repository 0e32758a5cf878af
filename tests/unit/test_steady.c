#include "results/steady.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

#define N 60

/* The series that vectors.json calls by name: 60 samples with a small wave on them. */
static void series(const char *name, double x[N])
{
    for (int i = 0; i < N; i++) {
        double wave = .1 * sin(1.7 * i);
        x[i] = 10 + wave;
        if (!strcmp(name, "exp"))
            x[i] += 5 * exp(-i / 6.0);
        else if (!strcmp(name, "trend"))
            x[i] += .05 * i;
        else if (!strcmp(name, "step8") && i < 8)
            x[i] += 2;
        else if (!strcmp(name, "slowdown10") && i < 10)
            x[i] -= 1;
        else if (!strcmp(name, "late45") && i >= 45)
            x[i] -= 1;
    }
}

static void steady_vectors(void)
{
    json_t *v = vectors_load(), *row;
    const char *name;
    json_object_foreach(vector_at(v, "steady"), name, row)
    {
        double x[N], statistic;
        bool reached;
        series(name, x);
        json_t *mser = vector_at(row, "mser"), *result = vector_at(row, "result");
        size_t cut = cb_mser5(x, N, &statistic, &reached);
        CU_ASSERT_EQUAL(cut, (size_t)json_integer_value(json_array_get(mser, 0)));
        CU_ASSERT(near(statistic, json_real_value(json_array_get(mser, 1))));
        CU_ASSERT_EQUAL(reached, json_is_true(json_array_get(mser, 2)));
        struct cb_steady s = cb_steady(x, N, .01);
        CU_ASSERT_STRING_EQUAL(cb_steadiness_name(s.kind), json_string_value(json_array_get(result, 0)));
        CU_ASSERT_EQUAL(s.cut, (size_t)json_integer_value(json_array_get(result, 1)));
        CU_ASSERT(near(s.drift, json_real_value(json_array_get(result, 2))));
        CU_ASSERT(near(s.p, json_real_value(json_array_get(result, 3))));
    }
    json_decref(v);
}

static void few_samples_are_left_alone(void)
{
    double x[CB_STEADY_MIN];
    for (int i = 0; i < CB_STEADY_MIN; i++)
        x[i] = i < 5 ? 100 : 10;
    CU_ASSERT_EQUAL(cb_steady_cut(x, CB_STEADY_MIN), 5);
    CU_ASSERT_EQUAL(cb_steady_cut(x, CB_STEADY_MIN - 1), 0);
    CU_ASSERT_EQUAL(cb_steady(x, CB_STEADY_MIN - 1, .01).kind, CB_STEADY_UNKNOWN);
    CU_ASSERT_EQUAL(cb_steady_cut(x, 0), 0);
    CU_ASSERT_EQUAL(cb_mser5(x, 4, NULL, NULL), 0);
}

static void scale_does_not_matter(void)
{
    double x[N];
    series("exp", x);
    size_t cut = cb_steady_cut(x, N);
    for (int i = 0; i < N; i++)
        x[i] *= 1e6;
    CU_ASSERT_EQUAL(cb_steady_cut(x, N), cut);
}

static void autocorrelation(void)
{
    const double x[] = {1, 2, 3, 4, 5};
    CU_ASSERT(near(cb_acf1(x, 5), .4));
    CU_ASSERT(near(cb_effective_n(x, 5), 5 * .6 / 1.4));
    CU_ASSERT(isnan(cb_acf1(x, 1)));
}

const struct cb_suite cb_suite = {"steady",
                                  {{"MSER-5 and drift: vectors", steady_vectors},
                                   {"few samples are left alone", few_samples_are_left_alone},
                                   {"scale does not matter", scale_does_not_matter},
                                   {"autocorrelation", autocorrelation},
                                   CU_TEST_INFO_NULL}};
