/* A synthetic run with known effects: four arms, three cases, five metrics. Costs in an arm are the host's
 * times a planted factor, times noise of the block (shared by all arms: what pairing must remove) and of the
 * arm. */
#ifndef CB_TESTS_FIXTURE_H
#define CB_TESTS_FIXTURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/rng.h"
#include "results/dataset.h"

enum { FIXTURE_HOST, FIXTURE_HOST2, FIXTURE_CONTAINER, FIXTURE_VM, FIXTURE_ARMS };
enum { FIXTURE_CHASE, FIXTURE_STREAM, FIXTURE_COMMIT, FIXTURE_CASES };
enum { FIXTURE_LATENCY, FIXTURE_RATE, FIXTURE_CPU, FIXTURE_P50, FIXTURE_P99, FIXTURE_METRICS };

#define FIXTURE_SAMPLES 12 /* the first is a warm-up, ten times as slow */

#define FIXTURE_EVIDENCE 8 /* a block */

static const double fixture_cost[FIXTURE_ARMS] = {1, 1, 1.02, 1.5};

static inline void fixture_kv(struct cb_kvs *kvs, const char *key, const char *value)
{
    kvs->at = reallocarray(kvs->at, kvs->n + 1, sizeof *kvs->at);
    kvs->at[kvs->n++] = (struct cb_kv){strdup(key), strdup(value)};
}

static inline void fixture_arms(struct cb_dataset *d)
{
    static const char *const names[] = {"host", "host2", "container", "vm"};
    static const char *const runners[] = {"host", "host", "container", "vm"};
    d->narms = FIXTURE_ARMS;
    d->arms = calloc(d->narms, sizeof *d->arms);
    for (unsigned a = 0; a < d->narms; a++) {
        d->arms[a] = (struct cb_ds_arm){
            .name = strdup(names[a]),
            .runner = strdup(runners[a]),
            .status = strdup("ok"),
            .reason = strdup(""),
            .accelerator = strdup(a == FIXTURE_VM ? "tcg" : "none"),
            .agent_sha256 = strdup(d->run.agent_sha256),
        };
        fixture_kv(&d->arms[a].facts, "kernel", a == FIXTURE_VM ? "6.1.0" : "6.18.0");
        fixture_kv(&d->arms[a].facts, "clock.source", a == FIXTURE_VM ? "kvm-clock" : "tsc");
    }
}

/* A step of a ladder behind those that are there. */
static inline void fixture_step(struct cb_dataset *d, const char *chain, const char *label, unsigned arm,
                                unsigned base, bool side)
{
    d->steps = reallocarray(d->steps, d->nsteps + 1, sizeof *d->steps);
    d->steps[d->nsteps++] = (struct cb_ds_step){.ladder = strdup("test"),
                                                .chain = strdup(chain),
                                                .label = strdup(label),
                                                .arm = arm,
                                                .base = base,
                                                .side = side};
}

static inline void fixture_cases(struct cb_dataset *d)
{
    static const char *const benches[] = {"mem.chase", "mem.stream", "fs.commit"};
    static const char *const params[] = {"size=65536", "size=1048576,op=copy", ""};
    d->ncases = FIXTURE_CASES;
    d->cases = calloc(d->ncases, sizeof *d->cases);
    for (unsigned c = 0; c < d->ncases; c++)
        d->cases[c] = (struct cb_ds_case){.bench = strdup(benches[c]),
                                          .revision = 1,
                                          .params = strdup(params[c]),
                                          .iters = 1000 + c,
                                          .seed = UINT64_MAX - c};
}

static inline void fixture_metric(struct cb_dataset *d, unsigned index, unsigned c, struct cb_metric how)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", d->cases[c].bench, how.quantity);
    how.quantity = strdup(how.quantity);
    how.unit = strdup(how.unit);
    d->metrics[index] = (struct cb_ds_metric){.case_index = c, .name = strdup(name), .how = how};
}

static inline void fixture_metrics(struct cb_dataset *d)
{
    d->nmetrics = FIXTURE_METRICS;
    d->metrics = calloc(d->nmetrics, sizeof *d->metrics);
    fixture_metric(d, FIXTURE_LATENCY, FIXTURE_CHASE,
                   (struct cb_metric){"latency", "ns", CB_LOWER, CB_WALL_PER_ITER, 1, 0});
    fixture_metric(d, FIXTURE_RATE, FIXTURE_STREAM,
                   (struct cb_metric){"rate", "GB/s", CB_HIGHER, CB_WORK_PER_WALL, 1, 0});
    fixture_metric(d, FIXTURE_CPU, FIXTURE_STREAM,
                   (struct cb_metric){"cpu", "ns/B", CB_LOWER, CB_CPU_PER_WORK, 1, 0});
    fixture_metric(d, FIXTURE_P50, FIXTURE_COMMIT,
                   (struct cb_metric){"p50", "us", CB_LOWER, CB_HIST_QUANTILE, .001, .5});
    fixture_metric(d, FIXTURE_P99, FIXTURE_COMMIT,
                   (struct cb_metric){"p99", "us", CB_LOWER, CB_HIST_QUANTILE, .001, .99});
}

/* Uniform in [-1, 1). */
static inline double fixture_noise(struct cb_rng *rng)
{
    return (double)cb_rng_below(rng, 2000000) / 1e6 - 1;
}

static inline void fixture_samples(struct cb_ds_result *r, const struct cb_ds_case *c, double cost,
                                   struct cb_rng *rng)
{
    r->nsamples = FIXTURE_SAMPLES;
    r->samples = calloc(r->nsamples, sizeof *r->samples);
    for (uint32_t i = 0; i < r->nsamples; i++) {
        uint64_t ns =
            (uint64_t)(100.0 * (double)c->iters * cost * (1 + .001 * fixture_noise(rng)) * (i ? 1 : 10));
        r->samples[i] = (struct cb_ds_sample){
            .s = {.seq = i, .iters = c->iters, .work = c->iters * 64, .wall_ns = ns, .cpu_ns = ns / 2},
            .warm = i == 0,
            .trusted = true,
            .agent_ns = ns + 500,
            .host_ns = ns + 900};
    }
}

/* `values` latencies around 1 ms times the cost. */
static inline struct cb_hist *fixture_hist(double cost, unsigned values, struct cb_rng *rng)
{
    struct cb_hist *h = malloc(sizeof *h);
    cb_hist_reset(h);
    for (unsigned i = 0; i < values; i++)
        cb_hist_add(h, (uint64_t)(1e6 * cost * (1 + .1 * fixture_noise(rng))));
    return h;
}

/* One item of evidence behind those that are there. */
static inline void fixture_note(struct cb_dataset *d, unsigned block, int arm, bool inside, const char *key,
                                const char *before, const char *after)
{
    d->evidence = reallocarray(d->evidence, d->nevidence + 1, sizeof *d->evidence);
    d->evidence[d->nevidence++] = (struct cb_ds_evidence){.block = block,
                                                          .arm = arm,
                                                          .inside = inside,
                                                          .key = strdup(key),
                                                          .before = strdup(before),
                                                          .after = strdup(after)};
}

/* A quiet block of ten seconds on one CPU. */
static inline void fixture_evidence(struct cb_dataset *d, unsigned block)
{
    fixture_note(d, block, -1, false, "time.elapsed_ns", "5000000000", "15000000000");
    fixture_note(d, block, -1, false, "time.source", "tsc", "tsc");
    fixture_note(d, block, -1, false, "cpu.all_ns", "1000000000", "11000000000");
    fixture_note(d, block, -1, false, "cpu.steal_ns", "70000000", "90000000");
    fixture_note(d, block, FIXTURE_VM, false, "time.elapsed_ns", "5000000000", "7000000000");
    fixture_note(d, block, FIXTURE_VM, false, "group.throttled", "3", "3");
    fixture_note(d, block, FIXTURE_VM, true, "time.source", "kvm-clock", "kvm-clock");
    fixture_note(d, block, FIXTURE_VM, true, "memory.oom_kills", "0", "0");
}

static inline void fixture_block(struct cb_dataset *d, unsigned block, struct cb_rng *rng)
{
    double drift = 1 + .1 * fixture_noise(rng);
    d->blocks[block] = (struct cb_ds_block){block * 1000u + 1, block * 1000u + 900, strdup(""), block};
    for (unsigned a = 0; a < d->narms; a++) {
        d->instances[d->ninstances++] = (struct cb_ds_instance){.block = block,
                                                                .arm = a,
                                                                .position = (a + block) % FIXTURE_ARMS,
                                                                .outcome = strdup("ok"),
                                                                .reason = strdup(""),
                                                                .start_ns = 1000000 + a,
                                                                .stop_ns = 2000,
                                                                .prepare_ns = 3000,
                                                                .mark_jitter_ns = 40};
        for (unsigned c = 0; c < d->ncases; c++) {
            struct cb_ds_result *r = &d->results[d->nresults++];
            double cost = fixture_cost[a] * drift * (1 + .004 * fixture_noise(rng));
            *r = (struct cb_ds_result){.block = block,
                                       .arm = a,
                                       .case_index = c,
                                       .position = c,
                                       .outcome = strdup("ok"),
                                       .reason = strdup("")};
            fixture_samples(r, &d->cases[c], cost, rng);
            if (c == FIXTURE_COMMIT)
                r->hist = fixture_hist(cost, 2000, rng);
        }
    }
}

static inline struct cb_dataset fixture_make(unsigned blocks)
{
    struct cb_dataset d = {.run = {.id = "20261124-063012-3f9a",
                                   .started = "2026-11-24T06:30:12Z",
                                   .seed = UINT64_C(0xfedcba9876543210),
                                   .blocks = blocks,
                                   .complete = true,
                                   .version = "0.1.0",
                                   .wall_s = 412.0625,
                                   .measuring_s = 371.2,
                                   .baseline = FIXTURE_HOST}};
    memset(d.run.agent_sha256, 'a', 64);
    fixture_kv(&d.run.host, "cpu", "Example CPU \"x\" \xc2\xb5");
    fixture_kv(&d.run.host, "kernel", "6.18.0");
    fixture_kv(&d.run.host, "virtualised", "true");
    fixture_kv(&d.run.host, "hypervisor", "kvm");
    fixture_arms(&d);
    fixture_step(&d, "", "a cage", FIXTURE_CONTAINER, FIXTURE_HOST, false);
    fixture_step(&d, "", "a twin", FIXTURE_HOST2, FIXTURE_CONTAINER, true);
    fixture_step(&d, "", "a machine", FIXTURE_VM, FIXTURE_CONTAINER, false);
    fixture_cases(&d);
    fixture_metrics(&d);
    d.nblocks = blocks;
    d.blocks = calloc(blocks + 1, sizeof *d.blocks);
    d.instances = calloc((size_t)blocks * FIXTURE_ARMS + 1, sizeof *d.instances);
    d.results = calloc((size_t)blocks * FIXTURE_ARMS * FIXTURE_CASES + 1, sizeof *d.results);
    struct cb_rng rng;
    cb_rng_seed(&rng, 20261124);
    for (unsigned b = 0; b < blocks; b++) {
        fixture_block(&d, b, &rng);
        fixture_evidence(&d, b);
    }
    return d;
}

/* Replaces an owned text of the dataset. */
static inline void fixture_set(char **text, const char *value)
{
    free(*text);
    *text = strdup(value);
}

static inline struct cb_ds_result *fixture_result(struct cb_dataset *d, unsigned block, unsigned arm,
                                                  unsigned c)
{
    return (struct cb_ds_result *)cb_dataset_result(d, block, arm, c);
}

#endif
