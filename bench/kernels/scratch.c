#include "bench/kernels/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"

#define FILL      UINT64_C(1048576) /* bytes of a write while the data file is filled */
#define PAGE_MOST UINT64_C(65536)   /* the largest base page: aarch64 may be built with it */

static uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

void *cb_scratch_state(struct cb_run *run, size_t size, struct cb_err *err)
{
    run->state = calloc(1, size);
    if (!run->state)
        cb_fail_sys(err, errno, "allocate the state of %s", run->bench->name);
    return run->state;
}

void *cb_scratch_map(uint64_t bytes, struct cb_err *err)
{
    uint64_t size = round_up(bytes, PAGE_MOST);
    char *p = mmap(NULL, size + CB_HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        cb_fail_sys(err, errno, "map %llu bytes of memory", (unsigned long long)bytes);
        return NULL;
    }
    uint64_t before = (CB_HUGE - (uintptr_t)p % CB_HUGE) % CB_HUGE;
    if (before)
        munmap(p, before);
    munmap(p + before + size, CB_HUGE - before);
    return p + before;
}

void cb_scratch_unmap(void *p, uint64_t bytes)
{
    if (p)
        munmap(p, round_up(bytes, PAGE_MOST));
}

/* Storage and page merging have a short way for zeros. */
static void *fill_random(uint64_t *words, uint64_t bytes)
{
    struct cb_rng rng;
    cb_rng_seed(&rng, CB_MAGIC);
    for (uint64_t i = 0; words && i < bytes / sizeof *words; i++)
        words[i] = cb_rng_next(&rng);
    return words;
}

void *cb_scratch_buffer(uint64_t bytes, struct cb_err *err)
{
    return fill_random(cb_scratch_map(bytes, err), round_up(bytes, PAGE_MOST));
}

void *cb_scratch_solid(uint64_t bytes, struct cb_err *err)
{
    void *p = cb_scratch_map(bytes, err);
    if (p)
        madvise(p, bytes, MADV_HUGEPAGE); /* a wish: kernels without have small pages */
    return fill_random(p, bytes);
}

int cb_scratch_path(const struct cb_run *run, const char *name, char *path, size_t cap, struct cb_err *err)
{
    if (!run->scratch)
        return cb_fail(err, CB_EMISSING, "this environment has no scratch directory");
    return cb_path(path, cap, err, "%s/%s", run->scratch, name);
}

int cb_scratch_fill(int fd, uint64_t bytes, uint64_t piece, struct cb_err *err)
{
    char *buffer = cb_scratch_buffer(piece, err);
    if (!buffer)
        return -1;
    int rc = 0;
    for (uint64_t at = 0; rc == 0 && at < bytes; at += piece) {
        for (uint64_t in = 0; in < piece; in += CB_PAGE)
            cb_scratch_stamp(buffer + in, (at + in) / CB_PAGE);
        rc = cb_write_all(fd, buffer, piece, err);
    }
    cb_scratch_unmap(buffer, piece);
    return rc == 0 && fsync(fd) < 0 ? cb_fail_sys(err, errno, "sync") : rc;
}

static int fill(int fd, uint64_t bytes, const char *path, struct cb_err *err)
{
    /* Contiguous where the filesystem can; a filesystem that cannot allocate ahead allocates while writing.
     */
    if (fallocate(fd, 0, 0, (off_t)bytes) < 0 && errno != EOPNOTSUPP)
        return cb_fail_sys(err, errno, "allocate %llu bytes for %s", (unsigned long long)bytes, path);
    return cb_scratch_fill(fd, bytes, FILL, err) < 0 ? cb_wrap(err, "fill %s", path) : 0;
}

/* Since Linux 6.6 a tmpfs takes O_DIRECT, and copies all the same. */
static bool is_memory(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

static int open_direct(const char *path, int flags, struct cb_err *err)
{
    int fd = open(path, flags | O_DIRECT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EINVAL)
        return cb_fail(err, CB_EMISSING, "the filesystem of %s cannot do O_DIRECT", path);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open %s", path);
    if (is_memory(fd)) {
        close(fd);
        return cb_fail(err, CB_EMISSING, "%s lies on a tmpfs: O_DIRECT goes to memory there", path);
    }
    return fd;
}

/* The file gets its name when it is whole, so that a case killed half way leaves none that looks so. */
static int make_file(const char *path, uint64_t bytes, struct cb_err *err)
{
    char part[PATH_MAX];
    if (cb_path(part, sizeof part, err, "%s.part", path) < 0)
        return -1;
    CB_AUTOFD int fd = open_direct(part, O_WRONLY | O_CREAT | O_TRUNC, err);
    int rc = fd < 0 ? -1 : fill(fd, bytes, part, err);
    if (rc == 0 && rename(part, path) < 0)
        rc = cb_fail_sys(err, errno, "rename %s", part);
    if (rc < 0)
        unlink(part);
    return rc;
}

int cb_scratch_file(const struct cb_run *run, uint64_t bytes, int flags, struct cb_err *err)
{
    char path[PATH_MAX];
    struct stat st;
    if (cb_scratch_path(run, "data", path, sizeof path, err) < 0)
        return -1;
    if (bytes == 0 || bytes % FILL)
        return cb_fail(err, CB_EUSAGE, "size=%llu is not a multiple of 1 MiB", (unsigned long long)bytes);
    bool there = lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == bytes;
    if (!there && make_file(path, bytes, err) < 0)
        return -1;
    return open_direct(path, flags, err);
}

int cb_scratch_cached_pages(int fd, uint64_t bytes, uint64_t *pages, struct cb_err *err)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), n = (bytes + page - 1) / page;
    CB_AUTOFREE unsigned char *resident = malloc(n);
    void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    int rc = resident && map != MAP_FAILED ? mincore(map, bytes, resident) : -1, cause = errno;
    if (map != MAP_FAILED)
        munmap(map, bytes);
    if (rc < 0)
        return cb_fail_sys(err, cause, "ask which pages are cached");
    *pages = 0;
    for (uint64_t i = 0; i < n; i++)
        *pages += resident[i] & 1;
    return 0;
}

int cb_scratch_drop(int fd, uint64_t bytes, struct cb_err *err)
{
    uint64_t left;
    if (fsync(fd) < 0)
        return cb_fail_sys(err, errno, "sync");
    int failed = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (failed)
        return cb_fail_sys(err, failed, "drop the page cache");
    if (cb_scratch_cached_pages(fd, bytes, &left, err) < 0)
        return -1;
    if (left)
        return cb_fail(err, CB_EMISSING, "%llu pages stay in the page cache", (unsigned long long)left);
    return 0;
}

int cb_scratch_dir(const struct cb_run *run, const char *name, char *path, size_t cap, struct cb_err *err)
{
    if (cb_scratch_path(run, name, path, cap, err) < 0 || cb_remove_tree(path, err) < 0)
        return -1;
    return mkdir(path, 0700) < 0 ? cb_fail_sys(err, errno, "make directory %s", path) : 0;
}

void cb_scratch_rmdir(const char *path)
{
    struct cb_err ignored;
    cb_remove_tree(path, &ignored); /* what stays is found with the scratch directory */
}

int cb_scratch_open_spread(const char *path, struct cb_err *err)
{
    int flags, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open %s", path);
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= FS_TOPDIR_FL;
        ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
    return fd;
}

/* Not from getrandom: a machine that was just started may have to wait for it. */
uint32_t cb_scratch_tag(void)
{
    uint64_t state = cb_clock_ns(CLOCK_REALTIME) ^ (uint64_t)getpid() << 32;
    return (uint32_t)cb_splitmix64(&state);
}
