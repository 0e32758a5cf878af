#include "bench/kernels/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "bench/agent.h"
#include "bench/base/buf.h"
#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "bench/kernels/scratch.h"

int cb_overlay_path(const struct cb_overlay *o, const char *below, char *path, size_t cap, struct cb_err *err)
{
    return cb_path(path, cap, err, "%s/%s", o->dir, below);
}

static int make_dir(const struct cb_overlay *o, const char *name, struct cb_err *err)
{
    char path[PATH_MAX];
    if (cb_overlay_path(o, name, path, sizeof path, err) < 0)
        return -1;
    return mkdir(path, 0755) < 0 ? cb_fail_sys(err, errno, "make directory %s", path) : 0;
}

static int make_dirs(const struct cb_overlay *o, struct cb_err *err)
{
    char name[16];
    for (unsigned i = 0; i < o->layers; i++)
        if (cb_path(name, sizeof name, err, "l%u", i) < 0 || make_dir(o, name, err) < 0)
            return -1;
    return make_dir(o, "upper", err) < 0 || make_dir(o, "work", err) < 0 || make_dir(o, "root", err) < 0 ? -1
                                                                                                         : 0;
}

static int leave_namespace(struct cb_err *err)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return cb_fail(err, CB_EMISSING, "this environment may not mount an overlay: %m");
    return 0;
}

int cb_overlay_make(struct cb_overlay *o, const struct cb_run *run, unsigned layers, bool will_mount,
                    struct cb_err *err)
{
    *o = (struct cb_overlay){.layers = layers};
    if (cb_scratch_dir(run, "overlay", o->dir, sizeof o->dir, err) < 0) {
        o->dir[0] = '\0';
        return -1;
    }
    if (make_dirs(o, err) < 0)
        return -1;
    return will_mount ? leave_namespace(err) : 0;
}

/* Of names relative to the directory: no path of the user's, in which ',' and ':' would mean something. */
static int mount_here(const struct cb_overlay *o, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf options = {0};
    cb_buf_puts(&options, "index=off,upperdir=upper,workdir=work,lowerdir=l0");
    for (unsigned i = 1; i < o->layers; i++)
        cb_buf_printf(&options, ":l%u", i);
    if (!cb_buf_ok(&options))
        return cb_fail_sys(err, ENOMEM, "list layers");
    if (mount("overlay", "root", "overlay", 0, cb_buf_str(&options)) == 0)
        return 0;
    if (errno == ENODEV)
        return cb_fail(err, CB_EMISSING, "this kernel has no overlayfs, or has not loaded it");
    return cb_fail(err, CB_EMISSING, "no overlay can be mounted on %s: %m", o->dir);
}

int cb_overlay_mount(struct cb_overlay *o, struct cb_err *err)
{
    CB_AUTOFD int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (before < 0 || chdir(o->dir) < 0)
        return cb_fail_sys(err, errno, "enter %s", o->dir);
    int rc = mount_here(o, err);
    if (fchdir(before) < 0)
        return cb_fail_sys(err, errno, "leave %s", o->dir);
    o->mounted = rc == 0;
    return rc;
}

static bool is_given(void)
{
    struct statfs fs;
    return statfs(CB_OVERLAY_GIVEN "/root", &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

int cb_overlay_open(struct cb_overlay *o, const struct cb_run *run, struct cb_err *err)
{
    if (!is_given())
        return cb_overlay_make(o, run, 1, true, err) < 0 ? -1 : cb_overlay_mount(o, err);
    *o = (struct cb_overlay){.layers = 1, .given = true, .dir = CB_OVERLAY_GIVEN};
    return 0;
}

int cb_overlay_unmount(struct cb_overlay *o, struct cb_err *err)
{
    char root[PATH_MAX];
    if (!o->mounted)
        return 0;
    if (cb_overlay_path(o, "root", root, sizeof root, err) < 0)
        return -1;
    if (umount2(root, 0) < 0)
        return cb_fail_sys(err, errno, "unmount %s", root);
    o->mounted = false;
    return 0;
}

void cb_overlay_remove(struct cb_overlay *o)
{
    struct cb_err ignored;
    cb_overlay_unmount(o, &ignored);
    if (o->dir[0] && !o->given)
        cb_scratch_rmdir(o->dir);
    o->dir[0] = '\0';
}
