/* The moments of the block's own instance: stamped while it starts and ends, they cost nothing more. */
#include <string.h>

#include "runners/lifecycle.h"

static void deliver(struct cb_life *l, uint64_t from, uint64_t to)
{
    cb_life_sample(l, &(struct cb_sample){.iters = 1, .wall_ns = to - from});
}

/* Benchmarks of a start are named after their moments: "start.total". */
int cb_life_moment(struct cb_life *l, const struct cb_case *c, struct cb_err *err)
{
    const struct cb_env *env = &l->in->env;
    uint64_t at = cb_env_moment(env, strchr(c->bench->name, '.') + 1);
    if (!cb_env_moment(env, "total"))
        return cb_fail(err, CB_ESYS, "the agent never answered");
    if (!at)
        return cb_fail(err, CB_EMISSING, "nothing in this arm's start is that");
    deliver(l, cb_env_moment(env, "begin"), at);
    return 0;
}

/* From the request until nothing is left of what the start made. */
int cb_life_stop(struct cb_life *l, const struct cb_case *c, struct cb_err *err)
{
    const struct cb_env *env = &l->in->env;
    (void)c;
    if (!cb_env_moment(env, "total"))
        return cb_fail(err, CB_ESYS, "there was nothing to stop");
    deliver(l, cb_env_moment(env, "end"), cb_env_moment(env, "gone"));
    return 0;
}
