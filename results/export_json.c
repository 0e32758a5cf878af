/* run.json. */
#include <stdlib.h>
#include <string.h>

#include "bench/base/noise.h"
#include "bench/base/units.h"
#include "results/control.h"
#include "results/digest.h"
#include "results/export.h"
#include "results/export_json.h"
#include "results/text.h"
#include "results/void.h"

#define SCHEMA 1

/* A key of a guest. The first one stays; what the runner says from outside under the same name is told apart.
 */
static void set_fact(struct cb_json *o, const char *key, json_t *value)
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
    cb_json_set(o, cb_buf_str(&name), value);
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
    struct cb_json list = cb_json_list();
    for (unsigned i = 0; i < r->nlooks; i++)
        cb_json_append(&list, json_integer(r->looks[i]));
    return cb_json_take(&list);
}

static json_t *spent(const struct cb_dataset *d)
{
    struct cb_spent s = cb_dataset_spent(d);
    struct cb_json o = cb_json_object();
    cb_json_set(&o, "measuring", cb_json_number(s.measuring));
    cb_json_set(&o, "starting", cb_json_number(s.starting));
    cb_json_set(&o, "stopping", cb_json_number(s.stopping));
    cb_json_set(&o, "calibrating", cb_json_number(s.calibrating));
    cb_json_set(&o, "rest", cb_json_number(s.rest));
    return cb_json_take(&o);
}

static json_t *run_object(const struct cb_dataset *d)
{
    const struct cb_ds_run *r = &d->run;
    struct cb_json o = cb_json_object();
    cb_json_set(&o, "id", cb_json_text(r->id));
    cb_json_set(&o, "started", cb_json_text(r->started));
    cb_json_set(&o, "seed", cb_json_u64(r->seed));
    cb_json_set(&o, "blocks", json_integer((json_int_t)d->nblocks));
    cb_json_set(&o, "blocks_planned", json_integer(r->blocks));
    cb_json_set(&o, "blocks_void", json_integer(cb_voids(d).voided));
    cb_json_set(&o, "unfit", json_boolean(cb_voids(d).unfit));
    cb_json_set(&o, "stopped", cb_json_text(r->stopped));
    cb_json_set(&o, "target", r->target > 0 ? cb_json_number(r->target) : json_null());
    cb_json_set(&o, "looks", looks(r));
    cb_json_set(&o, "quick", json_boolean(r->quick));
    cb_json_set(&o, "complete", json_boolean(r->complete));
    cb_json_set(&o, "version", cb_json_text(r->version));
    cb_json_set(&o, "agent_sha256", cb_json_text(r->agent_sha256));
    cb_json_set(&o, "wall_s", cb_json_number(r->wall_s));
    cb_json_set(&o, "measuring_s", cb_json_number(r->measuring_s));
    cb_json_set(&o, "spent_s", spent(d));
    cb_json_set(&o, "observations_sha256", digest(d));
    return cb_json_take(&o);
}

/* Facts are text; the yes-or-no ones of the host are booleans in the contract. */
static json_t *host_value(const char *value)
{
    bool yes = !strcmp(value, "true"), no = !strcmp(value, "false");
    return yes || no ? json_boolean(yes) : cb_json_text(value);
}

static json_t *host_object(const struct cb_kvs *facts)
{
    struct cb_json o = cb_json_object();
    for (size_t i = 0; i < facts->n; i++)
        set_fact(&o, facts->at[i].key, host_value(facts->at[i].value));
    return cb_json_take(&o);
}

static json_t *arm_facts(const struct cb_kvs *facts)
{
    struct cb_json o = cb_json_object();
    for (size_t i = 0; i < facts->n; i++)
        set_fact(&o, facts->at[i].key, cb_json_text(facts->at[i].value));
    /* The contract's name of what the agent calls clock.source. */
    const char *clock = cb_kv_get(facts, "clock.source", NULL);
    if (clock && !cb_kv_get(facts, "clocksource", NULL))
        cb_json_set(&o, "clocksource", cb_json_text(clock));
    return cb_json_take(&o);
}

static json_t *arm_object(const struct cb_ds_arm *a, enum cb_role role)
{
    struct cb_json o = cb_json_object();
    cb_json_set(&o, "name", cb_json_text(a->name));
    cb_json_set(&o, "role", json_string(cb_role_name(role)));
    cb_json_set(&o, "runner", cb_json_text(a->runner));
    cb_json_set(&o, "status", cb_json_text(a->status));
    cb_json_set(&o, "reason", cb_json_text(a->reason));
    cb_json_set(&o, "accelerator", cb_json_text(a->accelerator));
    cb_json_set(&o, "agent_sha256", cb_json_text(a->agent_sha256));
    cb_json_set(&o, "facts", arm_facts(&a->facts));
    return cb_json_take(&o);
}

static json_t *param_value(const char *value)
{
    uint64_t v;
    struct cb_err ignored;
    bool number_like = cb_parse_u64(value, 0, INT64_MAX, &v, &ignored) == 0;
    return number_like ? json_integer((json_int_t)v) : cb_json_text(value);
}

json_t *cb_json_params(const char *params)
{
    struct cb_json o = cb_json_object();
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
    return cb_json_take(&o);
}

static json_t *with_void(const struct cb_row *r)
{
    struct cb_json o = cb_json_object();
    cb_json_set(&o, "ratio", cb_json_number(r->ratio_all));
    cb_json_set(&o, "ci95", cb_json_pair(r->ci95_all));
    cb_json_set(&o, "n", json_integer(r->n_all));
    return cb_json_take(&o);
}

static json_t *metric_object(const struct cb_dataset *d, const struct cb_row *r)
{
    const double own[2] = {r->value_lo, r->value_hi};
    struct cb_json o = cb_json_object();
    cb_json_set(&o, "name", cb_json_text(r->metric->name));
    cb_json_set(&o, "params", cb_json_params(r->case_->params));
    cb_json_set(&o, "unit", cb_json_text(r->metric->how.unit));
    cb_json_set(&o, "better", json_string(cb_better_name(r->metric->how.better)));
    cb_json_set(&o, "revision", json_integer(r->case_->revision));
    cb_json_set(&o, "arm", cb_json_text(d->arms[r->arm].name));
    cb_json_set(&o, "baseline", cb_json_text(d->arms[d->run.baseline].name));
    cb_json_set(&o, "value", cb_json_number(r->value));
    cb_json_set(&o, "value_ci95", cb_json_pair(own));
    cb_json_set(&o, "baseline_value", cb_json_number(r->baseline_value));
    cb_json_set(&o, "ratio", cb_json_number(r->ratio));
    cb_json_set(&o, "ci90", cb_json_pair(r->ci90));
    cb_json_set(&o, "ci95", cb_json_pair(r->ci95));
    cb_json_set(&o, "ci95_level", cb_json_number(r->ci_level));
    cb_json_set(&o, "n", json_integer(r->n));
    cb_json_set(&o, "voided", json_integer(r->voided));
    cb_json_set(&o, "with_void", with_void(r));
    cb_json_set(&o, "noise_floor", cb_json_number(r->noise_floor));
    cb_json_set(&o, "within_noise", json_boolean(r->within_noise));
    cb_json_set(&o, "mde", cb_json_number(r->mde));
    cb_json_set(&o, "outcome", cb_json_text(r->outcome));
    cb_json_set(&o, "reason", cb_json_text(r->reason));
    return cb_json_take(&o);
}

/* --- lists
 * ---------------------------------------------------------------------------------------------------------
 */

static json_t *arms_list(const struct cb_dataset *d)
{
    struct cb_json list = cb_json_list();
    for (size_t i = 0; i < d->narms; i++)
        cb_json_append(&list, arm_object(&d->arms[i], cb_dataset_role(d, (unsigned)i)));
    return cb_json_take(&list);
}

/* The rows of the positive control, or all others: what it costs to be slowed on purpose is no result. */
static json_t *metrics_list(const struct cb_dataset *d, const struct cb_rows *rows, bool control)
{
    struct cb_json list = cb_json_list();
    for (size_t i = 0; i < rows->n; i++)
        if ((cb_dataset_role(d, rows->at[i].arm) == CB_ROLE_CONTROL) == control)
            cb_json_append(&list, metric_object(d, &rows->at[i]));
    return cb_json_take(&list);
}

static json_t *control_object(const struct cb_dataset *d, const struct cb_rows *rows)
{
    struct cb_control control;
    if (!cb_control(d, rows, &control))
        return json_null();
    struct cb_json o = cb_json_object();
    cb_json_set(&o, "arm", cb_json_text(d->arms[control.arm].name));
    cb_json_set(&o, "slowdown", cb_json_number(control.slowdown));
    cb_json_set(&o, "seen", json_integer(control.seen));
    cb_json_set(&o, "of", json_integer(control.of));
    cb_json_set(&o, "metrics", metrics_list(d, rows, true));
    return cb_json_take(&o);
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
        return cb_json_text(e->before);
    CB_AUTOBUF struct cb_buf change = {0};
    cb_buf_printf(&change, "%s -> %s", e->before, e->after);
    return cb_buf_ok(&change) ? cb_json_text(cb_buf_str(&change)) : NULL;
}

/* Of the machine around the whole block; that of the arms is in the store. *at is the block's first piece of
 * evidence, and ends up behind its last one. */
static json_t *block_noise(const struct cb_dataset *d, size_t block, size_t *at)
{
    struct cb_json o = cb_json_object();
    for (; *at < d->nevidence && d->evidence[*at].block == block; ++*at)
        if (d->evidence[*at].arm < 0)
            set_fact(&o, d->evidence[*at].key, evidence_value(&d->evidence[*at]));
    return cb_json_take(&o);
}

static json_t *blocks_list(const struct cb_dataset *d)
{
    struct cb_json list = cb_json_list();
    size_t at = 0;
    for (size_t b = 0; b < d->nblocks; b++) {
        struct cb_json o = cb_json_object();
        cb_json_set(&o, "begin_ns", json_integer((json_int_t)d->blocks[b].begin_ns));
        cb_json_set(&o, "end_ns", json_integer((json_int_t)d->blocks[b].end_ns));
        cb_json_set(&o, "void_reason", cb_json_text(d->blocks[b].void_reason));
        cb_json_set(&o, "noise", block_noise(d, b, &at));
        cb_json_append(&list, cb_json_take(&o));
    }
    return cb_json_take(&list);
}

static json_t *notes_list(const struct cb_notes *notes)
{
    struct cb_json list = cb_json_list();
    for (size_t i = 0; i < notes->n; i++)
        cb_json_append(&list, cb_json_text(notes->at[i]));
    return cb_json_take(&list);
}

int cb_export_run_json(const struct cb_dataset *d, const struct cb_rows *rows, const struct cb_notes *notes,
                       const struct cb_ladders *ladders, const char *verdicts, struct cb_buf *out,
                       struct cb_err *err)
{
    struct cb_json o = cb_json_object();
    cb_json_set(&o, "schema", json_integer(SCHEMA));
    cb_json_set(&o, "run", run_object(d));
    cb_json_set(&o, "host", host_object(&d->run.host));
    cb_json_set(&o, "notes", notes_list(notes));
    cb_json_set(&o, "arms", arms_list(d));
    cb_json_set(&o, "blocks", blocks_list(d));
    cb_json_set(&o, "metrics", metrics_list(d, rows, false));
    cb_json_set(&o, "control", control_object(d, rows));
    cb_json_set(&o, "ladders", cb_json_ladders(d, ladders));
    cb_json_set(&o, "verdicts", verdicts ? json_loads(verdicts, 0, NULL) : json_array());
    return cb_json_write(cb_json_take(&o), "run.json", out, err);
}
