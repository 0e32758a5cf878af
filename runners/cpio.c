#include "runners/cpio.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Fields of a newc header, in order; each is written as eight hexadecimal digits (cpio(5)). */
struct header {
    uint32_t inode, mode, uid, gid, links, mtime, size, major, minor, rmajor, rminor, name_size, check;
};

static void pad4(struct cb_buf *out)
{
    static const char zeros[3];
    cb_buf_add(out, zeros, -out->len % 4);
}

static void entry(struct cb_buf *out, const char *name, struct header h, const void *bytes)
{
    h.name_size = (uint32_t)strlen(name) + 1;
    cb_buf_printf(out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", h.inode, h.mode, h.uid,
                  h.gid, h.links, h.mtime, h.size, h.major, h.minor, h.rmajor, h.rminor, h.name_size,
                  h.check);
    cb_buf_add(out, name, h.name_size);
    pad4(out);
    cb_buf_add(out, bytes, h.size);
    pad4(out);
}

void cb_cpio_dir(struct cb_cpio *c, const char *path, mode_t mode)
{
    entry(c->out, path, (struct header){.inode = ++c->inode, .mode = S_IFDIR | mode, .links = 2}, "");
}

void cb_cpio_file(struct cb_cpio *c, const char *path, mode_t mode, const void *bytes, size_t n)
{
    if (n > UINT32_MAX) { /* the format's limit, far above what an initramfs can be */
        c->out->failed = true;
        return;
    }
    struct header h = {.inode = ++c->inode, .mode = S_IFREG | mode, .links = 1, .size = (uint32_t)n};
    entry(c->out, path, h, bytes);
}

void cb_cpio_chardev(struct cb_cpio *c, const char *path, mode_t mode, unsigned major, unsigned minor)
{
    struct header h = {
        .inode = ++c->inode, .mode = S_IFCHR | mode, .links = 1, .rmajor = major, .rminor = minor};
    entry(c->out, path, h, "");
}

void cb_cpio_end(struct cb_cpio *c)
{
    entry(c->out, "TRAILER!!!", (struct header){.links = 1}, "");
}
