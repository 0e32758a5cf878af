#include "runners/image/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "runners/image/pack.h"

#define PATH_CAP 1024
#define BLOCK    10240 /* a record of tar: how much is read at a time */

static void free_reader(struct archive **a)
{
    archive_read_free(*a);
}

#define AUTO_READER __attribute__((cleanup(free_reader)))

/* Relative, and no part of it is "..". */
static bool stays_inside(const char *path)
{
    if (!*path || *path == '/')
        return false;
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return false;
    }
    return true;
}

/* Parents that the archive does not name, as those of a layer that changes a single file. */
static int make_parents(int dir, const char *path, struct cb_err *err)
{
    char parent[PATH_CAP];
    for (const char *slash = path; (slash = strchr(slash, '/')) && slash[1]; slash++) {
        if (cb_path(parent, sizeof parent, err, "%.*s", (int)(slash - path), path) < 0)
            return -1;
        if (mkdirat(dir, parent, 0755) < 0 && errno != EEXIST)
            return cb_fail_sys(err, errno, "create %s", parent);
    }
    return 0;
}

static int put_dir(int dir, const char *path, mode_t mode, struct cb_err *err)
{
    return mkdirat(dir, path, mode) < 0 && errno != EEXIST ? cb_fail_sys(err, errno, "create %s", path) : 0;
}

/* A new file in the place of an old one, as tar(1) does it: whoever has the old one open keeps it. */
static int put_file(struct archive *a, int dir, const char *path, mode_t mode, struct cb_err *err)
{
    if (unlinkat(dir, path, 0) < 0 && errno != ENOENT)
        return cb_fail_sys(err, errno, "replace %s", path);
    CB_AUTOFD int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return cb_fail_sys(err, errno, "create %s", path);
    if (archive_read_data_into_fd(a, fd) != ARCHIVE_OK)
        return cb_fail(err, CB_ESYS, "unpack %s: %s", path, archive_error_string(a));
    return 0;
}

/* `name` is where the whiteout's prefix begins in `path`. */
static int put_whiteout(int dir, const char *path, const char *name, enum cb_unpack how, struct cb_err *err)
{
    char target[PATH_CAP];
    if (cb_path(target, sizeof target, err, "%.*s%s", (int)(name - path), path,
                name + sizeof CB_WHITEOUT - 1) < 0)
        return -1;
    if (how == CB_UNPACK_LAYER)
        return mknodat(dir, target, S_IFCHR, makedev(0, 0)) < 0
                   ? cb_fail_sys(err, errno, "make the whiteout %s", target)
                   : 0;
    return unlinkat(dir, target, 0) < 0 ? cb_fail_sys(err, errno, "remove %s", target) : 0;
}

static int put_entry(struct archive *a, struct archive_entry *e, int dir, enum cb_unpack how,
                     struct cb_err *err)
{
    const char *path = archive_entry_pathname(e);
    if (!path || !stays_inside(path))
        return cb_fail(err, CB_EPROTO, "the name %s leads out of the archive", path ? path : "(none)");
    const char *slash = strrchr(path, '/'), *name = slash && slash[1] ? slash + 1 : path;
    mode_t type = archive_entry_filetype(e), mode = archive_entry_perm(e);
    if (make_parents(dir, path, err) < 0)
        return -1;
    if (type == AE_IFDIR)
        return put_dir(dir, path, mode, err);
    if (type != AE_IFREG)
        return cb_fail(err, CB_EPROTO, "%s is neither a file nor a directory", path);
    if (strncmp(name, CB_WHITEOUT, sizeof CB_WHITEOUT - 1) == 0)
        return put_whiteout(dir, path, name, how, err);
    return put_file(a, dir, path, mode, err);
}

static int put_entries(struct archive *a, int dir, enum cb_unpack how, struct cb_err *err)
{
    struct archive_entry *e;
    int got;
    while ((got = archive_read_next_header(a, &e)) == ARCHIVE_OK)
        if (put_entry(a, e, dir, how, err) < 0)
            return -1;
    return got == ARCHIVE_EOF ? 0 : cb_fail(err, CB_ESYS, "%s", archive_error_string(a));
}

int cb_unpack(const char *archive, const char *dir, enum cb_unpack how, struct cb_err *err)
{
    AUTO_READER struct archive *a = archive_read_new();
    CB_AUTOFD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (!a)
        return cb_fail_sys(err, ENOMEM, "unpack");
    if (fd < 0)
        return cb_fail_sys(err, errno, "open %s", dir);
    archive_read_support_filter_gzip(a);
    archive_read_support_format_tar(a);
    if (archive_read_open_filename(a, archive, BLOCK) != ARCHIVE_OK)
        return cb_fail(err, CB_ESYS, "open %s: %s", archive, archive_error_string(a));
    return put_entries(a, fd, how, err) < 0 ? cb_wrap(err, "unpack %s", archive) : 0;
}
