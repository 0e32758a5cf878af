/* What images hold and how container images are written: payload, archives, the OCI image layout. */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "runners/guestkernel.h"
#include "runners/image/oci.h"
#include "runners/image/pack.h"
#include "runners/image/payload.h"
#include "runners/image/tree.h"
#include "runners/image/unpack.h"
#include "tests/unit/unit.h"

#define SIZE  (UINT64_C(2) << 20)
#define AGENT "/proc/self/exe" /* any file will do */

struct fixture {
    char dir[64], path[256];
    struct cb_payload p;
    struct cb_err err;
};

static bool begin(struct fixture *f)
{
    *f = (struct fixture){.dir = "/tmp/cbench-image.XXXXXX"};
    return mkdtemp(f->dir) && cb_payload_make(&f->p, AGENT, SIZE, 0, &f->err) == 0;
}

static void end(struct fixture *f)
{
    cb_payload_free(&f->p);
    CU_ASSERT_EQUAL(cb_remove_tree(f->dir, &f->err), 0);
}

/* DIR/NAME, until the next call. */
static const char *at(struct fixture *f, const char *name)
{
    snprintf(f->path, sizeof f->path, "%s/%s", f->dir, name);
    return f->path;
}

static const char *new_dir(struct fixture *f, const char *name)
{
    CU_ASSERT_EQUAL(mkdir(at(f, name), 0755), 0);
    return f->path;
}

static void put(struct fixture *f, const char *name, const struct cb_buf *bytes)
{
    CB_AUTOFD int fd = open(at(f, name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CU_ASSERT_EQUAL(cb_write_all(fd, bytes->data, bytes->len, &f->err), 0);
}

/* ---- payload ----------------------------------------------------------------------------------------- */

static void payload_has_its_parts(void)
{
    struct fixture f;
    uint64_t part[CB_PARTS] = {0}, agent = 0;
    CU_ASSERT_TRUE_FATAL(begin(&f));
    for (size_t i = 0; i < f.p.n; i++)
        *(f.p.files[i].is_agent ? &agent : &part[f.p.files[i].part]) += f.p.files[i].size;
    CU_ASSERT_EQUAL(part[CB_PART_BASE] + part[CB_PART_LIBRARY] + part[CB_PART_APPLICATION], SIZE);
    CU_ASSERT_EQUAL(part[CB_PART_BASE], SIZE / 11 * 8);
    CU_ASSERT_EQUAL(part[CB_PART_LIBRARY], SIZE / 11 * 2 / 8 * 8);
    CU_ASSERT_EQUAL(agent, f.p.agent.len);
    CU_ASSERT_EQUAL(cb_payload_bytes(&f.p), SIZE + agent);
    end(&f);
}

static void payload_is_its_seed(void)
{
    struct fixture f;
    struct cb_payload again, other;
    char a[CB_SHA256_HEX], b[CB_SHA256_HEX];
    CU_ASSERT_TRUE_FATAL(begin(&f));
    CU_ASSERT_EQUAL(cb_payload_make(&again, AGENT, SIZE, 0, &f.err), 0);
    CU_ASSERT_EQUAL(cb_payload_make(&other, AGENT, SIZE, 1, &f.err), 0);
    CU_ASSERT_EQUAL(cb_payload_digest(&f.p, a, &f.err), 0);
    CU_ASSERT_EQUAL(cb_payload_digest(&again, b, &f.err), 0);
    CU_ASSERT_STRING_EQUAL(a, b);
    CU_ASSERT_EQUAL(cb_payload_digest(&other, b, &f.err), 0);
    CU_ASSERT_STRING_NOT_EQUAL(a, b);
    for (size_t i = 0; i < f.p.n; i++) /* another application over the same base */
        if (f.p.files[i].part == CB_PART_BASE)
            CU_ASSERT_EQUAL(f.p.files[i].seed, other.files[i].seed);
    cb_payload_free(&again);
    cb_payload_free(&other);
    end(&f);
}

static void payload_compresses_as_programs_do(void)
{
    struct fixture f;
    CB_AUTOBUF struct cb_buf plain = {0};
    CB_AUTOBUF struct cb_buf packed = {0};
    CU_ASSERT_TRUE_FATAL(begin(&f));
    for (size_t i = 0; i < f.p.n; i++)
        if (!f.p.files[i].is_agent)
            cb_payload_content(&f.p, &f.p.files[i], &plain);
    CU_ASSERT_EQUAL(plain.len, SIZE);
    CU_ASSERT_EQUAL(cb_pack_gzip(plain.data, plain.len, &packed, &f.err), 0);
    CU_ASSERT_TRUE(packed.len > plain.len * 36 / 100 && packed.len < plain.len * 44 / 100);
    end(&f);
}

static void payload_has_limits(void)
{
    struct cb_payload p;
    struct cb_err err;
    CU_ASSERT_EQUAL(cb_payload_make(&p, AGENT, CB_PAYLOAD_MIN - 1, 0, &err), -1);
    CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
    CU_ASSERT_EQUAL(cb_payload_make(&p, AGENT, CB_PAYLOAD_MAX + 1, 0, &err), -1);
    CU_ASSERT_EQUAL(cb_payload_make(&p, "/nonexistent", SIZE, 0, &err), -1);
    CU_ASSERT_EQUAL(cb_payload_make(&p, AGENT, CB_PAYLOAD_MIN, 0, &err), 0);
    cb_payload_free(&p);
}

static size_t count(const struct cb_payload *p, enum cb_file_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += p->files[i].state == state;
    return n;
}

static void updates_change_what_they_say(void)
{
    static const struct {
        enum cb_change change;
        size_t changed, removed; /* changed 0: more than twenty */
    } rows[] = {{CB_CHANGE_FILE, 1, 0}, {CB_CHANGE_LIBRARY, 1, 1}, {CB_CHANGE_BASE, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f;
        char before[CB_SHA256_HEX], after[CB_SHA256_HEX];
        CU_ASSERT_TRUE_FATAL(begin(&f));
        uint64_t bytes = cb_payload_bytes(&f.p);
        CU_ASSERT_EQUAL(cb_payload_digest(&f.p, before, &f.err), 0);
        CU_ASSERT_EQUAL(cb_payload_update(&f.p, rows[i].change, &f.err), 0);
        CU_ASSERT_EQUAL(cb_payload_digest(&f.p, after, &f.err), 0);
        CU_ASSERT_STRING_NOT_EQUAL(before, after);
        CU_ASSERT_EQUAL(cb_payload_bytes(&f.p), bytes);
        CU_ASSERT_EQUAL(count(&f.p, CB_FILE_REMOVED), rows[i].removed);
        if (rows[i].changed)
            CU_ASSERT_EQUAL(count(&f.p, CB_FILE_CHANGED), rows[i].changed);
        if (!rows[i].changed)
            CU_ASSERT_TRUE(count(&f.p, CB_FILE_CHANGED) > 20);
        end(&f);
    }
}

/* ---- archives ---------------------------------------------------------------------------------------- */

/* Unpacked, an archive is what was installed, and both are what the payload says. */
static void archive_round_trip(void)
{
    struct fixture f;
    char want[CB_SHA256_HEX], got[CB_SHA256_HEX], archive[256];
    CB_AUTOBUF struct cb_buf packed = {0};
    CB_AUTOBUF struct cb_buf from_tree = {0};
    CU_ASSERT_TRUE_FATAL(begin(&f));
    struct cb_selection all = {.payload = &f.p, .parts = CB_PARTS_ALL};
    CU_ASSERT_EQUAL(cb_payload_digest(&f.p, want, &f.err), 0);
    CU_ASSERT_EQUAL(cb_tree_install(&f.p, new_dir(&f, "installed"), &f.err), 0);
    CU_ASSERT_EQUAL(cb_tree_digest_of(f.path, got, &f.err), 0);
    CU_ASSERT_STRING_EQUAL(want, got);
    CU_ASSERT_EQUAL(cb_pack_tar_gzip(&all, &packed, &f.err), 0);
    all.tree = at(&f, "installed");
    CU_ASSERT_EQUAL(cb_pack_tar_gzip(&all, &from_tree, &f.err), 0);
    CU_ASSERT_TRUE(packed.len == from_tree.len && memcmp(packed.data, from_tree.data, packed.len) == 0);
    put(&f, "archive", &packed);
    snprintf(archive, sizeof archive, "%s", f.path);
    CU_ASSERT_EQUAL(cb_unpack(archive, new_dir(&f, "unpacked"), CB_UNPACK_MERGE, &f.err), 0);
    CU_ASSERT_EQUAL(cb_tree_digest_of(f.path, got, &f.err), 0);
    CU_ASSERT_STRING_EQUAL(want, got);
    end(&f);
}

/* The update of a library, unpacked over the old files, gives the new ones. */
static void update_merges(void)
{
    struct fixture f;
    char want[CB_SHA256_HEX], got[CB_SHA256_HEX], tree[256];
    struct stat st;
    CB_AUTOBUF struct cb_buf packed = {0};
    CU_ASSERT_TRUE_FATAL(begin(&f));
    CU_ASSERT_EQUAL(cb_tree_install(&f.p, new_dir(&f, "tree"), &f.err), 0);
    snprintf(tree, sizeof tree, "%s", f.path);
    CU_ASSERT_EQUAL(cb_payload_update(&f.p, CB_CHANGE_LIBRARY, &f.err), 0);
    CU_ASSERT_EQUAL(cb_payload_digest(&f.p, want, &f.err), 0);
    const struct cb_selection update = {.payload = &f.p, .parts = CB_PARTS_ALL, .only_update = true};
    CU_ASSERT_EQUAL(cb_pack_tar_gzip(&update, &packed, &f.err), 0);
    CU_ASSERT_TRUE(packed.len < SIZE / 11 * 2 / 8);
    put(&f, "archive", &packed);
    CU_ASSERT_EQUAL(cb_unpack(f.path, tree, CB_UNPACK_MERGE, &f.err), 0);
    CU_ASSERT_EQUAL(cb_tree_digest_of(tree, got, &f.err), 0);
    CU_ASSERT_STRING_EQUAL(want, got);
    CU_ASSERT_EQUAL(stat(at(&f, "tree/usr/lib/lib000.so.1"), &st), -1);
    CU_ASSERT_EQUAL(stat(at(&f, "tree/usr/lib/lib000.so.2"), &st), 0);
    if (geteuid() == 0) {
        CU_ASSERT_EQUAL(mkdir(at(&f, "layer"), 0755), 0);
        snprintf(tree, sizeof tree, "%s", f.path);
        CU_ASSERT_EQUAL(cb_unpack(at(&f, "archive"), tree, CB_UNPACK_LAYER, &f.err), 0);
        CU_ASSERT_EQUAL(lstat(at(&f, "layer/usr/lib/lib000.so.1"), &st), 0);
        CU_ASSERT_TRUE(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
        CU_ASSERT_EQUAL(lstat(at(&f, "layer/app"), &st), -1); /* nothing below it changed */
    }
    end(&f);
}

/* One entry, as an archive that is not ours could have it. */
static void forge(const char *path, const char *name, mode_t type, const char *link)
{
    struct archive *a = archive_write_new();
    struct archive_entry *e = archive_entry_new();
    archive_write_set_format_pax_restricted(a);
    archive_write_add_filter_gzip(a);
    CU_ASSERT_EQUAL(archive_write_open_filename(a, path), ARCHIVE_OK);
    archive_entry_set_pathname(e, name);
    archive_entry_set_mode(e, type | 0644);
    archive_entry_set_size(e, 0);
    if (link)
        archive_entry_set_symlink(e, link);
    CU_ASSERT_EQUAL(archive_write_header(a, e), ARCHIVE_OK);
    archive_entry_free(e);
    CU_ASSERT_EQUAL(archive_write_free(a), ARCHIVE_OK);
}

static void hostile_archives(void)
{
    static const struct {
        const char *name;
        mode_t type;
        const char *link;
        int result;
    } rows[] = {
        {"a/../b..c/..d", S_IFREG, NULL, -1}, {"../escape", S_IFREG, NULL, -1},
        {"a/..", S_IFDIR, NULL, -1},          {"/tmp/cbench-escape", S_IFREG, NULL, -1},
        {"link", S_IFLNK, "/etc", -1},        {"pipe", S_IFIFO, NULL, -1},
        {".wh.nothing", S_IFREG, NULL, -1},   {"b..c/..d/e..", S_IFREG, NULL, 0},
        {"./plain", S_IFREG, NULL, 0},
    };
    struct fixture f;
    char archive[256];
    CU_ASSERT_TRUE_FATAL(begin(&f));
    snprintf(archive, sizeof archive, "%s/archive", f.dir);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char dir[16];
        snprintf(dir, sizeof dir, "out%zu", i);
        forge(archive, rows[i].name, rows[i].type, rows[i].link);
        CU_ASSERT_EQUAL(cb_unpack(archive, new_dir(&f, dir), CB_UNPACK_MERGE, &f.err), rows[i].result);
    }
    struct cb_buf junk = {.data = (char[]){"not an archive"}, .len = 14};
    put(&f, "archive", &junk);
    CU_ASSERT_EQUAL(cb_unpack(archive, f.dir, CB_UNPACK_MERGE, &f.err), -1);
    CU_ASSERT_EQUAL(cb_unpack("/nonexistent", f.dir, CB_UNPACK_MERGE, &f.err), -1);
    end(&f);
}

/* ---- trees ------------------------------------------------------------------------------------------- */

static void copies_keep_holes(void)
{
    struct fixture f;
    struct cb_tree_size from = {0}, to = {0};
    char a[256], b[256], digest[2][CB_SHA256_HEX];
    CU_ASSERT_TRUE_FATAL(begin(&f));
    CU_ASSERT_EQUAL(mkdir(at(&f, "from"), 0755), 0);
    {
        CB_AUTOFD int fd = open(at(&f, "from/sparse"), O_WRONLY | O_CREAT | O_EXCL, 0640);
        CU_ASSERT_EQUAL(ftruncate(fd, 8 << 20), 0);
        CU_ASSERT_EQUAL(pwrite(fd, "end", 3, 4 << 20), 3);
        CU_ASSERT_EQUAL(fsync(fd), 0);
    }
    snprintf(a, sizeof a, "%s/from", f.dir);
    snprintf(b, sizeof b, "%s/to", f.dir);
    CU_ASSERT_EQUAL(cb_tree_copy(a, b, CB_COPY_PLAIN, &f.err), 0);
    CU_ASSERT_EQUAL(cb_tree_copy(a, b, CB_COPY_PLAIN, &f.err), -1); /* it is there */
    CU_ASSERT_EQUAL(cb_tree_size(a, &from, &f.err), 0);
    CU_ASSERT_EQUAL(cb_tree_size(b, &to, &f.err), 0);
    CU_ASSERT_EQUAL(to.apparent, 8 << 20);
    CU_ASSERT_TRUE(to.allocated < 1 << 20);
    CU_ASSERT_EQUAL(cb_tree_digest_of(a, digest[0], &f.err), 0);
    CU_ASSERT_EQUAL(cb_tree_digest_of(b, digest[1], &f.err), 0);
    CU_ASSERT_STRING_EQUAL(digest[0], digest[1]);
    CU_ASSERT_EQUAL(cb_tree_size("/nonexistent", &to, &f.err), -1);
    end(&f);
}

/* ---- the layout -------------------------------------------------------------------------------------- */

static const char *layout_of(struct fixture *f, char out[256])
{
    snprintf(out, 256, "%s/layout", f->dir);
    CU_ASSERT_EQUAL(cb_oci_layout_make(out, &f->err), 0);
    return out;
}

static void make_image(struct fixture *f, const char *layout, const char *tag, struct cb_oci_image *image)
{
    *image = (struct cb_oci_image){.n = CB_PARTS};
    for (unsigned i = 0; i < CB_PARTS; i++) {
        const struct cb_selection s = {.payload = &f->p, .parts = 1u << i};
        CU_ASSERT_EQUAL(cb_oci_layer_add(layout, &s, "part", &image->layers[i], &f->err), 0);
    }
    CU_ASSERT_EQUAL(cb_oci_image_add(layout, tag, image, &f->err), 0);
}

/* Every blob is what its name says, and layers unpack to what their configuration says. */
static void blobs_are_what_they_are_called(void)
{
    struct fixture f;
    char layout[256], path[CB_OCI_PATH_MAX], hex[CB_SHA256_HEX];
    struct cb_oci_image image;
    CU_ASSERT_TRUE_FATAL(begin(&f));
    make_image(&f, layout_of(&f, layout), "one", &image);
    for (unsigned i = 0; i < image.n; i++) {
        CB_AUTOBUF struct cb_buf packed = {0};
        CB_AUTOBUF struct cb_buf tar = {0};
        struct cb_sha256 sha;
        CU_ASSERT_EQUAL(cb_oci_blob_path(layout, image.layers[i].blob.digest, path, &f.err), 0);
        CU_ASSERT_EQUAL(cb_sha256_file(path, hex, &f.err), 0);
        CU_ASSERT_STRING_EQUAL(hex, image.layers[i].blob.digest);
        CU_ASSERT_EQUAL(cb_read_file(AT_FDCWD, path, SIZE * 4, &packed, &f.err), 0);
        CU_ASSERT_EQUAL(packed.len, image.layers[i].blob.bytes);
        CU_ASSERT_EQUAL(cb_decompress(packed.data, packed.len, (size_t)64 << 20, &tar, &f.err), 0);
        cb_sha256_init(&sha);
        cb_sha256_add(&sha, tar.data, tar.len);
        cb_sha256_hex(&sha, hex);
        CU_ASSERT_STRING_EQUAL(hex, image.layers[i].diff_id);
    }
    end(&f);
}

static json_t *document(struct fixture *f, const char *path)
{
    json_t *json = json_load_file(path, 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    (void)f;
    return json;
}

static void documents_name_each_other(void)
{
    struct fixture f;
    char layout[256], path[CB_OCI_PATH_MAX], want[80];
    struct cb_oci_image image;
    CU_ASSERT_TRUE_FATAL(begin(&f));
    make_image(&f, layout_of(&f, layout), "one", &image);
    json_t *index = document(&f, at(&f, "layout/index.json"));
    json_t *one = json_array_get(json_object_get(index, "manifests"), 0);
    snprintf(want, sizeof want, "sha256:%s", image.manifest.digest);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(one, "digest")), want);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(one, "size")), (json_int_t)image.manifest.bytes);
    CU_ASSERT_EQUAL(cb_oci_blob_path(layout, image.manifest.digest, path, &f.err), 0);
    json_t *manifest = document(&f, path);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(manifest, "layers")), CB_PARTS);
    CU_ASSERT_EQUAL(cb_oci_blob_path(layout, image.config.digest, path, &f.err), 0);
    json_t *config = document(&f, path);
    snprintf(want, sizeof want, "sha256:%s", image.layers[2].diff_id);
    json_t *diffs = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(diffs, 2)), want);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(config, "history")), CB_PARTS);
    json_decref(index);
    json_decref(manifest);
    json_decref(config);
    end(&f);
}

static size_t blobs_in(struct fixture *f)
{
    struct cb_tree_size size = {0};
    CU_ASSERT_EQUAL(cb_tree_size(at(f, "layout/blobs"), &size, &f->err), 0);
    return size.apparent;
}

static void layers_are_shared(void)
{
    struct fixture f;
    char layout[256];
    struct cb_oci_image one, again, two;
    CU_ASSERT_TRUE_FATAL(begin(&f));
    make_image(&f, layout_of(&f, layout), "one", &one);
    size_t before = blobs_in(&f);
    CU_ASSERT_EQUAL(cb_oci_transfer(&one, NULL), before);
    make_image(&f, layout, "again", &again);
    CU_ASSERT_EQUAL(blobs_in(&f), before);
    CU_ASSERT_STRING_EQUAL(one.manifest.digest, again.manifest.digest);

    /* Another layer on top moves itself and two documents. */
    CU_ASSERT_EQUAL(cb_payload_update(&f.p, CB_CHANGE_FILE, &f.err), 0);
    two = one;
    const struct cb_selection update = {.payload = &f.p, .parts = CB_PARTS_ALL, .only_update = true};
    CU_ASSERT_EQUAL(cb_oci_layer_add(layout, &update, "update", &two.layers[two.n++], &f.err), 0);
    CU_ASSERT_EQUAL(cb_oci_image_add(layout, "two", &two, &f.err), 0);
    CU_ASSERT_EQUAL(blobs_in(&f) - before, cb_oci_transfer(&two, &one));
    CU_ASSERT_TRUE(cb_oci_transfer(&two, &one) < 8192);

    json_t *index = document(&f, at(&f, "layout/index.json"));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(index, "manifests")), 3);
    json_decref(index);
    make_image(&f, layout, "two", &again); /* a tag names one image */
    index = document(&f, at(&f, "layout/index.json"));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(index, "manifests")), 3);
    json_decref(index);
    end(&f);
}

const struct cb_suite cb_suite = {
    "image",
    {{"the payload has its parts", payload_has_its_parts},
     {"the payload is its seed", payload_is_its_seed},
     {"the payload compresses as programs do", payload_compresses_as_programs_do},
     {"the payload has limits", payload_has_limits},
     {"updates change what they say", updates_change_what_they_say},
     {"archives, there and back", archive_round_trip},
     {"an update merges", update_merges},
     {"hostile archives", hostile_archives},
     {"copies keep holes", copies_keep_holes},
     {"blobs are what they are called", blobs_are_what_they_are_called},
     {"documents name each other", documents_name_each_other},
     {"layers are shared", layers_are_shared},
     CU_TEST_INFO_NULL}};
