/* Exporters: dataset and rows to text. Pure; every string of a guest or a file is escaped for its format. */
#ifndef CB_RESULTS_EXPORT_H
#define CB_RESULTS_EXPORT_H

#include "bench/base/buf.h"
#include "results/ladder.h"

/* The native export; its keys are a contract. Beyond it: run.blocks_planned (that ought to count),
 * blocks_void, unfit, stopped, target, spent_s (where the time went), looks and observations_sha256, notes,
 * an arm's role, blocks with their noise, in metrics revision, value_ci95, ci95_level, with_void and
 * within_noise, and control: the positive control's arm, how often its slowdown was seen, and its rows (null
 * without one). ladders: for every chain of every ladder, and every metric, each step with its arm, base,
 * ratio and interval, the total, and what the steps sum up to. The baseline has rows too, with a null ratio.
 * What is unknown is null. run.blocks counts the finished ones. `verdicts` is a JSON array (cb_verdict_list
 * keeps one), NULL for none. */
int cb_export_run_json(const struct cb_dataset *d, const struct cb_rows *rows, const struct cb_notes *notes,
                       const struct cb_ladders *ladders, const char *verdicts, struct cb_buf *out,
                       struct cb_err *err);
/* run,block,order,arm,instance,metric,seq,iters,work,wall_ns,cpu_ns,outcome: one line a sample. `outcome` is
 * "ok" for what counts; "warmup", "void" (block), "untrusted" otherwise; a result without samples has one
 * line with its outcome and empty numbers. A metric of which the run has variants carries its parameters:
 * "mem.chase.latency{size=65536}". */
int cb_export_samples_csv(const struct cb_dataset *d, struct cb_buf *out, struct cb_err *err);

#endif
