/* JSON as results write it, on top of jansson: its writer escapes whatever it is given and prints doubles so
 * that they read back as the same bits. Inside results/ only. A value that could not be allocated is NULL;
 * whoever takes it notices: `failed` is sticky, as in cb_buf. */
#ifndef CB_RESULTS_JSON_H
#define CB_RESULTS_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/base/buf.h"

json_t *cb_json_text(const char *s); /* made UTF-8 (results/text.h) */
json_t *cb_json_number(double v);    /* null where it is not finite */
json_t *cb_json_pair(const double v[2]);
json_t *cb_json_u64(uint64_t v); /* as text where a signed number cannot hold it, so that no digit is lost */

/* Members of an object, or elements of a list. */
struct cb_json {
    json_t *json;
    bool failed;
};
struct cb_json cb_json_object(void);
struct cb_json cb_json_list(void);
void cb_json_set(struct cb_json *object, const char *key, json_t *value); /* takes the value over */
void cb_json_append(struct cb_json *list, json_t *value);
/* The whole, for the caller; NULL where something failed. */
json_t *cb_json_take(struct cb_json *j);

/* Writes and frees; a NULL is an error too. */
int cb_json_write(json_t *json, const char *what, struct cb_buf *out, struct cb_err *err);

#endif
