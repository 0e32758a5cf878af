/* How many instances the machine holds: one more is started until starts become slow or memory scarce. Two
 * limits keep the machine usable, the memory floor and the case's own maximum, and an end by either says so
 * in the arm's facts. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/base/clock.h"
#include "runners/lifecycle/fleet.h"
#include "runners/processes.h"

#define SINGLES 3 /* starts of one instance alone, whose median is what the others are held against */
#define SLOWER  5
/* As the 99th percentile: one start in a hundred may be slower, and a first one always. */
#define SLOW_SHARE  100
#define FLOOR_PARTS 10 /* a tenth of the memory stays available */
#define BUDGET_NS   (120 * CB_NS_PER_S)

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int start_one(struct cb_fleet *f, struct cb_err *err)
{
    return cb_fleet_prepare(f, err) < 0 ? -1 : cb_fleet_up(f, err);
}

/* Of an instance that has the machine to itself. */
static int single_start(struct cb_life *l, uint64_t *ns, struct cb_err *err)
{
    uint64_t took[SINGLES] = {0};
    int got = 0;
    for (unsigned i = 0; i < SINGLES && got == 0; i++) {
        struct cb_fleet one;
        got = cb_fleet_open(&one, l, CB_LIFE_SLOT, 1, err) < 0 ? -1 : start_one(&one, err);
        took[i] = got == 0 ? one.at[0].start_ns : 0;
        cb_fleet_down(&one);
    }
    qsort(took, SINGLES, sizeof *took, compare_u64);
    *ns = took[SINGLES / 2];
    return got;
}

struct ramp {
    struct cb_fleet fleet;
    uint64_t single_ns, deadline;
    unsigned running, slow; /* of them, those that started slowly */
    char stopped[256];      /* why there shall be no further one; "" while there may be */
};

static const char *enough(const struct ramp *r)
{
    if (r->running == r->fleet.max)
        return "as many as were asked for";
    if (r->slow > 1 + r->running / SLOW_SHARE)
        return "starts take five times as long";
    if (cb_memory_available() < r->fleet.life->site->topo.memory / FLOOR_PARTS)
        return "a tenth of the memory is left";
    return cb_deadline_remaining_ns(r->deadline) ? "" : "its time is over";
}

/* A start that fails is a limit like the others: of descriptors, of processes, of a bridge's ports. */
static int climb(struct ramp *r, struct cb_err *err)
{
    for (;;) {
        snprintf(r->stopped, sizeof r->stopped, "%s", enough(r));
        if (r->stopped[0])
            return 0;
        if (start_one(&r->fleet, err) < 0)
            break;
        r->slow += r->fleet.at[r->running++].start_ns > SLOWER * r->single_ns;
    }
    snprintf(r->stopped, sizeof r->stopped, "%.250s", err->msg);
    return err->code == CB_EINTR || r->running < 2 ? -1 : 0;
}

int cb_life_density(struct cb_life *l, const struct cb_case *c, struct cb_err *err)
{
    uint64_t asked = cb_life_param(c, "max");
    unsigned max = asked < cb_fleet_max() ? (unsigned)asked : cb_fleet_max();
    struct ramp r = {.deadline = cb_deadline_in(BUDGET_NS)};
    if (single_start(l, &r.single_ns, err) < 0)
        return -1;
    int got = cb_fleet_open(&r.fleet, l, CB_LIFE_SLOT, max, err) < 0 ? -1 : climb(&r, err);
    cb_fleet_down(&r.fleet);
    if (got < 0)
        return -1;
    cb_env_fact(&l->in->env, "density.stopped", "at %u: %s", r.running, r.stopped);
    cb_life_sample(l, &(struct cb_sample){.iters = 1, .work = r.running, .wall_ns = r.single_ns});
    return 0;
}
