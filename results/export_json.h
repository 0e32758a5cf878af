/* Parts of run.json. Inside results/ only. */
#ifndef CB_RESULTS_EXPORT_JSON_H
#define CB_RESULTS_EXPORT_JSON_H

#include "results/json.h"
#include "results/ladder.h"

/* "size=65536,op=copy" -> {"size": 65536, "op": "copy"} */
json_t *cb_json_params(const char *params);
json_t *cb_json_ladders(const struct cb_dataset *d, const struct cb_ladders *l);

#endif
