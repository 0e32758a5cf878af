/* Archives of a payload, in memory: tar as layers and hosts' packages have it, gzip around it. Equal content
 * gives equal bytes: everything belongs to root and is dated 0. */
#ifndef CB_RUNNERS_IMAGE_PACK_H
#define CB_RUNNERS_IMAGE_PACK_H

#include "bench/base/buf.h"
#include "bench/base/err.h"
#include "runners/image/payload.h"

#define CB_WHITEOUT                                                                                          \
    ".wh." /* prefix of a name in a layer: the file is removed (OCI image specification, layer.md) */

/* Appends a tar of what is selected. Removed files are whiteouts. */
int cb_pack_tar(const struct cb_selection *s, struct cb_buf *out, struct cb_err *err);
/* Appends one gzip member, at gzip's default level. */
int cb_pack_gzip(const void *bytes, size_t n, struct cb_buf *out, struct cb_err *err);
/* Both. */
int cb_pack_tar_gzip(const struct cb_selection *s, struct cb_buf *out, struct cb_err *err);

#endif
