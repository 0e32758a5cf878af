/* The container's system call filter: an allow-list of the size that common runtimes use, built by
 * libseccomp. Unlike the default profiles of Docker (since 2023) it lets io_uring through, because the suite
 * measures it. */
#ifndef CB_RUNNERS_SECCOMP_H
#define CB_RUNNERS_SECCOMP_H

#include <linux/filter.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>

#include "bench/base/err.h"
#include "runners/ns.h"

/* The compiled filter. Building takes libseccomp some milliseconds, so it happens once a process, at the
 * first call; the program lives as long as the process. */
int cb_seccomp_filter(const struct sock_fprog **out, struct cb_err *err);

/* Step: installs the program in `arg`, with the SECCOMP_FILTER_FLAG_* in `flags`. Needs no_new_privs or
 * CAP_SYS_ADMIN. */
int cb_seccomp_install(const struct cb_step *step, struct cb_err *err);

/* The same filter as data, for runtimes that build their own from it. What it does not name gets ENOSYS. */
struct cb_seccomp_condition {
    const char *call;
    bool allow;              /* else EPERM */
    struct scmp_arg_cmp cmp; /* the values need 32 bits at most */
};
/* Names of calls, separated by blanks, that are allowed, or refused with EPERM. */
const char *cb_seccomp_calls(bool allowed);
/* Calls that hang on one of their arguments; *n of them. */
const struct cb_seccomp_condition *cb_seccomp_conditions(size_t *n);

#endif
