#include "bench/kernels/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/base/io.h"
#include "bench/kernels/scratch.h"

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26) /* binary logarithm of the size, MAP_HUGE_SHIFT bits up */
#endif

/* About 700 bytes a mapping. A case has few dozens; a thousand and it is not this process. */
#define SMAPS_MAX (1024u * 1024u)

/* Huge pages are not cut: what is mapped ends with one. */
static uint64_t whole(uint64_t bytes, enum cb_pages kind)
{
    return kind < CB_PAGES_THP ? bytes : (bytes + CB_HUGE - 1) / CB_HUGE * CB_HUGE;
}

/* Reserved pages are set aside when they are mapped, so that a lack of them shows here. */
static void *map_reserved(uint64_t bytes, struct cb_err *err)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);
    if (p != MAP_FAILED)
        return p;
    if (errno == ENOMEM)
        cb_fail(err, CB_EMISSING, "%" PRIu64 " huge pages of 2 MiB are needed, and fewer are reserved here",
                bytes / CB_HUGE);
    else if (errno == EINVAL || errno == ENODEV)
        cb_fail(err, CB_EMISSING, "this kernel has no huge pages of 2 MiB to reserve");
    else
        cb_fail_sys(err, errno, "map reserved huge pages");
    return NULL;
}

static int advise(void *p, uint64_t bytes, enum cb_pages kind, struct cb_err *err)
{
    if (kind == CB_PAGES_DEFAULT)
        return 0;
    if (madvise(p, bytes, kind == CB_PAGES_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0)
        return 0;
    if (errno == EINVAL && kind == CB_PAGES_4K)
        return 0; /* a kernel without huge pages has no others */
    if (errno == EINVAL)
        return cb_fail(err, CB_EMISSING, "this kernel has no transparent huge pages");
    return cb_fail_sys(err, errno, "choose the page size");
}

void *cb_pages_map(uint64_t bytes, enum cb_pages kind, struct cb_err *err)
{
    bytes = whole(bytes, kind);
    if (kind == CB_PAGES_2M)
        return map_reserved(bytes, err);
    void *p = cb_scratch_map(bytes, err);
    if (p && advise(p, bytes, kind, err) < 0) {
        cb_scratch_unmap(p, bytes);
        return NULL;
    }
    return p;
}

void cb_pages_unmap(void *p, uint64_t bytes, enum cb_pages kind)
{
    cb_scratch_unmap(p, whole(bytes, kind));
}

/* KiB of transparent huge pages in the mappings that meet [from, to). */
static uint64_t huge_kib(const char *smaps, uint64_t from, uint64_t to)
{
    uint64_t begin = 0, end = 0, kib, sum = 0;
    for (const char *line = smaps; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &begin, &end) == 2)
            continue;
        if (begin < to && end > from && sscanf(line, "AnonHugePages: %" SCNu64 " kB", &kib) == 1)
            sum += kib;
    }
    return sum;
}

int cb_pages_check(const void *p, uint64_t bytes, enum cb_pages kind, struct cb_err *err)
{
    struct cb_buf smaps = {0};
    if (kind != CB_PAGES_THP)
        return 0;
    uint64_t want = whole(bytes, kind) / 1024, from = (uintptr_t)p;
    int rc = cb_read_file(AT_FDCWD, "/proc/self/smaps", SMAPS_MAX, &smaps, err);
    uint64_t got = rc < 0 ? 0 : huge_kib(cb_buf_str(&smaps), from, from + want * 1024);
    cb_buf_free(&smaps);
    if (rc < 0)
        return cb_wrap(err, "see which pages the kernel gave");
    if (got < want)
        return cb_fail(err, CB_EMISSING,
                       "the kernel gave transparent huge pages for %" PRIu64 " of %" PRIu64 " KiB", got,
                       want);
    return 0;
}
