/* The kernel that virtual machines boot: the host's own where its image can be read, so that both run the
 * same; else one that was unpacked into the cache (never installed). The layout there is what unpacking a
 * distribution's package gives, CACHE/guest-kernel/RELEASE/{boot/vmlinuz-RELEASE,lib/modules/RELEASE}, and
 * CACHE/guest-kernel-generic/RELEASE/... for one with drivers of everything, which only guests boot that need
 * one of those.
 * Images are not trusted: a file that lies about itself fails, no more. */
#ifndef CB_RUNNERS_GUESTKERNEL_H
#define CB_RUNNERS_GUESTKERNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/base/buf.h"
#include "bench/base/err.h"
#include "runners/guestmodules.h"

#define CB_KERNEL_PATH_MAX 512

struct cb_guest_kernel {
    char release[65];                 /* as uname -r would say inside */
    char image[CB_KERNEL_PATH_MAX];   /* the bzImage */
    char modules[CB_KERNEL_PATH_MAX]; /* .../lib/modules/RELEASE */
    bool hosts_own;
};

/* The first that has the wanted modules (NULL: any) of: the host's, the newest in the cache, the newest
 * generic one. `which` is "auto", "generic" for the last of these only, or the image's path in a directory of
 * that layout. CB_EMISSING, with the command that fixes it, where there is none. */
int cb_guest_kernel_find(const char *cache_dir, const char *which, const struct cb_module_want *want,
                         struct cb_guest_kernel *k, struct cb_err *err);
/* Extracts the kernel proper, which boots faster than unpacking itself in the guest, into the cache unless it
 * is there already. `path` (CB_KERNEL_PATH_MAX bytes) is the file. Fails where the image holds none that a
 * hypervisor can enter directly: boot k->image then. */
int cb_guest_kernel_extract(const struct cb_guest_kernel *k, const char *cache_dir, char *path,
                            struct cb_err *err);

/* The parts, pure. Where the compressed payload of a bzImage lies. */
int cb_bzimage_payload(const void *image, size_t n, size_t *offset, size_t *length, struct cb_err *err);
/* True for an x86-64 ELF image with an entry point for direct boot (PVH). */
bool cb_elf_has_pvh(const void *elf, size_t n);
/* Appends the plain bytes of one compressed stream (gzip, xz, zstd, lz4, lzma, bzip2), at most `max`. */
int cb_decompress(const void *bytes, size_t n, size_t max, struct cb_buf *out, struct cb_err *err);

#endif
