#include "bench/base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/units.h"

int cb_write_all(int fd, const void *bytes, size_t n, struct cb_err *err)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return cb_fail_sys(err, errno, "write");
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

/* read(2), again after a signal. */
static ssize_t read_some(int fd, void *bytes, size_t n)
{
    ssize_t got;
    do
        got = read(fd, bytes, n);
    while (got < 0 && errno == EINTR);
    return got;
}

int cb_read_file(int dirfd, const char *path, size_t max, struct cb_buf *out, struct cb_err *err)
{
    char chunk[4096];
    size_t total = 0;
    ssize_t n;
    CB_AUTOFD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open %s", path);
    while ((n = read_some(fd, chunk, sizeof chunk)) > 0) {
        total += (size_t)n;
        if (total > max)
            return cb_fail_sys(err, EFBIG, "read %s", path);
        cb_buf_add(out, chunk, (size_t)n);
    }
    if (n < 0)
        return cb_fail_sys(err, errno, "read %s", path);
    if (!cb_buf_ok(out))
        return cb_fail_sys(err, ENOMEM, "read %s", path);
    return 0;
}

int cb_read_line(const char *path, char *out, size_t cap)
{
    out[0] = '\0';
    CB_AUTOFD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read_some(fd, out, cap - 1);
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return n < 0 ? -1 : 0;
}

int cb_read_u64(const char *path, uint64_t *out)
{
    char line[32];
    struct cb_err ignored;
    if (cb_read_line(path, line, sizeof line) < 0)
        return -1;
    return cb_parse_u64(line, 0, UINT64_MAX, out, &ignored);
}

int cb_write_file(int dirfd, const char *path, const char *text, struct cb_err *err)
{
    size_t len = strlen(text);
    CB_AUTOFD int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open %s", path);
    ssize_t n = write(fd, text, len);
    if (n < 0)
        return cb_fail_sys(err, errno, "write '%s' to %s", text, path);
    if ((size_t)n != len)
        return cb_fail_sys(err, EIO, "write '%s' to %s: cut", text, path);
    return 0;
}

/* A name that no one guesses beforehand: the directory may be writable by others. */
static int temporary_name(const char *name, char *out, size_t cap, struct cb_err *err)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return cb_fail_sys(err, errno, "getrandom");
    return cb_path(out, cap, err, ".%s.%016llx", name, (unsigned long long)random);
}

int cb_replace_file(int dirfd, const char *name, const void *bytes, size_t n, mode_t mode, struct cb_err *err)
{
    char tmp[256];
    if (temporary_name(name, tmp, sizeof tmp, err) < 0)
        return -1;
    CB_AUTOFD int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return cb_fail_sys(err, errno, "create %s", tmp);
    int failed = cb_write_all(fd, bytes, n, err);
    if (!failed && fsync(fd) < 0)
        failed = cb_fail_sys(err, errno, "fsync");
    if (!failed && renameat(dirfd, tmp, dirfd, name) < 0)
        failed = cb_fail_sys(err, errno, "rename");
    if (!failed)
        return 0;
    unlinkat(dirfd, tmp, 0);
    return cb_wrap(err, "replace %s", name);
}

static int make_dir(const char *path, mode_t mode, struct cb_err *err)
{
    struct stat st;
    if (mkdir(path, mode) == 0)
        return 0;
    int cause = errno;
    /* EEXIST, but also EROFS and EACCES of a parent where the directory is there already. */
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    return cb_fail_sys(err, cause, "mkdir %s", path);
}

int cb_mkdirs(const char *path, mode_t mode, struct cb_err *err)
{
    char part[4096];
    if (cb_path(part, sizeof part, err, "%s", path) < 0)
        return -1;
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (make_dir(part, mode, err) < 0)
            return -1;
        *slash = '/';
    }
    return make_dir(part, mode, err);
}

/* RESOLVE_NO_XDEV refuses bind mounts too, which a comparison of device numbers would walk into. */
static int open_dir_here(int dirfd, const char *name)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_NO_XDEV | RESOLVE_BENEATH};
    return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof how);
}

static void close_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

/* Prototype: the two functions call each other. */
static int remove_entry(int dirfd, const char *name, struct cb_err *err);

/* Takes over fd. */
static int remove_content(int fd, const char *name, struct cb_err *err)
{
    __attribute__((cleanup(close_dir))) DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return cb_fail_sys(err, errno, "read directory %s", name);
    }
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(d); /* NOLINT(concurrency-mt-unsafe): the stream is ours alone */
        if (!e)
            return errno ? cb_fail_sys(err, errno, "read directory %s", name) : 0;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (remove_entry(dirfd(d), e->d_name, err) < 0)
            return -1;
    }
}

/* Files, and directories that are empty, go without being opened: overlayfs leaves some of mode 0. */
static int remove_entry(int dirfd, const char *name, struct cb_err *err)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return cb_fail_sys(err, errno, "unlink %s", name);
    if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno != ENOTEMPTY)
        return cb_fail_sys(err, errno, "rmdir %s", name);
    int fd = open_dir_here(dirfd, name);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open directory %s", name);
    if (remove_content(fd, name, err) < 0)
        return -1;
    if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return cb_fail_sys(err, errno, "rmdir %s", name);
    return 0;
}

int cb_remove_tree(const char *path, struct cb_err *err)
{
    char parent[4096];
    if (cb_path(parent, sizeof parent, err, "%s", path) < 0)
        return -1;
    size_t len = strlen(parent);
    while (len > 1 && parent[len - 1] == '/')
        parent[--len] = '\0';
    char *slash = strrchr(parent, '/'), *name = slash ? slash + 1 : parent;
    if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
        return cb_fail_sys(err, EINVAL, "remove '%s'", path);
    if (slash)
        *slash = '\0';
    CB_AUTOFD int dirfd = open(!slash ? "." : *parent ? parent : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0)
        return errno == ENOENT ? 0 : cb_fail_sys(err, errno, "remove %s", path);
    return remove_entry(dirfd, name, err) < 0 ? cb_wrap(err, "remove %s", path) : 0;
}

int cb_path(char *out, size_t cap, struct cb_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(out, cap, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= cap)
        return cb_fail_sys(err, ENAMETOOLONG, "path %s", out);
    return 0;
}

void cb_lines_init(struct cb_lines *l, int fd)
{
    l->fd = fd;
    l->start = l->end = 0;
    l->read_ns = 0;
}

static char *buffered_newline(const struct cb_lines *l)
{
    return memchr(l->data + l->start, '\n', l->end - l->start);
}

bool cb_lines_buffered(const struct cb_lines *l)
{
    return buffered_newline(l) != NULL;
}

/* Takes the line that ends at `newline` out of the buffer. */
static int take_line(struct cb_lines *l, char *newline, char **line, struct cb_err *err)
{
    char *start = l->data + l->start;
    size_t len = (size_t)(newline - start);
    l->start += len + 1;
    *newline = '\0';
    if (len + 1 > CB_LINE_MAX)
        return cb_fail(err, CB_EPROTO, "line of more than %d bytes", CB_LINE_MAX);
    if (strlen(start) != len)
        return cb_fail(err, CB_EPROTO, "line with a NUL byte");
    *line = start;
    return 1;
}

static int wait_readable(int fd, uint64_t deadline, struct cb_err *err)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = 0;
    /* A peer that never stops sending does not get past the deadline either. */
    while (n == 0 && cb_deadline_remaining_ns(deadline) > 0)
        n = poll(&p, 1, cb_deadline_poll_ms(deadline));
    if (n == 0)
        return cb_fail(err, CB_ETIMEOUT, "no line in time");
    if (n < 0 && errno == EINTR)
        return cb_fail(err, CB_EINTR, "interrupted by a signal");
    return n < 0 ? cb_fail_sys(err, errno, "poll") : 0;
}

/* 1: there are more bytes. 0: end of stream. -1: failed. */
static int fill(struct cb_lines *l, uint64_t deadline, struct cb_err *err)
{
    memmove(l->data, l->data + l->start, l->end - l->start);
    l->end -= l->start;
    l->start = 0;
    if (l->end >= CB_LINE_MAX)
        return cb_fail(err, CB_EPROTO, "line of more than %d bytes", CB_LINE_MAX);
    if (wait_readable(l->fd, deadline, err) < 0)
        return -1;
    ssize_t n = read_some(l->fd, l->data + l->end, sizeof l->data - l->end);
    l->read_ns = cb_now_ns();
    if (n < 0)
        return cb_fail_sys(err, errno, "read");
    l->end += (size_t)n;
    return n > 0;
}

int cb_lines_next(struct cb_lines *l, uint64_t deadline, char **line, struct cb_err *err)
{
    for (;;) {
        char *newline = buffered_newline(l);
        if (newline)
            return take_line(l, newline, line, err);
        int more = fill(l, deadline, err);
        if (more < 0)
            return -1;
        if (more == 0 && l->end > l->start)
            return cb_fail(err, CB_EPROTO, "stream ended inside a line");
        if (more == 0)
            return 0;
    }
}
