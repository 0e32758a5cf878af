/* Bounds of values: what machines do passes, what none does is said with its bound and costs the row its
 * trust. */
#include "results/plausible.h"

#include "results/effect.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

static void bounds_are_where_they_should_be(void)
{
    static const struct {
        const char *metric;
        double value;
        bool implausible;
    } rows[] = {
        {"mem.chase.latency", .8, false},
        {"mem.chase.latency", .4, true},
        {"mem.chase.latency", 5000, false}, /* emulated */
        {"mem.stream.rate", 600, false},
        {"mem.stream.rate", 30000, true},
        {"fs.commit.p50", 8, false},
        {"fs.commit.p50", .9, true},
        {"fs.rand.iops", 3e6, false},
        {"fs.rand.iops", 1e8, true},
        {"net.rr.p50", .5, true},
        {"net.rr.p50", 4, false},
        {"mem.chase.latency.cold", .1, false},
        {"no.such.metric", -1, false},
    };
    char reason[200];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CU_ASSERT_EQUAL(cb_implausible(rows[i].metric, rows[i].value, reason, sizeof reason),
                        rows[i].implausible);
    CU_ASSERT(cb_implausible("fs.commit.p50", .9, reason, sizeof reason));
    CU_ASSERT(strstr(reason, "0.9 us, the bound is 1 us") != NULL);
}

/* Every batch of an arm as fast as no memory is. */
static void an_implausible_value_is_untrusted(void)
{
    struct cb_dataset d = fixture_make(8);
    struct cb_rows rows;
    struct cb_err err;
    for (size_t i = 0; i < d.nresults; i++)
        for (size_t s = 0; s < d.results[i].nsamples; s++)
            if (d.results[i].arm == FIXTURE_CONTAINER)
                d.results[i].samples[s].s.wall_ns /= 1000;
    CU_ASSERT_EQUAL_FATAL(cb_effects(&d, &rows, &err), 0);
    const struct cb_row *container = cb_rows_find(&rows, FIXTURE_LATENCY, FIXTURE_CONTAINER);
    CU_ASSERT_STRING_EQUAL(container->outcome, "untrusted");
    CU_ASSERT(strstr(container->reason, "container: implausible: ") != NULL);
    CU_ASSERT_STRING_EQUAL(cb_rows_find(&rows, FIXTURE_LATENCY, FIXTURE_VM)->outcome, "ok");
    cb_rows_free(&rows);
    cb_dataset_free(&d);
}

const struct cb_suite cb_suite = {"plausible",
                                  {{"bounds are where they should be", bounds_are_where_they_should_be},
                                   {"an implausible value is untrusted", an_implausible_value_is_untrusted},
                                   CU_TEST_INFO_NULL}};
