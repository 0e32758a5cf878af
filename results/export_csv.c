/* samples.csv: every raw observation, one a line, quoted as in RFC 4180. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "results/export.h"

/* A field is quoted only where it must be. */
static void field(struct cb_buf *out, const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        cb_buf_puts(out, s);
        return;
    }
    cb_buf_puts(out, "\"");
    for (; *s; s++) {
        if (*s == '"')
            cb_buf_puts(out, "\"");
        cb_buf_add(out, s, 1);
    }
    cb_buf_puts(out, "\"");
}

/* The metric that a case's samples stand for: the first one derived from samples rather than from the
 * histogram, else the first. NULL when the case has none. */
static const struct cb_ds_metric *sampled_metric(const struct cb_dataset *d, unsigned case_index)
{
    const struct cb_ds_metric *first = NULL;
    for (size_t i = 0; i < d->nmetrics; i++) {
        const struct cb_ds_metric *m = &d->metrics[i];
        if (m->case_index != case_index)
            continue;
        if (m->how.derive != CB_HIST_QUANTILE)
            return m;
        first = first ? first : m;
    }
    return first;
}

static bool has_variants(const struct cb_dataset *d, const char *name)
{
    unsigned n = 0;
    for (size_t i = 0; i < d->nmetrics; i++)
        n += !strcmp(d->metrics[i].name, name);
    return n > 1;
}

/* "fs.commit.latency"; "mem.chase.latency{size=65536}" where the run has several of that name. */
static void metric_name(const struct cb_dataset *d, unsigned case_index, struct cb_buf *out)
{
    const struct cb_ds_case *c = &d->cases[case_index];
    const struct cb_ds_metric *m = sampled_metric(d, case_index);
    const char *name = m ? m->name : c->bench;
    cb_buf_clear(out);
    cb_buf_puts(out, name);
    if (has_variants(d, name))
        cb_buf_printf(out, "{%s}", c->params);
}

/* Where a result belongs: of which instance of its arm it is, counted over the run, and the arm's place in
 * the block. */
struct place {
    unsigned position, instance;
    bool known;
};

static struct place place_of(const struct cb_dataset *d, const struct cb_ds_result *r)
{
    struct place p = {0};
    for (size_t i = 0; i < d->ninstances; i++) {
        const struct cb_ds_instance *at = &d->instances[i];
        if (at->arm != r->arm)
            continue;
        if (at->block == r->block) {
            p.position = at->position;
            p.known = true;
        }
        p.instance += at->block < r->block;
    }
    return p;
}

/* Only what counts is "ok": warm-up samples and void blocks are told apart from it. */
static const char *outcome_of(const struct cb_dataset *d, const struct cb_ds_result *r,
                              const struct cb_ds_sample *s)
{
    if (*d->blocks[r->block].void_reason)
        return "void";
    if (s->warm)
        return "warmup";
    return s->trusted ? r->outcome : "untrusted";
}

static void sample_line(const struct cb_dataset *d, const struct cb_ds_result *r, const char *prefix,
                        const struct cb_ds_sample *s, struct cb_buf *out)
{
    cb_buf_puts(out, prefix);
    cb_buf_printf(out, ",%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", s->s.seq, s->s.iters,
                  s->s.work, s->s.wall_ns, s->s.cpu_ns);
    field(out, outcome_of(d, r, s));
    cb_buf_puts(out, "\n");
}

/* run,block,order,arm,instance,metric of all lines of a result. */
static void line_prefix(const struct cb_dataset *d, const struct cb_ds_result *r, const char *metric,
                        struct cb_buf *out)
{
    struct place p = place_of(d, r);
    cb_buf_clear(out);
    field(out, d->run.id);
    cb_buf_printf(out, ",%u,", r->block);
    if (p.known)
        cb_buf_printf(out, "%u", p.position);
    cb_buf_puts(out, ",");
    field(out, d->arms[r->arm].name);
    cb_buf_printf(out, ",%u,", p.instance);
    field(out, metric);
}

int cb_export_samples_csv(const struct cb_dataset *d, struct cb_buf *out, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf prefix = {0}, metric = {0};
    cb_buf_puts(out, "run,block,order,arm,instance,metric,seq,iters,work,wall_ns,cpu_ns,outcome\n");
    for (size_t i = 0; i < d->nresults; i++) {
        const struct cb_ds_result *r = &d->results[i];
        metric_name(d, r->case_index, &metric);
        line_prefix(d, r, cb_buf_str(&metric), &prefix);
        for (size_t j = 0; j < r->nsamples; j++)
            sample_line(d, r, cb_buf_str(&prefix), &r->samples[j], out);
        if (r->nsamples)
            continue;
        /* A skip or a failure is an outcome too. */
        cb_buf_puts(out, cb_buf_str(&prefix));
        cb_buf_puts(out, ",,,,,,");
        field(out, r->outcome);
        cb_buf_puts(out, "\n");
    }
    bool ok = cb_buf_ok(out) && cb_buf_ok(&prefix) && cb_buf_ok(&metric);
    return ok ? 0 : cb_fail(err, CB_ESYS, "samples.csv: out of memory");
}
