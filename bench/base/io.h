/* Files and streams. Paths are opened with O_CLOEXEC | O_NOFOLLOW unless said otherwise. */
#ifndef CB_BASE_IO_H
#define CB_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/base/buf.h"
#include "bench/base/err.h"

/* Writes all n bytes or fails; retries on EINTR and short writes. */
int cb_write_all(int fd, const void *bytes, size_t n, struct cb_err *err);
/* Reads a whole file, at most `max` bytes (more is an error), into `out` (appended). dirfd may be AT_FDCWD.
 * Links are followed: /proc and /sys are made of them. */
int cb_read_file(int dirfd, const char *path, size_t max, struct cb_buf *out, struct cb_err *err);
/* First line of a small file without its newline; "" in `out` and -1 where it cannot be read (never an error
 * text: for facts that may be missing). */
int cb_read_line(const char *path, char *out, size_t cap);
/* One number from such a file. */
int cb_read_u64(const char *path, uint64_t *out);
/* Writes `text` to an existing special file (/proc, /sys, cgroup) in one write(2). */
int cb_write_file(int dirfd, const char *path, const char *text, struct cb_err *err);
/* Creates or replaces `name` in dirfd atomically: temporary name, fsync, rename. Never follows a link. */
int cb_replace_file(int dirfd, const char *name, const void *bytes, size_t n, mode_t mode,
                    struct cb_err *err);
/* mkdir -p. Existing directories are fine. */
int cb_mkdirs(const char *path, mode_t mode, struct cb_err *err);
/* rm -r without crossing into other mounts and without following links; a missing path is success. */
int cb_remove_tree(const char *path, struct cb_err *err);
/* snprintf that treats a cut result as an error (ENAMETOOLONG). */
int cb_path(char *out, size_t cap, struct cb_err *err, const char *fmt, ...) CB_PRINTF(4, 5);

/* Lines from a stream, each with a limit and a deadline; never reads past what the stream holds, never blocks
 * beyond the deadline. For input that is not trusted. */
#define CB_LINE_MAX 4096
struct cb_lines {
    int fd;
    size_t start, end;
    uint64_t read_ns; /* clock when the last byte of the last line returned was read */
    char data[CB_LINE_MAX * 4];
};
void cb_lines_init(struct cb_lines *l, int fd);
/* 1: *line is the next line, NUL-terminated, without newline, valid until the next call. 0: end of stream.
 * -1: CB_ETIMEOUT, CB_EPROTO (line over CB_LINE_MAX, NUL byte inside, stream ended inside a line), CB_EINTR
 * (a signal handler ran; what was read is kept), or CB_ESYS. */
int cb_lines_next(struct cb_lines *l, uint64_t deadline, char **line, struct cb_err *err);
/* True when a whole line is buffered already: poll(2) would not say so. */
bool cb_lines_buffered(const struct cb_lines *l);

#endif
