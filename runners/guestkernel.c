#include "runners/guestkernel.h"

#include <archive.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"

/* A distribution's bzImage is 8 to 16 MB, its payload 40 to 80 MB. */
#define IMAGE_MAX   ((size_t)128 << 20)
#define PAYLOAD_MAX ((size_t)256 << 20)

/* ---- formats ----------------------------------------------------------------------------------------- */

/* The setup header (Documentation/arch/x86/boot.rst of the kernel): offsets into the image. */
enum {
    SETUP_SECTS = 0x1f1,
    HEADER_MAGIC = 0x202,
    HEADER_VERSION = 0x206,
    PAYLOAD_OFFSET = 0x248,
    PAYLOAD_LENGTH = 0x24c,
    HEADER_END = 0x250,
    SECTOR = 512,
};

static uint32_t little32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int cb_bzimage_payload(const void *image, size_t n, size_t *offset, size_t *length, struct cb_err *err)
{
    const unsigned char *p = image;
    if (n < HEADER_END || memcmp(p + HEADER_MAGIC, "HdrS", 4) != 0)
        return cb_fail(err, CB_ESYS, "not a bzImage");
    unsigned version = p[HEADER_VERSION] | (unsigned)p[HEADER_VERSION + 1] << 8;
    if (version < 0x208) /* the payload fields came with 2.08 (Linux 2.6.26) */
        return cb_fail(err, CB_ESYS, "bzImage of protocol %x.%02x", version >> 8, version & 0xff);
    size_t sectors = p[SETUP_SECTS] ? p[SETUP_SECTS] : 4; /* 0 means 4, for old loaders */
    size_t start = (sectors + 1) * SECTOR + (size_t)little32(p + PAYLOAD_OFFSET);
    size_t size = little32(p + PAYLOAD_LENGTH);
    if (start > n || size > n - start || size == 0)
        return cb_fail(err, CB_ESYS, "bzImage: the payload lies outside of the file");
    *offset = start;
    *length = size;
    return 0;
}

/* Walks the notes of one segment for Xen's PHYS32_ENTRY. */
static bool notes_have_pvh(const unsigned char *notes, size_t n)
{
    const uint32_t phys32_entry = 18; /* include/xen/interface/elfnote.h of the kernel */
    while (n >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr h;
        memcpy(&h, notes, sizeof h);
        size_t name = ((size_t)h.n_namesz + 3) & ~(size_t)3, desc = ((size_t)h.n_descsz + 3) & ~(size_t)3;
        if (name > n - sizeof h || desc > n - sizeof h - name)
            return false;
        if (h.n_type == phys32_entry && h.n_namesz == 4 && memcmp(notes + sizeof h, "Xen", 4) == 0)
            return true;
        notes += sizeof h + name + desc;
        n -= sizeof h + name + desc;
    }
    return false;
}

bool cb_elf_has_pvh(const void *elf, size_t n)
{
    Elf64_Ehdr h;
    if (n < sizeof h)
        return false;
    memcpy(&h, elf, sizeof h);
    if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_ident[EI_CLASS] != ELFCLASS64 ||
        h.e_machine != EM_X86_64 || h.e_phentsize != sizeof(Elf64_Phdr))
        return false;
    if (h.e_phoff > n || h.e_phnum > (n - h.e_phoff) / sizeof(Elf64_Phdr))
        return false;
    for (size_t i = 0; i < h.e_phnum; i++) {
        Elf64_Phdr p;
        memcpy(&p, (const char *)elf + h.e_phoff + i * sizeof p, sizeof p);
        if (p.p_type != PT_NOTE || p.p_offset > n || p.p_filesz > n - p.p_offset)
            continue;
        if (notes_have_pvh((const unsigned char *)elf + p.p_offset, p.p_filesz))
            return true;
    }
    return false;
}

static int open_stream(struct archive *a, const void *bytes, size_t n)
{
    struct archive_entry *entry;
    /* Named one by one: "all" would include those for which libarchive runs external programs. */
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_zstd(a);
    archive_read_support_filter_lz4(a);
    archive_read_support_filter_lzma(a);
    archive_read_support_filter_bzip2(a);
    archive_read_support_format_raw(a);
    if (archive_read_open_memory(a, bytes, n) != ARCHIVE_OK)
        return -1;
    return archive_read_next_header(a, &entry) == ARCHIVE_OK ? 0 : -1;
}

static int drain(struct archive *a, size_t max, struct cb_buf *out, struct cb_err *err)
{
    char chunk[16384];
    size_t total = 0;
    ssize_t got;
    while ((got = archive_read_data(a, chunk, sizeof chunk)) > 0) {
        total += (size_t)got;
        if (total > max)
            return cb_fail_sys(err, EFBIG, "decompress");
        cb_buf_add(out, chunk, (size_t)got);
    }
    if (got < 0)
        return cb_fail(err, CB_ESYS, "decompress: %s", archive_error_string(a));
    return cb_buf_ok(out) ? 0 : cb_fail_sys(err, ENOMEM, "decompress");
}

int cb_decompress(const void *bytes, size_t n, size_t max, struct cb_buf *out, struct cb_err *err)
{
    struct archive *a = archive_read_new();
    if (!a)
        return cb_fail_sys(err, ENOMEM, "decompress");
    int status = open_stream(a, bytes, n);
    if (status < 0)
        cb_fail(err, CB_ESYS, "decompress: %s", archive_error_string(a));
    else
        status = drain(a, max, out, err);
    archive_read_free(a);
    return status;
}

/* ---- where it is ------------------------------------------------------------------------------------- */

/* Fills *k from a root ("" for the host's own); false where the image or the modules cannot be read. */
static bool look_in(const char *root, const char *release, struct cb_guest_kernel *k)
{
    char dep[CB_KERNEL_PATH_MAX + 16];
    struct cb_err ignored;
    if (cb_path(k->release, sizeof k->release, &ignored, "%s", release) < 0 ||
        cb_path(k->image, sizeof k->image, &ignored, "%s/boot/vmlinuz-%s", root, release) < 0 ||
        cb_path(k->modules, sizeof k->modules, &ignored, "%s/lib/modules/%s", root, release) < 0 ||
        cb_path(dep, sizeof dep, &ignored, "%s/modules.dep", k->modules) < 0)
        return false;
    return access(k->image, R_OK) == 0 && access(dep, R_OK) == 0;
}

/* Whether it can drive what the guest has; *err says what is missing where not. */
static bool has_modules(const struct cb_guest_kernel *k, const struct cb_module_want *want,
                        struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf list = {0};
    return !want || cb_modules_list(k->modules, want, &list, err) == 0;
}

/* The newest release of CACHE/NAME that is complete. */
static bool look_in_cache(const char *cache_dir, const char *name, const char *own_release,
                          struct cb_guest_kernel *k)
{
    char kernels[CB_KERNEL_PATH_MAX], root[CB_KERNEL_PATH_MAX];
    struct cb_err ignored;
    bool found = false;
    if (cb_path(kernels, sizeof kernels, &ignored, "%s/%s", cache_dir, name) < 0)
        return false;
    DIR *d = opendir(kernels);
    if (!d)
        return false;
    for (struct dirent *e; (e = readdir(d));) {
        struct cb_guest_kernel one = {.hosts_own = strcmp(e->d_name, own_release) == 0};
        if (e->d_name[0] == '.' || (found && strverscmp(e->d_name, k->release) <= 0) ||
            cb_path(root, sizeof root, &ignored, "%s/%s", kernels, e->d_name) < 0 ||
            !look_in(root, e->d_name, &one))
            continue;
        *k = one;
        found = true;
    }
    closedir(d);
    return found;
}

/* ROOT/boot/vmlinuz-RELEASE, named by the user. */
static int look_at(const char *image, const char *own_release, struct cb_guest_kernel *k, struct cb_err *err)
{
    static const char between[] = "/boot/vmlinuz-";
    char root[CB_KERNEL_PATH_MAX];
    const char *at = strstr(image, between);
    if (!at || strchr(at + sizeof between - 1, '/'))
        return cb_fail(err, CB_EUSAGE, "kernel %s: neither auto nor generic nor DIR/boot/vmlinuz-RELEASE",
                       image);
    const char *release = at + sizeof between - 1;
    if (cb_path(root, sizeof root, err, "%.*s", (int)(at - image), image) < 0)
        return -1;
    k->hosts_own = strcmp(release, own_release) == 0;
    if (look_in(root, release, k))
        return 0;
    return cb_fail(err, CB_EMISSING, "kernel %s: it or %s/lib/modules/%s/modules.dep is not readable", image,
                   root, release);
}

/* From the fairest to the one that drives most. */
static int look_around(const char *cache_dir, const char *own_release, bool generic_only,
                       const struct cb_module_want *want, struct cb_guest_kernel *k, struct cb_err *err)
{
    struct cb_err lacks = {0};
    *k = (struct cb_guest_kernel){.hosts_own = true};
    if (!generic_only && look_in("", own_release, k) && has_modules(k, want, &lacks))
        return 0;
    if (!generic_only && look_in_cache(cache_dir, "guest-kernel", own_release, k) &&
        has_modules(k, want, &lacks))
        return 0;
    if (look_in_cache(cache_dir, "guest-kernel-generic", own_release, k))
        return has_modules(k, want, err) ? 0 : -1;
    if (lacks.msg[0] || generic_only)
        return cb_fail(err, CB_EMISSING,
                       "%s: scripts/guest-kernel --generic unpacks a kernel with all drivers",
                       lacks.msg[0] ? lacks.msg : "no generic guest kernel");
    return cb_fail(
        err, CB_EMISSING,
        "no guest kernel: neither /boot/vmlinuz-%s with /lib/modules/%s/modules.dep is readable nor "
        "is one in %s/guest-kernel; scripts/bootstrap puts one there",
        own_release, own_release, cache_dir);
}

int cb_guest_kernel_find(const char *cache_dir, const char *which, const struct cb_module_want *want,
                         struct cb_guest_kernel *k, struct cb_err *err)
{
    struct utsname host;
    bool generic = strcmp(which, "generic") == 0;
    if (uname(&host) < 0)
        return cb_fail_sys(err, errno, "uname");
    if (generic || strcmp(which, "auto") == 0)
        return look_around(cache_dir, host.release, generic, want, k, err);
    return look_at(which, host.release, k, err) == 0 && has_modules(k, want, err) ? 0 : -1;
}

/* ---- extraction -------------------------------------------------------------------------------------- */

static int extract_elf(const char *image, struct cb_buf *elf, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf file = {0};
    size_t offset, length;
    if (cb_read_file(AT_FDCWD, image, IMAGE_MAX, &file, err) < 0 ||
        cb_bzimage_payload(file.data, file.len, &offset, &length, err) < 0)
        return -1;
    const char *payload = file.data + offset;
    /* The build appends the plain size to every format but gzip, which ends in it anyway. */
    if (length > 4 && memcmp(payload, "\x1f\x8b", 2) != 0)
        length -= 4;
    if (cb_decompress(payload, length, PAYLOAD_MAX, elf, err) < 0)
        return -1;
    if (!cb_elf_has_pvh(elf->data, elf->len))
        return cb_fail(err, CB_ESYS, "the payload is no ELF image with a PVH entry");
    return 0;
}

static int open_dir(const char *path, struct cb_err *err)
{
    if (cb_mkdirs(path, 0755, err) < 0)
        return -1;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? cb_fail_sys(err, errno, "open %s", path) : fd;
}

int cb_guest_kernel_extract(const struct cb_guest_kernel *k, const char *cache_dir, char *path,
                            struct cb_err *err)
{
    static const char name[] = "vmlinux";
    char dir[CB_KERNEL_PATH_MAX];
    struct stat from, to;
    if (cb_path(dir, sizeof dir, err, "%s/guest-kernel/%s", cache_dir, k->release) < 0 ||
        cb_path(path, CB_KERNEL_PATH_MAX, err, "%s/%s", dir, name) < 0)
        return -1;
    if (stat(k->image, &from) < 0)
        return cb_fail_sys(err, errno, "stat %s", k->image);
    /* The copy carries its original's time: a rebuilt kernel of the same release is extracted again. */
    if (stat(path, &to) == 0 && to.st_mtim.tv_sec == from.st_mtim.tv_sec &&
        to.st_mtim.tv_nsec == from.st_mtim.tv_nsec)
        return 0;
    CB_AUTOBUF struct cb_buf elf = {0};
    if (extract_elf(k->image, &elf, err) < 0)
        return cb_wrap(err, "extract %s", k->image);
    CB_AUTOFD int fd = open_dir(dir, err);
    if (fd < 0 || cb_replace_file(fd, name, elf.data, elf.len, 0644, err) < 0)
        return -1;
    const struct timespec times[2] = {from.st_mtim, from.st_mtim};
    if (utimensat(fd, name, times, 0) < 0)
        return cb_fail_sys(err, errno, "set the time of %s", path);
    return 0;
}
