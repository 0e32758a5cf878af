/* Kernels for guests: load orders of modules, images and what is in them. Everything that is read here may be
 * hostile: the sanitizers watch. */
#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "bench/base/rng.h"
#include "runners/guestkernel.h"
#include "runners/guestmodules.h"
#include "runners/site.h"
#include "tests/unit/unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- load order -------------------------------------------------------------------------------------- */

static void modules_in_order(void)
{
    static const struct cb_module_want net[] = {{"virtio_net", false}, {NULL, false}};
    static const struct cb_module_want all[] = {
        {"virtio_net", false}, {"virtio_blk", false}, {"crc32c_generic", true}, {NULL, false}};
    static const struct cb_module_want prefix[] = {{"virtio", false}, {NULL, false}};
    static const char dep[] =
        "kernel/net/core/failover.ko.xz:\n"
        "kernel/drivers/virtio/virtio-ring.ko:\n"
        "kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko "
        "kernel/net/core/failover.ko.xz kernel/drivers/virtio/virtio-ring.ko\n"
        "kernel/drivers/block/virtio_blk.ko.zst: kernel/drivers/virtio/virtio-ring.ko\n";
    static const struct {
        const char *dep, *builtin;
        const struct cb_module_want *want;
        enum cb_code code;
        const char *list;
    } rows[] = {
        {dep, "", net, CB_OK,
         "kernel/drivers/virtio/virtio-ring.ko\nkernel/net/core/failover.ko.xz\n"
         "kernel/drivers/net/net_failover.ko\nkernel/drivers/net/virtio_net.ko\n"},
        {dep, "", all, CB_OK,
         "kernel/drivers/virtio/virtio-ring.ko\nkernel/net/core/failover.ko.xz\n"
         "kernel/drivers/net/net_failover.ko\nkernel/drivers/net/virtio_net.ko\n"
         "kernel/drivers/block/virtio_blk.ko.zst\n"},
        {"", "kernel/drivers/net/virtio_net.ko\n", net, CB_OK, ""},
        {"", "kernel/drivers/net/virtio-net.ko", net, CB_OK, ""},
        {"k/virtio_net.ko:", "", net, CB_OK, "k/virtio_net.ko\n"}, /* no newline at the end */
        {"virtio_net.ko:    a.ko   \n", "", net, CB_OK, "a.ko\nvirtio_net.ko\n"},
        {"", "", net, CB_EMISSING, NULL},
        {dep, "", prefix, CB_EMISSING, NULL},
        {"k/virtio_net.ko\nk/virtio_net.k:\n:\n::\n\n", "", net, CB_EMISSING, NULL},
        {"k/virtio_net.ko: ../../etc/passwd\n", "", net, CB_ESYS, NULL},
        {"/k/virtio_net.ko:\n", "", net, CB_ESYS, NULL},
        {"k/virtio_net.ko: /abs.ko\n", "", net, CB_ESYS, NULL},
        {"k/virtio_net.ko: a\tb.ko\n", "", net, CB_ESYS, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cb_err err = {0};
        CB_AUTOBUF struct cb_buf list = {0};
        int r = cb_modules_order(rows[i].dep, rows[i].builtin, rows[i].want, &list, &err);
        CU_ASSERT_EQUAL(r, rows[i].code == CB_OK ? 0 : -1);
        CU_ASSERT_EQUAL(err.code, rows[i].code);
        if (rows[i].list)
            CU_ASSERT_STRING_EQUAL(cb_buf_str(&list), rows[i].list);
    }
}

/* ---- kernel images ----------------------------------------------------------------------------------- */

/* A bzImage of `n` bytes that says what the arguments say. */
static void forge_bzimage(unsigned char *image, size_t n, unsigned char sectors, unsigned version,
                          uint32_t offset, uint32_t length)
{
    memset(image, 0, n);
    image[0x1f1] = sectors;
    memcpy(image + 0x202, "HdrS", 4);
    image[0x206] = (unsigned char)version;
    image[0x207] = (unsigned char)(version >> 8);
    for (int i = 0; i < 4; i++) {
        image[0x248 + i] = (unsigned char)(offset >> 8 * i);
        image[0x24c + i] = (unsigned char)(length >> 8 * i);
    }
}

static void bzimage_bounds(void)
{
    static unsigned char image[8192];
    static const struct {
        unsigned char sectors;
        unsigned version;
        uint32_t offset, length;
        size_t n;
        int result;
        size_t at;
    } rows[] = {
        {1, 0x20f, 16, 100, sizeof image, 0, 1024 + 16},
        {0, 0x20f, 0, 8192 - 2560, sizeof image, 0, 2560}, /* 0 sectors mean 4 */
        {1, 0x20f, 0, 8192 - 1024, sizeof image, 0, 1024},
        {1, 0x20f, 0, 8192 - 1023, sizeof image, -1, 0},
        {1, 0x20f, 0xffffffff, 0xffffffff, sizeof image, -1, 0},
        {1, 0x20f, 0xffffffff, 1, sizeof image, -1, 0},
        {255, 0x20f, 0, 1, sizeof image, -1, 0},
        {1, 0x20f, 16, 0, sizeof image, -1, 0},
        {1, 0x207, 16, 100, sizeof image, -1, 0},
        {1, 0x20f, 16, 100, 0x24f, -1, 0}, /* cut inside of the header */
        {1, 0x20f, 16, 100, 0, -1, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cb_err err = {0};
        size_t at = 0, length = 0;
        forge_bzimage(image, sizeof image, rows[i].sectors, rows[i].version, rows[i].offset, rows[i].length);
        /* An exact copy, so that a sanitizer sees a read past the end. */
        CB_AUTOFREE unsigned char *exact = malloc(rows[i].n + 1);
        memcpy(exact, image, rows[i].n);
        CU_ASSERT_EQUAL(cb_bzimage_payload(exact, rows[i].n, &at, &length, &err), rows[i].result);
        CU_ASSERT_EQUAL(at, rows[i].at);
        CU_ASSERT_EQUAL(length, rows[i].result ? 0 : rows[i].length);
    }
    struct cb_err err = {0};
    size_t at, length;
    image[0x202] = 'X';
    CU_ASSERT_EQUAL(cb_bzimage_payload(image, sizeof image, &at, &length, &err), -1);
}

struct elf {
    Elf64_Ehdr header;
    Elf64_Phdr program[2];
    struct {
        Elf64_Nhdr header;
        char name[4];
        uint64_t entry;
    } note;
};

static struct elf forge_elf(void)
{
    struct elf e = {
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64},
                   .e_machine = EM_X86_64,
                   .e_phoff = offsetof(struct elf, program),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 2},
        .program = {{.p_type = PT_LOAD},
                    {.p_type = PT_NOTE, .p_offset = offsetof(struct elf, note), .p_filesz = sizeof e.note}},
        .note = {.header = {.n_namesz = 4, .n_descsz = 8, .n_type = 18}, .name = "Xen"},
    };
    return e;
}

static void elf_bounds(void)
{
    struct elf good = forge_elf();
    CU_ASSERT_TRUE(cb_elf_has_pvh(&good, sizeof good));
    for (size_t n = 0; n < sizeof good; n++) { /* cut anywhere */
        CB_AUTOFREE unsigned char *cut = malloc(n + 1);
        memcpy(cut, &good, n);
        CU_ASSERT_FALSE(cb_elf_has_pvh(cut, n));
    }
#define REFUSED(field, value)                                                                                \
    do {                                                                                                     \
        struct elf e = forge_elf();                                                                          \
        e.field = (value);                                                                                   \
        CU_ASSERT_FALSE(cb_elf_has_pvh(&e, sizeof e));                                                       \
    } while (0)
    REFUSED(header.e_phoff, UINT64_MAX);
    REFUSED(header.e_phoff, sizeof(struct elf) - 1);
    REFUSED(header.e_phnum, UINT16_MAX);
    REFUSED(header.e_phentsize, 1);
    REFUSED(header.e_machine, EM_AARCH64);
    REFUSED(header.e_ident[0], 0);
    REFUSED(program[1].p_offset, UINT64_MAX);
    REFUSED(program[1].p_filesz, UINT64_MAX);
    REFUSED(program[1].p_offset, sizeof(struct elf) - 4);
    REFUSED(note.header.n_namesz, UINT32_MAX);
    REFUSED(note.header.n_descsz, UINT32_MAX);
    REFUSED(note.header.n_type, 1);
    REFUSED(note.name[0], 'x');
#undef REFUSED
}

/* Random damage must never read out of bounds; what it answers does not matter. */
static void survives_damage(void)
{
    struct cb_rng rng;
    cb_rng_seed(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        struct elf e = forge_elf();
        struct cb_err err;
        size_t at, length, n = sizeof e - cb_rng_below(&rng, 8);
        for (int i = 0; i < 4; i++)
            ((unsigned char *)&e)[cb_rng_below(&rng, sizeof e)] = (unsigned char)cb_rng_next(&rng);
        CB_AUTOFREE unsigned char *copy = malloc(n);
        memcpy(copy, &e, n);
        cb_elf_has_pvh(copy, n);
        cb_bzimage_payload(copy, n, &at, &length, &err);
    }
    CU_PASS("no sanitizer spoke");
}

static size_t compress(int (*filter)(struct archive *), const void *bytes, size_t n, void *out, size_t cap)
{
    size_t used = 0;
    struct archive *a = archive_write_new();
    struct archive_entry *e = archive_entry_new();
    filter(a);
    archive_write_set_format_raw(a);
    archive_write_set_bytes_in_last_block(a, 1);
    archive_write_open_memory(a, out, cap, &used);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_write_header(a, e);
    archive_write_data(a, bytes, n);
    archive_write_close(a);
    archive_entry_free(e);
    archive_write_free(a);
    return used;
}

static void decompresses(void)
{
    static int (*const filters[])(struct archive *) = {
        archive_write_add_filter_none, archive_write_add_filter_gzip, archive_write_add_filter_xz,
        archive_write_add_filter_zstd, archive_write_add_filter_lz4};
    static char plain[100000], packed[200000];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (char)(i * i >> 7);
    for (size_t f = 0; f < COUNT(filters); f++) {
        struct cb_err err = {0};
        CB_AUTOBUF struct cb_buf out = {0};
        CB_AUTOBUF struct cb_buf bomb = {0};
        CB_AUTOBUF struct cb_buf cut = {0};
        size_t n = compress(filters[f], plain, sizeof plain, packed, sizeof packed);
        CU_ASSERT_EQUAL_FATAL(cb_decompress(packed, n, sizeof plain, &out, &err), 0);
        CU_ASSERT_EQUAL(out.len, sizeof plain);
        CU_ASSERT_EQUAL(memcmp(out.data, plain, sizeof plain), 0);
        CU_ASSERT_EQUAL(cb_decompress(packed, n, sizeof plain - 1, &bomb, &err), -1);
        CU_ASSERT_EQUAL(err.sys, EFBIG);
        if (f > 0)
            CU_ASSERT_EQUAL(cb_decompress(packed, n / 2, sizeof plain, &cut, &err), -1);
    }
}

/* The kernel that machines here boot, whole, cut and damaged. */
static void extracts_a_real_kernel(void)
{
    struct cb_guest_kernel k;
    struct cb_err err = {0};
    char cache[256], dir[] = "/tmp/cbench-test-XXXXXX", path[CB_KERNEL_PATH_MAX];
    CU_ASSERT_EQUAL_FATAL(cb_cache_dir(cache, sizeof cache, &err), 0);
    if (cb_guest_kernel_find(cache, "auto", NULL, &k, &err) < 0) {
        printf("(skipped: %s) ", err.msg);
        return;
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    CU_ASSERT_EQUAL(cb_guest_kernel_extract(&k, dir, path, &err), 0);
    CB_AUTOBUF struct cb_buf elf = {0};
    CU_ASSERT_EQUAL(cb_read_file(AT_FDCWD, path, (size_t)256 << 20, &elf, &err), 0);
    CU_ASSERT_TRUE(cb_elf_has_pvh(elf.data, elf.len));

    CB_AUTOBUF struct cb_buf image = {0};
    CU_ASSERT_EQUAL_FATAL(cb_read_file(AT_FDCWD, k.image, (size_t)128 << 20, &image, &err), 0);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(k.image, sizeof k.image, "%s/vmlinuz", dir);
    CU_ASSERT_EQUAL(cb_replace_file(fd, "vmlinuz", image.data, image.len / 2, 0600, &err), 0);
    CU_ASSERT_EQUAL(cb_guest_kernel_extract(&k, dir, path, &err), -1);
    memset(image.data + image.len / 2, 0xa5, 4096);
    CU_ASSERT_EQUAL(cb_replace_file(fd, "vmlinuz", image.data, image.len, 0600, &err), 0);
    CU_ASSERT_EQUAL(cb_guest_kernel_extract(&k, dir, path, &err), -1);
    close(fd);
    CU_ASSERT_EQUAL(cb_remove_tree(dir, &err), 0);
}

static void kernel_of_the_cache(void)
{
    static const char *const files[] = {"6.9.1/boot/vmlinuz-6.9.1",
                                        "6.9.1/lib/modules/6.9.1/modules.dep",
                                        "6.10.2/boot/vmlinuz-6.10.2",
                                        "6.10.2/lib/modules/6.10.2/modules.dep",
                                        "6.12.0/boot/vmlinuz-6.12.0", /* no modules.dep */
                                        "7.0.0/vmlinux"};             /* extracted from the host's own */
    struct cb_guest_kernel k;
    struct cb_err err = {0};
    char dir[] = "/tmp/cbench-test-XXXXXX", path[512];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    bool host_has_one = cb_guest_kernel_find(dir, "auto", NULL, &k, &err) == 0;
    if (!host_has_one) {
        CU_ASSERT_EQUAL(err.code, CB_EMISSING);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "bootstrap"));
    }
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/guest-kernel/%s", dir, files[i]);
        char *slash = strrchr(path, '/');
        *slash = '\0';
        CU_ASSERT_EQUAL_FATAL(cb_mkdirs(path, 0700, &err), 0);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CU_ASSERT_EQUAL_FATAL(cb_replace_file(fd, slash + 1, "x", 1, 0600, &err), 0);
        close(fd);
    }
    CU_ASSERT_EQUAL_FATAL(cb_guest_kernel_find(dir, "auto", NULL, &k, &err), 0);
    if (!host_has_one) {
        CU_ASSERT_STRING_EQUAL(k.release, "6.10.2"); /* newer than 6.9.1 */
        CU_ASSERT_FALSE(k.hosts_own);
    }
    CU_ASSERT_EQUAL(cb_remove_tree(dir, &err), 0);
}

const struct cb_suite cb_suite = {"guestkernel",
                                  {{"modules in load order", modules_in_order},
                                   {"bzImage header within bounds", bzimage_bounds},
                                   {"ELF notes within bounds", elf_bounds},
                                   {"images survive random damage", survives_damage},
                                   {"decompression, bounded", decompresses},
                                   {"a real kernel, whole, cut and damaged", extracts_a_real_kernel},
                                   {"the cache's newest kernel", kernel_of_the_cache},
                                   CU_TEST_INFO_NULL}};
