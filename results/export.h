/* Exporters: dataset and rows to text. Pure; every string of a guest or a file is escaped for its format. */
#ifndef CB_RESULTS_EXPORT_H
#define CB_RESULTS_EXPORT_H

#include "bench/base/buf.h"
#include "results/effect.h"

/* The native export; its keys are a contract. */
int cb_export_run_json(const struct cb_dataset *d, const struct cb_rows *rows, const struct cb_notes *notes,
                       struct cb_buf *out, struct cb_err *err);
/* run,block,order,arm,instance,metric,seq,iters,work,wall_ns,cpu_ns,outcome: one line a sample. */
int cb_export_samples_csv(const struct cb_dataset *d, struct cb_buf *out, struct cb_err *err);

#endif
