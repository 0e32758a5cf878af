/* What is measured of an arm from outside, on the host's clock: how an instance starts and ends, and what
 * further ones of the same arm cost. Such a benchmark has a row of bench/benchmarks.def like any other, with
 * CB_NEED_LIFECYCLE and no loop, and a line of lifecycle.def that says how it is measured; lifecycle/ has a
 * file a family. It delivers ordinary samples, so that everything behind the executor is the same for it. */
#ifndef CB_RUNNERS_LIFECYCLE_H
#define CB_RUNNERS_LIFECYCLE_H

#include "runners/instance.h"
#include "runners/plan.h"

enum cb_life_when {
    CB_LIFE_RUNNING, /* among the cases of the block's instance, in their random order; not when it is lost */
    CB_LIFE_ENDED,   /* the instance is down, what it was seen to do is still there: also of a lost one */
    CB_LIFE_FURTHER, /* the same, and it may start instances of its own; not after a lost one */
};

/* A lifecycle case in progress. */
struct cb_life {
    const struct cb_arm *arm;
    struct cb_site *site;
    /* The block's instance of the arm. Facts added to its env are the arm's. */
    struct cb_instance *in;
    const volatile int *stop; /* non-zero: take everything down and fail with CB_EINTR; may be NULL */
    void (*keep)(void *arg, const struct cb_batch *b);
    void *arg;
    uint32_t seq;
};

/* Slots of further instances: those below are the arms' own. One arm at a time has some. */
#define CB_LIFE_SLOT CB_ARMS_MAX

/* Delivers a sample; its seq is filled in. */
void cb_life_sample(struct cb_life *l, const struct cb_sample *s);
/* Value of the case's parameter; the name must exist. */
uint64_t cb_life_param(const struct cb_case *c, const char *name);

struct cb_lifecycle {
    const char *bench; /* name of the benchmark */
    enum cb_life_when when;
    /* Delivers at least one sample, or fails: CB_EMISSING with the reason where the arm has no such thing,
     * CB_EINTR after a stop. Whatever it made is gone when it returns. */
    int (*measure)(struct cb_life *l, const struct cb_case *c, struct cb_err *err);
};

/* The functions of lifecycle/. */
#define CB_LIFECYCLE(bench, when, measure)                                                                   \
    int measure(struct cb_life *l, const struct cb_case *c, struct cb_err *err);
#include "runners/lifecycle.def"
#undef CB_LIFECYCLE

/* lifecycle.def as an array, ended by a NULL name. */
extern const struct cb_lifecycle cb_lifecycles[];
const struct cb_lifecycle *cb_lifecycle_find(const char *bench);

#endif
