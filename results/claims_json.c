/* Verdicts as JSON, in run.json. Built with jansson, as the rest of that file is (results/export_json.c). */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "results/claims_verdict.h"
#include "results/text.h"

static json_t *text(const char *s)
{
    CB_AUTOBUF struct cb_buf clean = {0};
    cb_text_utf8(&clean, s ? s : "");
    return cb_buf_ok(&clean) ? json_string(cb_buf_str(&clean)) : NULL;
}

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *pair(const double v[2])
{
    return json_pack("[o,o]", number(v[0]), number(v[1]));
}

/* A number of 64 bits: as text where a JSON integer cannot hold it. */
static json_t *big(uint64_t v)
{
    char digits[24];
    if (v <= INT64_MAX)
        return json_integer((json_int_t)v);
    snprintf(digits, sizeof digits, "%" PRIu64, v);
    return json_string(digits);
}

/* Members of one object; `failed` is sticky. */
struct object {
    json_t *json;
    bool failed;
};

static void set(struct object *o, const char *key, json_t *value)
{
    if (json_object_set_new(o->json, key, value) < 0)
        o->failed = true;
}

static json_t *take(struct object *o)
{
    if (!o->failed)
        return o->json;
    json_decref(o->json);
    return NULL;
}

static void set_part(struct object *o, const struct cb_verdicts *v, const struct cb_claim_part *p)
{
    const struct cb_ds_metric *m = &v->data->metrics[p->metric_index];
    set(o, "metric", text(m->name));
    set(o, "params", text(v->data->cases[m->case_index].params));
    set(o, "arm", text(v->data->arms[p->arm].name));
    set(o, "baseline", p->arm == p->base ? json_null() : text(v->data->arms[p->base].name));
    set(o, "estimate", number(p->estimate));
    set(o, "interval", pair(p->decision));
    set(o, "ci95", pair(p->ci95));
    set(o, "bias", number(p->bias));
    set(o, "noise_floor", number(expm1(p->noise_floor)));
    set(o, "mde", number(p->mde));
    set(o, "n", json_integer((json_int_t)p->n));
    set(o, "instances", json_integer(p->instances));
    set(o, "voided", json_integer(p->voided));
}

static json_t *part_object(const struct cb_verdicts *v, const struct cb_claim_part *p)
{
    json_t *json = json_object();
    struct object o = {.json = json, .failed = !json};
    set_part(&o, v, p);
    set(&o, "p_support", number(p->evidence.p_sup));
    set(&o, "p_refute", number(p->evidence.p_ref));
    set(&o, "unfit", text(p->reason));
    return take(&o);
}

static json_t *parts_list(const struct cb_verdicts *v, const struct cb_claim_verdict *one)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < one->nparts; i++)
        if (json_array_append_new(list, part_object(v, &one->parts[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* What was claimed, and where. */
static void set_claim(struct object *o, const struct cb_verdicts *v, const struct cb_claim *c)
{
    CB_AUTOBUF struct cb_buf location = {0};
    cb_claim_location(v->claims, c, &location);
    set(o, "id", text(c->id));
    set(o, "file", text(v->claims->file));
    set(o, "location", text(cb_buf_str(&location)));
    set(o, "quote", text(c->quote));
    set(o, "assert", text(c->assertion.text));
}

/* What decided: one object, so that none is left half filled. */
static json_t *verdict_object(const struct cb_verdicts *v, const struct cb_claim_verdict *one)
{
    CB_AUTOBUF struct cb_buf command = {0};
    json_t *json = json_object();
    struct object o = {.json = json, .failed = !json};
    set_claim(&o, v, one->claim);
    set(&o, "verdict", json_string(cb_claim_outcome(one->row)));
    set(&o, "kind", json_string(one->kind));
    set(&o, "row", json_integer(one->row));
    set(&o, "reason", text(one->reason));
    if (one->nparts)
        set_part(&o, v, &one->parts[one->shown]);
    set(&o, "p_support", number(one->evidence.p_sup));
    set(&o, "p_refute", number(one->evidence.p_ref));
    set(&o, "p_adjusted", number(one->adjusted));
    set(&o, "correction", json_string(cb_correction_name(v->claims->correction)));
    set(&o, "family", json_integer((json_int_t)v->family));
    set(&o, "alpha", number(v->alpha));
    set(&o, "blocks_needed", number(one->needed));
    set(&o, "minutes_needed", number(one->needed * v->block_s / 60));
    set(&o, "seed", big(v->data->run.seed));
    set(&o, "host", text(v->host));
    cb_claim_command(v, one, &command);
    set(&o, "command", text(cb_buf_str(&command)));
    set(&o, "parts", parts_list(v, one));
    return take(&o);
}

static json_t *verdicts_list(const struct cb_verdicts *v, size_t n)
{
    json_t *list = json_array();
    for (size_t f = 0; list && f < n; f++)
        for (size_t i = 0; i < v[f].n; i++)
            if (json_array_append_new(list, verdict_object(&v[f], &v[f].at[i])) < 0) {
                json_decref(list);
                return NULL;
            }
    return list;
}

static int add_bytes(const char *bytes, size_t n, void *out)
{
    cb_buf_add(out, bytes, n);
    return cb_buf_ok(out) ? 0 : -1;
}

int cb_export_verdicts(const char *run_json, const struct cb_verdicts *v, size_t n, struct cb_buf *out,
                       struct cb_err *err)
{
    json_error_t why;
    json_t *run = json_loads(run_json, JSON_REJECT_DUPLICATES, &why);
    if (!run || !json_is_object(run)) {
        json_decref(run);
        return cb_fail(err, CB_EUSAGE, "run.json:%d: %s", run ? 1 : why.line, run ? "no object" : why.text);
    }
    bool ok = json_object_set_new(run, "verdicts", verdicts_list(v, n)) == 0 &&
              json_dump_callback(run, add_bytes, out, JSON_INDENT(1)) == 0;
    json_decref(run);
    cb_buf_puts(out, "\n");
    return ok && cb_buf_ok(out) ? 0 : cb_fail(err, CB_ESYS, "verdicts: out of memory");
}
