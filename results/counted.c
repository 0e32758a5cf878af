#include "results/counted.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench/base/units.h"

/* By the names of runners/counted.c. */
static const struct counter {
    const char *name, *unit, *who;
    double surplus; /* share by which it may be more than was claimed; negative: any */
    uint64_t extra; /* and so much more whatever was claimed */
} counters[] = {
    {"disk_read", "bytes", "device", CB_COUNTED_TOLERANCE, CB_COUNTED_EXTRA},
    {"disk_write", "bytes", "device", CB_COUNTED_TOLERANCE, CB_COUNTED_EXTRA},
    {"flush", "flushes", "device", -1, 0}, /* a commit may take more than one */
    {"link_out", "bytes", "link", CB_COUNTED_HEADERS, CB_COUNTED_EXTRA},
    {"link_in", "bytes", "link", CB_COUNTED_HEADERS, CB_COUNTED_EXTRA},
};

static const struct counter *find_counter(const char *name)
{
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        if (!strcmp(counters[i].name, name))
            return &counters[i];
    return NULL;
}

/* The counter of a result and by how much it grew; NULL where there is none. */
static const struct counter *counted(const struct cb_dataset *d, const struct cb_ds_result *r, unsigned *each,
                                     uint64_t *grown)
{
    for (size_t i = 0; i < d->nevidence; i++) {
        const struct cb_ds_evidence *e = &d->evidence[i];
        unsigned case_index;
        char name[16];
        uint64_t before, after;
        struct cb_err ignored;
        if (e->block != r->block || e->arm != (int)r->arm || e->inside ||
            sscanf(e->key, "counted.%u.%15[a-z_].%u", &case_index, name, each) != 3 ||
            case_index != r->case_index)
            continue;
        if (cb_parse_u64(e->before, 0, UINT64_MAX, &before, &ignored) < 0 ||
            cb_parse_u64(e->after, before, UINT64_MAX, &after, &ignored) < 0)
            return NULL;
        *grown = after - before;
        return find_counter(name);
    }
    return NULL;
}

/* Warm-up moves bytes like any other batch. */
static uint64_t claimed(const struct cb_ds_result *r, unsigned each)
{
    uint64_t work = 0;
    for (size_t i = 0; i < r->nsamples; i++)
        work += r->samples[i].s.work;
    return work * each;
}

bool cb_counted_otherwise(const struct cb_dataset *d, const struct cb_ds_result *r, char *reason, size_t cap)
{
    unsigned each;
    uint64_t grown;
    const struct counter *c = counted(d, r, &each, &grown);
    if (!c)
        return false;
    uint64_t claim = claimed(r, each);
    double want = (double)claim, got = (double)grown;
    bool less = got < want * (1 - CB_COUNTED_TOLERANCE);
    bool more = c->surplus >= 0 && got > want * (1 + c->surplus) + (double)c->extra;
    if (!less && !more)
        return false;
    snprintf(reason, cap, "invalid: %" PRIu64 " %s claimed, %s counted %" PRIu64, claim, c->unit, c->who,
             grown);
    return true;
}
