#include "runners/noise.h"

#include <limits.h>
#include <unistd.h>

#include "bench/base/io.h"
#include "runners/armgroup.h"

struct dirs {
    char cpu[PATH_MAX], memory[PATH_MAX], procs[PATH_MAX];
};

static bool has_file(const char *dir, const char *file)
{
    char path[PATH_MAX];
    struct cb_err ignored;
    return cb_path(path, sizeof path, &ignored, "%s/%s", dir, file) == 0 && access(path, R_OK) == 0;
}

/* On v2 every group counts CPU time. On v1 arms have no group of their own for that controller: they run in
 * that of cbench, whose limits, and those of the groups above it, hold for them. */
static const char *cpu_dir(const char *arm, char *own, size_t cap)
{
    if (arm && has_file(arm, "cpu.stat"))
        return arm;
    return cb_cgroup_own_dir("cpu", own, cap) == 0 ? own : NULL;
}

static void find_group(const struct cb_env *env, struct dirs *d, struct cb_noise_place *place)
{
    char name[128];
    struct cb_err ignored;
    if (cb_armgroup_name(env, name, sizeof name, &ignored) < 0)
        return;
    if (cb_cgroup_dir(name, "memory", d->memory, sizeof d->memory) == 0)
        place->group_memory = d->memory;
    if (cb_cgroup_dir(name, "cpuset", d->procs, sizeof d->procs) == 0)
        place->group_procs = d->procs;
    place->group_cpu = cpu_dir(place->group_procs, d->cpu, sizeof d->cpu);
}

void cb_noise_host(const struct cb_site *site, const struct cb_env *env, struct cb_noise *out)
{
    struct cb_noise_place place = {.root = "", .cpus = site->topo.sut, .ncpus = site->topo.nsut};
    struct dirs d;
    if (env)
        find_group(env, &d, &place);
    cb_noise_read(&place, out);
}
