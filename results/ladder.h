/* Why an environment costs what it costs: what every step of a ladder adds, from arms that each have one
 * mechanism more than the one below. Pure, as effect.h. Method: docs/method.md. */
#ifndef CB_RESULTS_LADDER_H
#define CB_RESULTS_LADDER_H

#include "results/effect.h"

#define CB_LADDER_TEXT 160 /* bytes of a label, with NUL; longer ones are cut */

/* The arm with the mechanism, row.arm, against the one without, row.base. */
struct cb_ladder_step {
    /* "seccomp"; "namespaces + seccomp" where the rung between has no value. */
    char label[CB_LADDER_TEXT];
    bool side; /* branches off: no part of the sum */
    struct cb_row row;
};

/* One chain of a ladder in one metric. */
struct cb_ladder {
    const struct cb_ds_step *planned; /* the dataset's steps, one for each of these */
    struct cb_ladder_step *steps;     /* owned; those whose arm has no value say why in their rows */
    size_t nsteps;
    struct cb_row total; /* the highest rung that has a value against the lowest */
    double sum;          /* what the steps' ratios multiply to; NAN where a step between the two has none */
    bool adds_up;        /* it lies in the total's interval */
};

struct cb_ladders {
    struct cb_ladder *at; /* chain by chain in dataset order, metrics in dataset order */
    size_t n;
};

/* Empty for a run without ladders. Rows are what cb_effects made of the same dataset. */
int cb_ladders(const struct cb_dataset *d, const struct cb_rows *rows, struct cb_ladders *out,
               struct cb_err *err);
void cb_ladders_free(struct cb_ladders *l);

/* The interval lies on one side of 1. If not, this run cannot tell, which is never "no cost". */
bool cb_distinguishable(const struct cb_row *row);
/* Steps of the chain that begins at step `first`, sides included. */
size_t cb_chain_length(const struct cb_dataset *d, size_t first);

#endif
