#include "runners/image/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/clock.h"
#include "bench/base/io.h"
#include "bench/base/proc.h"

/* The slowest of them compresses 25 MB/s: more than this is a broken disk. */
#define TOOL_NS  (120 * CB_NS_PER_S)
#define PATH_CAP 1024
/* mke2fs and debugfs are where the PATH of ordinary users does not lead. */
#define SBIN "PATH=/usr/sbin:/sbin:/usr/bin:/bin"
/* Else two images of the same files would differ in more than the files' times. */
#define UUID     "6362656e-6368-4000-8000-000000000000"
#define EXTENDED "root_owner=0:0,hash_seed=6362656e-6368-4000-8000-000000000000"

static int run(const char *const *argv, const char *what, struct cb_err *err)
{
    return cb_capture(argv, TOOL_NS, 0, NULL, err) < 0 ? cb_wrap(err, "%s", what) : 0;
}

/* env(1) says what it did not find by its exit status, which is no skip. */
static int need_program(const char *name, struct cb_err *err)
{
    static const char *const dirs[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};
    char path[64];
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
        if (cb_path(path, sizeof path, err, "%s/%s", dirs[i], name) == 0 && access(path, X_OK) == 0)
            return 0;
    return cb_fail(err, CB_EMISSING, "%s is not installed", name);
}

/* ---- ext4 -------------------------------------------------------------------------------------------- */

int cb_disk_make(const char *tree, const char *raw, uint64_t bytes, struct cb_err *err)
{
    CB_AUTOFD int fd = open(raw, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
        return cb_fail_sys(err, errno, "create %s", raw);
    const char *const argv[] = {"env",    SBIN,     "E2FSPROGS_FAKE_TIME=1",
                                "mke2fs", "-q",     "-F",
                                "-t",     "ext4",   "-b",
                                "4096",   "-U",     UUID,
                                "-E",     EXTENDED, "-d",
                                tree,     raw,      NULL};
    return need_program("mke2fs", err) < 0 ? -1 : run(argv, raw, err);
}

/* What debugfs is to do, one command a line. Removed first: debugfs does not replace files. */
static void list_commands(const struct cb_payload *p, const char *tree, struct cb_buf *out)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct cb_payload_file *f = &p->files[i];
        if (f->state == CB_FILE_SAME)
            continue;
        cb_buf_printf(out, "rm %s\n", f->path);
        if (f->state == CB_FILE_CHANGED)
            cb_buf_printf(out, "write %s/%s %s\n", tree, f->path, f->path);
    }
}

int cb_disk_update(const char *raw, const struct cb_payload *p, const char *tree, struct cb_err *err)
{
    char script[PATH_CAP];
    CB_AUTOBUF struct cb_buf commands = {0};
    list_commands(p, tree, &commands);
    if (cb_path(script, sizeof script, err, "%s.commands", raw) < 0)
        return -1;
    CB_AUTOFD int fd = open(script, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return cb_fail_sys(err, errno, "create %s", script);
    const char *const argv[] = {"env", SBIN, "debugfs", "-w", "-f", script, raw, NULL};
    int failed = cb_write_all(fd, cb_buf_str(&commands), commands.len, err) < 0 ||
                 need_program("debugfs", err) < 0 || run(argv, raw, err) < 0;
    unlink(script);
    return failed ? -1 : 0;
}

int cb_disk_extract(const char *raw, const char *dir, struct cb_err *err)
{
    char request[PATH_CAP];
    if (need_program("debugfs", err) < 0 || cb_path(request, sizeof request, err, "rdump / %s", dir) < 0)
        return -1;
    const char *const argv[] = {"env", SBIN, "debugfs", "-R", request, raw, NULL};
    return run(argv, raw, err);
}

/* ---- qcow2 ------------------------------------------------------------------------------------------- */

int cb_qcow2_pack(const char *raw, const char *packed, struct cb_err *err)
{
    const char *const argv[] = {"qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", raw, packed, NULL};
    return run(argv, packed, err);
}

int cb_qcow2_expand(const char *packed, const char *raw, struct cb_err *err)
{
    const char *const argv[] = {"qemu-img", "convert", "-f", "qcow2", "-O", "raw", packed, raw, NULL};
    return run(argv, raw, err);
}

int cb_qcow2_overlay(const char *backing, const char *overlay, struct cb_err *err)
{
    const char *const argv[] = {"qemu-img", "create", "-q",    "-f",    "qcow2", "-F",
                                "raw",      "-b",     backing, overlay, NULL};
    return run(argv, overlay, err);
}

/* An overlay of the new image holds nothing; told to be one of the old image, it takes in what differs. */
int cb_qcow2_difference(const char *old, const char *next, const char *scratch, const char *out,
                        struct cb_err *err)
{
    const char *const rebase[] = {"qemu-img", "rebase", "-q", "-f",    "qcow2", "-F",
                                  "raw",      "-b",     old,  scratch, NULL};
    const char *const pack[] = {"qemu-img", "convert", "-f", "qcow2", "-O",    "qcow2", "-c",
                                "-F",       "raw",     "-B", old,     scratch, out,     NULL};
    if (cb_qcow2_overlay(next, scratch, err) < 0 || run(rebase, scratch, err) < 0)
        return -1;
    return run(pack, out, err);
}
