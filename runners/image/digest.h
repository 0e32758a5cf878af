/* One digest for the files of a tree, whatever order they come in: that images of different kinds hold the
 * same. */
#ifndef CB_RUNNERS_IMAGE_DIGEST_H
#define CB_RUNNERS_IMAGE_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/base/sha256.h"

/* The sum of the files' digests, so that no list has to be kept and sorted. Zero-initialise. */
struct cb_tree_digest {
    uint64_t sum[4];
    uint64_t files;
};

/* A regular file: its path in the tree, its permissions, its bytes. */
void cb_tree_digest_add(struct cb_tree_digest *d, const char *path, mode_t mode, const void *bytes, size_t n);
void cb_tree_digest_hex(const struct cb_tree_digest *d, char out[CB_SHA256_HEX]);

#endif
