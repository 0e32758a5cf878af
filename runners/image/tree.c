#include "runners/image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bench/base/buf.h"
#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "runners/image/digest.h"

#define PATH_CAP 1024
#define FILE_MAX ((size_t)CB_PAYLOAD_MAX)
#define CHUNK    ((size_t)128 << 10) /* as cp(1) has it */

/* ---- writing the payload ----------------------------------------------------------------------------- */

static int write_file(const char *path, mode_t mode, const struct cb_buf *bytes, struct cb_err *err)
{
    CB_AUTOFD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode & 07777);
    if (fd < 0)
        return cb_fail_sys(err, errno, "create %s", path);
    return cb_write_all(fd, cb_buf_str(bytes), bytes->len, err) < 0 ? cb_wrap(err, "%s", path) : 0;
}

static int make_dir(const char *path, mode_t mode, struct cb_err *err)
{
    return mkdir(path, mode & 07777) < 0 && errno != EEXIST ? cb_fail_sys(err, errno, "create %s", path) : 0;
}

int cb_tree_install(const struct cb_payload *p, const char *dir, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf bytes = {0};
    char path[PATH_CAP];
    for (size_t i = 0; i < p->n; i++) {
        const struct cb_payload_file *f = &p->files[i];
        if (f->state == CB_FILE_REMOVED)
            continue;
        cb_buf_clear(&bytes);
        if (cb_path(path, sizeof path, err, "%s/%s", dir, f->path) < 0)
            return -1;
        if (S_ISREG(f->mode))
            cb_payload_content(p, f, &bytes);
        if (!cb_buf_ok(&bytes))
            return cb_fail_sys(err, ENOMEM, "write %s", path);
        if ((S_ISDIR(f->mode) ? make_dir(path, f->mode, err) : write_file(path, f->mode, &bytes, err)) < 0)
            return -1;
    }
    return 0;
}

/* ---- copying ----------------------------------------------------------------------------------------- */

/* [begin, end) holds data. By read and write, not copy_file_range: that would share blocks where it can. */
static int copy_extent(int from, int to, off_t begin, off_t end, struct cb_err *err)
{
    char chunk[CHUNK];
    while (begin < end) {
        size_t want = (size_t)(end - begin) < sizeof chunk ? (size_t)(end - begin) : sizeof chunk;
        ssize_t n = pread(from, chunk, want, begin);
        if (n < 0)
            return cb_fail_sys(err, errno, "read");
        if (n == 0)
            return cb_fail(err, CB_ESYS, "the file became shorter");
        if (lseek(to, begin, SEEK_SET) < 0 || cb_write_all(to, chunk, (size_t)n, err) < 0)
            return cb_wrap(err, "write");
        begin += n;
    }
    return 0;
}

static int copy_plain(int from, int to, struct cb_err *err)
{
    struct stat st;
    if (fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0)
        return cb_fail_sys(err, errno, "set the length");
    for (off_t at = 0; at < st.st_size;) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0)
            return errno == ENXIO ? 0 : cb_fail_sys(err, errno, "look for data"); /* holes up to the end */
        at = lseek(from, data, SEEK_HOLE);
        if (at < 0)
            return cb_fail_sys(err, errno, "look for a hole");
        if (copy_extent(from, to, data, at, err) < 0)
            return -1;
    }
    return 0;
}

static int copy_reflink(int from, int to, struct cb_err *err)
{
    if (ioctl(to, FICLONE, from) == 0)
        return 0;
    return cb_fail(err, CB_EMISSING,
                   "the filesystem of the work directory cannot share blocks (FICLONE): %m");
}

int cb_file_copy(const char *from, const char *to, enum cb_copy how, struct cb_err *err)
{
    struct stat st;
    CB_AUTOFD int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0 || fstat(in, &st) < 0)
        return cb_fail_sys(err, errno, "open %s", from);
    CB_AUTOFD int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, st.st_mode & 07777);
    if (out < 0)
        return cb_fail_sys(err, errno, "create %s", to);
    if (how == CB_COPY_REFLINK)
        return copy_reflink(in, out, err); /* the reason is that of all files: none is named */
    return copy_plain(in, out, err) < 0 ? cb_wrap(err, "copy %s", from) : 0;
}

/* ---- walking ----------------------------------------------------------------------------------------- */

static void close_walk(FTS **walk)
{
    if (*walk)
        fts_close(*walk);
}

#define AUTO_WALK __attribute__((cleanup(close_walk)))

static FTS *open_walk(const char *path, struct cb_err *err)
{
    char *const paths[] = {(char *)path, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!walk)
        cb_fail_sys(err, errno, "walk %s", path);
    return walk;
}

/* 1 and the next entry, directories once and before what is in them; 0 at the end. */
static int next_entry(FTS *walk, FTSENT **out, struct cb_err *err)
{
    do {
        errno = 0;
        *out = fts_read(walk);
        if (!*out)
            return errno ? cb_fail_sys(err, errno, "walk") : 0;
        if ((*out)->fts_info == FTS_ERR || (*out)->fts_info == FTS_DNR || (*out)->fts_info == FTS_NS)
            return cb_fail_sys(err, (*out)->fts_errno, "walk %s", (*out)->fts_path);
    } while ((*out)->fts_info == FTS_DP);
    return 1;
}

static int copy_entry(const FTSENT *e, size_t root, const char *to, enum cb_copy how, struct cb_err *err)
{
    char path[PATH_CAP];
    if (cb_path(path, sizeof path, err, "%s%s", to, e->fts_path + root) < 0)
        return -1;
    if (e->fts_info == FTS_D)
        return mkdir(path, e->fts_statp->st_mode & 07777) < 0 ? cb_fail_sys(err, errno, "create %s", path)
                                                              : 0;
    if (e->fts_info != FTS_F)
        return cb_fail(err, CB_ESYS, "%s is no regular file", e->fts_path);
    return cb_file_copy(e->fts_path, path, how, err);
}

int cb_tree_copy(const char *from, const char *to, enum cb_copy how, struct cb_err *err)
{
    AUTO_WALK FTS *walk = open_walk(from, err);
    FTSENT *e;
    int got = walk ? 1 : -1;
    while (got > 0 && (got = next_entry(walk, &e, err)) > 0)
        if (copy_entry(e, strlen(from), to, how, err) < 0)
            return -1;
    return got;
}

int cb_tree_size(const char *path, struct cb_tree_size *out, struct cb_err *err)
{
    AUTO_WALK FTS *walk = open_walk(path, err);
    FTSENT *e;
    int got = walk ? 1 : -1;
    while (got > 0 && (got = next_entry(walk, &e, err)) > 0) {
        if (e->fts_info == FTS_F)
            out->apparent += (uint64_t)e->fts_statp->st_size;
        out->allocated += (uint64_t)e->fts_statp->st_blocks * 512; /* stat(2): units of 512 bytes */
    }
    return got;
}

int cb_tree_digest_of(const char *dir, char out[CB_SHA256_HEX], struct cb_err *err)
{
    AUTO_WALK FTS *walk = open_walk(dir, err);
    CB_AUTOBUF struct cb_buf bytes = {0};
    struct cb_tree_digest d = {0};
    FTSENT *e;
    int got = walk ? 1 : -1;
    while (got > 0 && (got = next_entry(walk, &e, err)) > 0) {
        if (e->fts_info == FTS_D && strcmp(e->fts_name, "lost+found") == 0)
            fts_set(walk, e, FTS_SKIP);
        if (e->fts_info != FTS_F)
            continue;
        cb_buf_clear(&bytes);
        if (cb_read_file(AT_FDCWD, e->fts_path, FILE_MAX, &bytes, err) < 0)
            return -1;
        cb_tree_digest_add(&d, e->fts_path + strlen(dir) + 1, e->fts_statp->st_mode, bytes.data, bytes.len);
    }
    cb_tree_digest_hex(&d, out);
    return got;
}
