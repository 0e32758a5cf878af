#include "runners/vmdisk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"
#include "bench/base/rng.h"

/* The files of benchmarks are 256 and 64 MiB; journal, inode tables and the small files of the metadata
 * benchmark come on top, and a filesystem that is nearly full allocates differently. */
#define DISK_BYTES ((uint64_t)512 << 20)
#define CHUNK      ((size_t)1 << 20)
/* Twice what a batch of the metadata benchmark makes; their tables are written at every format. */
#define DISK_INODES "65536"
/* 40 MB of tables and journal: 0.1 s. More than this is a broken disk. */
#define FORMAT_NS (60 * CB_NS_PER_S)

/* Random bytes, which no layer below can compress. */
static int fill(int fd, struct cb_err *err)
{
    CB_AUTOFREE uint64_t *chunk = malloc(CHUNK);
    struct cb_rng rng;
    if (!chunk)
        return cb_fail_sys(err, ENOMEM, "fill");
    cb_rng_seed(&rng, 1);
    for (size_t i = 0; i < CHUNK / sizeof *chunk; i++)
        chunk[i] = cb_rng_next(&rng);
    for (uint64_t done = 0; done < DISK_BYTES; done += CHUNK)
        if (cb_write_all(fd, chunk, CHUNK, err) < 0)
            return -1;
    return 0;
}

/* To the disk and out of the page cache: qemu goes around it. */
static int flush(int fd, struct cb_err *err)
{
    if (fsync(fd) < 0)
        return cb_fail_sys(err, errno, "fsync");
    int failed = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return failed ? cb_fail_sys(err, failed, "drop the cache") : 0;
}

/* A descriptor of the new file. */
static int make_file(const char *path, struct cb_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? cb_fail_sys(err, errno, "create %s", path) : fd;
}

int cb_vmdisk_create_sparse(const char *path, struct cb_err *err)
{
    CB_AUTOFD int fd = make_file(path, err);
    if (fd < 0)
        return -1;
    return ftruncate(fd, (off_t)DISK_BYTES) < 0 ? cb_fail_sys(err, errno, "size of %s", path) : 0;
}

int cb_vmdisk_create(const char *path, struct cb_err *err)
{
    if (access(path, F_OK) == 0)
        return 0;
    CB_AUTOFD int fd = make_file(path, err);
    if (fd < 0)
        return -1;
    /* One allocation of the whole is less fragmented than a thousand of its parts. */
    int failed = posix_fallocate(fd, 0, (off_t)DISK_BYTES);
    if (failed)
        cb_fail_sys(err, failed, "allocate");
    else
        failed = fill(fd, err) < 0 || flush(fd, err) < 0;
    if (!failed)
        return 0;
    unlink(path);
    return cb_wrap(err, "disk image %s", path);
}

int cb_vmdisk_format(const char *path, struct cb_err *err)
{
    /* Without the variable, mke2fs zeroes tables in a file by fallocate(2), and the guest's first write to
     * each would make the host's filesystem convert an extent. */
    const char *const argv[] = {"env",
                                "UNIX_IO_NOZEROOUT=1",
                                "PATH=/usr/sbin:/sbin:/usr/bin:/bin",
                                "mke2fs",
                                "-q",
                                "-F",
                                "-t",
                                "ext4",
                                "-b",
                                "4096",
                                "-m",
                                "0",
                                "-N",
                                DISK_INODES,
                                "-E",
                                "nodiscard,lazy_itable_init=0,lazy_journal_init=0",
                                path,
                                NULL};
    if (cb_capture(argv, FORMAT_NS, 0, NULL, err) < 0)
        return cb_wrap(err, "format %s", path);
    CB_AUTOFD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open %s", path);
    return flush(fd, err) < 0 ? cb_wrap(err, "%s", path) : 0;
}
