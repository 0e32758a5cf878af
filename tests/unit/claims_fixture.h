/* Claims against the synthetic run of fixture.h, with values planted where a test wants them. */
#ifndef CB_TESTS_CLAIMS_FIXTURE_H
#define CB_TESTS_CLAIMS_FIXTURE_H

#include "results/claims_verdict.h"
#include "tests/unit/fixture.h"
#include "tests/unit/unit.h"

/* A finding as a user sees it, "" where there is none; valid until the next call. */
static inline const char *finding(const struct cb_claims *c, size_t nth)
{
    static char line[512];
    struct cb_buf out = {0};
    if (nth < c->nfindings)
        cb_finding_format(c, &c->findings[nth], &out);
    snprintf(line, sizeof line, "%s", cb_buf_str(&out));
    cb_buf_free(&out);
    return line;
}

/* A run and the verdicts of one file of claims on it. */
struct judged {
    struct cb_dataset d;
    struct cb_rows rows;
    struct cb_claims claims;
    struct cb_verdicts v;
};

/* `text` is what follows "version = 1". The run is taken over. */
static inline void judge(struct judged *j, struct cb_dataset d, const char *text)
{
    struct cb_err err = {0};
    struct cb_buf file = {0};
    j->d = d;
    cb_buf_printf(&file, "version = 1\n%s\n", text);
    CU_ASSERT_EQUAL_FATAL(
        cb_claims_parse("docs/x.cbench", false, cb_buf_str(&file), file.len, &j->claims, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_effects(&j->d, &j->rows, &err), 0);
    CU_ASSERT_EQUAL_FATAL(cb_claims_judge(&j->claims, &j->d, &j->rows, &j->v, &err), 0);
    cb_buf_free(&file);
}

static inline void judged_free(struct judged *j)
{
    cb_verdicts_free(&j->v);
    cb_rows_free(&j->rows);
    cb_claims_free(&j->claims);
    cb_dataset_free(&j->d);
}

#define BLOCKS 12
static inline struct cb_dataset quiet(void)
{
    return fixture_make(BLOCKS);
}

/* Judges one claim, or several of which the first is asked about. */
static inline void row_is(struct cb_dataset d, const char *claim, enum cb_claim_row row, const char *kind,
                          const char *reason)
{
    struct judged j;
    judge(&j, d, claim);
    const struct cb_claim_verdict *one = &j.v.at[0];
    CU_ASSERT_EQUAL(one->row, row);
    CU_ASSERT_STRING_EQUAL(one->kind, kind);
    CU_ASSERT_PTR_NOT_NULL(strstr(one->reason, reason));
    if (one->row != row || !strstr(one->reason, reason))
        fprintf(stderr, "%s: row %d, %s (%s)\n", claim, one->row, one->reason, one->kind);
    judged_free(&j);
}

/* The latency of the chase in a block: one sample, nothing random. */
static inline void plant(struct cb_dataset *d, unsigned block, unsigned arm, double ns)
{
    struct cb_ds_result *r = fixture_result(d, block, arm, FIXTURE_CHASE);
    const uint64_t iters = 1000000; /* six digits of the value are kept */
    r->nsamples = 1;
    r->samples[0] = (struct cb_ds_sample){
        .s = {.iters = iters, .work = iters, .wall_ns = (uint64_t)llround(ns * (double)iters)},
        .trusted = true};
}

/* The whole metric: the host's values around 100 ns, the arm's times a factor, give or take `spread` at most,
 * as often above as below. */
static inline void plant_all(struct cb_dataset *d, unsigned arm, double factor, double spread)
{
    for (unsigned b = 0; b < d->nblocks; b++) {
        double host = 100 + (b % 3), away = (1 + b / 2 % 6) / 6.0;
        plant(d, b, FIXTURE_HOST, host);
        plant(d, b, arm, host * factor * (1 + (b % 2 ? spread : -spread) * away));
    }
}

#endif
