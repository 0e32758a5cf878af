#include "results/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "results/text.h"

json_t *cb_json_text(const char *s)
{
    CB_AUTOBUF struct cb_buf clean = {0};
    cb_text_utf8(&clean, s);
    return cb_buf_ok(&clean) ? json_string(cb_buf_str(&clean)) : NULL;
}

json_t *cb_json_number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

json_t *cb_json_pair(const double v[2])
{
    return json_pack("[o,o]", cb_json_number(v[0]), cb_json_number(v[1]));
}

json_t *cb_json_u64(uint64_t v)
{
    char digits[24];
    if (v <= INT64_MAX)
        return json_integer((json_int_t)v);
    snprintf(digits, sizeof digits, "%" PRIu64, v);
    return json_string(digits);
}

struct cb_json cb_json_object(void)
{
    json_t *json = json_object();
    return (struct cb_json){.json = json, .failed = !json};
}

struct cb_json cb_json_list(void)
{
    json_t *json = json_array();
    return (struct cb_json){.json = json, .failed = !json};
}

void cb_json_set(struct cb_json *object, const char *key, json_t *value)
{
    if (json_object_set_new(object->json, key, value) < 0)
        object->failed = true;
}

void cb_json_append(struct cb_json *list, json_t *value)
{
    if (json_array_append_new(list->json, value) < 0)
        list->failed = true;
}

json_t *cb_json_take(struct cb_json *j)
{
    if (!j->failed)
        return j->json;
    json_decref(j->json);
    return NULL;
}

static int add_bytes(const char *bytes, size_t n, void *out)
{
    cb_buf_add(out, bytes, n);
    return cb_buf_ok(out) ? 0 : -1;
}

int cb_json_write(json_t *json, const char *what, struct cb_buf *out, struct cb_err *err)
{
    bool ok = json && json_dump_callback(json, add_bytes, out, JSON_INDENT(1)) == 0;
    json_decref(json);
    cb_buf_puts(out, "\n");
    return ok && cb_buf_ok(out) ? 0 : cb_fail(err, CB_ESYS, "%s: out of memory", what);
}
