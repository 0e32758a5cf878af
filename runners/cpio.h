/* Writer of "newc" cpio archives, the format of an initramfs. Pure: appends to a buffer. */
#ifndef CB_RUNNERS_CPIO_H
#define CB_RUNNERS_CPIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/base/buf.h"

struct cb_cpio {
    struct cb_buf *out;
    uint32_t inode; /* of the last entry */
};

/* Paths are relative ("dev/console"), parents first. Everything belongs to root and is dated 0, so that equal
 * content gives equal bytes. Failures stick in `out` (cb_buf_ok). */
void cb_cpio_dir(struct cb_cpio *c, const char *path, mode_t mode);
void cb_cpio_file(struct cb_cpio *c, const char *path, mode_t mode, const void *bytes, size_t n);
void cb_cpio_chardev(struct cb_cpio *c, const char *path, mode_t mode, unsigned major, unsigned minor);
void cb_cpio_end(struct cb_cpio *c);

#endif
