/* A run as it was observed: what the store keeps and what every value is derived from. Plain data, filled by
 * results/store.c (or by a test) and read by effect.c, the exporters and plots/. */
#ifndef CB_RESULTS_DATASET_H
#define CB_RESULTS_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/base/hist.h"
#include "bench/base/metric.h"

struct cb_kv {
    char *key, *value; /* owned */
};
struct cb_kvs {
    struct cb_kv *at;
    size_t n;
};

#define CB_LOOKS_MAX 3 /* after the pilot, at the plan's end, at that of the one re-plan */

struct cb_ds_run {
    char id[32];
    char started[32]; /* "2026-11-24T06:30:12Z" */
    uint64_t seed;
    unsigned blocks; /* planned */
    bool quick, complete;
    char version[32];
    char agent_sha256[65];
    double wall_s, measuring_s;
    /* What ended it: "blocks" (as many as were asked for), "target" (all intervals are narrow enough),
     * "budget", "interrupted"; "" for a run that goes on, or of a time when this was not recorded. */
    char stopped[16];
    double target; /* half width of the 95 % intervals that it aimed at; 0: none */
    /* Blocks that counted when the widths were looked at. With more than at the first look the intervals are
     * wider ones (results/decide.h). */
    unsigned looks[CB_LOOKS_MAX], nlooks;
    unsigned baseline;  /* index of the arm "host" */
    struct cb_kvs host; /* facts of the host: "virtualised", "hypervisor", "cpu", "kernel", "memory", "l1d",
                           "l2", "llc", ... as text */
};

struct cb_ds_arm {
    char *name, *runner;
    char *status, *reason; /* "ok", "skipped", "failed" */
    char *accelerator;     /* "tcg", "kvm-hardware", "kvm-nested", "kvm-paravirtual", "none" */
    char *agent_sha256;    /* as echoed from inside */
    struct cb_kvs facts;   /* from inside and from the runner */
};

struct cb_ds_case {
    char *bench;
    unsigned revision;
    char *params; /* canonical: "size=65536,op=copy" */
    uint64_t iters, seed;
};

struct cb_ds_metric {
    unsigned case_index;
    char *name;           /* "mem.chase.latency" */
    struct cb_metric how; /* its strings are owned by the dataset */
};

struct cb_ds_sample {
    struct cb_sample s;
    bool warm, trusted;
    uint64_t agent_ns, host_ns; /* elapsed in the mark's bracket, each on its own clock */
};

/* One case in one instance. */
struct cb_ds_result {
    unsigned block, arm, case_index, position;
    char *outcome, *reason;       /* "ok", "untrusted", "skipped", "failed" */
    struct cb_ds_sample *samples; /* owned, in order */
    size_t nsamples;
    struct cb_hist *hist; /* owned; NULL when it has none */
};

struct cb_ds_instance {
    unsigned block, arm, position;
    char *outcome, *reason;
    uint64_t start_ns, stop_ns, prepare_ns, mark_jitter_ns;
};

struct cb_ds_block {
    uint64_t begin_ns, end_ns;
    char *void_reason; /* "" when it counts */
    unsigned row;      /* of the plan's orders that it followed: a repetition has that of the void block */
};

/* A step of a ladder (runners/ladder.h): what an arm has more than another one. */
struct cb_ds_step {
    char *ladder, *chain, *label; /* "container", "", "seccomp"; steps of a chain follow one another */
    unsigned arm, base;           /* of the chain's own steps, base is the arm of the one before */
    bool side;                    /* branches off: no part of the chain's sum */
};

/* One item of the evidence of noise (bench/base/noise.h), before and after. */
struct cb_ds_evidence {
    unsigned block;
    int arm;     /* -1: the machine around the whole block; else around the cases of the arm's instance */
    bool inside; /* as the instance saw it, not the host */
    char *key, *before, *after;
};

struct cb_dataset {
    struct cb_ds_run run;
    struct cb_ds_arm *arms;
    size_t narms;
    struct cb_ds_step *steps; /* of the run's ladders; mostly none */
    size_t nsteps;
    struct cb_ds_case *cases;
    size_t ncases;
    struct cb_ds_metric *metrics;
    size_t nmetrics;
    struct cb_ds_block *blocks; /* finished blocks */
    size_t nblocks;
    struct cb_ds_instance *instances;
    size_t ninstances;
    struct cb_ds_result *results;
    size_t nresults;
    struct cb_ds_evidence *evidence; /* in order of blocks */
    size_t nevidence;
};

void cb_dataset_free(struct cb_dataset *d);

/* Where a run's time went, in seconds; together the whole of it. */
struct cb_spent {
    double measuring;   /* cases, their set-up and teardown included */
    double starting;    /* instances: provisioning, and until their first byte */
    double stopping;    /* taking them down */
    double calibrating; /* everything before the first block */
    double rest;        /* facts and noise of instances, storing blocks */
};
struct cb_spent cb_dataset_spent(const struct cb_dataset *d);

/* What an arm is there for. */
enum cb_role {
    CB_ROLE_BASELINE, /* every cost is a ratio to it */
    CB_ROLE_AGAIN,    /* the baseline again: what the two differ by is the noise floor */
    CB_ROLE_CONTROL,  /* the host slowed by a known share: a run that cannot see that is blind */
    CB_ROLE_TESTED,   /* the others: what the run is about */
};
#define CB_AA_ARM "host2"
enum cb_role cb_dataset_role(const struct cb_dataset *d, unsigned arm);
const char *cb_role_name(enum cb_role r); /* "baseline", "again", "control", "tested" */
/* By what share of itself the arm's batches are prolonged: 0.05 for "host:slow=5", 0 for all but controls. */
double cb_arm_slowdown(const struct cb_ds_arm *arm);

/* The names that the store and the exports use for the parts of a metric's rule. Parsing gives -1 for any
 * other. */
const char *cb_better_name(enum cb_better b); /* "lower", "higher" */
int cb_better_parse(const char *name, enum cb_better *out);
const char *cb_derive_name(enum cb_derive d); /* "wall-per-iter", ... */
int cb_derive_parse(const char *name, enum cb_derive *out);

/* A metric of the first batch alone, "mem.fault.time.cold": shown apart, and no part of what a run is judged
 * by. */
bool cb_is_cold(const struct cb_ds_metric *m);
/* The rule of the cold companion of a metric. False: it has none. */
bool cb_cold_rule(enum cb_derive rule, enum cb_derive *cold);
#define CB_COLD_SUFFIX ".cold"

const char *cb_kv_get(const struct cb_kvs *kvs, const char *key, const char *missing);
/* True for a run on a host that is emulated itself: its KVM is too. */
bool cb_host_is_emulated(const struct cb_dataset *d);
/* The result of a case in an arm and block; NULL when there is none. */
const struct cb_ds_result *cb_dataset_result(const struct cb_dataset *d, unsigned block, unsigned arm,
                                             unsigned case_index);
/* "container" for container and container:...: index of the arm by name, -1 when absent. */
int cb_dataset_arm(const struct cb_dataset *d, const char *name);

#endif
