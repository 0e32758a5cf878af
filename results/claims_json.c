/* Verdicts as JSON, in run.json. */
#include <math.h>

#include "results/claims_verdict.h"
#include "results/json.h"

static void set_part(struct cb_json *o, const struct cb_verdicts *v, const struct cb_claim_part *p)
{
    const struct cb_ds_metric *m = &v->data->metrics[p->metric_index];
    cb_json_set(o, "metric", cb_json_text(m->name));
    cb_json_set(o, "params", cb_json_text(v->data->cases[m->case_index].params));
    cb_json_set(o, "arm", cb_json_text(v->data->arms[p->arm].name));
    cb_json_set(o, "baseline", p->arm == p->base ? json_null() : cb_json_text(v->data->arms[p->base].name));
    cb_json_set(o, "estimate", cb_json_number(p->estimate));
    cb_json_set(o, "interval", cb_json_pair(p->decision));
    cb_json_set(o, "ci95", cb_json_pair(p->ci95));
    cb_json_set(o, "bias", cb_json_number(p->bias));
    cb_json_set(o, "noise_floor", cb_json_number(expm1(p->noise_floor)));
    cb_json_set(o, "mde", cb_json_number(p->mde));
    cb_json_set(o, "n", json_integer((json_int_t)p->n));
    cb_json_set(o, "instances", json_integer(p->instances));
    cb_json_set(o, "voided", json_integer(p->voided));
}

static json_t *part_object(const struct cb_verdicts *v, const struct cb_claim_part *p)
{
    struct cb_json o = cb_json_object();
    set_part(&o, v, p);
    cb_json_set(&o, "p_support", cb_json_number(p->evidence.p_sup));
    cb_json_set(&o, "p_refute", cb_json_number(p->evidence.p_ref));
    cb_json_set(&o, "unfit", cb_json_text(p->reason));
    return cb_json_take(&o);
}

static json_t *parts_list(const struct cb_verdicts *v, const struct cb_claim_verdict *one)
{
    struct cb_json list = cb_json_list();
    for (size_t i = 0; i < one->nparts; i++)
        cb_json_append(&list, part_object(v, &one->parts[i]));
    return cb_json_take(&list);
}

/* What was claimed, and where. */
static void set_claim(struct cb_json *o, const struct cb_verdicts *v, const struct cb_claim *c)
{
    CB_AUTOBUF struct cb_buf location = {0};
    cb_claim_location(v->claims, c, &location);
    cb_json_set(o, "id", cb_json_text(c->id));
    cb_json_set(o, "file", cb_json_text(v->claims->file));
    cb_json_set(o, "location", cb_json_text(cb_buf_str(&location)));
    cb_json_set(o, "quote", cb_json_text(c->quote ? c->quote : ""));
    cb_json_set(o, "assert", cb_json_text(c->assertion.text ? c->assertion.text : ""));
}

/* What decided: one object, so that none is left half filled. */
static json_t *verdict_object(const struct cb_verdicts *v, const struct cb_claim_verdict *one)
{
    CB_AUTOBUF struct cb_buf command = {0};
    struct cb_json o = cb_json_object();
    set_claim(&o, v, one->claim);
    cb_json_set(&o, "verdict", json_string(cb_claim_outcome(one->row)));
    cb_json_set(&o, "kind", json_string(one->kind));
    cb_json_set(&o, "row", json_integer(one->row));
    cb_json_set(&o, "reason", cb_json_text(one->reason));
    if (one->nparts)
        set_part(&o, v, &one->parts[one->shown]);
    cb_json_set(&o, "p_support", cb_json_number(one->evidence.p_sup));
    cb_json_set(&o, "p_refute", cb_json_number(one->evidence.p_ref));
    cb_json_set(&o, "p_adjusted", cb_json_number(one->adjusted));
    cb_json_set(&o, "correction", json_string(cb_correction_name(v->claims->correction)));
    cb_json_set(&o, "family", json_integer((json_int_t)v->family));
    cb_json_set(&o, "alpha", cb_json_number(v->alpha));
    cb_json_set(&o, "blocks_needed", cb_json_number(one->needed));
    cb_json_set(&o, "minutes_needed", cb_json_number(one->needed * v->block_s / 60));
    cb_json_set(&o, "seed", cb_json_u64(v->data->run.seed));
    cb_json_set(&o, "host", cb_json_text(v->host));
    cb_claim_command(v, one, &command);
    cb_json_set(&o, "command", cb_json_text(cb_buf_str(&command)));
    cb_json_set(&o, "parts", parts_list(v, one));
    return cb_json_take(&o);
}

static json_t *verdicts_list(const struct cb_verdicts *v, size_t n)
{
    struct cb_json list = cb_json_list();
    for (size_t f = 0; f < n; f++)
        for (size_t i = 0; i < v[f].n; i++)
            cb_json_append(&list, verdict_object(&v[f], &v[f].at[i]));
    return cb_json_take(&list);
}

int cb_export_verdicts(const char *run_json, const struct cb_verdicts *v, size_t n, struct cb_buf *out,
                       struct cb_err *err)
{
    json_error_t why;
    struct cb_json run = {.json = json_loads(run_json, JSON_REJECT_DUPLICATES, &why)};
    if (!run.json)
        return cb_fail(err, CB_EUSAGE, "run.json:%d: %s", why.line, why.text);
    if (!json_is_object(run.json)) {
        json_decref(run.json);
        return cb_fail(err, CB_EUSAGE, "run.json: no object");
    }
    cb_json_set(&run, "verdicts", verdicts_list(v, n));
    return cb_json_write(cb_json_take(&run), "verdicts", out, err);
}
