/* The first and only root filesystem of a guest: the agent as /init, the modules it loads, mount points. */
#ifndef CB_RUNNERS_INITRAMFS_H
#define CB_RUNNERS_INITRAMFS_H

#include "bench/base/buf.h"
#include "bench/base/err.h"
#include "runners/guestkernel.h"

/* Appends the archive. The wanted modules are unpacked here, so that init needs no decompressor;
 * /modules/list names them in the order to load. /modules/later is another such list, of what only benchmarks
 * need, where the kernel has it. */
int cb_initramfs(const char *agent_path, const struct cb_guest_kernel *k, const struct cb_module_want *want,
                 struct cb_buf *out, struct cb_err *err);

#endif
