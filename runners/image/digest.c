#include "runners/image/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void cb_tree_digest_add(struct cb_tree_digest *d, const char *path, mode_t mode, const void *bytes, size_t n)
{
    char head[32], hex[CB_SHA256_HEX];
    struct cb_sha256 sha;
    uint64_t part;
    snprintf(head, sizeof head, "%04o %zu ", (unsigned)(mode & 07777), n);
    cb_sha256_init(&sha);
    cb_sha256_add(&sha, head, strlen(head));
    cb_sha256_add(&sha, path, strlen(path) + 1);
    cb_sha256_add(&sha, bytes, n);
    cb_sha256_hex(&sha, hex);
    for (int i = 0; i < 4; i++)
        if (sscanf(hex + 16 * i, "%16" SCNx64, &part) == 1)
            d->sum[i] += part;
    d->files++;
}

void cb_tree_digest_hex(const struct cb_tree_digest *d, char out[CB_SHA256_HEX])
{
    struct cb_sha256 sha;
    cb_sha256_init(&sha);
    cb_sha256_add(&sha, d, sizeof *d);
    cb_sha256_hex(&sha, out);
}
