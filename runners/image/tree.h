/* Directory trees that hold images: filled, copied, measured. */
#ifndef CB_RUNNERS_IMAGE_TREE_H
#define CB_RUNNERS_IMAGE_TREE_H

#include <stdint.h>

#include "bench/base/err.h"
#include "bench/base/sha256.h"
#include "runners/image/payload.h"

/* Writes the files of the payload into a directory that is there. */
int cb_tree_install(const struct cb_payload *p, const char *dir, struct cb_err *err);

enum cb_copy {
    CB_COPY_PLAIN,   /* read and write; holes stay holes */
    CB_COPY_REFLINK, /* share blocks (FICLONE); CB_EMISSING with the reason where the filesystem cannot */
};
int cb_file_copy(const char *from, const char *to, enum cb_copy how, struct cb_err *err);
/* `to` must not exist. */
int cb_tree_copy(const char *from, const char *to, enum cb_copy how, struct cb_err *err);

struct cb_tree_size {
    uint64_t apparent;  /* lengths of regular files */
    uint64_t allocated; /* blocks of everything, directories too */
};
/* Of a tree, or of a single file. Adds to *out. */
int cb_tree_size(const char *path, struct cb_tree_size *out, struct cb_err *err);
/* Of its regular files; "lost+found" is the filesystem's, not the image's. */
int cb_tree_digest_of(const char *dir, char out[CB_SHA256_HEX], struct cb_err *err);

#endif
