/* The container's system call filter: an allow-list of the size that common runtimes use, built by
 * libseccomp. Unlike the default profiles of Docker (since 2023) it lets io_uring through, because the suite
 * measures it. */
#ifndef CB_RUNNERS_SECCOMP_H
#define CB_RUNNERS_SECCOMP_H

#include <linux/filter.h>

#include "bench/base/err.h"
#include "runners/ns.h"

/* The compiled filter. Building takes libseccomp some milliseconds, so it happens once a process, at the
 * first call; the program lives as long as the process. */
int cb_seccomp_filter(const struct sock_fprog **out, struct cb_err *err);

/* Step: installs the program in `arg`, with the SECCOMP_FILTER_FLAG_* in `flags`. Needs no_new_privs or
 * CAP_SYS_ADMIN. */
int cb_seccomp_install(const struct cb_step *step, struct cb_err *err);

#endif
