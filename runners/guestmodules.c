#include "runners/guestmodules.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"

#define TABLE_MAX ((size_t)16 << 20) /* modules.dep of a distribution: 0.1 to 1 MB */

/* A piece of somebody else's text. */
struct span {
    const char *p;
    size_t n;
};

#define SPAN(from, to) ((struct span){(from), (size_t)((to) - (from))})

/* Cuts the next line off *text; false at the end. */
static bool next_line(const char **text, struct span *line)
{
    if (!**text)
        return false;
    const char *end = strchrnul(*text, '\n');
    *line = SPAN(*text, end);
    *text = *end ? end + 1 : end;
    return true;
}

/* Cuts the last word off *s; false when nothing is left. */
static bool last_word(struct span *s, struct span *word)
{
    while (s->n && s->p[s->n - 1] == ' ')
        s->n--;
    size_t end = s->n;
    while (s->n && s->p[s->n - 1] != ' ')
        s->n--;
    *word = (struct span){s->p + s->n, end - s->n};
    return end > s->n;
}

/* "kernel/drivers/net/virtio_net.ko.xz" is the module virtio_net; '-' and '_' are one. */
static bool is_module(struct span path, const char *name)
{
    size_t n = strlen(name);
    const char *slash = memrchr(path.p, '/', path.n);
    struct span file = slash ? SPAN(slash + 1, path.p + path.n) : path;
    if (file.n < n + 3 || memcmp(file.p + n, ".ko", 3) != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (file.p[i] != name[i] && !(strchr("-_", file.p[i]) && strchr("-_", name[i])))
            return false;
    return true;
}

/* A path that stays below the module directory, without bytes that would break the list. */
static bool is_plain_path(struct span path)
{
    for (size_t i = 0; i < path.n; i++)
        if ((unsigned char)path.p[i] <= ' ')
            return false;
    return path.n > 0 && path.n < 256 && path.p[0] != '/' && !memmem(path.p, path.n, "..", 2);
}

static bool has_line(const char *list, struct span line)
{
    struct span have;
    while (next_line(&list, &have))
        if (have.n == line.n && memcmp(have.p, line.p, line.n) == 0)
            return true;
    return false;
}

static int add_path(struct cb_buf *list, struct span path, struct cb_err *err)
{
    if (!is_plain_path(path))
        return cb_fail(err, CB_ESYS, "modules.dep: bad path '%.*s'", (int)(path.n < 64 ? path.n : 64),
                       path.p);
    if (!has_line(cb_buf_str(list), path)) {
        cb_buf_add(list, path.p, path.n);
        cb_buf_puts(list, "\n");
    }
    return 0;
}

/* A line is "module: dependency dependency ...", dependencies that must be loaded first being last. */
static int add_with_dependencies(struct cb_buf *list, struct span path, struct span deps, struct cb_err *err)
{
    struct span word;
    while (last_word(&deps, &word))
        if (add_path(list, word, err) < 0)
            return -1;
    return add_path(list, path, err);
}

static bool find_in_dep(const char *dep, const char *name, struct span *path, struct span *deps)
{
    struct span line;
    while (next_line(&dep, &line)) {
        const char *colon = memchr(line.p, ':', line.n);
        if (!colon || !is_module(SPAN(line.p, colon), name))
            continue;
        *path = SPAN(line.p, colon);
        *deps = SPAN(colon + 1, line.p + line.n);
        return true;
    }
    return false;
}

static bool is_builtin(const char *builtin, const char *name)
{
    struct span line;
    while (next_line(&builtin, &line))
        if (is_module(line, name))
            return true;
    return false;
}

int cb_modules_order(const char *dep, const char *builtin, const struct cb_module_want *want,
                     struct cb_buf *list, struct cb_err *err)
{
    for (; want->name; want++) {
        struct span path, deps;
        if (find_in_dep(dep, want->name, &path, &deps)) {
            if (add_with_dependencies(list, path, deps, err) < 0)
                return -1;
        } else if (!is_builtin(builtin, want->name) && !want->optional) {
            return cb_fail(err, CB_EMISSING, "the guest kernel has no %s", want->name);
        }
    }
    return cb_buf_ok(list) ? 0 : cb_fail(err, CB_ESYS, "module list: out of memory");
}

int cb_modules_list(const char *dir, const struct cb_module_want *want, struct cb_buf *list,
                    struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf dep = {0};
    CB_AUTOBUF struct cb_buf builtin = {0};
    CB_AUTOFD int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cb_fail_sys(err, errno, "open %s", dir);
    if (cb_read_file(fd, "modules.dep", TABLE_MAX, &dep, err) < 0 ||
        cb_read_file(fd, "modules.builtin", TABLE_MAX, &builtin, err) < 0 ||
        cb_modules_order(cb_buf_str(&dep), cb_buf_str(&builtin), want, list, err) < 0)
        return cb_wrap(err, "%s", dir);
    return 0;
}
