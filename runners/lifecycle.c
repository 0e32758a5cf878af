#include "runners/lifecycle.h"

#include <string.h>

const struct cb_lifecycle cb_lifecycles[] = {
#define CB_LIFECYCLE(name, at, function) {.bench = (name), .when = (at), .measure = (function)},
#include "runners/lifecycle.def"
#undef CB_LIFECYCLE
    {.bench = NULL},
};

const struct cb_lifecycle *cb_lifecycle_find(const char *bench)
{
    for (const struct cb_lifecycle *l = cb_lifecycles; l->bench; l++)
        if (strcmp(l->bench, bench) == 0)
            return l;
    return NULL;
}

void cb_life_sample(struct cb_life *l, const struct cb_sample *s)
{
    struct cb_batch b = {.sample = *s, .agent_ns = s->wall_ns, .host_ns = s->wall_ns};
    b.sample.seq = l->seq++;
    l->keep(l->arg, &b);
}

uint64_t cb_life_param(const struct cb_case *c, const char *name)
{
    struct cb_run run = {.bench = c->bench};
    struct cb_err ignored; /* the plan has parsed it before */
    (void)cb_params_parse(c->bench, c->params, run.param, &ignored);
    return cb_run_param(&run, name);
}
