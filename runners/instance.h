/* One instance of an arm: prepare, up, launch, hello, facts; its cases; down. The same code for every arm, so
 * that start latencies mean the same everywhere. */
#ifndef CB_RUNNERS_INSTANCE_H
#define CB_RUNNERS_INSTANCE_H

#include "runners/session.h"

#define CB_INSTANCE_FACTS 48

struct cb_instance {
    struct cb_env env;
    struct cb_session session;
    bool alive;                              /* the agent answers; cases can run */
    uint64_t prepare_ns;                     /* untimed provisioning, for the record */
    uint64_t start_ns;                       /* before `up` to the agent's first byte; 0 when it never came */
    uint64_t stop_ns;                        /* `down` until it returned */
    struct cb_fact facts[CB_INSTANCE_FACTS]; /* from inside */
    unsigned nfacts;
    struct cb_noise host[2], inside[2]; /* before the first case and after the last one */
};

/* Zeroes *in and provisions what is there before an instance of `arm` starts. On failure, here and below,
 * call cb_instance_stop all the same. */
int cb_instance_prepare(struct cb_instance *in, const struct cb_arm *arm, struct cb_site *site, unsigned slot,
                        struct cb_err *err);
/* Starts it, until the agent says that it is ready for cases. On failure the reason carries what the
 * environment last said. */
int cb_instance_up(struct cb_instance *in, const volatile int *stop, struct cb_err *err);
/* Both, and learns what it looks like from inside: for an instance that runs cases. */
int cb_instance_start(struct cb_instance *in, const struct cb_arm *arm, struct cb_site *site, unsigned slot,
                      const volatile int *stop, struct cb_err *err);
/* Puts what the environment last said, and how it ended, behind the text of the error that it was lost with.
 */
void cb_instance_last_words(struct cb_instance *in, struct cb_err *err);
/* After the last case, or after the agent was lost: reads the noise that went with them. An agent that cannot
 * tell leaves inside[1] empty. */
void cb_instance_end(struct cb_instance *in);
/* Why a benchmark cannot run in this instance at all; NULL when it can. */
const char *cb_instance_lacks(const struct cb_instance *in, const struct cb_bench *bench);
/* Closes the session and takes the environment down. Safe twice. */
void cb_instance_stop(struct cb_instance *in);

#endif
