#include "runners/armgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/buf.h"
#include "bench/base/cleanup.h"
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

int cb_armgroup_prepare(const struct cb_env *env, const struct cb_limits *limits, struct cb_cgroup **out,
                        struct cb_err *err)
{
    char name[128];
    return cb_armgroup_name(env, name, sizeof name, err) < 0 ? -1 : cb_cgroup_prepare(name, limits, out, err);
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

void cb_armgroup_last_words(const struct cb_env *env, char *out, size_t cap)
{
    static const char *const files[] = {"memory.events", "memory.oom_control"}; /* of v2, of v1 */
    char group[128], dir[256];
    struct cb_err ignored;
    size_t used = strlen(out);
    if (cb_armgroup_name(env, group, sizeof group, &ignored) < 0 ||
        cb_cgroup_dir(group, "memory", dir, sizeof dir) != 0)
        return;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        CB_AUTOBUF struct cb_buf text = {0};
        char path[300];
        const char *kills = NULL;
        if (cb_path(path, sizeof path, &ignored, "%s/%s", dir, files[i]) == 0 &&
            cb_read_file(AT_FDCWD, path, 4096, &text, &ignored) == 0)
            kills = strstr(cb_buf_str(&text), "oom_kill ");
        if (kills && atoi(kills + strlen("oom_kill ")) > 0)
            snprintf(out + used, cap - used, "the kernel killed for memory in its group\n");
    }
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
