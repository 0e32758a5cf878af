#include "results/verdict_list.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A claims file has at most 256 claims, and verify takes few files. */
#define VERDICTS_MAX 4096

/* A copy of the object's text under `key`, "" without one; NULL for want of memory. */
static char *text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return strdup(s ? s : "");
}

static bool read_line(const json_t *o, struct cb_verdict_line *l)
{
    *l = (struct cb_verdict_line){
        .id = text_of(o, "id"),
        .verdict = text_of(o, "verdict"),
        .location = text_of(o, "location"),
        .quote = text_of(o, "quote"),
        .assertion = text_of(o, "assert"),
        .reason = text_of(o, "reason"),
    };
    return l->id && l->verdict && l->location && l->quote && l->assertion && l->reason;
}

static int read_list(const json_t *list, struct cb_verdict_list *out, struct cb_err *err)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n > VERDICTS_MAX)
        return cb_fail(err, CB_EUSAGE, "run.json: verdicts are not a list of at most %d", VERDICTS_MAX);
    if (n == 0)
        return 0;
    out->at = calloc(n, sizeof *out->at);
    out->json = json_dumps(list, JSON_COMPACT);
    bool ok = out->at && out->json;
    for (size_t i = 0; ok && i < n; out->n = ++i)
        ok = read_line(json_array_get(list, i), &out->at[i]);
    return ok ? 0 : cb_fail(err, CB_ESYS, "verdicts: out of memory");
}

int cb_verdict_list_read(const char *run_json, struct cb_verdict_list *out, struct cb_err *err)
{
    json_error_t why;
    json_t *run = json_loads(run_json, JSON_REJECT_DUPLICATES, &why);
    *out = (struct cb_verdict_list){0};
    if (!run)
        return cb_fail(err, CB_EUSAGE, "run.json:%d: %s", why.line, why.text);
    int got = read_list(json_object_get(run, "verdicts"), out, err);
    json_decref(run);
    if (got < 0)
        cb_verdict_list_free(out);
    return got;
}

void cb_verdict_list_free(struct cb_verdict_list *v)
{
    for (size_t i = 0; i < v->n; i++) {
        struct cb_verdict_line *l = &v->at[i];
        char *const texts[] = {l->id, l->verdict, l->location, l->quote, l->assertion, l->reason};
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
            free(texts[t]);
    }
    free(v->at);
    free(v->json);
    *v = (struct cb_verdict_list){0};
}
