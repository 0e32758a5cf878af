/* Claims about costs, as a documentation makes them, in a form that a run can decide: files of claims, and
 * claims beside the sentence in Markdown. Reading, checking and planning; the verdicts are in
 * results/claims_verdict.h. Files are untrusted input: sizes and counts have limits, what is wrong is named
 * with line and column, and the claims that are right are still there. Grammar and rules: docs/method.md. */
#ifndef CB_RESULTS_CLAIMS_H
#define CB_RESULTS_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/base/buf.h"
#include "bench/base/err.h"
#include "results/dataset.h"
#include "results/decide.h"

/* More than a file that people read can hold. */
#define CB_CLAIMS_FILE_MAX (1u << 20)
#define CB_CLAIMS_MAX      256
#define CB_FINDINGS_MAX    64 /* the rest is only counted */
#define CB_CLAIM_ID_MAX    64
#define CB_CLAIM_ARM_MAX   96 /* bytes of an arm's name, with NUL */
#define CB_CLAIM_ARMS_MAX  8
#define CB_SELECTORS_MAX   16
#define CB_FILTERS_MAX     8
#define CB_CONDITIONS_MAX  8
#define CB_UNIT_MAX        16

/* From 1; columns count characters. */
struct cb_place {
    unsigned line, column;
};

/* Metrics that a claim is about: "mem.chase.latency size=largest" or "fs.*". Every variant in the run that
 * matches is meant, and the claim must hold for all of them. */
struct cb_selector {
    char *name;                          /* a '*' stands for any text */
    struct cb_kv filter[CB_FILTERS_MAX]; /* parameters, sizes as people type them; "largest" and "smallest" */
    unsigned nfilters;                   /* pick among the variants of one metric that the others leave */
    struct cb_place at;
};

/* What must hold on the host of a run, or the claim says nothing about it. */
struct cb_condition {
    char *fact, *value;
    char op[3]; /* "=", "!=", "~" (contains), "<", "<=", ">", ">=" */
};

enum cb_claim_form {
    CB_FORM_RATIO, /* of the costs in two arms */
    CB_FORM_VALUE, /* in one arm, in a unit */
    CB_FORM_ORDER, /* each arm costs no more than the next, but for a margin */
};

struct cb_assertion {
    enum cb_claim_form form;
    struct cb_region region; /* RATIO and VALUE; of each pair in an order */
    double margin;           /* what separates the claim from "the same", as a share; 0: direction alone */
    char unit[CB_UNIT_MAX];  /* VALUE */
    struct cb_place at, unit_at;
    char *text; /* as written */
};

/* What must be there for a claim to be tested: bits. */
enum {
    CB_NEEDS_KVM = 1u << 0,
    CB_NEEDS_TCG = 1u << 1,
    CB_NEEDS_BARE_METAL = 1u << 2,
    CB_NEEDS_NETWORK = 1u << 3,
    CB_NEEDS_ROOT = 1u << 4,
};

struct cb_claim {
    char id[CB_CLAIM_ID_MAX + 1];
    struct cb_place at;
    char *doc;   /* file that makes the claim, relative to the claims file; NULL: none, or the file itself */
    char *quote; /* its sentence; NULL: none */
    char *pending; /* why it cannot be tested yet: metric or arm do not exist; NULL: it can */
    struct cb_place doc_at, quote_at, pending_at;
    unsigned doc_line; /* where the sentence stands; 0: not known */
    struct cb_selector selectors[CB_SELECTORS_MAX];
    unsigned nselectors;
    char arms[CB_CLAIM_ARMS_MAX]
             [CB_CLAIM_ARM_MAX]; /* RATIO: numerator, denominator; VALUE: one; ORDER: as written */
    struct cb_place arms_at[CB_CLAIM_ARMS_MAX];
    unsigned narms;
    struct cb_assertion assertion;
    unsigned needs;
    struct cb_condition conditions[CB_CONDITIONS_MAX];
    unsigned nconditions;
    bool number_by_hand; /* the sentence's number need not be the assertion's */
    bool broken;         /* an error was found: its verdict is "error" */
};

struct cb_finding {
    struct cb_place at;
    int claim; /* index; -1: the file */
    bool warning;
    char text[240];
};

enum cb_correction { CB_HOLM, CB_BONFERRONI, CB_UNCORRECTED };

struct cb_claims {
    char *file; /* as named in messages */
    bool markdown;
    double alpha;
    enum cb_correction correction;
    unsigned min_units;
    bool aa_required;
    struct cb_claim *at;
    size_t n;
    struct cb_finding *findings;
    size_t nfindings, nerrors, unlisted;
};

/* --- reading */

/* A claims file, or a Markdown file with claims in comments. What is wrong becomes findings; the error is for
 * want of memory only. */
int cb_claims_parse(const char *file, bool markdown, const char *text, size_t len, struct cb_claims *out,
                    struct cb_err *err);
void cb_claims_free(struct cb_claims *c);

/* Appends "FILE:LINE:COLUMN: TEXT" with " [ID]" behind it; no newline. */
void cb_finding_format(const struct cb_claims *c, const struct cb_finding *f, struct cb_buf *out);
/* Adds a finding; `claim` -1 for the file. */
void cb_claims_find(struct cb_claims *c, int claim, struct cb_place at, bool warning, const char *fmt, ...)
    CB_PRINTF(5, 6);

const char *cb_correction_name(enum cb_correction c);

/* --- checking without a run */

struct cb_known_metric {
    char name[96];
    const char *unit;
};
/* What exists, told by those who know the benchmarks and the runners. */
struct cb_claims_world {
    const struct cb_known_metric *metrics;
    size_t nmetrics;
    /* Can a variant of the metric be picked by this parameter? "largest" and "smallest" are values too. */
    int (*param)(const char *metric, const char *key, const char *value, struct cb_err *err);
    int (*arm)(const char *name, struct cb_err *err);
};
void cb_claims_lint(struct cb_claims *c, const struct cb_claims_world *w);
/* True when the selector's name stands for the metric. */
bool cb_selector_names(const struct cb_selector *s, const char *metric);

/* Looks for the claim's sentence in its doc and sets doc_line; line breaks count as blanks. */
void cb_claim_check_quote(struct cb_claims *c, struct cb_claim *claim, const char *doc);
/* Compares the sentence's numbers with the assertion's. */
void cb_claim_check_number(struct cb_claims *c, const struct cb_claim *claim);

/* Factor from a unit to another of the same dimension ("us" to "ms": .001); 0 where there is none. */
double cb_unit_factor(const char *from, const char *to);

#endif
