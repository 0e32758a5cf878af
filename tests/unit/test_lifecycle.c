/* What is measured from outside: the table, the moments of an instance, and what further instances cost, on
 * a fake runner that delivers scripted agents. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runners/execute.h"
#include "runners/lifecycle.h"
#include "tests/unit/agents.h"

/* Every benchmark that has no loop is measured somewhere, and nothing else is. */
static void table_is_that_of_the_benchmarks(void)
{
    unsigned rows = 0;
    for (const struct cb_lifecycle *l = cb_lifecycles; l->bench; l++, rows++) {
        const struct cb_bench *b = cb_bench_find(l->bench);
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        CU_ASSERT(b->needs & CB_NEED_LIFECYCLE);
        CU_ASSERT_PTR_EQUAL(cb_lifecycle_find(l->bench), l); /* no name twice */
    }
    for (const struct cb_bench *const *b = cb_benchmarks; *b; b++)
        if ((*b)->needs & CB_NEED_LIFECYCLE)
            CU_ASSERT_PTR_NOT_NULL(cb_lifecycle_find((*b)->name));
    CU_ASSERT(rows > 0);
    CU_ASSERT_PTR_NULL(cb_lifecycle_find("ctl.spin"));
}

/* ---- moments ----------------------------------------------------------------------------------------- */

static void moments_are_stamped_once(void)
{
    struct cb_env env = {0};
    CU_ASSERT_EQUAL(cb_env_moment(&env, "api"), 0);
    cb_env_stamp_at(&env, "api", 5);
    cb_env_stamp_at(&env, "api", 7); /* taken down twice: the first time counts */
    cb_env_stamp(&env, "total");
    CU_ASSERT_EQUAL(cb_env_moment(&env, "api"), 5);
    CU_ASSERT(cb_env_moment(&env, "total") > 5);
    for (unsigned i = 0; i < 100; i++) {
        static char names[100][8];
        snprintf(names[i], sizeof names[i], "m%u", i);
        cb_env_stamp_at(&env, names[i], 1);
    }
    CU_ASSERT_EQUAL(env.nmoments, sizeof env.moments / sizeof *env.moments);
    CU_ASSERT_EQUAL(cb_env_moment(&env, "m99"), 0);
}

struct kept {
    struct cb_batch at[256];
    unsigned n;
};

static void keep(void *arg, const struct cb_batch *b)
{
    struct kept *k = arg;
    CU_ASSERT_FATAL(k->n < sizeof k->at / sizeof *k->at);
    k->at[k->n++] = *b;
}

/* Measures one case of an instance that ran, and is down. */
static int measure(const char *bench, struct cb_instance *in, struct kept *k, struct cb_err *err)
{
    const struct cb_lifecycle *l = cb_lifecycle_find(bench);
    struct cb_case c = {.bench = cb_bench_find(bench)};
    struct cb_life life = {.in = in, .keep = keep, .arg = k};
    k->n = 0;
    CU_ASSERT_FATAL(l && c.bench);
    return l->measure(&life, &c, err);
}

static void moments_are_measured_from_the_begin(void)
{
    struct cb_instance in = {.alive = false};
    struct kept k;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(measure("start.total", &in, &k, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_ESYS);
    CU_ASSERT_EQUAL(measure("stop.total", &in, &k, &err), -1);
    cb_env_stamp_at(&in.env, "begin", 1000);
    cb_env_stamp_at(&in.env, "total", 1300);
    cb_env_stamp_at(&in.env, "end", 5000);
    cb_env_stamp_at(&in.env, "gone", 5040);
    CU_ASSERT_EQUAL(measure("start.total", &in, &k, &err), 0);
    CU_ASSERT(k.n == 1 && k.at[0].sample.iters == 1 && k.at[0].sample.wall_ns == 300 && !k.at[0].warm);
    CU_ASSERT_EQUAL(measure("stop.total", &in, &k, &err), 0);
    CU_ASSERT(k.n == 1 && k.at[0].sample.wall_ns == 40 && k.at[0].host_ns == 40);
}

const struct cb_suite cb_suite = {
    "lifecycle",
    {{"the table is that of the benchmarks", table_is_that_of_the_benchmarks},
     {"moments are stamped once", moments_are_stamped_once},
     {"moments are measured from the begin", moments_are_measured_from_the_begin},
     CU_TEST_INFO_NULL}};
