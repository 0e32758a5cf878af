/* libvirt in a process of its own. The process lives under a small child subreaper (libvirt waits long for
 * each killed qemu where PID 1 reaps late) and inside the fabric's network namespace, so that taps and the
 * bridge need nothing of the user's network. When cbench dies, the reaper sees end of file on its pipe, ends
 * every domain of the run, and exits. */
#ifndef CB_RUNNERS_VMHOST_H
#define CB_RUNNERS_VMHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/base/err.h"
#include "runners/runner.h"

struct cb_vmhost; /* opaque */

/* Starts the process and opens the connection (site->connect, or qemu:///embed with a root under
 * site->state_dir and a copy of the capability cache from site->cache_dir). */
int cb_vmhost_open(const struct cb_site *site, struct cb_vmhost **out, struct cb_err *err);
/* Creates a transient domain from XML and returns once libvirt did. */
int cb_vmhost_create(struct cb_vmhost *v, const char *xml, uint64_t deadline, struct cb_err *err);
/* Destroys the domain (fine when it is gone) and waits until qemu is gone. */
int cb_vmhost_destroy(struct cb_vmhost *v, const char *domain, uint64_t deadline, struct cb_err *err);
/* qemu's process, 0 where it is not ours (a daemon's) or gone. */
pid_t cb_vmhost_pid(const struct cb_vmhost *v, const char *domain);
/* When that process began, on the host's clock to a tick; 0 likewise. */
uint64_t cb_vmhost_began(const struct cb_vmhost *v, const char *domain);
/* 1 when the domain has stopped or crashed (event seen), with the reason in out. */
int cb_vmhost_stopped(struct cb_vmhost *v, const char *domain, char *out, size_t cap);
/* False once libvirt did not answer in time or its process ended: only closing is left. NULL is false. */
bool cb_vmhost_usable(const struct cb_vmhost *v);
/* libvirt and qemu versions: "libvirt 9.0.0, qemu 7.2.x". */
const char *cb_vmhost_versions(const struct cb_vmhost *v);
void cb_vmhost_close(struct cb_vmhost *v); /* NULL is fine */

#endif
