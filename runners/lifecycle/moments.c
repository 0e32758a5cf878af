/* The moments of the block's own instance: stamped while it starts and ends, they cost nothing more. */
#include <string.h>

#include "runners/lifecycle.h"

static void deliver(struct cb_life *l, uint64_t from, uint64_t to)
{
    cb_life_sample(l, &(struct cb_sample){.iters = 1, .wall_ns = to - from});
}

/* Why a moment was not seen. */
static const char *absence(const char *moment)
{
    static const struct {
        const char *moment, *why;
    } rows[] = {
        {"api", "what makes an instance of this arm does not tell when it has"},
        {"vmm", "no process of an emulator of ours: this arm has none, or a daemon has it"},
        {"init", "what happens inside before the agent speaks is not seen from outside"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].moment, moment) == 0)
            return rows[i].why;
    return "it did not come to that";
}

/* Benchmarks of a start are named after their moments: "start.total". */
int cb_life_moment(struct cb_life *l, const struct cb_case *c, struct cb_err *err)
{
    const struct cb_env *env = &l->in->env;
    const char *moment = strchr(c->bench->name, '.') + 1;
    uint64_t at = cb_env_moment(env, moment);
    if (!cb_env_moment(env, "total"))
        return cb_fail(err, CB_ESYS, "the agent never answered");
    if (!at)
        return cb_fail(err, CB_EMISSING, "%s", absence(moment));
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
