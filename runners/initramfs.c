#include "runners/initramfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "runners/cpio.h"

#define AGENT_MAX  ((size_t)64 << 20)
#define MODULE_MAX ((size_t)32 << 20)

/* What only benchmarks ask for: loading overlay takes an emulated machine 40 ms, 1.6 % of its start, in which
 * it has no part. */
static const struct cb_module_want wanted_later[] = {
    {.name = "overlay", .optional = true},
    {.name = NULL},
};

/* "kernel/net/core/failover.ko.xz" -> "modules/failover.ko". */
static int guest_path(const char *path, char *out, size_t cap, struct cb_err *err)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    return cb_path(out, cap, err, "modules/%.*s", (int)(strstr(file, ".ko") + 3 - file), file);
}

static int add_module(struct cb_cpio *cpio, struct cb_buf *list, const char *dir, const char *path,
                      struct cb_err *err)
{
    char from[CB_KERNEL_PATH_MAX + 256], to[256];
    CB_AUTOBUF struct cb_buf packed = {0};
    CB_AUTOBUF struct cb_buf plain = {0};
    if (!strstr(path, ".ko"))
        return cb_fail(err, CB_ESYS, "%s is no module", path);
    if (cb_path(from, sizeof from, err, "%s/%s", dir, path) < 0 || guest_path(path, to, sizeof to, err) < 0 ||
        cb_read_file(AT_FDCWD, from, MODULE_MAX, &packed, err) < 0 ||
        cb_decompress(packed.data, packed.len, MODULE_MAX, &plain, err) < 0)
        return cb_wrap(err, "module %s", path);
    cb_cpio_file(cpio, to, 0644, plain.data, plain.len);
    cb_buf_printf(list, "/%s\n", to);
    return 0;
}

/* The modules, and the list of them, which names them in the order to load them. */
static int add_modules(struct cb_cpio *cpio, const char *dir, const struct cb_module_want *want,
                       const char *name, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf paths = {0};
    CB_AUTOBUF struct cb_buf list = {0};
    if (cb_modules_list(dir, want, &paths, err) < 0)
        return -1;
    char *rest = paths.data;
    for (char *path; rest && (path = strsep(&rest, "\n"));)
        if (*path && add_module(cpio, &list, dir, path, err) < 0)
            return -1;
    cb_cpio_file(cpio, name, 0644, cb_buf_str(&list), list.len);
    return 0;
}

int cb_initramfs(const char *agent_path, const struct cb_guest_kernel *k, const struct cb_module_want *want,
                 struct cb_buf *out, struct cb_err *err)
{
    static const char *const dirs[] = {"dev", "proc", "sys", "tmp", "scratch", "modules"};
    CB_AUTOBUF struct cb_buf agent = {0};
    struct cb_cpio cpio = {.out = out};
    if (cb_read_file(AT_FDCWD, agent_path, AGENT_MAX, &agent, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
        cb_cpio_dir(&cpio, dirs[i], 0755);
    cb_cpio_chardev(&cpio, "dev/console", 0600, 5, 1); /* the kernel opens it before init can mount /dev */
    cb_cpio_file(&cpio, "init", 0755, agent.data, agent.len);
    if (add_modules(&cpio, k->modules, want, "modules/list", err) < 0 ||
        add_modules(&cpio, k->modules, wanted_later, "modules/later", err) < 0)
        return -1;
    cb_cpio_end(&cpio);
    return cb_buf_ok(out) ? 0 : cb_fail_sys(err, ENOMEM, "initramfs");
}
