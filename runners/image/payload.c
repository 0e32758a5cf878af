#include "runners/image/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/base/io.h"
#include "bench/base/rng.h"
#include "runners/image/digest.h"

#define SHARES      11 /* of which the base has 8, the libraries 2, the application 1 */
#define AGENT_MAX   ((size_t)256 << 20)
#define LIBRARIES   8
#define CONFIG      "app/etc/service.conf"
#define CONFIG_SIZE 4096
/* Files of a distribution: most have a few KiB, most bytes are in the large ones. */
#define SMALLEST 1024u
#define DOUBLES  8 /* 1, 2, 4 .. 256 KiB, and anything between */

/* ---- content ----------------------------------------------------------------------------------------- */

#define CHUNK      512
#define VOCABULARY 128u

/* Deterministic letters: word `i` has 3 to 10 of them. */
static size_t word(unsigned i, char out[16])
{
    uint64_t state = i;
    uint64_t bits = cb_splitmix64(&state);
    size_t n = 3 + bits % 8;
    for (size_t k = 0; k < n; k++, bits /= 26)
        out[k] = (char)('a' + bits % 26);
    out[n] = ' ';
    return n + 1;
}

static void fill_words(struct cb_rng *rng, char *out, size_t n)
{
    char one[16];
    for (size_t at = 0; at < n;) {
        size_t len = word((unsigned)cb_rng_below(rng, VOCABULARY), one);
        if (len > n - at)
            len = n - at;
        memcpy(out + at, one, len);
        at += len;
    }
}

static void fill_random(struct cb_rng *rng, char *out, size_t n)
{
    for (size_t at = 0; at < n; at += sizeof(uint64_t)) {
        uint64_t x = cb_rng_next(rng);
        memcpy(out + at, &x, n - at < sizeof x ? n - at : sizeof x);
    }
}

void cb_payload_content(const struct cb_payload *p, const struct cb_payload_file *f, struct cb_buf *out)
{
    char chunk[CHUNK];
    struct cb_rng rng;
    if (f->is_agent) {
        cb_buf_add(out, cb_buf_str(&p->agent), p->agent.len);
        return;
    }
    cb_rng_seed(&rng, f->seed);
    for (uint64_t left = f->size; left;) {
        size_t n = left < sizeof chunk ? (size_t)left : sizeof chunk;
        (cb_rng_below(&rng, 6) == 0 ? fill_random : fill_words)(&rng, chunk, n);
        cb_buf_add(out, chunk, n);
        left -= n;
    }
}

/* ---- which files there are --------------------------------------------------------------------------- */

/* A list in the making: where failures and defaults are. */
struct maker {
    struct cb_payload *p;
    enum cb_part part;
    uint64_t seed;
    struct cb_err *err;
    bool failed;
};

static struct cb_payload_file *add(struct maker *m, mode_t mode, uint64_t size, const char *path)
{
    struct cb_payload *p = m->p;
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 128;
        struct cb_payload_file *more = realloc(p->files, cap * sizeof *more);
        if (!more) {
            m->failed = true;
            cb_fail_sys(m->err, ENOMEM, "list the payload");
            return NULL;
        }
        p->files = more;
        p->cap = cap;
    }
    struct cb_payload_file *f = &p->files[p->n];
    *f = (struct cb_payload_file){
        .mode = mode, .part = m->part, .size = size, .seed = cb_seed_from(m->seed, path, "")};
    if (cb_path(f->path, sizeof f->path, m->err, "%s", path) < 0) {
        m->failed = true;
        return NULL;
    }
    p->n++;
    return f;
}

static struct cb_payload_file *add_numbered(struct maker *m, mode_t mode, uint64_t size, const char *form,
                                            unsigned i)
{
    char path[CB_PAYLOAD_PATH_MAX];
    const char *at = strchr(form, '#');
    if (cb_path(path, sizeof path, m->err, "%.*s%03u%s", (int)(at - form), form, i, at + 1) < 0) {
        m->failed = true;
        return NULL;
    }
    return add(m, mode, size, path);
}

/* Between a power of two and the next, all powers as likely as each other. */
static uint64_t draw_size(struct cb_rng *rng)
{
    uint64_t least = SMALLEST << cb_rng_below(rng, DOUBLES);
    return least + cb_rng_below(rng, least);
}

/* Files of drawn sizes under `form` ("usr/share/#.dat") until they have `bytes`. */
static void add_files(struct maker *m, mode_t mode, const char *form, uint64_t bytes)
{
    struct cb_rng rng;
    cb_rng_seed(&rng, cb_seed_from(m->seed, form, "sizes"));
    for (unsigned i = 0; bytes && !m->failed; i++) {
        uint64_t size = draw_size(&rng);
        if (size > bytes)
            size = bytes;
        add_numbered(m, mode, size, form, i);
        bytes -= size;
    }
}

static void add_dirs(struct maker *m)
{
    static const struct {
        enum cb_part part;
        const char *path;
    } dirs[] = {
        {CB_PART_BASE, "dev"},
        {CB_PART_BASE, "proc"},
        {CB_PART_BASE, "sys"},
        {CB_PART_BASE, "tmp"},
        {CB_PART_BASE, "usr"},
        {CB_PART_BASE, "usr/bin"},
        {CB_PART_BASE, "usr/share"},
        {CB_PART_LIBRARY, "usr/lib"},
        {CB_PART_APPLICATION, "app"},
        {CB_PART_APPLICATION, "app/bin"},
        {CB_PART_APPLICATION, "app/etc"},
        {CB_PART_APPLICATION, "app/share"},
    };
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        m->part = dirs[i].part;
        add(m, S_IFDIR | 0755, 0, dirs[i].path);
    }
}

static void add_application(struct maker *m, uint64_t bytes)
{
    struct cb_payload_file *agent = add(m, S_IFREG | 0755, m->p->agent.len, "app/bin/cbench-agent");
    if (agent)
        agent->is_agent = true;
    add(m, S_IFREG | 0755, bytes / 2, "app/bin/service");
    add(m, S_IFREG | 0644, CONFIG_SIZE, CONFIG);
    add_files(m, S_IFREG | 0644, "app/share/#.dat", bytes - bytes / 2 - CONFIG_SIZE);
}

int cb_payload_make(struct cb_payload *p, const char *agent_path, uint64_t size, uint64_t variant,
                    struct cb_err *err)
{
    const uint64_t base = size / SHARES * 8, library = size / SHARES * 2 / LIBRARIES;
    struct maker m = {.p = p, .err = err};
    *p = (struct cb_payload){0};
    if (size < CB_PAYLOAD_MIN || size > CB_PAYLOAD_MAX)
        return cb_fail(err, CB_EUSAGE, "payload: %llu bytes are out of range", (unsigned long long)size);
    if (cb_read_file(AT_FDCWD, agent_path, AGENT_MAX, &p->agent, err) < 0)
        return -1;
    add_dirs(&m);
    m.part = CB_PART_BASE;
    add_files(&m, S_IFREG | 0755, "usr/bin/#", base / 2);
    add_files(&m, S_IFREG | 0644, "usr/share/#.dat", base - base / 2);
    m.seed = variant;
    m.part = CB_PART_LIBRARY;
    for (unsigned i = 0; i < LIBRARIES; i++)
        add_numbered(&m, S_IFREG | 0644, library, "usr/lib/lib#.so.1", i);
    m.part = CB_PART_APPLICATION;
    add_application(&m, size - base - library * LIBRARIES);
    return m.failed ? -1 : 0;
}

void cb_payload_free(struct cb_payload *p)
{
    free(p->files);
    cb_buf_free(&p->agent);
    *p = (struct cb_payload){0};
}

/* ---- updates ----------------------------------------------------------------------------------------- */

static void change(struct cb_payload_file *f)
{
    f->state = CB_FILE_CHANGED;
    f->seed = cb_seed_from(f->seed, f->path, "next");
}

static struct cb_payload_file *find(struct cb_payload *p, const char *path)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->files[i].path, path) == 0)
            return &p->files[i];
    return NULL;
}

/* The next version has another name, so that the old one must be removed: a whiteout in a layer. */
static int change_library(struct cb_payload *p, struct cb_err *err)
{
    struct maker m = {.p = p, .part = CB_PART_LIBRARY, .err = err};
    struct cb_payload_file *old = find(p, "usr/lib/lib000.so.1");
    old->state = CB_FILE_REMOVED;
    struct cb_payload_file *next = add(&m, old->mode, old->size, "usr/lib/lib000.so.2");
    if (next)
        change(next);
    return m.failed ? -1 : 0;
}

int cb_payload_update(struct cb_payload *p, enum cb_change what, struct cb_err *err)
{
    if (what == CB_CHANGE_LIBRARY)
        return change_library(p, err);
    if (what == CB_CHANGE_FILE)
        change(find(p, CONFIG));
    for (size_t i = 0; what == CB_CHANGE_BASE && i < p->n; i++)
        if (p->files[i].part == CB_PART_BASE && S_ISREG(p->files[i].mode))
            change(&p->files[i]);
    return 0;
}

/* ---- views ------------------------------------------------------------------------------------------- */

uint64_t cb_payload_bytes(const struct cb_payload *p)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->files[i].state != CB_FILE_REMOVED)
            sum += p->files[i].size;
    return sum;
}

int cb_payload_digest(const struct cb_payload *p, char out[CB_SHA256_HEX], struct cb_err *err)
{
    struct cb_tree_digest d = {0};
    CB_AUTOBUF struct cb_buf bytes = {0};
    for (size_t i = 0; i < p->n; i++) {
        const struct cb_payload_file *f = &p->files[i];
        if (!S_ISREG(f->mode) || f->state == CB_FILE_REMOVED)
            continue;
        cb_buf_clear(&bytes);
        cb_payload_content(p, f, &bytes);
        cb_tree_digest_add(&d, f->path, f->mode, bytes.data, bytes.len);
        if (!cb_buf_ok(&bytes))
            return cb_fail_sys(err, ENOMEM, "digest of the payload");
    }
    cb_tree_digest_hex(&d, out);
    return 0;
}

static bool selected_file(const struct cb_selection *s, const struct cb_payload_file *f)
{
    if (!(s->parts & 1u << f->part))
        return false;
    return s->only_update ? f->state != CB_FILE_SAME : f->state != CB_FILE_REMOVED;
}

static bool is_below(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && path[n] == '/';
}

bool cb_selected(const struct cb_selection *s, const struct cb_payload_file *f)
{
    if (S_ISREG(f->mode))
        return selected_file(s, f);
    if (!s->only_update && s->parts & 1u << f->part)
        return true;
    for (size_t i = 0; i < s->payload->n; i++) {
        const struct cb_payload_file *below = &s->payload->files[i];
        if (S_ISREG(below->mode) && is_below(below->path, f->path) && selected_file(s, below))
            return true;
    }
    return false;
}
