/* What the pipeline makes of effects that are known: false alarms and detections. */
#include <math.h>
#include <stdio.h>

#include "cli/selftest.h"
#include "results/multiple.h"
#include "results/synthetic.h"

/* As a run on a quiet machine: ten blocks, 1 % from block to block. */
#define BLOCKS   10
#define SAMPLES  12
#define NOISE_SD 0.01
#define ALPHA    0.05
/* Of the slowdowns that a full run plants on itself. */
#define CONTROL_SEEN 0.95

/* What is expected of a rate. */
enum bound { AT_MOST, AT_LEAST, NOTHING };

struct scenario {
    const char *what;
    double cost, spikes;
    enum bound seen; /* of the third arm's interval */
};
static const struct scenario scenarios[] = {
    {"nothing planted", 1, 0, NOTHING}, {"nothing planted, spiky noise", 1, 0.05, NOTHING},
    {"1 % planted", 1.01, 0, NOTHING},  {"2 % planted", 1.02, 0, NOTHING},
    {"5 % planted", 1.05, 0, AT_LEAST}, {"5 % planted, spiky noise", 1.05, 0.05, NOTHING},
};

/* A rate is held against its bound with the doubt that `runs` leaves: one honest test in a thousand fails. */
static bool meets(enum bound bound, unsigned count, unsigned runs)
{
    double ci[2];
    switch (bound) {
    case AT_MOST:
        cb_wilson(count, runs, 0.998, ci);
        return ci[0] <= ALPHA;
    case AT_LEAST:
        return count >= CONTROL_SEEN * runs;
    case NOTHING:
        break;
    }
    return true;
}

static void put(struct cb_selftest *t, const struct scenario *s, const char *event, unsigned count,
                unsigned runs, enum bound bound)
{
    static const char *const expected[] = {
        [AT_MOST] = "at most 5 %", [AT_LEAST] = "at least 95 %", [NOTHING] = ""};
    double ci[2];
    cb_wilson(count, runs, 0.95, ci);
    bool ok = meets(bound, count, runs);
    t->checks += bound != NOTHING;
    t->failed += !ok;
    if (t->json)
        json_array_append_new(json_object_get(t->json, "synthetic"),
                              json_pack("{s:s, s:s, s:i, s:i, s:[f,f], s:s, s:b}", "planted", s->what,
                                        "event", event, "count", (int)count, "runs", (int)runs, "ci95", ci[0],
                                        ci[1], "expected", expected[bound], "ok", ok));
    else
        printf("%-30s  %-26s  %4u of %u  %5.1f %%  [%4.1f, %5.1f]  %-13s  %s\n", s->what, event, count, runs,
               100.0 * count / runs, 100 * ci[0], 100 * ci[1], expected[bound],
               bound == NOTHING ? ""
               : ok             ? "ok"
                                : "FAILED");
}

static int run_scenario(struct cb_selftest *t, const struct scenario *s, unsigned runs, uint64_t seed,
                        struct cb_err *err)
{
    const struct cb_synthetic synthetic = {.blocks = BLOCKS,
                                           .samples = SAMPLES,
                                           .cost = s->cost,
                                           .noise = NOISE_SD,
                                           .spikes = s->spikes,
                                           .seed = cb_seed_from(seed, "selftest", s->what)};
    struct cb_rates r;
    bool planted = s->cost > 1;
    if (cb_synthetic_rates(&synthetic, runs, &r, err) < 0)
        return -1;
    if (planted)
        put(t, s, "interval above 1", r.seen, r.runs, s->seen);
    else
        put(t, s, "host2 differs from host", r.alarms, r.runs, AT_MOST);
    put(t, s, "\"costs no more\" is refuted", r.refuted, r.runs, planted ? NOTHING : AT_MOST);
    return 0;
}

int cb_selftest_rates(struct cb_selftest *t, unsigned runs, uint64_t seed, struct cb_err *err)
{
    if (t->json)
        json_object_set_new(t->json, "synthetic", json_array());
    else
        printf("%u synthetic runs of each kind, %d blocks, noise of a block %.0f %%\n", runs, BLOCKS,
               100 * NOISE_SD);
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        if (run_scenario(t, &scenarios[i], runs, seed, err) < 0)
            return -1;
    return 0;
}
