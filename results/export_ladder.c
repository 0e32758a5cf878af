/* "ladders" of run.json. */
#include "results/export_json.h"

static json_t *step_object(const struct cb_dataset *d, const char *label, bool side, const struct cb_row *r)
{
    struct cb_json o = cb_json_object();
    cb_json_set(&o, "name", cb_json_text(label));
    cb_json_set(&o, "arm", cb_json_text(d->arms[r->arm].name));
    cb_json_set(&o, "base", cb_json_text(d->arms[r->base].name));
    cb_json_set(&o, "side", json_boolean(side));
    cb_json_set(&o, "ratio", cb_json_number(r->ratio));
    cb_json_set(&o, "ci95", cb_json_pair(r->ci95));
    cb_json_set(&o, "ci95_level", cb_json_number(r->ci_level));
    cb_json_set(&o, "distinguishable", json_boolean(cb_distinguishable(r)));
    cb_json_set(&o, "within_noise", json_boolean(r->within_noise));
    cb_json_set(&o, "mde", cb_json_number(r->mde));
    cb_json_set(&o, "n", json_integer(r->n));
    cb_json_set(&o, "outcome", cb_json_text(r->outcome));
    cb_json_set(&o, "reason", cb_json_text(r->reason));
    return cb_json_take(&o);
}

static json_t *metric_object(const struct cb_dataset *d, const struct cb_ladder *l)
{
    struct cb_json o = cb_json_object(), steps = cb_json_list();
    for (size_t i = 0; i < l->nsteps; i++)
        cb_json_append(&steps, step_object(d, l->steps[i].label, l->steps[i].side, &l->steps[i].row));
    cb_json_set(&o, "name", cb_json_text(l->total.metric->name));
    cb_json_set(&o, "params", cb_json_params(l->total.case_->params));
    cb_json_set(&o, "steps", cb_json_take(&steps));
    cb_json_set(&o, "total", step_object(d, "total", false, &l->total));
    cb_json_set(&o, "sum", cb_json_number(l->sum));
    cb_json_set(&o, "adds_up", json_boolean(l->adds_up));
    return cb_json_take(&o);
}

json_t *cb_json_ladders(const struct cb_dataset *d, const struct cb_ladders *l)
{
    struct cb_json list = cb_json_list();
    for (size_t i = 0; i < l->n;) {
        const struct cb_ds_step *chain = l->at[i].planned;
        struct cb_json o = cb_json_object(), metrics = cb_json_list();
        for (; i < l->n && l->at[i].planned == chain; i++)
            cb_json_append(&metrics, metric_object(d, &l->at[i]));
        cb_json_set(&o, "name", cb_json_text(chain->ladder));
        cb_json_set(&o, "chain", cb_json_text(chain->chain));
        cb_json_set(&o, "metrics", cb_json_take(&metrics));
        cb_json_append(&list, cb_json_take(&o));
    }
    return cb_json_take(&list);
}
