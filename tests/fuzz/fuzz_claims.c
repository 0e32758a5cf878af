/* Any bytes as a claims file, as Markdown with claims, and as a document that is searched and rewritten.
 *
 *     cmake -B build-fuzz -DCMAKE_C_COMPILER=clang -DCBENCH_FUZZ=ON && cmake --build build-fuzz --target
 * fuzz_claims build-fuzz/tests/fuzz/fuzz_claims -runs=10000000 CORPUS tests/fuzz/corpus/claims
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "results/claims_docs.h"

static void must(bool held)
{
    if (!held)
        abort();
}

static int any_param(const char *metric, const char *key, const char *value, struct cb_err *err)
{
    bool known = metric && strcmp(key, "size") == 0 && *value;
    return known ? 0 : cb_fail(err, CB_EUSAGE, "no parameter %s", key);
}

static int any_arm(const char *name, struct cb_err *err)
{
    return *name != 'x' ? 0 : cb_fail(err, CB_EUSAGE, "no arm %s", name);
}

static const struct cb_known_metric metrics[] = {{"mem.chase.latency", "ns"}, {"net.rr.p50", "us"}};
static const struct cb_claims_world world = {
    .metrics = metrics, .nmetrics = 2, .param = any_param, .arm = any_arm};

/* What everyone who reads a claim relies on. */
static void check_claim(const struct cb_claims *c, const struct cb_claim *claim)
{
    const struct cb_assertion *a = &claim->assertion;
    must(*claim->id && claim->at.line > 0 && claim->at.column > 0);
    if (claim->broken)
        return;
    must(c->nerrors <= c->nfindings + c->unlisted);
    must(claim->nselectors > 0 && claim->narms > 0 && a->text && a->region.lo < a->region.hi &&
         a->margin >= 0);
    must(a->form != CB_FORM_VALUE || (claim->narms == 1 && *a->unit));
    must(a->form == CB_FORM_VALUE || claim->narms > 1);
    must(!claim->doc || claim->quote);
    for (unsigned i = 0; i < claim->nselectors; i++)
        for (unsigned f = 0; f < claim->selectors[i].nfilters; f++)
            must(claim->selectors[i].filter[f].value != NULL);
}

static void check_findings(const struct cb_claims *c)
{
    struct cb_buf line = {0};
    for (size_t i = 0; i < c->nfindings; i++) {
        must(c->findings[i].at.line > 0 && c->findings[i].at.column > 0);
        must(c->findings[i].claim < (int)c->n);
        cb_finding_format(c, &c->findings[i], &line);
    }
    must(strpbrk(cb_buf_str(&line), "\n\r") == NULL);
    cb_buf_free(&line);
}

/* Every claim as if it had been measured: what stands between its marks changes, all else stays. */
static void rewrite(const struct cb_claims *c, const char *doc)
{
    struct cb_dataset d = {.run = {.started = "2026-11-24T06:30:12Z"}};
    struct cb_claim_part part = {.n = 1, .estimate = 1, .decision = {1, 1}};
    struct cb_verdicts v = {.claims = c, .data = &d, .n = c->n, .at = calloc(c->n + 1, sizeof *v.at)};
    struct cb_buf once = {0}, twice = {0};
    struct cb_err err;
    unsigned changed;
    for (size_t i = 0; i < c->n; i++)
        v.at[i] = (struct cb_claim_verdict){
            .claim = &c->at[i], .row = CB_ROW_SUPPORTED, .parts = &part, .nparts = 1};
    if (cb_rewrite_measured(&v, doc, &once, &changed, &err) == 0) {
        must(changed || strcmp(cb_buf_str(&once), doc) == 0);
        must(cb_rewrite_measured(&v, cb_buf_str(&once), &twice, &changed, &err) == 0 && !changed);
        must(strcmp(cb_buf_str(&once), cb_buf_str(&twice)) == 0);
    }
    cb_buf_free(&once);
    cb_buf_free(&twice);
    free(v.at);
}

static void read_as(bool markdown, const char *text, size_t size)
{
    struct cb_claims c;
    struct cb_err err;
    must(cb_claims_parse("x", markdown, text, size, &c, &err) == 0);
    for (size_t i = 0; i < c.n; i++) {
        check_claim(&c, &c.at[i]);
        if (c.at[i].broken || !c.at[i].quote)
            continue;
        cb_claim_check_number(&c, &c.at[i]);
        if (c.at[i].doc)
            cb_claim_check_quote(&c, &c.at[i], text);
    }
    cb_claims_lint(&c, &world);
    check_findings(&c);
    rewrite(&c, text);
    cb_claims_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    read_as(false, text, size);
    read_as(true, text, size);
    free(text);
    return 0;
}
