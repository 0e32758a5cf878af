#include "runners/image/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"

#define PATH_CAP 1024

static la_ssize_t append(struct archive *a, void *out, const void *bytes, size_t n)
{
    cb_buf_add(out, bytes, n);
    if (cb_buf_ok(out))
        return (la_ssize_t)n;
    archive_set_error(a, ENOMEM, "out of memory");
    return -1;
}

static void free_writer(struct archive **a)
{
    archive_write_free(*a);
}

static void free_entry(struct archive_entry **e)
{
    archive_entry_free(*e);
}

#define AUTO_WRITER __attribute__((cleanup(free_writer)))
#define AUTO_ENTRY  __attribute__((cleanup(free_entry)))

static int fail(struct archive *a, const char *what, struct cb_err *err)
{
    return cb_fail(err, CB_ESYS, "%s: %s", what, archive_error_string(a));
}

/* "usr/lib/a" -> "usr/lib/.wh.a" */
static int whiteout_path(const char *path, char *out, size_t cap, struct cb_err *err)
{
    const char *slash = strrchr(path, '/');
    size_t dir = slash ? (size_t)(slash + 1 - path) : 0;
    return cb_path(out, cap, err, "%.*s" CB_WHITEOUT "%s", (int)dir, path, path + dir);
}

static int write_entry(struct archive *a, const char *path, mode_t mode, const struct cb_buf *bytes,
                       struct cb_err *err)
{
    AUTO_ENTRY struct archive_entry *e = archive_entry_new();
    if (!e)
        return cb_fail_sys(err, ENOMEM, "tar %s", path);
    archive_entry_set_pathname(e, path);
    archive_entry_set_mode(e, mode);
    archive_entry_set_size(e, (la_int64_t)bytes->len);
    archive_entry_set_mtime(e, 0, 0);
    if (archive_write_header(a, e) != ARCHIVE_OK ||
        archive_write_data(a, cb_buf_str(bytes), bytes->len) != (la_ssize_t)bytes->len)
        return fail(a, path, err);
    return 0;
}

static int content(const struct cb_selection *s, const struct cb_payload_file *f, struct cb_buf *out,
                   struct cb_err *err)
{
    char path[PATH_CAP];
    if (!s->tree) {
        cb_payload_content(s->payload, f, out);
        return cb_buf_ok(out) ? 0 : cb_fail_sys(err, ENOMEM, "tar %s", f->path);
    }
    return cb_path(path, sizeof path, err, "%s/%s", s->tree, f->path) < 0
               ? -1
               : cb_read_file(AT_FDCWD, path, (size_t)f->size, out, err);
}

static int write_file(struct archive *a, const struct cb_selection *s, const struct cb_payload_file *f,
                      struct cb_buf *bytes, struct cb_err *err)
{
    char path[CB_PAYLOAD_PATH_MAX + sizeof CB_WHITEOUT];
    cb_buf_clear(bytes);
    if (f->state == CB_FILE_REMOVED)
        return whiteout_path(f->path, path, sizeof path, err) < 0
                   ? -1
                   : write_entry(a, path, S_IFREG | 0644, bytes, err);
    if (S_ISREG(f->mode) && content(s, f, bytes, err) < 0)
        return -1;
    return write_entry(a, f->path, f->mode, bytes, err);
}

int cb_pack_tar(const struct cb_selection *s, struct cb_buf *out, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf bytes = {0};
    AUTO_WRITER struct archive *a = archive_write_new();
    if (!a)
        return cb_fail_sys(err, ENOMEM, "tar");
    /* Paths are short and sizes small: the plain format, which every program reads alike. */
    if (archive_write_set_format_ustar(a) != ARCHIVE_OK ||
        archive_write_open(a, out, NULL, append, NULL) != ARCHIVE_OK)
        return fail(a, "tar", err);
    for (size_t i = 0; i < s->payload->n; i++)
        if (cb_selected(s, &s->payload->files[i]) && write_file(a, s, &s->payload->files[i], &bytes, err) < 0)
            return -1;
    return archive_write_close(a) == ARCHIVE_OK ? 0 : fail(a, "tar", err);
}

int cb_pack_gzip(const void *bytes, size_t n, struct cb_buf *out, struct cb_err *err)
{
    AUTO_ENTRY struct archive_entry *e = archive_entry_new();
    AUTO_WRITER struct archive *a = archive_write_new();
    if (!a || !e)
        return cb_fail_sys(err, ENOMEM, "gzip");
    archive_entry_set_filetype(e, AE_IFREG);
    /* No date in the header, and nothing behind the end: else the same bytes would have another digest. */
    if (archive_write_set_format_raw(a) != ARCHIVE_OK || archive_write_add_filter_gzip(a) != ARCHIVE_OK ||
        archive_write_set_options(a, "gzip:!timestamp,gzip:compression-level=6") != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
        archive_write_open(a, out, NULL, append, NULL) != ARCHIVE_OK ||
        archive_write_header(a, e) != ARCHIVE_OK || archive_write_data(a, bytes, n) != (la_ssize_t)n ||
        archive_write_close(a) != ARCHIVE_OK)
        return fail(a, "gzip", err);
    return 0;
}

int cb_pack_tar_gzip(const struct cb_selection *s, struct cb_buf *out, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf tar = {0};
    return cb_pack_tar(s, &tar, err) < 0 ? -1 : cb_pack_gzip(tar.data, tar.len, out, err);
}
