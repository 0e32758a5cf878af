/* The images of a run: disks as the programs make them, sizes, instances, updates. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "runners/image/disk.h"
#include "runners/image/images.h"
#include "runners/image/provision.h"
#include "runners/image/size.h"
#include "runners/image/tree.h"
#include "runners/image/update.h"
#include "runners/site.h"
#include "tests/unit/unit.h"

#define SIZE (UINT64_C(2) << 20)

struct fixture {
    struct cb_site site;
    struct cb_err err;
};

/* On a disk: a tmpfs knows no blocks that are shared or holes that are kept. */
static bool begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    snprintf(f->site.work_dir, sizeof f->site.work_dir, "/var/tmp/cbench-images-XXXXXX");
    snprintf(f->site.agent_path, sizeof f->site.agent_path, "/proc/self/exe");
    f->site.memory = UINT64_C(512) << 20;
    f->site.topo.nsut = 1;
    return mkdtemp(f->site.work_dir) &&
           cb_cache_dir(f->site.cache_dir, sizeof f->site.cache_dir, &f->err) == 0;
}

static void end(struct fixture *f)
{
    cb_images_free(f->site.images);
    CU_ASSERT_EQUAL(cb_remove_tree(f->site.work_dir, &f->err), 0);
}

/* Something is not installed: no failure, unless it was asked for. */
static bool missing(const struct fixture *f)
{
    const char *must = getenv("CB_MUST_RUN");
    if (f->err.code != CB_EMISSING)
        return false;
    printf("(skipped: %s) ", f->err.msg);
    if (must && strstr(must, "vm"))
        CU_FAIL("disk images must be made here");
    return true;
}

/* ---- disks ------------------------------------------------------------------------------------------- */

static const char *in(struct fixture *f, const char *name, char out[300])
{
    snprintf(out, 300, "%s/%s", f->site.work_dir, name);
    return out;
}

static bool same_bytes(const char *a, const char *b)
{
    char x[CB_SHA256_HEX], y[CB_SHA256_HEX];
    struct cb_err err;
    return cb_sha256_file(a, x, &err) == 0 && cb_sha256_file(b, y, &err) == 0 && strcmp(x, y) == 0;
}

static bool holds(struct fixture *f, const char *raw, const struct cb_payload *p)
{
    char dir[300], want[CB_SHA256_HEX], got[CB_SHA256_HEX];
    bool same = mkdir(in(f, "extracted", dir), 0755) == 0 && cb_disk_extract(raw, dir, &f->err) == 0 &&
                cb_tree_digest_of(dir, got, &f->err) == 0 && cb_payload_digest(p, want, &f->err) == 0 &&
                strcmp(want, got) == 0;
    CU_ASSERT_EQUAL(cb_remove_tree(dir, &f->err), 0);
    return same;
}

/* A disk holds the payload, then its update; the difference of the two, over the old one, is the new one. */
static void disks(void)
{
    struct fixture f;
    struct cb_payload p;
    char tree[300], next[300], raw[300], old[300], packed[300], back[300], scratch[300];
    uint64_t whole, difference;
    CU_ASSERT_TRUE_FATAL(begin(&f));
    CU_ASSERT_EQUAL_FATAL(cb_payload_make(&p, f.site.agent_path, SIZE, 0, &f.err), 0);
    CU_ASSERT_EQUAL(mkdir(in(&f, "tree", tree), 0755), 0);
    CU_ASSERT_EQUAL(mkdir(in(&f, "next", next), 0755), 0);
    CU_ASSERT_EQUAL(cb_tree_install(&p, tree, &f.err), 0);
    if (cb_disk_make(tree, in(&f, "raw", raw), cb_images_disk_bytes(&p), &f.err) < 0 ||
        cb_qcow2_pack(raw, in(&f, "packed", packed), &f.err) < 0) {
        CU_ASSERT_TRUE(missing(&f));
        cb_payload_free(&p);
        end(&f);
        return;
    }
    CU_ASSERT_TRUE(holds(&f, raw, &p));
    CU_ASSERT_EQUAL(cb_qcow2_expand(packed, in(&f, "back", back), &f.err), 0);
    CU_ASSERT_TRUE(same_bytes(raw, back));
    CU_ASSERT_EQUAL(cb_images_length(packed, &whole, &f.err), 0);

    CU_ASSERT_EQUAL(cb_payload_update(&p, CB_CHANGE_LIBRARY, &f.err), 0);
    CU_ASSERT_EQUAL(cb_tree_install(&p, next, &f.err), 0);
    CU_ASSERT_EQUAL(cb_file_copy(raw, in(&f, "old", old), CB_COPY_PLAIN, &f.err), 0);
    CU_ASSERT_EQUAL(cb_disk_update(raw, &p, next, &f.err), 0);
    CU_ASSERT_TRUE(holds(&f, raw, &p));
    CU_ASSERT_FALSE(same_bytes(raw, old));
    unlink(packed);
    CU_ASSERT_EQUAL(cb_qcow2_difference(old, raw, in(&f, "scratch", scratch), packed, &f.err), 0);
    CU_ASSERT_EQUAL(cb_images_length(packed, &difference, &f.err), 0);
    CU_ASSERT_TRUE(difference < whole / 2);
    CU_ASSERT_EQUAL(cb_qcow2_expand(packed, back, &f.err), 0);
    CU_ASSERT_TRUE(same_bytes(raw, back));
    cb_payload_free(&p);
    end(&f);
}

/* ---- sizes ------------------------------------------------------------------------------------------- */

static uint64_t size_of(struct fixture *f, struct cb_images *im, enum cb_image_kind kind,
                        enum cb_image_what what)
{
    uint64_t bytes = 0;
    CU_ASSERT_EQUAL(cb_images_size(im, kind, what, &bytes, &f->err), 0);
    return bytes;
}

static void sizes(void)
{
    struct fixture f;
    struct cb_images *im, *again;
    CU_ASSERT_TRUE_FATAL(begin(&f));
    for (enum cb_image_kind kind = CB_IMAGE_HOST; kind <= CB_IMAGE_CONTAINER; kind++) {
        CU_ASSERT_EQUAL_FATAL(cb_images_get(&f.site, SIZE, kind, &im, &f.err), 0);
        uint64_t moved = size_of(&f, im, kind, CB_IMAGE_TRANSFER),
                 next = size_of(&f, im, kind, CB_IMAGE_NEXT);
        CU_ASSERT_EQUAL(size_of(&f, im, kind, CB_IMAGE_APPARENT), cb_payload_bytes(&im->payload));
        CU_ASSERT_TRUE(size_of(&f, im, kind, CB_IMAGE_ALLOCATED) > cb_payload_bytes(&im->payload));
        CU_ASSERT_TRUE(moved < cb_payload_bytes(&im->payload) && moved > SIZE / 3);
        /* All but the base, which has eight elevenths of what is not the agent. */
        CU_ASSERT_TRUE(next < moved - SIZE * 8 / 11 / 3);
        CU_ASSERT_EQUAL(next, size_of(&f, im, kind, CB_IMAGE_NEXT));
    }
    CU_ASSERT_EQUAL(cb_images_get(&f.site, SIZE, CB_IMAGE_HOST, &again, &f.err), 0);
    CU_ASSERT_PTR_EQUAL(im, again);
    CU_ASSERT_EQUAL(cb_images_get(&f.site, CB_PAYLOAD_MIN, CB_IMAGE_HOST, &again, &f.err), 0);
    CU_ASSERT_PTR_NOT_EQUAL(im, again);
    CU_ASSERT_EQUAL(cb_images_get(&f.site, 1, CB_IMAGE_HOST, &again, &f.err), -1);
    end(&f);
}

static void vm_sizes(void)
{
    struct fixture f;
    struct cb_images *im;
    uint64_t kernel;
    CU_ASSERT_TRUE_FATAL(begin(&f));
    if (cb_images_get(&f.site, SIZE, CB_IMAGE_VM, &im, &f.err) < 0) {
        CU_ASSERT_TRUE(missing(&f));
        end(&f);
        return;
    }
    CU_ASSERT_EQUAL(cb_images_length(im->kernel.image, &kernel, &f.err), 0);
    CU_ASSERT_TRUE(size_of(&f, im, CB_IMAGE_VM, CB_IMAGE_TRANSFER) > kernel + SIZE / 3);
    CU_ASSERT_TRUE(size_of(&f, im, CB_IMAGE_VM, CB_IMAGE_APPARENT) >
                   kernel + cb_images_disk_bytes(&im->payload));
    CU_ASSERT_TRUE(size_of(&f, im, CB_IMAGE_VM, CB_IMAGE_ALLOCATED) <
                   size_of(&f, im, CB_IMAGE_VM, CB_IMAGE_APPARENT)); /* it is sparse */
    uint64_t next = size_of(&f, im, CB_IMAGE_VM, CB_IMAGE_NEXT);
    CU_ASSERT_TRUE(next > SIZE / 3 && next < size_of(&f, im, CB_IMAGE_VM, CB_IMAGE_TRANSFER) - kernel);
    end(&f);
}

/* ---- instances --------------------------------------------------------------------------------------- */

static void left_nothing(struct fixture *f, const struct cb_images *im, const char *name)
{
    char path[CB_IMAGES_PATH_MAX];
    CU_ASSERT_EQUAL(cb_images_path(im, path, &f->err, "%s", name), 0);
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
}

static void instances(void)
{
    static const struct {
        enum cb_image_kind kind;
        enum cb_provision how;
        enum {
            SHARES,
            COPIES,
            OR_NOT
        } takes; /* less than 1 MiB of disk, all of the payload, whatever there is */
    } rows[] = {
        {CB_IMAGE_HOST, CB_PROVISION_NATIVE, COPIES},
        {CB_IMAGE_HOST, CB_PROVISION_UNPACK, COPIES},
        {CB_IMAGE_CONTAINER, CB_PROVISION_NATIVE, SHARES},
        {CB_IMAGE_CONTAINER, CB_PROVISION_COPY, COPIES},
        {CB_IMAGE_CONTAINER, CB_PROVISION_UNPACK, COPIES},
        {CB_IMAGE_CONTAINER, CB_PROVISION_BTRFS, OR_NOT},
        {CB_IMAGE_CONTAINER, CB_PROVISION_AUFS, OR_NOT},
        {CB_IMAGE_CONTAINER, CB_PROVISION_DEVICEMAPPER, OR_NOT},
        {CB_IMAGE_VM, CB_PROVISION_NATIVE, SHARES},
        {CB_IMAGE_VM, CB_PROVISION_UNPACK, COPIES},
        {CB_IMAGE_VM, CB_PROVISION_COPY, COPIES},
        {CB_IMAGE_HOST, CB_PROVISION_REFLINK, OR_NOT},
    };
    struct fixture f;
    CU_ASSERT_TRUE_FATAL(begin(&f));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_images *im;
        struct cb_image_cost cost = {0};
        bool got = cb_images_get(&f.site, SIZE, rows[i].kind, &im, &f.err) == 0 &&
                   cb_provision(im, rows[i].kind, rows[i].how, &cost, &f.err) == 0;
        if (!got) {
            CU_ASSERT_EQUAL(f.err.code, CB_EMISSING);
            if (rows[i].takes == COPIES && rows[i].kind == CB_IMAGE_HOST)
                CU_FAIL("files can be copied anywhere");
            continue;
        }
        CU_ASSERT_TRUE(cost.ns > 0);
        if (rows[i].takes == SHARES)
            CU_ASSERT_TRUE(cost.bytes < 1 << 20);
        if (rows[i].takes == COPIES)
            CU_ASSERT_TRUE(cost.bytes >= cb_payload_bytes(&im->payload));
        left_nothing(&f, im, "instance");
    }
    end(&f);
}

static void ways_that_an_arm_lacks(void)
{
    struct fixture f;
    struct cb_images *im;
    struct cb_image_cost cost;
    CU_ASSERT_TRUE_FATAL(begin(&f));
    CU_ASSERT_EQUAL(cb_images_get(&f.site, SIZE, CB_IMAGE_HOST, &im, &f.err), 0);
    CU_ASSERT_EQUAL(cb_provision(im, CB_IMAGE_HOST, CB_PROVISION_OVERLAY, &cost, &f.err), 0); /* a copy */
    CU_ASSERT_TRUE(cost.bytes >= cb_payload_bytes(&im->payload));
    CU_ASSERT_EQUAL(cb_provision(im, CB_IMAGE_CONTAINER, CB_PROVISION_QCOW2, &cost, &f.err), -1);
    CU_ASSERT_EQUAL(f.err.code, CB_EMISSING);
    CU_ASSERT_EQUAL(cb_provision(im, CB_IMAGE_VM, CB_PROVISION_BTRFS, &cost, &f.err), -1);
    CU_ASSERT_EQUAL(f.err.code, CB_EMISSING);
    end(&f);
}

/* ---- namespaces that go with a child ----------------------------------------------------------------- */

static int killed(const void *arg, struct cb_image_cost *out, struct cb_err *err)
{
    (void)arg;
    (void)out;
    (void)err;
    return raise(SIGKILL);
}

static int mounts(const void *arg, struct cb_image_cost *out, struct cb_err *err)
{
    char file[300];
    out->bytes = 7;
    snprintf(file, sizeof file, "%s/mounted", (const char *)arg);
    if (mount("none", arg, "tmpfs", 0, NULL) < 0 || mkdir(file, 0755) < 0)
        return cb_fail_sys(err, errno, "mount");
    return 0;
}

static void mounts_go_with_the_child(void)
{
    struct fixture f;
    struct cb_image_cost cost = {0};
    char path[300];
    CU_ASSERT_TRUE_FATAL(begin(&f));
    CU_ASSERT_EQUAL(cb_cost_in_namespace(killed, NULL, &cost, &f.err), -1);
    if (geteuid() == 0) {
        CU_ASSERT_STRING_EQUAL(f.err.msg, "killed by signal 9");
        CU_ASSERT_EQUAL(cb_cost_in_namespace(mounts, f.site.work_dir, &cost, &f.err), 0);
        CU_ASSERT_EQUAL(cost.bytes, 7);
        CU_ASSERT_EQUAL(access(in(&f, "mounted", path), F_OK), -1);
        CU_ASSERT_EQUAL(cb_cost_in_namespace(mounts, "/nonexistent", &cost, &f.err), -1);
        CU_ASSERT_EQUAL(f.err.sys, ENOENT); /* the child's own error */
    }
    end(&f);
}

static void arms_without_images(void)
{
    const struct cb_runner exec = {.name = "exec"}, vm = {.name = "vm"};
    const struct cb_arm foreign = {.runner = &exec}, own = {.runner = &vm};
    enum cb_image_kind kind;
    struct cb_err err;
    CU_ASSERT_EQUAL(cb_image_kind_of(&foreign, &kind, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EMISSING);
    CU_ASSERT_EQUAL(cb_image_kind_of(&own, &kind, &err), 0);
    CU_ASSERT_EQUAL(kind, CB_IMAGE_VM);
}

/* ---- updates ----------------------------------------------------------------------------------------- */

static uint64_t moved_by(struct fixture *f, enum cb_image_kind kind, enum cb_change change,
                         enum cb_update_form form)
{
    struct cb_images *im;
    struct cb_image_cost cost = {0};
    CU_ASSERT_EQUAL(cb_images_get(&f->site, SIZE, kind, &im, &f->err), 0);
    CU_ASSERT_EQUAL(cb_update(im, kind, change, form, &cost, &f->err), 0);
    CU_ASSERT_TRUE(cost.ns > 0);
    left_nothing(f, im, "update");
    return cost.bytes;
}

static void updates(void)
{
    struct fixture f;
    const uint64_t library = SIZE / 11 * 2 / 8, base = SIZE / 11 * 8;
    CU_ASSERT_TRUE_FATAL(begin(&f));
    for (enum cb_image_kind kind = CB_IMAGE_HOST; kind <= CB_IMAGE_CONTAINER; kind++) {
        uint64_t bytes = moved_by(&f, kind, CB_CHANGE_FILE, CB_UPDATE_LAYER);
        CU_ASSERT_TRUE(bytes > 1000 && bytes < 6000); /* 4 KiB, and documents of a few hundred bytes each */
        bytes = moved_by(&f, kind, CB_CHANGE_LIBRARY, CB_UPDATE_DIFFERENCE);
        CU_ASSERT_TRUE(bytes > library / 3 && bytes < library);
        bytes = moved_by(&f, kind, CB_CHANGE_BASE, CB_UPDATE_LAYER);
        CU_ASSERT_TRUE(bytes > base / 3 && bytes < base);
        CU_ASSERT_TRUE(moved_by(&f, kind, CB_CHANGE_FILE, CB_UPDATE_WHOLE) > bytes);
    }
    end(&f);
}

static void vm_updates(void)
{
    struct fixture f;
    struct cb_images *im;
    CU_ASSERT_TRUE_FATAL(begin(&f));
    if (cb_images_get(&f.site, SIZE, CB_IMAGE_VM, &im, &f.err) < 0) {
        CU_ASSERT_TRUE(missing(&f));
        end(&f);
        return;
    }
    uint64_t whole = moved_by(&f, CB_IMAGE_VM, CB_CHANGE_FILE, CB_UPDATE_WHOLE);
    uint64_t file = moved_by(&f, CB_IMAGE_VM, CB_CHANGE_FILE, CB_UPDATE_DIFFERENCE);
    uint64_t base = moved_by(&f, CB_IMAGE_VM, CB_CHANGE_BASE, CB_UPDATE_DIFFERENCE);
    CU_ASSERT_TRUE(whole > SIZE / 3);
    CU_ASSERT_TRUE(file < whole / 3 && file < base);
    CU_ASSERT_TRUE(base > SIZE / 11 * 8 / 3);
    end(&f);
}

const struct cb_suite cb_suite = {"image_run",
                                  {{"disks", disks},
                                   {"sizes", sizes},
                                   {"sizes of a virtual machine's image", vm_sizes},
                                   {"instances", instances},
                                   {"ways that an arm lacks", ways_that_an_arm_lacks},
                                   {"mounts go with the child", mounts_go_with_the_child},
                                   {"arms without images", arms_without_images},
                                   {"updates", updates},
                                   {"updates of a virtual machine's image", vm_updates},
                                   CU_TEST_INFO_NULL}};
