/* What cbench and the child that starts an agent share: a gate that holds the child until it may go on, a
 * pipe for the error it meets on its way to exec, the agent's stream, and memory for what the agent says on
 * stderr. All descriptors are CLOEXEC. */
#ifndef CB_RUNNERS_CHANNELS_H
#define CB_RUNNERS_CHANNELS_H

#include <stddef.h>
#include <sys/types.h>

#include "bench/base/err.h"

struct cb_channels {
    int gate, errors, stream, log;
    struct {
        int gate, errors, stream;
    } child; /* the other ends */
};

/* On failure everything is closed again. */
int cb_channels_open(struct cb_channels *c, struct cb_err *err);
/* After the fork, in the parent and in the child: closes the ends of the other. */
void cb_channels_be_parent(struct cb_channels *c);
void cb_channels_be_child(struct cb_channels *c);
void cb_channels_close(struct cb_channels *c); /* safe twice */
/* For a child that does not exec at once: closes all descriptors but the child's ends, the log, stdin, stdout
 * and stderr. An end of another instance that stayed open would keep its agent from seeing the other side
 * gone. */
void cb_channels_be_only(struct cb_channels *c);

/* Parent. A child that died is reported with the error that it sent, if any. */
int cb_channels_await_ready(struct cb_channels *c, struct cb_err *err);
int cb_channels_let_go(struct cb_channels *c, struct cb_err *err);
int cb_channels_await_exec(struct cb_channels *c, struct cb_err *err);

/* Child. Waiting fails when cbench is gone. */
int cb_channels_ready(struct cb_channels *c, struct cb_err *err);
int cb_channels_wait(struct cb_channels *c, struct cb_err *err);

/* How the child ended, if it did (its parent has not reaped it), and the end of what was said on stderr. */
void cb_channels_last_words(const struct cb_channels *c, pid_t child, char *out, size_t cap);

#endif
