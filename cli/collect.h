/* The sink of a run: turns what the executor reports into a dataset, block by block into the store, and shows
 * progress. */
#ifndef CB_CLI_COLLECT_H
#define CB_CLI_COLLECT_H

#include <stdio.h>

#include "plots/progress.h"
#include "results/extend.h"
#include "results/store.h"
#include "runners/execute.h"

struct cb_collector {
    struct cb_store *store; /* borrowed; NULL: nothing is stored */
    const struct cb_plan *plan;
    struct cb_dataset data; /* owned; complete after each block */
    struct cb_progress_bar bar;
    FILE *log; /* borrowed; one line an event */
    struct cb_extend extend;
    unsigned next_row; /* of the plan's orders, for a further block */
    bool begun;        /* the run's rows are in the store */
    bool out_of_memory;
    /* Where the block in progress begins in the dataset's arrays. */
    size_t block_results, block_instances, block_evidence;
};

/* Fills run, arms, cases and metrics from the plan and the machine. */
int cb_collect_init(struct cb_collector *c, const struct cb_plan *plan, const struct cb_site *site,
                    struct cb_store *store, FILE *log, const char *started, struct cb_err *err);
/* The sink to hand to cb_execute; its arg is c. */
struct cb_sink cb_collect_sink(struct cb_collector *c);
/* Drops an unfinished block, writes totals to the store. */
int cb_collect_end(struct cb_collector *c, const struct cb_run_totals *totals, bool complete,
                   struct cb_err *err);
void cb_collect_free(struct cb_collector *c);

#endif
