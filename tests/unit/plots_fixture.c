#include "tests/unit/plots_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/rng.h"

#define SAMPLES    8
#define BATCH_NS   20e6
#define OPERATIONS 20000 /* in a histogram */

/* One case: what an iteration costs on the host in ns (of the first metric), and the cost ratios in the other
 * arms. */
struct model {
    const char *bench, *params;
    double ns;
    double work; /* bytes or operations an iteration */
    double container, vm;
    double tail; /* sigma of the log-normal latency; 0 without histogram */
    struct cb_metric metrics[2];
};

#define WALL(q, u, scale_)                                                                                   \
    {                                                                                                        \
        .quantity = q, .unit = u, .better = CB_LOWER, .derive = CB_WALL_PER_ITER, .scale = scale_            \
    }
#define RATE(q, u, scale_)                                                                                   \
    {                                                                                                        \
        .quantity = q, .unit = u, .better = CB_HIGHER, .derive = CB_WORK_PER_WALL, .scale = scale_           \
    }
#define QUANTILE(name, u, scale_, q_)                                                                        \
    {                                                                                                        \
        .quantity = name, .unit = u, .better = CB_LOWER, .derive = CB_HIST_QUANTILE, .scale = scale_,        \
        .q = q_                                                                                              \
    }
#define FIXED_POINT 16 /* a histogram need not count nanoseconds */

static const struct model models[] = {
    {"ctl.syscall", "", 171, 0, 1.31, 9.7, 0, {WALL("time", "ns", 1)}},
    {"ctl.switch", "", 5400, 0, 1.02, 7.1, 0, {WALL("time", "us", 1e-3)}},
    {"ctl.spin", "", .29, 0, 1, 1.004, 0, {WALL("time", "ns", 1)}},
    {"mem.stream", "op=copy,size=134217728", 9.6e6, 268435456, 1.003, 3.1, 0, {RATE("rate", "GB/s", 1)}},
    {"mem.stream", "op=scale,size=134217728", 13e6, 268435456, 1.001, 5.2, 0, {RATE("rate", "GB/s", 1)}},
    {"mem.stream", "op=add,size=134217728", 14e6, 402653184, .998, 6.4, 0, {RATE("rate", "GB/s", 1)}},
    {"mem.stream", "op=triad,size=134217728", 14.1e6, 402653184, 1.002, 8.1, 0, {RATE("rate", "GB/s", 1)}},
    {"mem.chase", "size=16384,page=default", 1.3, 0, 1, 18.2, 0, {WALL("latency", "ns", 1)}},
    {"mem.chase", "size=262144,page=default", 4.1, 0, 1.001, 9.3, 0, {WALL("latency", "ns", 1)}},
    {"mem.chase", "size=4194304,page=default", 22, 0, 1.004, 4.2, 0, {WALL("latency", "ns", 1)}},
    {"mem.chase", "size=268435456,page=default", 103, 0, 1.009, 2.4, 0, {WALL("latency", "ns", 1)}},
    {"mem.fault", "", 540 * FIXED_POINT, 0, 1.06, 11.8, .1, {QUANTILE("time", "ns", 1.0 / FIXED_POINT, .5)}},
    {"fs.seq", "op=read", 640e3, 1048576, 1.01, 1.6, 0, {RATE("rate", "MB/s", 1e3)}},
    {"fs.seq", "op=write", 1.1e6, 1048576, 1.02, 1.9, 0, {RATE("rate", "MB/s", 1e3)}},
    {"fs.rand", "op=read,depth=1", 92e3, 1, 1.01, 3.7, 0, {RATE("iops", "op/s", 1e9)}},
    {"fs.rand", "op=read,depth=32", 11.9e3, 1, 1.03, 6.6, 0, {RATE("iops", "op/s", 1e9)}},
    {"fs.rand", "op=write,depth=1", 105e3, 1, 1.00, 3.4, 0, {RATE("iops", "op/s", 1e9)}},
    {"fs.rand", "op=write,depth=32", 14.1e3, 1, 1.02, 5.9, 0, {RATE("iops", "op/s", 1e9)}},
    {"fs.commit",
     "",
     410e3,
     0,
     1.03,
     2.9,
     .35,
     {QUANTILE("p50", "us", 1e-3, .5), QUANTILE("p99", "us", 1e-3, .99)}},
    {"fs.meta", "op=create", 22e3, 0, 1.55, 4.4, 0, {WALL("time", "us", 1e-3)}},
    {"fs.meta", "op=stat", 1.1e3, 0, 1.72, 9.9, 0, {WALL("time", "us", 1e-3)}},
    {"fs.meta", "op=unlink", 18e3, 0, 1.31, 5.1, 0, {WALL("time", "us", 1e-3)}},
    {"net.stream", "dir=up", 105e3, 262144, 1.01, 18.4, 0, {RATE("rate", "Gb/s", 8)}},
    {"net.stream", "dir=down", 98e3, 262144, .99, 21.6, 0, {RATE("rate", "Gb/s", 8)}},
    {"net.rr",
     "",
     31e3,
     0,
     1.04,
     7.4,
     .22,
     {QUANTILE("p50", "us", 1e-3, .5), QUANTILE("p99", "us", 1e-3, .99)}},
    {"net.crr", "", 118e3, 0, 1.05, 8.8, 0, {WALL("time", "us", 1e-3)}},
    {"start.total", "", 1.9e6, 0, 3.4, 1210, 0, {WALL("time", "ms", 1e-6)}},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Standard normal, by the sum of twelve: close enough, and the same bits everywhere. */
static double normal(struct cb_rng *r)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += (double)(cb_rng_next(r) >> 11) / (double)(UINT64_C(1) << 53);
    return sum;
}

static void add_kv(struct cb_kvs *kvs, const char *key, const char *value)
{
    kvs->at = reallocarray(kvs->at, kvs->n + 1, sizeof *kvs->at);
    kvs->at[kvs->n++] = (struct cb_kv){strdup(key), strdup(value)};
}

static void make_run(struct cb_ds_run *run, unsigned blocks, const char *name)
{
    *run = (struct cb_ds_run){.id = "20261124-063012-3f9a",
                              .started = "2026-11-24T06:30:12Z",
                              .seed = 1,
                              .blocks = blocks,
                              .complete = true,
                              .version = "0.1.0",
                              .wall_s = 412.3,
                              .measuring_s = 371.2};
    memset(run->agent_sha256, 'a', 64);
    add_kv(&run->host, "virtualised", "true");
    add_kv(&run->host, "hypervisor", "kvm");
    add_kv(&run->host, "cpu", "Example CPU 8000 @ 2.50GHz");
    add_kv(&run->host, "kernel", name ? name : "6.1.0-18-amd64");
    add_kv(&run->host, "memory", "25769803776");
    add_kv(&run->host, "l1d", "49152");
    add_kv(&run->host, "l2", "2097152");
    add_kv(&run->host, "llc", "33554432");
}

static void make_arms(struct cb_dataset *d, unsigned narms, const char *name)
{
    static const char *const names[] = {"host", CB_AA_ARM, "container", "vm"};
    d->narms = narms;
    d->arms = calloc(narms, sizeof *d->arms);
    for (unsigned i = 0; i < narms; i++) {
        struct cb_ds_arm *a = &d->arms[i];
        char more[64];
        snprintf(more, sizeof more, "container:n=%u", i);
        a->name = strdup(i >= 2 && name ? name : i < COUNT(names) ? names[i] : more);
        a->runner = strdup(i < 2 ? "host" : i == 3 ? "vm" : "container");
        a->status = strdup("ok");
        a->reason = strdup("");
        a->accelerator = strdup(i == 3 ? "tcg" : "none");
        a->agent_sha256 = strdup(d->run.agent_sha256);
        add_kv(&a->facts, "kernel", name ? name : i == 3 ? "6.1.0-18-cloud-amd64" : "6.1.0-18-amd64");
        add_kv(&a->facts, "clocksource", "tsc");
        add_kv(&a->facts, "memory", "536870912");
    }
}

/* host, host2, container, vm one above another, host2 beside container. */
static void make_steps(struct cb_dataset *d, const char *name)
{
    static const struct {
        const char *label;
        unsigned arm, base;
        bool side;
    } steps[] = {
        {"own cgroup", 1, 0, false},
        {"namespaces, overlayfs", 2, 1, false},
        {"other wires", 1, 2, true},
        {"a machine", 3, 2, false},
    };
    d->steps = calloc(COUNT(steps), sizeof *d->steps);
    for (; d->narms > 3 && d->nsteps < COUNT(steps); d->nsteps++)
        d->steps[d->nsteps] = (struct cb_ds_step){.ladder = strdup(name ? name : "test"),
                                                  .chain = strdup(""),
                                                  .label = strdup(name ? name : steps[d->nsteps].label),
                                                  .arm = steps[d->nsteps].arm,
                                                  .base = steps[d->nsteps].base,
                                                  .side = steps[d->nsteps].side};
}

static void make_cases(struct cb_dataset *d)
{
    d->cases = calloc(COUNT(models), sizeof *d->cases);
    d->metrics = calloc(2 * COUNT(models), sizeof *d->metrics);
    for (unsigned i = 0; i < COUNT(models); i++) {
        const struct model *m = &models[i];
        d->cases[d->ncases++] = (struct cb_ds_case){
            .bench = strdup(m->bench), .revision = 1, .params = strdup(m->params), .iters = 1000, .seed = i};
        for (unsigned k = 0; k < 2 && m->metrics[k].quantity; k++) {
            struct cb_ds_metric *metric = &d->metrics[d->nmetrics++];
            metric->case_index = i;
            metric->how = m->metrics[k];
            metric->how.quantity = strdup(m->metrics[k].quantity);
            metric->how.unit = strdup(m->metrics[k].unit);
            if (asprintf(&metric->name, "%s.%s", m->bench, m->metrics[k].quantity) < 0)
                abort();
        }
    }
}

static double cost(const struct model *m, unsigned arm)
{
    return arm < 2 ? 1 : arm == 3 ? m->vm : m->container;
}

static void make_samples(struct cb_ds_result *r, const struct model *m, double ns, struct cb_rng *rng)
{
    uint64_t iters = (uint64_t)fmax(1, BATCH_NS / ns);
    r->nsamples = SAMPLES;
    r->samples = calloc(SAMPLES, sizeof *r->samples);
    for (unsigned i = 0; i < SAMPLES; i++) {
        double wall = (double)iters * ns * exp(.01 * normal(rng));
        r->samples[i] = (struct cb_ds_sample){.s = {.seq = i,
                                                    .iters = iters,
                                                    .work = (uint64_t)((double)iters * m->work),
                                                    .wall_ns = (uint64_t)wall,
                                                    .cpu_ns = (uint64_t)wall},
                                              .trusted = true,
                                              .agent_ns = (uint64_t)wall,
                                              .host_ns = (uint64_t)wall};
    }
}

static void make_result(struct cb_dataset *d, unsigned block, unsigned arm, unsigned c, struct cb_rng *rng,
                        const char *name)
{
    const struct model *m = &models[c];
    struct cb_ds_result *r = &d->results[d->nresults++];
    *r = (struct cb_ds_result){.block = block, .arm = arm, .case_index = c, .position = c};
    bool skipped = arm == 3 && !strcmp(m->params, "op=write,depth=32");
    r->outcome = strdup(skipped ? "skipped" : "ok");
    r->reason = strdup(!skipped ? "" : name ? name : "the guest kernel has no io_uring");
    if (skipped)
        return;
    double ns = m->ns * cost(m, arm) * exp(.006 * normal(rng));
    make_samples(r, m, ns, rng);
    if (m->tail > 0) {
        r->hist = calloc(1, sizeof *r->hist);
        cb_hist_reset(r->hist);
        for (unsigned i = 0; i < OPERATIONS / d->nblocks; i++)
            cb_hist_add(r->hist, (uint64_t)(ns * exp(m->tail * normal(rng))));
    }
}

static void make_observations(struct cb_dataset *d, unsigned blocks, const char *name)
{
    struct cb_rng rng;
    cb_rng_seed(&rng, 1);
    d->nblocks = blocks;
    d->blocks = calloc(blocks, sizeof *d->blocks);
    d->instances = calloc((size_t)blocks * d->narms, sizeof *d->instances);
    d->results = calloc((size_t)blocks * d->narms * d->ncases, sizeof *d->results);
    for (unsigned b = 0; b < blocks; b++) {
        d->blocks[b] = (struct cb_ds_block){.begin_ns = b * UINT64_C(30000000000), .void_reason = strdup("")};
        for (unsigned a = 0; a < d->narms; a++) {
            for (unsigned c = 0; c < d->ncases; c++)
                make_result(d, b, a, c, &rng, name);
            double start = 1.9e6 * cost(&models[COUNT(models) - 1], a) * exp(.08 * normal(&rng));
            d->instances[d->ninstances++] = (struct cb_ds_instance){.block = b,
                                                                    .arm = a,
                                                                    .position = a,
                                                                    .outcome = strdup("ok"),
                                                                    .reason = strdup(""),
                                                                    .start_ns = (uint64_t)start};
        }
    }
}

static void make_notes(struct cb_notes *notes, const char *name)
{
    const char *const texts[] = {
        "the host is itself a virtual machine (kvm): what it calls native is not bare metal",
        "vm runs under emulation (TCG), because /dev/kvm runs guest kernel code at 1.02 us an iteration: its "
        "numbers say "
        "nothing about virtual machines on hardware",
        name ? name : "vm runs kernel 6.1.0-18-cloud-amd64, the host 6.1.0-18-amd64",
    };
    notes->at = calloc(COUNT(texts), sizeof *notes->at);
    for (size_t i = 0; i < COUNT(texts); i++)
        notes->at[notes->n++] = strdup(texts[i]);
}

void plots_fixture_make(struct plots_fixture *f, unsigned narms, unsigned blocks, const char *name)
{
    struct cb_err err;
    *f = (struct plots_fixture){0};
    make_run(&f->data.run, blocks, name);
    make_arms(&f->data, narms, name);
    make_steps(&f->data, name);
    make_cases(&f->data);
    make_observations(&f->data, blocks, name);
    make_notes(&f->notes, name);
    if (cb_effects(&f->data, &f->rows, &err) || cb_ladders(&f->data, &f->rows, &f->ladders, &err))
        abort();
    f->report = (struct cb_report){.data = &f->data,
                                   .rows = &f->rows,
                                   .notes = &f->notes,
                                   .ladders = &f->ladders,
                                   .command = "cbench run --seed 1 --blocks 10 --arm host --arm vm"};
}

void plots_fixture_control(struct plots_fixture *f)
{
    struct cb_ds_arm *arm = &f->data.arms[2];
    free(arm->name);
    free(arm->runner);
    arm->name = strdup(PLOTS_CONTROL);
    arm->runner = strdup("host");
    f->report.ladders = NULL; /* it is no rung */
    for (size_t i = 0; i < f->data.ncases; i++)
        f->data.cases[i].iters = 1000;
}

void plots_fixture_free(struct plots_fixture *f)
{
    /* made by strdup here, and literals nowhere: cb_dataset_free frees the metrics' strings too */
    cb_dataset_free(&f->data);
    cb_rows_free(&f->rows);
    cb_ladders_free(&f->ladders);
    cb_notes_free(&f->notes);
}
