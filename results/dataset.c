#include "results/dataset.h"

#include <stdlib.h>
#include <string.h>

static const char *const better_names[] = {[CB_LOWER] = "lower", [CB_HIGHER] = "higher"};
static const char *const derive_names[] = {
    [CB_WALL_PER_ITER] = "wall-per-iter",
    [CB_WORK_PER_WALL] = "work-per-wall",
    [CB_HIST_QUANTILE] = "hist-quantile",
    [CB_CPU_PER_ITER] = "cpu-per-iter",
    [CB_CPU_PER_WORK] = "cpu-per-work",
    [CB_PEER_PER_WORK] = "peer-per-work",
    [CB_WORK_PER_ITER] = "work-per-iter",
    [CB_WORK_SLOPE] = "work-slope",
    [CB_FIRST_WALL_PER_ITER] = "first-wall-per-iter",
    [CB_FIRST_WORK_PER_WALL] = "first-work-per-wall",
};

static int index_of(const char *name, const char *const *names, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(name, names[i]))
            return (int)i;
    return -1;
}

const char *cb_better_name(enum cb_better b)
{
    return better_names[b];
}

int cb_better_parse(const char *name, enum cb_better *out)
{
    int i = index_of(name, better_names, sizeof better_names / sizeof *better_names);
    *out = i < 0 ? CB_LOWER : (enum cb_better)i;
    return i < 0 ? -1 : 0;
}

const char *cb_derive_name(enum cb_derive d)
{
    return derive_names[d];
}

int cb_derive_parse(const char *name, enum cb_derive *out)
{
    int i = index_of(name, derive_names, sizeof derive_names / sizeof *derive_names);
    *out = i < 0 ? CB_WALL_PER_ITER : (enum cb_derive)i;
    return i < 0 ? -1 : 0;
}

bool cb_is_cold(const struct cb_ds_metric *m)
{
    return m->how.derive == CB_FIRST_WALL_PER_ITER || m->how.derive == CB_FIRST_WORK_PER_WALL;
}

bool cb_cold_rule(enum cb_derive rule, enum cb_derive *cold)
{
    *cold = rule == CB_WALL_PER_ITER ? CB_FIRST_WALL_PER_ITER : CB_FIRST_WORK_PER_WALL;
    return rule == CB_WALL_PER_ITER || rule == CB_WORK_PER_WALL;
}

static void free_kvs(struct cb_kvs *kvs)
{
    for (size_t i = 0; i < kvs->n; i++) {
        free(kvs->at[i].key);
        free(kvs->at[i].value);
    }
    free(kvs->at);
}

static void free_arms(struct cb_dataset *d)
{
    for (size_t i = 0; i < d->narms; i++) {
        struct cb_ds_arm *a = &d->arms[i];
        free(a->name);
        free(a->runner);
        free(a->status);
        free(a->reason);
        free(a->accelerator);
        free(a->agent_sha256);
        free_kvs(&a->facts);
    }
    free(d->arms);
}

static void free_steps(struct cb_dataset *d)
{
    for (size_t i = 0; i < d->nsteps; i++) {
        free(d->steps[i].ladder);
        free(d->steps[i].chain);
        free(d->steps[i].label);
    }
    free(d->steps);
}

static void free_cases(struct cb_dataset *d)
{
    for (size_t i = 0; i < d->ncases; i++) {
        free(d->cases[i].bench);
        free(d->cases[i].params);
    }
    free(d->cases);
    for (size_t i = 0; i < d->nmetrics; i++) {
        free(d->metrics[i].name);
        free((void *)d->metrics[i].how.quantity);
        free((void *)d->metrics[i].how.unit);
    }
    free(d->metrics);
}

static void free_observations(struct cb_dataset *d)
{
    for (size_t i = 0; i < d->nblocks; i++)
        free(d->blocks[i].void_reason);
    free(d->blocks);
    for (size_t i = 0; i < d->ninstances; i++) {
        free(d->instances[i].outcome);
        free(d->instances[i].reason);
    }
    free(d->instances);
    for (size_t i = 0; i < d->nresults; i++) {
        free(d->results[i].outcome);
        free(d->results[i].reason);
        free(d->results[i].samples);
        free(d->results[i].hist);
    }
    free(d->results);
    for (size_t i = 0; i < d->nevidence; i++) {
        free(d->evidence[i].key);
        free(d->evidence[i].before);
        free(d->evidence[i].after);
    }
    free(d->evidence);
}

void cb_dataset_free(struct cb_dataset *d)
{
    free_kvs(&d->run.host);
    free_arms(d);
    free_steps(d);
    free_cases(d);
    free_observations(d);
    *d = (struct cb_dataset){0};
}

/* The value of "key=" among an arm's parameters ("vm:accel=tcg,disk=virtio"); NULL when it is not there. */
static const char *arm_param(const char *arm, const char *key)
{
    size_t n = strlen(key);
    const char *p = strchr(arm, ':');
    while (p && strncmp(p + 1, key, n) != 0)
        p = strchr(p + 1, ',');
    return p ? p + 1 + n : NULL;
}

double cb_arm_slowdown(const struct cb_ds_arm *arm)
{
    const char *slow = arm_param(arm->name, "slow=");
    return slow && !strcmp(arm->runner, "host") ? strtoul(slow, NULL, 10) / 100.0 : 0;
}

enum cb_role cb_dataset_role(const struct cb_dataset *d, unsigned arm)
{
    if (arm == d->run.baseline)
        return CB_ROLE_BASELINE;
    if (!strcmp(d->arms[arm].name, CB_AA_ARM))
        return CB_ROLE_AGAIN;
    return cb_arm_slowdown(&d->arms[arm]) > 0 ? CB_ROLE_CONTROL : CB_ROLE_TESTED;
}

const char *cb_role_name(enum cb_role r)
{
    static const char *const names[] = {[CB_ROLE_BASELINE] = "baseline",
                                        [CB_ROLE_AGAIN] = "again",
                                        [CB_ROLE_CONTROL] = "control",
                                        [CB_ROLE_TESTED] = "tested"};
    return names[r];
}

struct cb_spent cb_dataset_spent(const struct cb_dataset *d)
{
    struct cb_spent s = {.measuring = d->run.measuring_s};
    double blocks = d->nblocks ? (double)(d->blocks[d->nblocks - 1].end_ns - d->blocks[0].begin_ns) / 1e9 : 0;
    for (size_t i = 0; i < d->ninstances; i++) {
        s.starting += (double)(d->instances[i].prepare_ns + d->instances[i].start_ns) / 1e9;
        s.stopping += (double)d->instances[i].stop_ns / 1e9;
    }
    s.calibrating = d->run.wall_s > blocks ? d->run.wall_s - blocks : 0;
    s.rest = d->run.wall_s - s.measuring - s.starting - s.stopping - s.calibrating;
    return s;
}

const char *cb_kv_get(const struct cb_kvs *kvs, const char *key, const char *missing)
{
    for (size_t i = 0; i < kvs->n; i++)
        if (!strcmp(kvs->at[i].key, key))
            return kvs->at[i].value;
    return missing;
}

bool cb_host_is_emulated(const struct cb_dataset *d)
{
    return strstr(cb_kv_get(&d->run.host, "hypervisor", ""), "tcg") != NULL;
}

const struct cb_ds_result *cb_dataset_result(const struct cb_dataset *d, unsigned block, unsigned arm,
                                             unsigned case_index)
{
    for (size_t i = 0; i < d->nresults; i++) {
        const struct cb_ds_result *r = &d->results[i];
        if (r->block == block && r->arm == arm && r->case_index == case_index)
            return r;
    }
    return NULL;
}

int cb_dataset_arm(const struct cb_dataset *d, const char *name)
{
    for (size_t i = 0; i < d->narms; i++)
        if (!strcmp(d->arms[i].name, name))
            return (int)i;
    size_t len = strlen(name);
    for (size_t i = 0; i < d->narms; i++)
        if (!strncmp(d->arms[i].name, name, len) && d->arms[i].name[len] == ':')
            return (int)i;
    return -1;
}
