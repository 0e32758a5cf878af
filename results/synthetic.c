#include "results/synthetic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/decide.h"
#include "results/dist.h"
#include "results/effect.h"

#define ITERATIONS   1000
#define ITERATION_NS 1000.0
/* Of the host's level from block to block: an AR(1) process. */
#define DRIFT_SD    0.05
#define DRIFT_RHO   0.8
#define SAMPLE_SD   0.005 /* from sample to sample, small against what separates blocks */
#define SPIKE_MEAN  0.1
#define ALPHA       0.05
#define UNIFORM_MAX (UINT64_C(1) << 53)

double cb_draw_uniform(struct cb_rng *r)
{
    return ((double)cb_rng_below(r, UNIFORM_MAX) + 0.5) / (double)UNIFORM_MAX;
}

double cb_draw_normal(struct cb_rng *r)
{
    return cb_norm_ppf(cb_draw_uniform(r));
}

double cb_draw_noise(struct cb_rng *r, double sd, double spikes)
{
    double spike = cb_draw_uniform(r) < spikes ? -SPIKE_MEAN * log(cb_draw_uniform(r)) : 0;
    return sd * cb_draw_normal(r) + spike;
}

/* ---- one run
 * ---------------------------------------------------------------------------------------------------- */

/* Every text of a dataset is owned; what could not be copied shows once, at the end. */
static char *copy(const char *text, bool *failed)
{
    char *out = strdup(text);
    *failed |= !out;
    return out;
}

static void make_arms(struct cb_dataset *d, bool *failed)
{
    static const char *const names[] = {"host", CB_AA_ARM, "test"};
    for (; d->narms < CB_SYNTHETIC_ARMS; d->narms++)
        d->arms[d->narms] = (struct cb_ds_arm){
            .name = copy(names[d->narms], failed),
            .runner = copy("synthetic", failed),
            .status = copy("ok", failed),
            .reason = copy("", failed),
            .accelerator = copy("none", failed),
            .agent_sha256 = copy("", failed),
        };
}

static void make_metric(struct cb_dataset *d, bool *failed)
{
    d->cases[d->ncases++] = (struct cb_ds_case){
        .bench = copy("synthetic", failed), .params = copy("", failed), .iters = ITERATIONS};
    d->metrics[d->nmetrics++] = (struct cb_ds_metric){
        .name = copy("synthetic.time", failed),
        .how = {.quantity = copy("time", failed),
                .unit = copy("ns", failed),
                .better = CB_LOWER,
                .derive = CB_WALL_PER_ITER,
                .scale = 1},
    };
}

static void make_samples(struct cb_ds_result *r, double level, struct cb_rng *rng)
{
    for (size_t i = 0; i < r->nsamples; i++) {
        double ns = ITERATION_NS * ITERATIONS * level * exp(SAMPLE_SD * cb_draw_normal(rng));
        uint64_t whole = (uint64_t)llround(ns);
        r->samples[i] = (struct cb_ds_sample){
            .s = {.seq = (uint32_t)i, .iters = ITERATIONS, .wall_ns = whole, .cpu_ns = whole},
            .trusted = true,
            .agent_ns = whole,
            .host_ns = whole,
        };
    }
}

static void make_block(struct cb_dataset *d, const struct cb_synthetic *s, double drift, struct cb_rng *rng,
                       bool *failed)
{
    unsigned block = (unsigned)d->nblocks;
    d->blocks[d->nblocks++] = (struct cb_ds_block){.void_reason = copy("", failed)};
    for (unsigned arm = 0; arm < CB_SYNTHETIC_ARMS; arm++) {
        double cost = arm == CB_SYNTHETIC_TEST ? s->cost : 1;
        struct cb_ds_result *r = &d->results[d->nresults++];
        *r = (struct cb_ds_result){
            .block = block,
            .arm = arm,
            .outcome = copy("ok", failed),
            .reason = copy("", failed),
            .samples = calloc(s->samples, sizeof *r->samples),
            .nsamples = s->samples,
        };
        *failed |= !r->samples;
        if (*failed)
            return;
        make_samples(r, cost * exp(drift + cb_draw_noise(rng, s->noise, s->spikes)), rng);
    }
}

int cb_synthetic_run(const struct cb_synthetic *s, struct cb_dataset *out, struct cb_err *err)
{
    struct cb_rng rng;
    double drift = 0;
    *out = (struct cb_dataset){
        .run = {.id = "synthetic", .seed = s->seed, .blocks = s->blocks, .complete = true},
        .arms = calloc(CB_SYNTHETIC_ARMS, sizeof *out->arms),
        .cases = calloc(1, sizeof *out->cases),
        .metrics = calloc(1, sizeof *out->metrics),
        .blocks = calloc(s->blocks, sizeof *out->blocks),
        .results = calloc((size_t)s->blocks * CB_SYNTHETIC_ARMS, sizeof *out->results),
    };
    bool failed = !out->arms || !out->cases || !out->metrics || !out->blocks || !out->results;
    cb_rng_seed(&rng, s->seed);
    if (!failed) {
        make_arms(out, &failed);
        make_metric(out, &failed);
    }
    for (unsigned b = 0; !failed && b < s->blocks; b++) {
        drift = DRIFT_RHO * drift + sqrt(1 - DRIFT_RHO * DRIFT_RHO) * DRIFT_SD * cb_draw_normal(&rng);
        make_block(out, s, drift, &rng, &failed);
    }
    if (!failed)
        return 0;
    cb_dataset_free(out);
    return cb_fail(err, CB_ESYS, "synthetic run: out of memory");
}

/* ---- many runs
 * -------------------------------------------------------------------------------------------------- */

/* As a claim is decided: the bounds are made harder by the bias that the A/A arm shows. */
static bool costs_more(const struct cb_row *test, const struct cb_row *again)
{
    const struct cb_region no_more = {0, 1};
    double bias = cb_bias(log(again->ci95[0]), log(again->ci95[1]));
    struct cb_evidence e = cb_evidence(test->d, test->n, no_more, bias);
    return cb_verdict(e, cb_evidence_p(e), ALPHA) == CB_REFUTED;
}

static int count_run(const struct cb_synthetic *s, struct cb_rates *out, struct cb_err *err)
{
    struct cb_dataset d;
    struct cb_rows rows = {0};
    if (cb_synthetic_run(s, &d, err) < 0)
        return -1;
    int got = cb_effects(&d, &rows, err);
    if (got == 0) {
        const struct cb_row *again = cb_rows_find(&rows, 0, CB_SYNTHETIC_HOST2);
        const struct cb_row *test = cb_rows_find(&rows, 0, CB_SYNTHETIC_TEST);
        out->runs++;
        out->alarms += again->ci95[0] > 1 || again->ci95[1] < 1;
        out->seen += test->ci95[0] > 1;
        out->refuted += costs_more(test, again);
    }
    cb_rows_free(&rows);
    cb_dataset_free(&d);
    return got;
}

int cb_synthetic_rates(const struct cb_synthetic *s, unsigned runs, struct cb_rates *out, struct cb_err *err)
{
    *out = (struct cb_rates){0};
    for (unsigned i = 0; i < runs; i++) {
        struct cb_synthetic one = *s;
        char nth[16];
        snprintf(nth, sizeof nth, "%u", i);
        one.seed = cb_seed_from(s->seed, "synthetic", nth);
        if (count_run(&one, out, err) < 0)
            return -1;
    }
    return 0;
}
