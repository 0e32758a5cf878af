/* Layers of images and other gzipped tars, unpacked as cb_pack_tar_gzip makes them: regular files and
 * directories. */
#ifndef CB_RUNNERS_IMAGE_UNPACK_H
#define CB_RUNNERS_IMAGE_UNPACK_H

#include <stdbool.h>

#include "bench/base/err.h"

/* What a whiteout does. */
enum cb_unpack {
    CB_UNPACK_MERGE, /* removes the file that it names */
    CB_UNPACK_LAYER, /* becomes what an overlay takes for one, a character device 0:0 */
};

/* Into a directory that is there. Files are replaced, never written into. What leads out of the directory, or
 * is no file or directory, is refused. */
int cb_unpack(const char *archive, const char *dir, enum cb_unpack how, struct cb_err *err);

#endif
