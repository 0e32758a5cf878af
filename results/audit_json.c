/* Two texts of run.json: each becomes a list of its values, named by their paths; the lists are compared. */
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/buf.h"
#include "bench/base/cleanup.h"
#include "results/audit.h"

#define FILE_NAME "run.json"

struct leaf {
    char *path, *value; /* owned */
};

struct leaves {
    struct leaf *at; /* owned */
    size_t n;
    bool failed; /* out of memory */
};

static void free_leaves(struct leaves *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->at[i].path);
        free(l->at[i].value);
    }
    free(l->at);
}

/* A value as the file has it. Seventeen digits, the writer's default, tell any two doubles apart. */
static char *as_text(const json_t *value)
{
    return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}

static void add_leaf(struct leaves *l, const char *path, const json_t *value)
{
    struct leaf *more = (l->n & (l->n - 1)) ? l->at : reallocarray(l->at, l->n ? 2 * l->n : 1, sizeof *more);
    l->failed |= !more;
    if (!more)
        return;
    l->at = more;
    more[l->n] = (struct leaf){.path = strdup(path), .value = as_text(value)};
    l->failed |= !more[l->n].path || !more[l->n].value;
    l->n++;
}

static void put_params(struct cb_buf *out, json_t *params)
{
    const char *key, *separator = "{";
    json_t *value;
    json_object_foreach(params, key, value)
    {
        CB_AUTOFREE char *text = as_text(value);
        cb_buf_printf(out, "%s%s=%s", separator, key, text ? text : "");
        separator = ",";
    }
    cb_buf_puts(out, json_object_size(params) ? "}" : "");
}

/* "mem.chase.latency{size=65536} in vm", for chains of ladders "vm disk", so that one element too many does
 * not shift all others; the index for those that have no name. */
static void put_element_name(struct cb_buf *out, json_t *element, size_t index)
{
    const char *name = json_string_value(json_object_get(element, "name"));
    const char *arm = json_string_value(json_object_get(element, "arm"));
    const char *chain = json_string_value(json_object_get(element, "chain"));
    if (!name) {
        cb_buf_printf(out, "%zu", index);
        return;
    }
    cb_buf_puts(out, name);
    if (chain && *chain)
        cb_buf_printf(out, " %s", chain);
    put_params(out, json_object_get(element, "params"));
    if (arm)
        cb_buf_printf(out, " in %s", arm);
}

static void flatten(struct leaves *l, const char *path, json_t *value)
{
    CB_AUTOBUF struct cb_buf below = {0};
    const char *key;
    json_t *member;
    size_t i;
    if (!json_object_size(value) && !json_array_size(value))
        add_leaf(l, path, value);
    json_object_foreach(value, key, member)
    {
        cb_buf_clear(&below);
        cb_buf_printf(&below, "%s%s%s", path, *path ? "." : "", key);
        flatten(l, cb_buf_str(&below), member);
    }
    json_array_foreach(value, i, member)
    {
        cb_buf_clear(&below);
        cb_buf_printf(&below, "%s[", path);
        put_element_name(&below, member, i);
        cb_buf_puts(&below, "]");
        flatten(l, cb_buf_str(&below), member);
    }
    l->failed |= !cb_buf_ok(&below);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct leaf *)a)->path, ((const struct leaf *)b)->path);
}

/* Verdicts follow from claims files, which are no part of the run. */
static int read_leaves(const char *text, struct leaves *out, struct cb_err *err)
{
    json_error_t why;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    if (!json)
        return cb_fail(err, CB_EUSAGE, FILE_NAME ": line %d: %s", why.line, why.text);
    json_object_del(json, "verdicts");
    flatten(out, "", json);
    json_decref(json);
    if (out->failed)
        return cb_fail(err, CB_ESYS, FILE_NAME ": out of memory");
    qsort(out->at, out->n, sizeof *out->at, by_path);
    return 0;
}

/* Both lists are sorted: a path that only one of them has comes first. */
static void compare(struct cb_audit *a, const struct leaves *stored, const struct leaves *recomputed)
{
    static const char missing[] = "nothing";
    const struct leaf *s = stored->at, *r = recomputed->at;
    const struct leaf *s_end = s + stored->n, *r_end = r + recomputed->n;
    while (s < s_end || r < r_end) {
        int order = s == s_end ? 1 : r == r_end ? -1 : by_path(s, r);
        if (order < 0)
            cb_audit_text(a, FILE_NAME, s->path, s->value, missing);
        else if (order > 0)
            cb_audit_text(a, FILE_NAME, r->path, missing, r->value);
        else
            cb_audit_text(a, FILE_NAME, s->path, s->value, r->value);
        s += order <= 0;
        r += order >= 0;
    }
}

int cb_audit_json(struct cb_audit *a, const char *stored, const char *recomputed, struct cb_err *err)
{
    struct leaves left = {0}, right = {0};
    int got = read_leaves(stored, &left, err) < 0 || read_leaves(recomputed, &right, err) < 0 ? -1 : 0;
    if (got == 0)
        compare(a, &left, &right);
    free_leaves(&left);
    free_leaves(&right);
    return got;
}
