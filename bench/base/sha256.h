/* SHA-256 (FIPS 180-4). Here because the agent links libc only and proves with it that its bytes are the same
 * in every arm; test vectors of the standard in tests/unit. */
#ifndef CB_BASE_SHA256_H
#define CB_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "bench/base/err.h"

#define CB_SHA256_HEX 65 /* 64 digits and NUL */

struct cb_sha256 {
    uint32_t h[8];
    uint64_t bytes;
    unsigned char block[64];
};

void cb_sha256_init(struct cb_sha256 *s);
void cb_sha256_add(struct cb_sha256 *s, const void *bytes, size_t n);
void cb_sha256_hex(struct cb_sha256 *s, char out[CB_SHA256_HEX]); /* finishes */
/* Of a file's bytes (links followed: /proc/self/exe). */
int cb_sha256_file(const char *path, char out[CB_SHA256_HEX], struct cb_err *err);

#endif
