#include "runners/lifecycle/fleet.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/clock.h"

/* How often a wait looks at the stop flag. */
#define STOP_POLL_NS (100 * CB_NS_PER_MS)

static int check_stop(const struct cb_life *l, struct cb_err *err)
{
    return l->stop && *l->stop ? cb_fail(err, CB_EINTR, "interrupted") : 0;
}

int cb_fleet_open(struct cb_fleet *f, const struct cb_life *l, unsigned slot, unsigned max,
                  struct cb_err *err)
{
    *f = (struct cb_fleet){.life = l, .slot = slot, .max = max};
    f->at = reallocarray(NULL, max, sizeof *f->at);
    if (!f->at)
        return cb_fail_sys(err, ENOMEM, "%u instances", max);
    memset(f->at, 1, max * sizeof *f->at); /* touched now: some look at what memory is taken from here on */
    return 0;
}

int cb_fleet_prepare(struct cb_fleet *f, struct cb_err *err)
{
    const struct cb_life *l = f->life;
    unsigned i = f->n;
    assert(i < f->max);
    if (check_stop(l, err) < 0)
        return -1;
    f->n++; /* also what fails half way has to be taken down */
    return cb_instance_prepare(&f->at[i], l->arm, l->site, f->slot + i, err);
}

int cb_fleet_prepare_all(struct cb_fleet *f, struct cb_err *err)
{
    while (f->n < f->max)
        if (cb_fleet_prepare(f, err) < 0)
            return -1;
    return 0;
}

int cb_fleet_up(struct cb_fleet *f, struct cb_err *err)
{
    assert(f->up < f->n);
    if (check_stop(f->life, err) < 0)
        return -1;
    return cb_instance_up(&f->at[f->up++], f->life->stop, err);
}

void cb_fleet_down(struct cb_fleet *f)
{
    while (f->n > 0)
        cb_instance_stop(&f->at[--f->n]);
    free(f->at);
    f->at = NULL;
}

unsigned cb_fleet_max(void)
{
    return CB_FABRIC_SLOTS - CB_LIFE_SLOT;
}

int cb_life_sleep(const struct cb_life *l, uint64_t ns, struct cb_err *err)
{
    uint64_t end = cb_deadline_in(ns), left;
    while ((left = cb_deadline_remaining_ns(end)) > 0) {
        if (check_stop(l, err) < 0)
            return -1;
        cb_sleep_ns(left < STOP_POLL_NS ? left : STOP_POLL_NS);
    }
    return check_stop(l, err);
}
