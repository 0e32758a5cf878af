/* The harness with a clock that is the test's own: what a batch takes is written down, not measured. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/base/clock.h"
#include "bench/harness.h"
#include "tests/unit/unit.h"

/* What the harness and the kernel did, in order: c and w for the CPU's and the wall clock read, R for the
 * reset, L for the loop, ( and ) for begin and end of a batch. */
static struct {
    uint64_t wall, cpu;
    uint64_t tick_ns; /* by how much the wall clock goes on at every reading */
    char trace[4096];
    size_t len;
} world;

static void note(char what)
{
    if (world.len < sizeof world.trace - 1)
        world.trace[world.len++] = what;
}

/* In place of the C library's. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
    uint64_t now = id == CLOCK_PROCESS_CPUTIME_ID ? world.cpu : world.wall;
    world.wall += id == CLOCK_PROCESS_CPUTIME_ID ? 0 : world.tick_ns;
    note(id == CLOCK_PROCESS_CPUTIME_ID ? 'c' : 'w');
    *ts = (struct timespec){.tv_sec = (time_t)(now / CB_NS_PER_S), .tv_nsec = (long)(now % CB_NS_PER_S)};
    return 0;
}

/* A kernel that does what it is told. */
struct script {
    uint64_t fixed_ns, iter_ns; /* what a batch takes */
    uint64_t first_ns;          /* what the very first batch takes on top */
    unsigned calls, fail_at;    /* fails in call number fail_at; 0 never */
    unsigned fail_reset_at;     /* likewise before that call */
    uint64_t work_seen;         /* run->work at entry of all calls together */
    uint64_t peer_seen;         /* the same of run->peer_ns */
    uint64_t iters[64];
};

static int loop(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    struct script *s = run->state;
    uint64_t ns = s->fixed_ns + iters * s->iter_ns + (s->calls == 0 ? s->first_ns : 0);
    note('L');
    s->work_seen += run->work;
    s->peer_seen += run->peer_ns;
    if (s->calls < 64)
        s->iters[s->calls] = iters;
    if (++s->calls == s->fail_at)
        return cb_fail(err, CB_EUNFIT, "told to fail");
    run->work += 3 * iters;
    run->peer_ns += 5 * iters;
    cb_hist_add(run->hist, ns);
    world.wall += ns;
    world.cpu += ns / 2;
    return 0;
}

static int reset(struct cb_run *run, uint64_t iters, struct cb_err *err)
{
    const struct script *s = run->state;
    note('R');
    CU_ASSERT(iters > 0);
    return s->calls + 1 == s->fail_reset_at ? cb_fail(err, CB_ESYS, "told to fail") : 0;
}

static const struct cb_bench bench = {.name = "fake", .reset = reset, .loop = loop};
static struct cb_hist hist;

static struct cb_run start(struct script *s)
{
    memset(&world, 0, sizeof world);
    world.wall = 1000 * CB_NS_PER_S;
    cb_hist_reset(&hist);
    return (struct cb_run){.bench = &bench, .state = s, .hist = &hist};
}

/* --- calibration --------------------------------------------------------- */

static void calibrate_doubles(void)
{
    struct script s = {.iter_ns = 100};
    struct cb_run run = start(&s);
    struct cb_err err;
    uint64_t iters, wall_ns;
    CU_ASSERT_EQUAL(cb_harness_calibrate(&run, 6400, &iters, &wall_ns, &err), 0);
    CU_ASSERT_EQUAL(iters, 64); /* the first power of two that is long enough */
    CU_ASSERT_EQUAL(wall_ns, 6400);
    for (unsigned i = 0; i <= 6; i++)
        CU_ASSERT_EQUAL(s.iters[i], UINT64_C(1) << i);
}

static void calibrate_one_is_enough(void)
{
    struct script s = {.iter_ns = CB_NS_PER_S};
    struct cb_run run = start(&s);
    struct cb_err err;
    uint64_t iters, wall_ns;
    CU_ASSERT_EQUAL(cb_harness_calibrate(&run, CB_NS_PER_MS, &iters, &wall_ns, &err), 0);
    CU_ASSERT_EQUAL(iters, 1);
    CU_ASSERT_EQUAL(wall_ns, CB_NS_PER_S);
}

/* A first call that takes long for once must not end the search at one iteration. */
static void calibrate_sees_through_a_hiccup(void)
{
    struct script s = {.iter_ns = 100, .first_ns = CB_NS_PER_S};
    struct cb_run run = start(&s);
    struct cb_err err;
    uint64_t iters, wall_ns;
    CU_ASSERT_EQUAL(cb_harness_calibrate(&run, 6400, &iters, &wall_ns, &err), 0);
    CU_ASSERT_EQUAL(iters, 64);
    CU_ASSERT_EQUAL(wall_ns, 6400);
}

/* A loop that does not depend on its iterations was folded away, or never was one. */
static void calibrate_refuses_constant_time(void)
{
    struct script s = {.fixed_ns = 10};
    struct cb_run run = start(&s);
    struct cb_err err;
    uint64_t iters, wall_ns;
    CU_ASSERT_EQUAL(cb_harness_calibrate(&run, 6400, &iters, &wall_ns, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUNFIT);
    CU_ASSERT_EQUAL(s.iters[s.calls - 1], CB_WIRE_ITERS_MAX);
}

static void calibrate_passes_errors_on(void)
{
    struct script s = {.iter_ns = 100, .fail_at = 3};
    struct cb_run run = start(&s);
    struct cb_err err;
    uint64_t iters, wall_ns;
    CU_ASSERT_EQUAL(cb_harness_calibrate(&run, 6400, &iters, &wall_ns, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.msg, "told to fail");
    CU_ASSERT_EQUAL(s.calls, 3);
    s = (struct script){.iter_ns = 100, .fail_reset_at = 3};
    CU_ASSERT_EQUAL(cb_harness_calibrate(&run, 6400, &iters, &wall_ns, &err), -1);
    CU_ASSERT_EQUAL(s.calls, 2);
}

/* --- sampling ------------------------------------------------------------ */

struct record {
    struct cb_sample samples[64];
    int warm[64];
    uint32_t begun, ended, fail_begin_at, fail_end_at; /* numbers from 1; 0 never */
};

static int begin(void *arg, uint32_t seq, struct cb_err *err)
{
    struct record *r = arg;
    note('(');
    CU_ASSERT_EQUAL(seq, r->begun);
    if (++r->begun == r->fail_begin_at)
        return cb_fail(err, CB_EPROTO, "nobody listens");
    return 0;
}

static int end(void *arg, const struct cb_sample *s, int warm, struct cb_err *err)
{
    struct record *r = arg;
    note(')');
    r->warm[r->ended] = warm;
    r->samples[r->ended] = *s;
    if (++r->ended == r->fail_end_at)
        return cb_fail(err, CB_EPROTO, "nobody listens");
    return 0;
}

static unsigned count_warm(const struct record *r)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < r->ended; i++)
        n += (unsigned)r->warm[i];
    return n;
}

static int sample(struct script *s, const struct cb_wire_run *plan, struct record *r, struct cb_err *err)
{
    struct cb_run run = start(s);
    struct cb_harness_out out = {.begin = begin, .end = end, .arg = r};
    return cb_harness_sample(&run, plan, &out, err);
}

/* How long the phases are, in batches of 1000 ns. */
static void sample_counts(void)
{
    static const struct {
        uint64_t warm_ns, time_ns;
        uint32_t min, max;
        unsigned warm, steady;
    } rows[] = {
        {0, 0, 1, 1, 1, 1},            /* at least one warm-up */
        {1000, 0, 3, 10, 1, 3},        /* the time was over before the least number */
        {1001, 0, 3, 10, 2, 3},        /* the warm-up's time has to pass */
        {5000, 4000, 3, 10, 5, 4},     /* as many as fit */
        {5000, 4500, 3, 10, 5, 5},     /* the last one may end late */
        {5000, 1000000, 3, 10, 5, 10}, /* not more than the most */
        {0, 1000000, 0, 0, 1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct script s = {.iter_ns = 100};
        struct cb_wire_run plan = {.iters = 10,
                                   .samples_min = rows[i].min,
                                   .samples_max = rows[i].max,
                                   .warm_ns = rows[i].warm_ns,
                                   .time_ns = rows[i].time_ns};
        struct record r = {0};
        struct cb_err err;
        CU_ASSERT_EQUAL(sample(&s, &plan, &r, &err), 0);
        CU_ASSERT_EQUAL(count_warm(&r), rows[i].warm);
        CU_ASSERT_EQUAL(r.ended, rows[i].warm + rows[i].steady);
        CU_ASSERT_EQUAL(r.begun, r.ended);
    }
}

static void sample_fields(void)
{
    struct script s = {.iter_ns = 100, .fixed_ns = 7};
    struct cb_wire_run plan = {.iters = 10, .samples_min = 3, .samples_max = 3, .warm_ns = 2000};
    struct record r = {0};
    struct cb_err err;
    CU_ASSERT_EQUAL(sample(&s, &plan, &r, &err), 0);
    CU_ASSERT_EQUAL_FATAL(r.ended, 5);
    for (uint32_t i = 0; i < r.ended; i++) {
        CU_ASSERT_EQUAL(r.samples[i].seq, i); /* counted through, so that marks pair up */
        CU_ASSERT_EQUAL(r.warm[i], i < 2);
        CU_ASSERT_EQUAL(r.samples[i].iters, 10);
        CU_ASSERT_EQUAL(r.samples[i].wall_ns, 1007);
        CU_ASSERT_EQUAL(r.samples[i].cpu_ns, 503);
        CU_ASSERT_EQUAL(r.samples[i].work, 30); /* of this batch alone */
        CU_ASSERT_EQUAL(r.samples[i].peer_ns, 50);
    }
    CU_ASSERT(s.work_seen == 0 && s.peer_seen == 0);
    CU_ASSERT_EQUAL(hist.total, 3); /* the warm-up is not in it */
}

/* The wall clock encloses nothing but the loop; the dear CPU clock, the lines to the host and the
 * reset are outside. */
static void sample_brackets(void)
{
    struct script s = {.iter_ns = 100};
    struct cb_wire_run plan = {.iters = 10, .samples_min = 2, .samples_max = 2};
    struct record r = {0};
    struct cb_err err;
    CU_ASSERT_EQUAL(sample(&s, &plan, &r, &err), 0);
    CU_ASSERT_EQUAL(r.ended, 3);
    char *p = world.trace;
    for (uint32_t i = 0; p && i < r.ended; i++) {
        p = strstr(p, "R(cwLwc)");
        CU_ASSERT_PTR_NOT_NULL(p);
        p += p != NULL;
    }
}

/* What the positive control is told to waste is part of the batch's time, in full and hardly more. */
static void slow_batches_take_longer(void)
{
    struct script s = {.iter_ns = 1000};
    struct cb_wire_run plan = {.iters = 10, .samples_min = 3, .samples_max = 3};
    struct record r = {0};
    struct cb_err err;
    const struct cb_harness_out out = {.begin = begin, .end = end, .arg = &r};
    struct cb_run run = start(&s);
    world.tick_ns = 10;
    run.slow_ppm = 50000;
    CU_ASSERT_EQUAL(cb_harness_sample(&run, &plan, &out, &err), 0);
    for (uint32_t i = 0; i < r.ended; i++)
        CU_ASSERT(r.samples[i].wall_ns >= 10500 && r.samples[i].wall_ns <= 10550);
}

static void sample_passes_errors_on(void)
{
    struct cb_wire_run plan = {.iters = 10, .samples_min = 5, .samples_max = 5};
    for (unsigned at = 1; at <= 3; at++) { /* in the warm-up and after it */
        struct script s = {.iter_ns = 100, .fail_at = at}, fine = {.iter_ns = 100};
        struct record r = {0}, deaf = {.fail_begin_at = at}, mute = {.fail_end_at = at};
        struct cb_err err;
        CU_ASSERT_EQUAL(sample(&s, &plan, &r, &err), -1);
        CU_ASSERT_STRING_EQUAL(err.msg, "told to fail");
        CU_ASSERT(r.begun == at && r.ended == at - 1); /* no sample of a batch that failed */
        s = (struct script){.iter_ns = 100, .fail_reset_at = at};
        r = (struct record){0};
        CU_ASSERT_EQUAL(sample(&s, &plan, &r, &err), -1);
        CU_ASSERT_STRING_EQUAL(err.msg, "reset: told to fail");
        CU_ASSERT(r.begun == at - 1 && s.calls == at - 1);
        CU_ASSERT_EQUAL(sample(&fine, &plan, &deaf, &err), -1);
        CU_ASSERT_EQUAL(fine.calls, at - 1);
        fine.calls = 0;
        CU_ASSERT_EQUAL(sample(&fine, &plan, &mute, &err), -1);
        CU_ASSERT_EQUAL(fine.calls, at);
    }
}

static void sample_refuses_no_time(void)
{
    struct script s = {0};
    struct cb_wire_run plan = {.iters = 10, .samples_min = 2, .samples_max = 2};
    struct record r = {0};
    struct cb_err err;
    CU_ASSERT_EQUAL(sample(&s, &plan, &r, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUNFIT);
    CU_ASSERT_EQUAL(r.ended, 0);
}

const struct cb_suite cb_suite = {
    "harness",
    {
        {"calibration: doubles up to the target", calibrate_doubles},
        {"calibration: one iteration is enough", calibrate_one_is_enough},
        {"calibration: sees through a hiccup", calibrate_sees_through_a_hiccup},
        {"calibration: refuses constant time", calibrate_refuses_constant_time},
        {"calibration: passes errors on", calibrate_passes_errors_on},
        {"samples: how many", sample_counts},
        {"samples: their fields", sample_fields},
        {"samples: what the clock encloses", sample_brackets},
        {"samples: a positive control takes longer", slow_batches_take_longer},
        {"samples: errors end it", sample_passes_errors_on},
        {"samples: a batch in no time is none", sample_refuses_no_time},
        CU_TEST_INFO_NULL,
    },
};
