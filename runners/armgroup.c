#include "runners/armgroup.h"

#include "bench/base/io.h"

int cb_armgroup_name(const struct cb_env *env, char *out, size_t cap, struct cb_err *err)
{
    return cb_path(out, cap, err, "cbench-%s/%s", env->site->run_id, env->name);
}

struct cb_limits cb_armgroup_limits(const struct cb_env *env, uint64_t memory)
{
    const struct cb_topology *topo = &env->site->topo;
    return (struct cb_limits){
        .memory = memory,
        .cpus = topo->sut,
        .ncpus = topo->nsut,
        .numa_node = topo->numa_node,
    };
}

int cb_armgroup_create(const struct cb_env *env, const struct cb_limits *limits, struct cb_cgroup **out,
                       struct cb_err *err)
{
    char name[128];
    if (cb_armgroup_name(env, name, sizeof name, err) < 0)
        return -1;
    return cb_cgroup_create(name, limits, out, err);
}

int cb_armgroup_try(struct cb_env *env, uint64_t memory, const char *instead, struct cb_cgroup **out,
                    struct cb_err *err)
{
    const struct cb_limits limits = cb_armgroup_limits(env, memory);
    *out = NULL;
    if (cb_cgroup_init(err) == 0 && cb_armgroup_create(env, &limits, out, err) == 0) {
        cb_armgroup_facts(env);
        return 0;
    }
    if (err->code != CB_EMISSING)
        return -1;
    cb_env_fact(env, "cgroup.version", "none: %s%s", err->msg, instead);
    return 0;
}

void cb_armgroup_facts(struct cb_env *env)
{
    char have[64], missing[64];
    cb_cgroup_controllers(have, sizeof have, missing, sizeof missing);
    cb_env_fact(env, "cgroup.version", "%s", cb_cgroup_version());
    cb_env_fact(env, "cgroup.controllers", "%s", have);
    if (missing[0])
        cb_env_fact(env, "cgroup.missing", "%s", missing);
}
