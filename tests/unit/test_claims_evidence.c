/* What verdicts are made of: pairs of blocks, metrics picked, parts, families, levels. */
#include "results/claims_verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/rank.h"
#include "tests/unit/claims_fixture.h"
#include "tests/unit/vectors.h"

#define LATENCY "[claim a]\nmetric = mem.chase.latency\n"
#define VM      LATENCY "compare = vm / host\n"

static const char *const vector_claims[] = {"ratio <= 1.05",   "ratio <= 1.04", "ratio within 5%",
                                            "ratio within 4%", "ratio <= 1.00", "ratio >= 1.04",
                                            "ratio >= 1.044"};

static struct cb_dataset vector_run(json_t *v)
{
    double vm[VECTOR_MAX], host[VECTOR_MAX];
    size_t n = vector_doubles(vector_at(v, "paired.vm"), vm);
    vector_doubles(vector_at(v, "paired.host"), host);
    struct cb_dataset d = fixture_make((unsigned)n);
    for (unsigned b = 0; b < n; b++) {
        plant(&d, b, FIXTURE_HOST, host[b]);
        plant(&d, b, FIXTURE_HOST2, host[b] * (b % 2 ? 1.001 : .999));
        plant(&d, b, FIXTURE_VM, vm[b]);
    }
    return d;
}

/* The worked example from a claims file to verdicts, alone and as a family. */
static void the_worked_example(void)
{
    json_t *v = vectors_load(), *row;
    struct cb_buf family = {0};
    struct judged j;
    size_t i;
    json_array_foreach(vector_at(v, "claims"), i, row)
    {
        char claim[256];
        snprintf(claim, sizeof claim,
                 "[claim c%zu]\nmetric = mem.chase.latency\ncompare = vm / host\nassert = %s\n", i,
                 vector_claims[i]);
        cb_buf_puts(&family, claim);
        judge(&j, vector_run(v), claim);
        const struct cb_claim_verdict *one = &j.v.at[0];
        CU_ASSERT(near(one->evidence.p_sup, vector_number(row, "p_support")));
        CU_ASSERT(near(one->evidence.p_ref, vector_number(row, "p_refute")));
        CU_ASSERT_STRING_EQUAL(cb_claim_outcome(one->row), json_string_value(vector_at(row, "alone")));
        CU_ASSERT(fabs(one->parts[0].decision[0] - 1.0400574) < 1e-6);
        CU_ASSERT(fabs(one->parts[0].decision[1] - 1.0467496) < 1e-6);
        CU_ASSERT(fabs(one->parts[0].ci95[0] - 1.0391566) < 1e-6);
        CU_ASSERT(fabs(one->parts[0].mde - expm1(.004510533)) < 1e-8);
        CU_ASSERT_EQUAL(one->parts[0].instances, 20);
        judged_free(&j);
    }
    CU_ASSERT_EQUAL(i, 7);
    judge(&j, vector_run(v), cb_buf_str(&family));
    CU_ASSERT_EQUAL(j.v.family, 7);
    json_array_foreach(vector_at(v, "claims"), i, row)
    {
        CU_ASSERT(near(j.v.at[i].adjusted, vector_number(row, "holm_p")));
        CU_ASSERT_STRING_EQUAL(cb_claim_outcome(j.v.at[i].row),
                               json_string_value(vector_at(row, "verdict_in_family")));
    }
    /* 4.63 blocks in all for 1.05, of which there are ten already. */
    CU_ASSERT_EQUAL(cb_claim_blocks(&j.v.at[0], .05), 5);
    judged_free(&j);
    cb_buf_free(&family);
    json_decref(v);
}

static double adjusted_by(const char *correction, size_t claim)
{
    struct judged j;
    char text[512];
    snprintf(text, sizeof text,
             "[defaults]\ncorrection = %s\n" VM "assert = ratio <= 1.05\n"
             "[claim b]\nmetric = mem.chase.latency\ncompare = vm / host\nassert = ratio <= 1.04\n"
             "[claim later]\nmetric = x.y\ncompare = vm / host\nassert = ratio > 1\npending = \"not yet\"\n",
             correction);
    json_t *v = vectors_load();
    judge(&j, vector_run(v), text);
    double p = j.v.at[claim].adjusted;
    CU_ASSERT_EQUAL(j.v.family, 2);
    CU_ASSERT(isnan(j.v.at[2].adjusted));
    judged_free(&j);
    json_decref(v);
    return p;
}

/* What is not tested is no member of the family. */
static void corrections(void)
{
    CU_ASSERT(near(adjusted_by("none", 0), .0068359375));
    CU_ASSERT(near(adjusted_by("holm", 0), 2 * .0068359375));
    CU_ASSERT(near(adjusted_by("holm", 1), .0419921875));
    CU_ASSERT(near(adjusted_by("bonferroni", 1), 2 * .0419921875));
}

static void bias_widens(void)
{
    struct cb_dataset d = quiet();
    plant_all(&d, FIXTURE_VM, 1.02, .002);
    plant_all(&d, FIXTURE_HOST2, 1.02, .002); /* the twin is 2 % off */
    struct judged j;
    judge(&j, d, VM "assert = ratio <= 1.05");
    const struct cb_claim_part *p = &j.v.at[0].parts[0];
    struct cb_interval i = cb_decision_interval(p->d, p->n, .9);
    CU_ASSERT(p->bias > .015 && p->bias < .02);
    CU_ASSERT(near(p->decision[0], exp(i.lo - p->bias)) && near(p->decision[1], exp(i.hi + p->bias)));
    struct cb_evidence e = cb_evidence(p->d, p->n, j.v.at[0].claim->assertion.region, p->bias);
    CU_ASSERT_EQUAL(p->evidence.p_sup, e.p_sup);
    CU_ASSERT_EQUAL(p->evidence.p_ref, e.p_ref);
    judged_free(&j);
}

/* After a second look at the run's widths the level is the stricter one. */
static void looks_cost(void)
{
    struct judged j;
    struct cb_dataset d = quiet();
    d.run.nlooks = 2;
    judge(&j, d, VM "assert = ratio > 1");
    CU_ASSERT(near(j.v.alpha, .04));
    judged_free(&j);
    judge(&j, quiet(), VM "assert = ratio > 1");
    CU_ASSERT(near(j.v.alpha, .05));
    judged_free(&j);
}

static void arms_are_paired_block_by_block(void)
{
    struct judged j;
    struct cb_dataset d = quiet();
    fixture_set(&fixture_result(&d, 3, FIXTURE_VM, FIXTURE_CHASE)->outcome, "failed");
    fixture_set(&fixture_result(&d, 5, FIXTURE_CONTAINER, FIXTURE_CHASE)->outcome, "failed");
    judge(&j, d,
          LATENCY "compare = vm / container\nassert = ratio > 1\n[claim b]\nmetric = mem.chase.latency\n"
                  "compare = container / vm\nassert = ratio > 1\n[claim c]\nmetric = mem.chase.latency\n"
                  "compare = host / vm\nassert = ratio > 1\n");
    const struct cb_claim_part *a = &j.v.at[0].parts[0], *b = &j.v.at[1].parts[0], *c = &j.v.at[2].parts[0];
    const struct cb_row *vm = cb_rows_find(&j.rows, FIXTURE_LATENCY, FIXTURE_VM);
    const struct cb_row *container = cb_rows_find(&j.rows, FIXTURE_LATENCY, FIXTURE_CONTAINER);
    CU_ASSERT_EQUAL_FATAL(a->n, 10);
    CU_ASSERT_EQUAL(a->instances, 20);
    CU_ASSERT_EQUAL(a->block[3], 4);
    CU_ASSERT(near(a->d[0], vm->d[0] - container->d[0]));
    CU_ASSERT(near(a->d[9], vm->d[10] - container->d[10]));
    CU_ASSERT(near(a->estimate * b->estimate, 1));
    CU_ASSERT_EQUAL(c->n, 11);
    CU_ASSERT(near(c->d[0], -vm->d[0]));
    judged_free(&j);
}

/* Three sizes of the chase. */
static struct cb_dataset with_variants(void)
{
    struct cb_dataset d = quiet();
    static const unsigned metrics[] = {FIXTURE_LATENCY, FIXTURE_RATE, FIXTURE_P50};
    static const char *const params[] = {"size=65536,page=4k", "size=1048576,page=4k", "size=4096,page=thp"};
    for (unsigned i = 0; i < 3; i++) {
        fixture_set(&d.metrics[metrics[i]].name, "mem.chase.latency");
        fixture_set(&d.cases[d.metrics[metrics[i]].case_index].params, params[i]);
    }
    return d;
}

static void selectors_pick_variants(void)
{
    static const struct {
        const char *selector;
        unsigned n, first;
    } rows[] = {
        {"mem.chase.latency", 3, FIXTURE_LATENCY},
        {"mem.chase.latency size=1M", 1, FIXTURE_RATE},
        {"mem.chase.latency size=1048576 page=4k", 1, FIXTURE_RATE},
        {"mem.chase.latency size=largest", 1, FIXTURE_RATE},
        {"mem.chase.latency size=smallest", 1, FIXTURE_P50},
        {"mem.chase.latency page=4k size=smallest", 1, FIXTURE_LATENCY},
        {"mem.*", 4, FIXTURE_LATENCY}, /* the chases and the stream's CPU time */
        {"mem.chase.latency size=64K, mem.chase.latency size=1M", 2, FIXTURE_LATENCY},
        {"mem.chase.latency, mem.*", 4, FIXTURE_LATENCY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct judged j;
        char text[256];
        snprintf(text, sizeof text, "[claim a]\nmetric = %s\ncompare = vm / host\nassert = ratio > 1",
                 rows[i].selector);
        judge(&j, with_variants(), text);
        CU_ASSERT_EQUAL_FATAL(j.v.at[0].nparts, rows[i].n);
        CU_ASSERT_EQUAL(j.v.at[0].parts[0].metric_index, rows[i].first);
        judged_free(&j);
    }
}

/* A claim over several metrics needs all of them, and one is enough against it. */
static void all_parts_must_hold(void)
{
#define ALL "[claim a]\nmetric = mem.*\ncompare = vm / host\nassert = "
    row_is(quiet(), ALL "ratio > 1", CB_ROW_SUPPORTED, "", "");
    struct cb_dataset d = quiet();
    plant_all(&d, FIXTURE_VM, .8, .002);
    row_is(d, ALL "ratio > 1", CB_ROW_REFUTED, "", "mem.chase.latency{size=65536}, vm / host: 0.");
    /* A part that is not fit is no evidence, which the others may still be against. */
    d = quiet();
    plant_all(&d, FIXTURE_HOST2, 1, .9);
    row_is(d, ALL "ratio > 1", CB_ROW_BELOW_NOISE, "below-noise-floor", "mem.chase.latency{size=65536}");
    d = quiet();
    plant_all(&d, FIXTURE_HOST2, 1, .9);
    row_is(d, ALL "ratio < 1", CB_ROW_REFUTED, "", "mem.stream.");
}

static void fingerprints_tell_hosts_apart(void)
{
    struct judged a, b;
    judge(&a, quiet(), VM "assert = ratio > 1");
    struct cb_dataset d = fixture_make(6);
    judge(&b, d, VM "assert = ratio > 1");
    CU_ASSERT_EQUAL(strlen(a.v.host), 12);
    CU_ASSERT_STRING_EQUAL(a.v.host, b.v.host);
    judged_free(&b);
    d = quiet();
    fixture_set(&d.run.host.at[1].value, "6.19.0");
    judge(&b, d, VM "assert = ratio > 1");
    CU_ASSERT_STRING_NOT_EQUAL(a.v.host, b.v.host);
    judged_free(&b);
    judged_free(&a);
}

const struct cb_suite cb_suite = {"claims evidence",
                                  {{"the worked example", the_worked_example},
                                   {"corrections", corrections},
                                   {"bias widens", bias_widens},
                                   {"looks cost", looks_cost},
                                   {"arms are paired block by block", arms_are_paired_block_by_block},
                                   {"selectors pick variants", selectors_pick_variants},
                                   {"all parts must hold", all_parts_must_hold},
                                   {"fingerprints tell hosts apart", fingerprints_tell_hosts_apart},
                                   CU_TEST_INFO_NULL}};
