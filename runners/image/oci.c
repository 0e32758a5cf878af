#include "runners/image/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "runners/image/pack.h"

#define INDEX_MAX (1u << 20)
#define INDEX     "index.json"
/* Everything in an image is dated alike, so that its digests depend on content alone. */
#define CREATED "1970-01-01T00:00:00Z"

#define TYPE_INDEX    "application/vnd.oci.image.index.v1+json"
#define TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define TYPE_CONFIG   "application/vnd.oci.image.config.v1+json"
#define TYPE_LAYER    "application/vnd.oci.image.layer.v1.tar+gzip"
#define REF_NAME      "org.opencontainers.image.ref.name"

#ifdef __x86_64__
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#else
#error "the image specification's name of this architecture (GOARCH)"
#endif

/* ---- files ------------------------------------------------------------------------------------------- */

int cb_oci_blob_path(const char *layout, const char *digest, char out[CB_OCI_PATH_MAX], struct cb_err *err)
{
    return cb_path(out, CB_OCI_PATH_MAX, err, "%s/blobs/sha256/%s", layout, digest);
}

static int open_dir(const char *path, struct cb_err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? cb_fail_sys(err, errno, "open %s", path) : fd;
}

static void digest_of(const void *bytes, size_t n, char out[CB_SHA256_HEX])
{
    struct cb_sha256 sha;
    cb_sha256_init(&sha);
    cb_sha256_add(&sha, bytes, n);
    cb_sha256_hex(&sha, out);
}

static int put_blob(const char *layout, const void *bytes, size_t n, struct cb_oci_blob *out,
                    struct cb_err *err)
{
    char path[CB_OCI_PATH_MAX];
    digest_of(bytes, n, out->digest);
    out->bytes = n;
    if (cb_oci_blob_path(layout, out->digest, path, err) < 0)
        return -1;
    CB_AUTOFD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return errno == EEXIST ? 0 : cb_fail_sys(err, errno, "create %s", path);
    if (cb_write_all(fd, bytes, n, err) == 0)
        return 0;
    unlink(path); /* its name says that it is whole */
    return cb_wrap(err, "%s", path);
}

int cb_oci_layout_make(const char *layout, struct cb_err *err)
{
    static const char text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    char blobs[CB_OCI_PATH_MAX];
    if (cb_oci_blob_path(layout, "", blobs, err) < 0 || cb_mkdirs(blobs, 0755, err) < 0)
        return -1;
    CB_AUTOFD int dir = open_dir(layout, err);
    return dir < 0 ? -1 : cb_replace_file(dir, "oci-layout", text, strlen(text), 0644, err);
}

int cb_oci_layer_add(const char *layout, const struct cb_selection *s, const char *created_by,
                     struct cb_oci_layer *out, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf tar = {0};
    CB_AUTOBUF struct cb_buf packed = {0};
    if (cb_pack_tar(s, &tar, err) < 0 || cb_pack_gzip(tar.data, tar.len, &packed, err) < 0)
        return -1;
    out->created_by = created_by;
    digest_of(tar.data, tar.len, out->diff_id);
    return put_blob(layout, packed.data, packed.len, &out->blob, err);
}

/* ---- documents --------------------------------------------------------------------------------------- */

static json_t *digest_text(const char *digest)
{
    return json_sprintf("sha256:%s", digest);
}

static json_t *descriptor(const char *type, const struct cb_oci_blob *blob)
{
    return json_pack("{s:s, s:o, s:I}", "mediaType", type, "digest", digest_text(blob->digest), "size",
                     (json_int_t)blob->bytes);
}

static json_t *config_of(const struct cb_oci_image *image)
{
    json_t *diffs = json_array(), *history = json_array();
    for (unsigned i = 0; i < image->n; i++) {
        const struct cb_oci_layer *l = &image->layers[i];
        json_array_append_new(diffs, digest_text(l->diff_id));
        json_array_append_new(history,
                              json_pack("{s:s, s:s}", "created", CREATED, "created_by", l->created_by));
    }
    return json_pack("{s:s, s:s, s:s, s:{s:[s, s], s:[s], s:s}, s:{s:s, s:o}, s:o}", "created", CREATED,
                     "architecture", ARCHITECTURE, "os", "linux", "config", "Cmd", "/app/bin/cbench-agent",
                     "run", "Env", "PATH=/app/bin:/usr/bin", "WorkingDir", "/", "rootfs", "type", "layers",
                     "diff_ids", diffs, "history", history);
}

static json_t *manifest_of(const struct cb_oci_image *image)
{
    json_t *layers = json_array();
    for (unsigned i = 0; i < image->n; i++)
        json_array_append_new(layers, descriptor(TYPE_LAYER, &image->layers[i].blob));
    return json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType", TYPE_MANIFEST, "config",
                     descriptor(TYPE_CONFIG, &image->config), "layers", layers);
}

/* Takes `json` over. Sorted keys, no blanks: one text for one content. */
static char *text_of(json_t *json, struct cb_err *err)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(json);
    if (!text)
        cb_fail_sys(err, ENOMEM, "write JSON");
    return text;
}

static int put_document(const char *layout, json_t *json, struct cb_oci_blob *out, struct cb_err *err)
{
    CB_AUTOFREE char *text = text_of(json, err);
    return text ? put_blob(layout, text, strlen(text), out, err) : -1;
}

/* ---- the index --------------------------------------------------------------------------------------- */

/* The list of images, without the one under `tag`; an empty one where there is no index yet. */
static json_t *read_index(int dir, const char *tag)
{
    CB_AUTOBUF struct cb_buf text = {0};
    struct cb_err none_yet;
    json_t *kept = json_array(), *one, *index = NULL;
    size_t i;
    if (cb_read_file(dir, INDEX, INDEX_MAX, &text, &none_yet) == 0)
        index = json_loadb(cb_buf_str(&text), text.len, 0, NULL);
    json_array_foreach(json_object_get(index, "manifests"), i, one)
    {
        const char *name = json_string_value(json_object_get(json_object_get(one, "annotations"), REF_NAME));
        if (!name || strcmp(name, tag) != 0)
            json_array_append(kept, one);
    }
    json_decref(index);
    return kept;
}

static int put_index(const char *layout, const char *tag, const struct cb_oci_blob *manifest,
                     struct cb_err *err)
{
    CB_AUTOFD int dir = open_dir(layout, err);
    if (dir < 0)
        return -1;
    json_t *images = read_index(dir, tag);
    json_t *one = descriptor(TYPE_MANIFEST, manifest);
    json_object_set_new(one, "annotations", json_pack("{s:s}", REF_NAME, tag));
    json_array_append_new(images, one);
    CB_AUTOFREE char *text = text_of(
        json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType", TYPE_INDEX, "manifests", images), err);
    return text ? cb_replace_file(dir, INDEX, text, strlen(text), 0644, err) : -1;
}

int cb_oci_image_add(const char *layout, const char *tag, struct cb_oci_image *image, struct cb_err *err)
{
    if (put_document(layout, config_of(image), &image->config, err) < 0 ||
        put_document(layout, manifest_of(image), &image->manifest, err) < 0 ||
        put_index(layout, tag, &image->manifest, err) < 0)
        return cb_wrap(err, "image %s in %s", tag, layout);
    return 0;
}

/* ---- what is moved ----------------------------------------------------------------------------------- */

static bool has_layer(const struct cb_oci_image *image, const struct cb_oci_blob *blob)
{
    for (unsigned i = 0; image && i < image->n; i++)
        if (strcmp(image->layers[i].blob.digest, blob->digest) == 0)
            return true;
    return false;
}

uint64_t cb_oci_transfer(const struct cb_oci_image *image, const struct cb_oci_image *has)
{
    uint64_t sum = image->config.bytes + image->manifest.bytes;
    for (unsigned i = 0; i < image->n; i++)
        if (!has_layer(has, &image->layers[i].blob))
            sum += image->layers[i].blob.bytes;
    return sum;
}
