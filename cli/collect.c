#include "cli/collect.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "bench/base/clock.h"
#include "bench/base/units.h"
#include "results/void.h"

/* ---- building the dataset
 * --------------------------------------------------------------------------------------- */

/* Room for one more element of an array that grows by doubling from 16; NULL when out of memory. */
static void *grow(void *array, size_t n, size_t size)
{
    bool full = n == 0 || (n >= 16 && (n & (n - 1)) == 0);
    return full ? realloc(array, (n < 16 ? 16 : 2 * n) * size) : array;
}

static int add_kv(struct cb_kvs *kvs, const char *key, const char *value)
{
    struct cb_kv *at = grow(kvs->at, kvs->n, sizeof *at);
    if (!at)
        return -1;
    kvs->at = at;
    at[kvs->n] = (struct cb_kv){strdup(key), strdup(value)};
    kvs->n++;
    return at[kvs->n - 1].key && at[kvs->n - 1].value ? 0 : -1;
}

static int add_kvf(struct cb_kvs *kvs, const char *key, const char *fmt, ...) CB_PRINTF(3, 4);
static int add_kvf(struct cb_kvs *kvs, const char *key, const char *fmt, ...)
{
    char value[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    return add_kv(kvs, key, value);
}

static void set_text(char **to, const char *text)
{
    free(*to);
    *to = strdup(text);
}

static int host_facts(struct cb_kvs *h, const struct cb_site *site)
{
    const struct cb_topology *t = &site->topo;
    char sut[128], other[128];
    struct utsname u;
    uname(&u);
    int bad = 0;
    bad |= add_kv(h, "virtualised", t->virtualised ? "true" : "false");
    bad |= add_kv(h, "hypervisor", t->hypervisor);
    bad |= add_kv(h, "cpu", t->cpu_model);
    bad |= add_kvf(h, "cpus", "%d", t->ncpus);
    bad |= add_kvf(h, "cpus.arm", "%d", t->nsut);
    bad |= add_kv(h, "cpus.sut", cb_cpulist_format(t->sut, t->nsut, sut, sizeof sut));
    bad |= add_kv(h, "cpus.other", cb_cpulist_format(t->other, t->nother, other, sizeof other));
    bad |= add_kv(h, "cpus.shared", t->shared ? "true" : "false");
    bad |= add_kvf(h, "l1d", "%" PRIu64, t->l1d);
    bad |= add_kvf(h, "l2", "%" PRIu64, t->l2);
    bad |= add_kvf(h, "llc", "%" PRIu64, t->llc);
    bad |= add_kvf(h, "memory", "%" PRIu64, t->memory);
    bad |= add_kvf(h, "memory.arm", "%" PRIu64, site->memory);
    bad |= add_kv(h, "kernel", u.release);
    bad |= add_kv(h, "machine", u.machine);
    bad |= add_kv(h, "cgroup", cb_cgroup_version());
    bad |= add_kv(h, "network", site->fabric_reason[0] ? site->fabric_reason : "private bridge");
    return bad;
}

static int add_arms(struct cb_dataset *d, const struct cb_plan *plan)
{
    d->arms = calloc(plan->narms, sizeof *d->arms);
    if (!d->arms)
        return -1;
    for (d->narms = 0; d->narms < plan->narms; d->narms++) {
        struct cb_ds_arm *a = &d->arms[d->narms];
        const struct cb_arm *from = &plan->arms[d->narms];
        *a = (struct cb_ds_arm){
            .name = strdup(from->name),
            .runner = strdup(from->runner->name),
            .status = strdup("ok"),
            .reason = strdup(""),
            .accelerator = strdup("none"),
            .agent_sha256 = strdup(""),
        };
        if (!a->name || !a->runner || !a->status || !a->reason || !a->accelerator || !a->agent_sha256)
            return -1;
    }
    return 0;
}

static int add_steps(struct cb_dataset *d, const struct cb_plan *plan)
{
    d->steps = calloc(plan->nsteps + 1, sizeof *d->steps);
    if (!d->steps)
        return -1;
    for (; d->nsteps < plan->nsteps; d->nsteps++) {
        const struct cb_plan_step *from = &plan->steps[d->nsteps];
        struct cb_ds_step *to = &d->steps[d->nsteps];
        *to = (struct cb_ds_step){
            .ladder = strdup(from->rung.ladder),
            .chain = strdup(from->rung.chain),
            .label = strdup(from->rung.label),
            .arm = from->arm,
            .base = from->base,
            .side = from->rung.side,
        };
        if (!to->ladder || !to->chain || !to->label)
            return -1;
    }
    return 0;
}

static int add_metric(struct cb_dataset *d, unsigned case_index, const struct cb_bench *b,
                      const struct cb_metric *m, enum cb_derive rule, const char *suffix)
{
    struct cb_ds_metric *at = grow(d->metrics, d->nmetrics, sizeof *at);
    if (!at)
        return -1;
    d->metrics = at;
    at += d->nmetrics++;
    *at = (struct cb_ds_metric){.case_index = case_index, .how = *m};
    at->how.derive = rule;
    at->how.unit = strdup(m->unit);
    if (asprintf(&at->name, "%s.%s%s", b->name, m->quantity, suffix) < 0)
        at->name = NULL;
    at->how.quantity = at->name ? strdup(at->name + strlen(b->name) + 1) : NULL;
    return at->how.quantity && at->how.unit && at->name ? 0 : -1;
}

static int add_metrics(struct cb_dataset *d, unsigned case_index, const struct cb_bench *b)
{
    for (const struct cb_metric *m = b->metrics; m->quantity; m++)
        if (add_metric(d, case_index, b, m, m->derive, "") < 0)
            return -1;
    return 0;
}

/* What is timed by the batch has a first batch: what the agent times, not the start of an instance. */
static int add_cold_metrics(struct cb_dataset *d, unsigned case_index, const struct cb_bench *b)
{
    enum cb_derive cold;
    for (const struct cb_metric *m = b->metrics; m->quantity && !(b->needs & CB_NEED_LIFECYCLE); m++)
        if (cb_cold_rule(m->derive, &cold) && add_metric(d, case_index, b, m, cold, CB_COLD_SUFFIX) < 0)
            return -1;
    return 0;
}

static int add_cases(struct cb_dataset *d, const struct cb_plan *plan)
{
    d->cases = calloc(plan->ncases, sizeof *d->cases);
    if (!d->cases)
        return -1;
    for (d->ncases = 0; d->ncases < plan->ncases;) {
        const struct cb_case *from = &plan->cases[d->ncases];
        d->cases[d->ncases++] = (struct cb_ds_case){
            .bench = strdup(from->bench->name),
            .revision = from->bench->revision,
            .params = strdup(from->params),
            .seed = from->seed,
        };
        if (!d->cases[d->ncases - 1].bench || !d->cases[d->ncases - 1].params ||
            add_metrics(d, (unsigned)d->ncases - 1, from->bench) < 0)
            return -1;
    }
    for (unsigned i = 0; i < plan->ncases; i++) /* behind all others: they are read last */
        if (add_cold_metrics(d, i, plan->cases[i].bench) < 0)
            return -1;
    return 0;
}

int cb_collect_init(struct cb_collector *c, const struct cb_plan *plan, const struct cb_site *site,
                    struct cb_store *store, FILE *log, const char *started, struct cb_err *err)
{
    *c = (struct cb_collector){.store = store,
                               .plan = plan,
                               .log = log,
                               .extend = {.blocks_max = CB_BLOCKS_MAX},
                               .next_row = plan->blocks};
    struct cb_ds_run *r = &c->data.run;
    snprintf(r->id, sizeof r->id, "%s", site->run_id);
    snprintf(r->started, sizeof r->started, "%s", started);
    snprintf(r->version, sizeof r->version, "%s", CB_VERSION);
    snprintf(r->agent_sha256, sizeof r->agent_sha256, "%s", site->agent_sha256);
    r->seed = plan->seed;
    r->blocks = plan->blocks;
    r->target = plan->target;
    r->quick = plan->quick;
    r->baseline = plan->baseline;
    cb_progress_init(&c->bar, stderr);
    if (host_facts(&r->host, site) < 0 || add_arms(&c->data, plan) < 0 || add_steps(&c->data, plan) < 0 ||
        add_cases(&c->data, plan) < 0) {
        cb_collect_free(c);
        return cb_fail(err, CB_ESYS, "out of memory");
    }
    return 0;
}

/* ---- the sink
 * --------------------------------------------------------------------------------------------------- */

static void say(struct cb_collector *c, const char *fmt, ...) CB_PRINTF(2, 3);
static void say(struct cb_collector *c, const char *fmt, ...)
{
    va_list ap;
    if (!c->log)
        return;
    va_start(ap, fmt);
    vfprintf(c->log, fmt, ap);
    va_end(ap);
    fputc('\n', c->log);
    fflush(c->log);
}

static void on_arm_status(void *arg, unsigned arm, enum cb_outcome o, const char *reason)
{
    struct cb_collector *c = arg;
    set_text(&c->data.arms[arm].status, cb_outcome_name(o));
    set_text(&c->data.arms[arm].reason, reason);
    say(c, "arm %s: %s: %s", c->data.arms[arm].name, cb_outcome_name(o), reason);
    cb_progress_end(&c->bar);
    fprintf(stderr, "cbench: arm %s %s: %s\n", c->data.arms[arm].name, cb_outcome_name(o), reason);
}

static int on_calibrated(void *arg, const struct cb_plan *plan, struct cb_err *err)
{
    struct cb_collector *c = arg;
    for (unsigned i = 0; i < plan->ncases; i++) {
        c->data.cases[i].iters = plan->cases[i].iters;
        say(c, "case %s %s: %" PRIu64 " iterations a batch", plan->cases[i].bench->name,
            plan->cases[i].params, plan->cases[i].iters);
    }
    if (!c->store)
        return 0;
    c->begun = cb_store_begin_run(c->store, &c->data, err) == 0;
    return c->begun ? 0 : -1;
}

static struct cb_ds_sample *copy_batches(const struct cb_batch *b, unsigned n, bool trusted)
{
    struct cb_ds_sample *s = malloc((n ? n : 1) * sizeof *s);
    for (unsigned i = 0; s && i < n; i++)
        s[i] = (struct cb_ds_sample){
            .s = b[i].sample,
            .warm = b[i].warm != 0,
            .trusted = trusted,
            .agent_ns = b[i].agent_ns,
            .host_ns = b[i].host_ns,
        };
    return s;
}

static void on_result(void *arg, const struct cb_case_result *r)
{
    struct cb_collector *c = arg;
    struct cb_dataset *d = &c->data;
    struct cb_ds_result *at = grow(d->results, d->nresults, sizeof *at);
    if (!at) {
        c->out_of_memory = true;
        return;
    }
    d->results = at;
    at += d->nresults++;
    *at = (struct cb_ds_result){
        .block = r->block,
        .arm = r->arm,
        .case_index = r->case_index,
        .position = r->position,
        .outcome = strdup(cb_outcome_name(r->outcome)),
        .reason = strdup(r->reason),
        .samples = copy_batches(r->batches, r->nbatches, r->trusted),
        .nsamples = r->nbatches,
        .hist = r->hist ? malloc(sizeof *r->hist) : NULL,
    };
    if (at->hist)
        *at->hist = *r->hist;
    if (!at->outcome || !at->reason || !at->samples || (r->hist && !at->hist))
        c->out_of_memory = true;
    say(c, "block %u %s %s %s: %s, %u batches in %.2f s%s%s", r->block, d->arms[r->arm].name,
        d->cases[r->case_index].bench, d->cases[r->case_index].params, at->outcome, r->nbatches,
        (double)r->took_ns / 1e9, r->reason[0] ? ": " : "", r->reason);
}

/* Facts of an arm come from its first good instance: they hold for all, or the report could not name them
 * once. */
static int take_facts(struct cb_ds_arm *a, const struct cb_instance *in)
{
    if (a->facts.n > 0)
        return 0;
    int bad = 0;
    for (unsigned i = 0; i < in->nfacts; i++)
        bad |= add_kv(&a->facts, in->facts[i].key, in->facts[i].value);
    for (unsigned i = 0; i < in->env.nfacts; i++)
        bad |= add_kv(&a->facts, in->env.facts[i].key, in->env.facts[i].value);
    const char *threads = cb_noise_get(&in->host[0], "group.cpus");
    if (threads)
        bad |= add_kv(&a->facts, "cpus.threads", threads);
    set_text(&a->accelerator, in->env.accelerator);
    set_text(&a->agent_sha256, in->session.agent_sha256);
    return bad;
}

static void on_instance(void *arg, const struct cb_instance_result *r)
{
    struct cb_collector *c = arg;
    struct cb_dataset *d = &c->data;
    const struct cb_instance *in = r->instance;
    struct cb_ds_instance *at = grow(d->instances, d->ninstances, sizeof *at);
    if (!at) {
        c->out_of_memory = true;
        return;
    }
    d->instances = at;
    at[d->ninstances++] = (struct cb_ds_instance){
        .block = r->block,
        .arm = r->arm,
        .position = r->position,
        .outcome = strdup(cb_outcome_name(r->outcome)),
        .reason = strdup(r->reason),
        .start_ns = in->start_ns,
        .stop_ns = in->stop_ns,
        .prepare_ns = in->prepare_ns,
        .mark_jitter_ns = in->session.mark_jitter_ns,
    };
    if (in->nfacts > 0 && take_facts(&d->arms[r->arm], in) < 0)
        c->out_of_memory = true;
    say(c, "block %u %s: %s, prepare %.1f ms, start %.2f ms, stop %.1f ms%s%s", r->block,
        d->arms[r->arm].name, cb_outcome_name(r->outcome), (double)in->prepare_ns / 1e6,
        (double)in->start_ns / 1e6, (double)in->stop_ns / 1e6, r->reason[0] ? ": " : "", r->reason);
}

static int add_evidence(struct cb_dataset *d, const struct cb_noise_result *r, const char *key,
                        const char *before, const char *after)
{
    struct cb_ds_evidence *at = grow(d->evidence, d->nevidence, sizeof *at);
    if (!at)
        return -1;
    d->evidence = at;
    at += d->nevidence++;
    *at = (struct cb_ds_evidence){
        .block = r->block,
        .arm = r->arm,
        .inside = r->inside,
        .key = strdup(key),
        .before = strdup(before),
        .after = strdup(after),
    };
    return at->key && at->before && at->after ? 0 : -1;
}

/* Only what was there both times can be compared. */
static void on_noise(void *arg, const struct cb_noise_result *r)
{
    struct cb_collector *c = arg;
    for (unsigned i = 0; i < r->before->n; i++) {
        const struct cb_noise_item *item = &r->before->at[i];
        const char *after = cb_noise_get(r->after, item->key);
        if (after && add_evidence(&c->data, r, item->key, item->value, after) < 0)
            c->out_of_memory = true;
    }
}

static int on_block_end(void *arg, const struct cb_block_result *r, struct cb_err *err)
{
    struct cb_collector *c = arg;
    struct cb_dataset *d = &c->data;
    struct cb_ds_block *at = grow(d->blocks, d->nblocks, sizeof *at);
    char reason[CB_VOID_TEXT];
    if (c->out_of_memory || !at)
        return cb_fail(err, CB_ESYS, "out of memory");
    d->blocks = at;
    cb_void_reason(d, r->block, reason);
    at[d->nblocks] = (struct cb_ds_block){
        .begin_ns = r->begin_ns, .end_ns = r->end_ns, .void_reason = strdup(reason), .row = r->row};
    if (!at[d->nblocks++].void_reason)
        return cb_fail(err, CB_ESYS, "out of memory");
    const struct cb_block_rows rows = {
        .block = r->block,
        .b = &d->blocks[d->nblocks - 1],
        .instances = d->instances + c->block_instances,
        .ninstances = d->ninstances - c->block_instances,
        .results = d->results + c->block_results,
        .nresults = d->nresults - c->block_results,
        .evidence = d->evidence + c->block_evidence,
        .nevidence = d->nevidence - c->block_evidence,
    };
    c->block_results = d->nresults;
    c->block_instances = d->ninstances;
    c->block_evidence = d->nevidence;
    say(c, "block %u: done in %.1f s%s%s", r->block, (double)(r->end_ns - r->begin_ns) / 1e9,
        reason[0] ? ", void: " : "", reason);
    return c->store ? cb_store_block(c->store, d->run.id, &rows, err) : 0;
}

static int on_more_blocks(void *arg, struct cb_schedule *s, struct cb_err *err)
{
    struct cb_collector *c = arg;
    struct cb_more more;
    if (cb_extend(&c->extend, &c->data, (double)s->block_ns / 1e9, (double)s->left_ns / 1e9, &more, err) < 0)
        return -1;
    unsigned done = s->n;
    for (unsigned b = more.from; b < more.to; b++)
        if (*c->data.blocks[b].void_reason)
            s->rows[s->n++] = s->rows[b];
    say(c, "%u blocks done: %u to be repeated, %u more", done, s->n - done, more.fresh);
    for (unsigned i = 0; i < more.fresh; i++)
        s->rows[s->n++] = c->next_row++;
    return 0;
}

static void on_progress(void *arg, const struct cb_progress *p)
{
    struct cb_collector *c = arg;
    struct cb_progress_view v = {
        .phase = p->phase,
        .block = p->block,
        .blocks = p->blocks,
        .arm = c->data.arms[p->arm].name,
        .bench = p->bench,
        .done = p->done,
        .total = p->total,
        .elapsed_ns = p->elapsed_ns,
        .left_ns = p->left_ns,
    };
    cb_progress_show(&c->bar, &v);
}

struct cb_sink cb_collect_sink(struct cb_collector *c)
{
    return (struct cb_sink){
        .arg = c,
        .arm_status = on_arm_status,
        .calibrated = on_calibrated,
        .result = on_result,
        .instance = on_instance,
        .block_end = on_block_end,
        .progress = on_progress,
        .noise = on_noise,
        .more_blocks = on_more_blocks,
    };
}

/* ---- the end
 * ---------------------------------------------------------------------------------------------------- */

static void free_result(struct cb_ds_result *r)
{
    free(r->outcome);
    free(r->reason);
    free(r->samples);
    free(r->hist);
}

/* Results of a block that did not end: the block is the unit, half of one is none. */
static void drop_open_block(struct cb_collector *c)
{
    struct cb_dataset *d = &c->data;
    while (d->nresults > c->block_results)
        free_result(&d->results[--d->nresults]);
    while (d->ninstances > c->block_instances) {
        struct cb_ds_instance *in = &d->instances[--d->ninstances];
        free(in->outcome);
        free(in->reason);
    }
    while (d->nevidence > c->block_evidence) {
        struct cb_ds_evidence *e = &d->evidence[--d->nevidence];
        free(e->key);
        free(e->before);
        free(e->after);
    }
}

int cb_collect_end(struct cb_collector *c, const struct cb_run_totals *totals, bool complete,
                   struct cb_err *err)
{
    cb_progress_end(&c->bar);
    drop_open_block(c);
    c->data.run.complete = complete;
    if (totals->interrupted || totals->budget_hit)
        snprintf(c->data.run.stopped, sizeof c->data.run.stopped, "%s",
                 totals->interrupted ? "interrupted" : "budget");
    c->data.run.wall_s = (double)totals->wall_ns / 1e9;
    c->data.run.measuring_s = (double)totals->measuring_ns / 1e9;
    say(c, "%u blocks, %.1f s, of it %.1f s measuring, stopped: %s", totals->blocks, c->data.run.wall_s,
        c->data.run.measuring_s, c->data.run.stopped);
    return c->begun ? cb_store_end_run(c->store, &c->data, err) : 0;
}

void cb_collect_free(struct cb_collector *c)
{
    cb_dataset_free(&c->data);
}
