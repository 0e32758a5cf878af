/* Memory of one idle instance more: all are provisioned, then 1, 2, 4, ... of them run, and what is in use is
 * read after each step. The slope over the steps is that of an instance; what they share, and what the
 * machine uses besides, does not change it. */
#include <limits.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "runners/armgroup.h"
#include "runners/lifecycle/fleet.h"
#include "runners/processes.h"

/* A step is read this long after its last start: pages of processes that ended are free by then. */
#define SETTLE_NS (100 * CB_NS_PER_MS)
/* Instances that would take longer than this to start and to stop are left out, but for two. */
#define BUDGET_NS (4 * CB_NS_PER_S)
/* No more are started when less than a quarter of the machine's memory is available. */
#define FLOOR_PARTS   4
#define PROCESSES_MAX 64

enum view { VIEW_AVAILABLE, VIEW_PSS, VIEW_CGROUP }; /* in the order of the parameter's choices */

static uint64_t pss_of(const struct cb_env *env)
{
    pid_t pids[PROCESSES_MAX];
    unsigned n = cb_processes(env, pids, PROCESSES_MAX);
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += cb_process_pss(pids[i]);
    return sum;
}

/* What the group is charged with; 0 where there is none. */
static uint64_t charge_of(const struct cb_env *env)
{
    char name[128], dir[PATH_MAX], path[PATH_MAX];
    struct cb_err ignored;
    uint64_t bytes;
    if (cb_armgroup_name(env, name, sizeof name, &ignored) < 0 ||
        cb_cgroup_dir(name, "memory", dir, sizeof dir) < 0)
        return 0;
    static const char *const files[] = {"memory.current", "memory.usage_in_bytes"}; /* v2, v1 */
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (cb_path(path, sizeof path, &ignored, "%s/%s", dir, files[i]) == 0 &&
            cb_read_u64(path, &bytes) == 0)
            return bytes;
    return 0;
}

static uint64_t bytes_in_use(const struct cb_fleet *f, enum view view, uint64_t memory)
{
    uint64_t sum = 0;
    if (view == VIEW_AVAILABLE)
        return memory - cb_memory_available();
    for (unsigned i = 0; i < f->up; i++)
        sum += view == VIEW_PSS ? pss_of(&f->at[i].env) : charge_of(&f->at[i].env);
    return sum;
}

/* The largest power of two of instances that the case asks for and its time is enough for. */
static unsigned how_many(const struct cb_life *l, const struct cb_case *c)
{
    uint64_t each = l->in->start_ns + l->in->stop_ns, most = cb_life_param(c, "max");
    unsigned n = 2;
    if (most > cb_fleet_max())
        most = cb_fleet_max();
    while (2 * n <= most && 2 * n * each <= BUDGET_NS)
        n *= 2;
    return n;
}

static int climb(struct cb_life *l, struct cb_fleet *f, enum view view, struct cb_err *err)
{
    const uint64_t memory = l->site->topo.memory;
    for (unsigned step = 1; step <= f->max; step *= 2) {
        while (f->up < step) {
            if (cb_memory_available() < memory / FLOOR_PARTS)
                return f->up > 2
                           ? 0
                           : cb_fail(err, CB_EMISSING, "less than a quarter of the memory is available");
            if (cb_fleet_up(f, err) < 0)
                return -1;
        }
        if (cb_life_sleep(l, SETTLE_NS, err) < 0)
            return -1;
        uint64_t bytes = bytes_in_use(f, view, memory);
        if (bytes == 0)
            return cb_fail(err, CB_EMISSING, "this arm's instances have no group that counts their memory");
        cb_life_sample(l, &(struct cb_sample){.iters = step, .work = bytes, .wall_ns = SETTLE_NS});
    }
    return 0;
}

int cb_life_memory(struct cb_life *l, const struct cb_case *c, struct cb_err *err)
{
    enum view view = (enum view)cb_life_param(c, "view");
    struct cb_fleet fleet;
    if (view == VIEW_CGROUP && l->arm->runner->group_is_late)
        return cb_fail(err, CB_EMISSING, "%s", l->arm->runner->group_is_late);
    int got = cb_fleet_open(&fleet, l, CB_LIFE_SLOT, how_many(l, c), err);
    if (got == 0)
        got = cb_fleet_prepare_all(&fleet, err);
    if (got == 0)
        got = climb(l, &fleet, view, err);
    cb_fleet_down(&fleet);
    return got;
}
