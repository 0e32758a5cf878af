/* run.json. Built with jansson because its writer escapes whatever it is given and prints doubles so that
 * they read back as the same bits. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/noise.h"
#include "bench/base/units.h"
#include "results/control.h"
#include "results/digest.h"
#include "results/export.h"
#include "results/text.h"
#include "results/void.h"

#define SCHEMA 1

/* --- values: a failed allocation is a NULL, which json_object_set_new and json_array_append_new turn into -1
 * ----------- */

static json_t *text(const char *s)
{
    CB_AUTOBUF struct cb_buf clean = {0};
    cb_text_utf8(&clean, s);
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

/* JSON integers are signed here: a larger seed travels as text, so that no digit is lost. */
static json_t *seed(uint64_t v)
{
    char digits[24];
    if (v <= INT64_MAX)
        return json_integer((json_int_t)v);
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)v);
    return json_string(digits);
}

/* Members of one object; `failed` is sticky, as in cb_buf. */
struct object {
    json_t *json;
    bool failed;
};

static struct object object_new(void)
{
    json_t *json = json_object();
    return (struct object){.json = json, .failed = !json};
}

static void set(struct object *o, const char *key, json_t *value)
{
    if (json_object_set_new(o->json, key, value) < 0)
        o->failed = true;
}

static json_t *object_take(struct object *o)
{
    if (!o->failed)
        return o->json;
    json_decref(o->json);
    return NULL;
}

static void append(struct object *list, json_t *value)
{
    if (json_array_append_new(list->json, value) < 0)
        list->failed = true;
}

static struct object list_new(void)
{
    json_t *json = json_array();
    return (struct object){.json = json, .failed = !json};
}

/* A key of a guest. The first one stays; what the runner says from outside under the same name is told apart.
 */
static void set_fact(struct object *o, const char *key, json_t *value)
{
    CB_AUTOBUF struct cb_buf name = {0};
    cb_text_utf8(&name, key);
    if (json_object_get(o->json, cb_buf_str(&name))) {
        cb_buf_clear(&name);
        cb_buf_puts(&name, "runner.");
        cb_text_utf8(&name, key);
    }
    if (!cb_buf_ok(&name))
        o->failed = true;
    set(o, cb_buf_str(&name), value);
}

/* --- parts
 * ---------------------------------------------------------------------------------------------------------
 */

static json_t *digest(const struct cb_dataset *d)
{
    char hex[CB_SHA256_HEX];
    struct cb_err ignored; /* want of memory, as everywhere here */
    return cb_observations_digest(d, hex, &ignored) == 0 ? json_string(hex) : NULL;
}

static json_t *looks(const struct cb_ds_run *r)
{
    struct object list = list_new();
    for (unsigned i = 0; i < r->nlooks; i++)
        append(&list, json_integer(r->looks[i]));
    return object_take(&list);
}

static json_t *run_object(const struct cb_dataset *d)
{
    const struct cb_ds_run *r = &d->run;
    struct object o = object_new();
    set(&o, "id", text(r->id));
    set(&o, "started", text(r->started));
    set(&o, "seed", seed(r->seed));
    set(&o, "blocks", json_integer((json_int_t)d->nblocks));
    set(&o, "blocks_planned", json_integer(r->blocks));
    set(&o, "blocks_void", json_integer(cb_voids(d).voided));
    set(&o, "unfit", json_boolean(cb_voids(d).unfit));
    set(&o, "stopped", text(r->stopped));
    set(&o, "target", r->target > 0 ? number(r->target) : json_null());
    set(&o, "looks", looks(r));
    set(&o, "quick", json_boolean(r->quick));
    set(&o, "complete", json_boolean(r->complete));
    set(&o, "version", text(r->version));
    set(&o, "agent_sha256", text(r->agent_sha256));
    set(&o, "wall_s", number(r->wall_s));
    set(&o, "measuring_s", number(r->measuring_s));
    set(&o, "observations_sha256", digest(d));
    return object_take(&o);
}

/* Facts are text; the yes-or-no ones of the host are booleans in the contract. */
static json_t *host_value(const char *value)
{
    bool yes = !strcmp(value, "true"), no = !strcmp(value, "false");
    return yes || no ? json_boolean(yes) : text(value);
}

static json_t *host_object(const struct cb_kvs *facts)
{
    struct object o = object_new();
    for (size_t i = 0; i < facts->n; i++)
        set_fact(&o, facts->at[i].key, host_value(facts->at[i].value));
    return object_take(&o);
}

static json_t *arm_facts(const struct cb_kvs *facts)
{
    struct object o = object_new();
    for (size_t i = 0; i < facts->n; i++)
        set_fact(&o, facts->at[i].key, text(facts->at[i].value));
    /* The contract's name of what the agent calls clock.source. */
    const char *clock = cb_kv_get(facts, "clock.source", NULL);
    if (clock && !cb_kv_get(facts, "clocksource", NULL))
        set(&o, "clocksource", text(clock));
    return object_take(&o);
}

static json_t *arm_object(const struct cb_ds_arm *a, enum cb_role role)
{
    struct object o = object_new();
    set(&o, "name", text(a->name));
    set(&o, "role", json_string(cb_role_name(role)));
    set(&o, "runner", text(a->runner));
    set(&o, "status", text(a->status));
    set(&o, "reason", text(a->reason));
    set(&o, "accelerator", text(a->accelerator));
    set(&o, "agent_sha256", text(a->agent_sha256));
    set(&o, "facts", arm_facts(&a->facts));
    return object_take(&o);
}

static json_t *param_value(const char *value)
{
    uint64_t v;
    struct cb_err ignored;
    bool number_like = cb_parse_u64(value, 0, INT64_MAX, &v, &ignored) == 0;
    return number_like ? json_integer((json_int_t)v) : text(value);
}

/* "size=65536,op=copy" -> {"size": 65536, "op": "copy"} */
static json_t *params_object(const char *params)
{
    struct object o = object_new();
    char *copy = strdup(params), *rest = copy, *item;
    if (!copy)
        o.failed = true;
    while (rest && (item = strsep(&rest, ","))) {
        char *value = strchr(item, '=');
        if (!value)
            continue;
        *value++ = '\0';
        set_fact(&o, item, param_value(value));
    }
    free(copy);
    return object_take(&o);
}

static json_t *with_void(const struct cb_row *r)
{
    struct object o = object_new();
    set(&o, "ratio", number(r->ratio_all));
    set(&o, "ci95", pair(r->ci95_all));
    set(&o, "n", json_integer(r->n_all));
    return object_take(&o);
}

static json_t *metric_object(const struct cb_dataset *d, const struct cb_row *r)
{
    const double own[2] = {r->value_lo, r->value_hi};
    struct object o = object_new();
    set(&o, "name", text(r->metric->name));
    set(&o, "params", params_object(r->case_->params));
    set(&o, "unit", text(r->metric->how.unit));
    set(&o, "better", json_string(cb_better_name(r->metric->how.better)));
    set(&o, "revision", json_integer(r->case_->revision));
    set(&o, "arm", text(d->arms[r->arm].name));
    set(&o, "baseline", text(d->arms[d->run.baseline].name));
    set(&o, "value", number(r->value));
    set(&o, "value_ci95", pair(own));
    set(&o, "baseline_value", number(r->baseline_value));
    set(&o, "ratio", number(r->ratio));
    set(&o, "ci90", pair(r->ci90));
    set(&o, "ci95", pair(r->ci95));
    set(&o, "ci95_level", number(r->ci_level));
    set(&o, "n", json_integer(r->n));
    set(&o, "voided", json_integer(r->voided));
    set(&o, "with_void", with_void(r));
    set(&o, "noise_floor", number(r->noise_floor));
    set(&o, "within_noise", json_boolean(r->within_noise));
    set(&o, "mde", number(r->mde));
    set(&o, "outcome", text(r->outcome));
    set(&o, "reason", text(r->reason));
    return object_take(&o);
}

/* --- lists
 * ---------------------------------------------------------------------------------------------------------
 */

static json_t *arms_list(const struct cb_dataset *d)
{
    struct object list = list_new();
    for (size_t i = 0; i < d->narms; i++)
        append(&list, arm_object(&d->arms[i], cb_dataset_role(d, (unsigned)i)));
    return object_take(&list);
}

/* The rows of the positive control, or all others: what it costs to be slowed on purpose is no result. */
static json_t *metrics_list(const struct cb_dataset *d, const struct cb_rows *rows, bool control)
{
    struct object list = list_new();
    for (size_t i = 0; i < rows->n; i++)
        if ((cb_dataset_role(d, rows->at[i].arm) == CB_ROLE_CONTROL) == control)
            append(&list, metric_object(d, &rows->at[i]));
    return object_take(&list);
}

static json_t *control_object(const struct cb_dataset *d, const struct cb_rows *rows)
{
    struct cb_control control;
    if (!cb_control(d, rows, &control))
        return json_null();
    struct object o = object_new();
    set(&o, "arm", text(d->arms[control.arm].name));
    set(&o, "slowdown", number(control.slowdown));
    set(&o, "seen", json_integer(control.seen));
    set(&o, "of", json_integer(control.of));
    set(&o, "metrics", metrics_list(d, rows, true));
    return object_take(&o);
}

/* By how much a counter grew; a state, or how it changed. */
static json_t *evidence_value(const struct cb_ds_evidence *e)
{
    enum cb_noise_kind kind;
    struct cb_err ignored;
    uint64_t before, after;
    if (cb_noise_kind(e->key, &kind) && kind == CB_NOISE_COUNTER &&
        cb_parse_u64(e->before, 0, INT64_MAX, &before, &ignored) == 0 &&
        cb_parse_u64(e->after, 0, INT64_MAX, &after, &ignored) == 0)
        return json_integer((json_int_t)after - (json_int_t)before);
    if (!strcmp(e->before, e->after))
        return text(e->before);
    CB_AUTOBUF struct cb_buf change = {0};
    cb_buf_printf(&change, "%s -> %s", e->before, e->after);
    return cb_buf_ok(&change) ? text(cb_buf_str(&change)) : NULL;
}

/* Of the machine around the whole block; that of the arms is in the store. *at is the block's first piece of
 * evidence, and ends up behind its last one. */
static json_t *block_noise(const struct cb_dataset *d, size_t block, size_t *at)
{
    struct object o = object_new();
    for (; *at < d->nevidence && d->evidence[*at].block == block; ++*at)
        if (d->evidence[*at].arm < 0)
            set_fact(&o, d->evidence[*at].key, evidence_value(&d->evidence[*at]));
    return object_take(&o);
}

static json_t *blocks_list(const struct cb_dataset *d)
{
    struct object list = list_new();
    size_t at = 0;
    for (size_t b = 0; b < d->nblocks; b++) {
        struct object o = object_new();
        set(&o, "begin_ns", json_integer((json_int_t)d->blocks[b].begin_ns));
        set(&o, "end_ns", json_integer((json_int_t)d->blocks[b].end_ns));
        set(&o, "void_reason", text(d->blocks[b].void_reason));
        set(&o, "noise", block_noise(d, b, &at));
        append(&list, object_take(&o));
    }
    return object_take(&list);
}

static json_t *notes_list(const struct cb_notes *notes)
{
    struct object list = list_new();
    for (size_t i = 0; i < notes->n; i++)
        append(&list, text(notes->at[i]));
    return object_take(&list);
}

static int add_bytes(const char *bytes, size_t n, void *out)
{
    cb_buf_add(out, bytes, n);
    return cb_buf_ok(out) ? 0 : -1;
}

int cb_export_run_json(const struct cb_dataset *d, const struct cb_rows *rows, const struct cb_notes *notes,
                       struct cb_buf *out, struct cb_err *err)
{
    struct object o = object_new();
    set(&o, "schema", json_integer(SCHEMA));
    set(&o, "run", run_object(d));
    set(&o, "host", host_object(&d->run.host));
    set(&o, "notes", notes_list(notes));
    set(&o, "arms", arms_list(d));
    set(&o, "blocks", blocks_list(d));
    set(&o, "metrics", metrics_list(d, rows, false));
    set(&o, "control", control_object(d, rows));
    set(&o, "verdicts", json_array());
    json_t *json = object_take(&o);
    bool ok = json && json_dump_callback(json, add_bytes, out, JSON_INDENT(1)) == 0;
    json_decref(json);
    cb_buf_puts(out, "\n");
    return ok && cb_buf_ok(out) ? 0 : cb_fail(err, CB_ESYS, "run.json: out of memory");
}
