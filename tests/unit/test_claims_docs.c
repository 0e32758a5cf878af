/* Verdicts as documents, JSON and commands show them. */
#include "results/claims_docs.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/claims_fixture.h"

#define VM "metric = mem.chase.latency\ncompare = vm / host\n"

static const char claims[] =
    "[claim vm-cost]\n" VM "assert = ratio <= 1.05\n"
    "[claim vm-latency]\nmetric = mem.chase.latency\ncompare = vm\nassert = value <= 0.2us\n"
    "[claim all]\nmetric = mem.*\ncompare = vm / host\nassert = ratio > 1\n"
    "[claim later]\n" VM "assert = ratio > 1\npending = \"not yet\"\n"
    "[claim bad]\n" VM "assert = ratio > x\n";

static struct cb_dataset run(void)
{
    struct cb_dataset d = fixture_make(10);
    plant_all(&d, FIXTURE_VM, 1.5, 0);
    plant_all(&d, FIXTURE_HOST2, 1, .001);
    return d;
}

static const struct cb_claim_verdict *named(const struct judged *j, const char *id)
{
    size_t i = 0;
    while (i < j->v.n && strcmp(j->v.at[i].claim->id, id) != 0)
        i++;
    CU_ASSERT_FATAL(i < j->v.n);
    return &j->v.at[i];
}

/* --- measured sentences */

static void sentence_is(const struct judged *j, const char *id, const char *should)
{
    struct cb_buf out = {0};
    CU_ASSERT_EQUAL(cb_measured_sentence(&j->v, named(j, id), &out), *should != '\0');
    CU_ASSERT_STRING_EQUAL(cb_buf_str(&out), should);
    cb_buf_free(&out);
}

static void sentences(void)
{
    struct judged j;
    struct cb_dataset d = run();
    fixture_set(&d.run.host.at[0].value, "CPU <b>-->|x`\n");
    judge(&j, d, claims);
    sentence_is(&j, "vm-cost", "1.5x, 90% CI 1.5-1.5, n=10, 2026-11-24, CPU b--x");
    sentence_is(&j, "vm-latency", "0.1515us, 90% CI 0.1507-0.1522, n=10, 2026-11-24, CPU b--x");
    sentence_is(&j, "later", "");
    sentence_is(&j, "bad", "");
    judged_free(&j);
    judge(&j, run(), claims);
    struct cb_buf out = {0};
    CU_ASSERT(cb_measured_sentence(&j.v, named(&j, "all"), &out));
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&out), "x to 1.5"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&out), " in 3 comparisons, n=10, "));
    cb_buf_free(&out);
    judged_free(&j);
}

/* --- documents */

#define MEASURED "1.5x, 90% CI 1.5-1.5, n=10, 2026-11-24, Example CPU \"x\" \xc2\xb5"

static void rewritten(const char *doc, const char *should, unsigned changes)
{
    struct judged j;
    struct cb_buf out = {0};
    struct cb_err err = {0};
    unsigned changed = 99;
    judge(&j, run(), claims);
    CU_ASSERT_EQUAL(cb_rewrite_measured(&j.v, doc, &out, &changed, &err), 0);
    CU_ASSERT_STRING_EQUAL(cb_buf_str(&out), should);
    CU_ASSERT_EQUAL(changed, changes);
    cb_buf_free(&out);
    judged_free(&j);
}

/* Everything but what stands between the marks stays, byte for byte. */
static void only_marked_text_changes(void)
{
    rewritten("", "", 0);
    rewritten("\xff no marks\r\n\t\n\n", "\xff no marks\r\n\t\n\n", 0);
    rewritten("a <!-- cbench:vm-cost -->old<!-- /cbench --> b\r\n",
              "a <!-- cbench:vm-cost -->" MEASURED "<!-- /cbench --> b\r\n", 1);
    rewritten("<!-- cbench:vm-cost --><!-- /cbench --><!-- cbench:vm-cost -->\nx\n<!-- /cbench -->",
              "<!-- cbench:vm-cost -->" MEASURED "<!-- /cbench --><!-- cbench:vm-cost -->" MEASURED
              "<!-- /cbench -->",
              2);
    rewritten("<!-- cbench:vm-cost -->" MEASURED "<!-- /cbench -->",
              "<!-- cbench:vm-cost -->" MEASURED "<!-- /cbench -->", 0);
    /* What was not measured keeps what an earlier run wrote; marks of others are not ours. */
    static const char *const same[] = {"<!-- cbench:later -->old<!-- /cbench -->",
                                       "<!-- cbench:bad -->old<!-- /cbench -->",
                                       "<!-- cbench:unknown -->old<!-- /cbench -->",
                                       "<!-- cbench:unknown --> never closed",
                                       "`<!-- cbench:ID -->` and `<!-- /cbench -->`",
                                       "<!-- cbench:vm-cost->old<!-- /cbench -->",
                                       "<!-- cbench:vm-cos -->old<!-- /cbench -->",
                                       "<!-- cbench:",
                                       "<!-- /cbench -->"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        rewritten(same[i], same[i], 0);
}

static void a_mark_must_be_closed(void)
{
    static const char *const open[] = {"x\n\n<!-- cbench:vm-cost --> old",
                                       "x\n\n<!-- cbench:vm-cost --> <!-- cbench:all -->old<!-- /cbench -->",
                                       "<!-- /cbench -->\n\n<!-- cbench:vm-cost -->"};
    struct judged j;
    judge(&j, run(), claims);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        struct cb_buf out = {0};
        struct cb_err err = {0};
        unsigned changed;
        CU_ASSERT_EQUAL(cb_rewrite_measured(&j.v, open[i], &out, &changed, &err), -1);
        CU_ASSERT_STRING_EQUAL(err.msg, "line 3: nothing closes '<!-- cbench:vm-cost -->'");
        CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
        cb_buf_free(&out);
    }
    judged_free(&j);
}

/* --- JSON */

static json_t *exported(const struct judged *j, const char *old)
{
    struct cb_buf out = {0};
    struct cb_err err = {0};
    CU_ASSERT_EQUAL(cb_export_verdicts(old, &j->v, 1, &out, &err), 0);
    json_t *json = json_loads(cb_buf_str(&out), 0, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    cb_buf_free(&out);
    return json;
}

static const char *text_of(json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "(no text)";
}

static double number_of(json_t *object, const char *key)
{
    json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void verdicts_as_json(void)
{
    struct judged j;
    judge(&j, run(), claims);
    json_t *json = exported(&j, "{\"schema\": 1, \"run\": {\"wall_s\": 0.1}, \"verdicts\": [1, 2]}");
    CU_ASSERT_EQUAL(json_number_value(json_object_get(json_object_get(json, "run"), "wall_s")), .1);
    json_t *list = json_object_get(json, "verdicts"), *one = json_array_get(list, 0);
    CU_ASSERT_EQUAL_FATAL(json_array_size(list), 5);
    CU_ASSERT_STRING_EQUAL(text_of(one, "id"), "vm-cost");
    CU_ASSERT_STRING_EQUAL(text_of(one, "file"), "docs/x.cbench");
    CU_ASSERT_STRING_EQUAL(text_of(one, "location"), "docs/x.cbench:2");
    CU_ASSERT_STRING_EQUAL(text_of(one, "verdict"), "refuted");
    CU_ASSERT_STRING_EQUAL(text_of(one, "assert"), "ratio <= 1.05");
    CU_ASSERT_STRING_EQUAL(text_of(one, "metric"), "mem.chase.latency");
    CU_ASSERT_STRING_EQUAL(text_of(one, "params"), "size=65536");
    CU_ASSERT_STRING_EQUAL(text_of(one, "arm"), "vm");
    CU_ASSERT_STRING_EQUAL(text_of(one, "baseline"), "host");
    CU_ASSERT_DOUBLE_EQUAL(number_of(one, "estimate"), 1.5, 1e-4);
    static const char *const numbers[] = {"bias",     "noise_floor", "mde",    "p_support",
                                          "p_refute", "p_adjusted",  "family", "alpha",
                                          "n",        "instances",   "voided"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        CU_ASSERT_FALSE(isnan(number_of(one, numbers[i])));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(one, "interval")), 2);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(one, "ci95")), 2);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(one, "parts")), 1);
    CU_ASSERT(json_is_null(json_object_get(one, "blocks_needed")));
    CU_ASSERT_STRING_EQUAL(text_of(one, "seed"), "18364758544493064720"); /* more than a JSON integer holds */
    CU_ASSERT_STRING_EQUAL(text_of(one, "host"), j.v.host);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json_array_get(list, 2), "parts")), 3);
    CU_ASSERT_STRING_EQUAL(text_of(json_array_get(list, 3), "verdict"), "not-run");
    CU_ASSERT_STRING_EQUAL(text_of(json_array_get(list, 4), "verdict"), "error");
    json_decref(json);
    judged_free(&j);
}

static void no_verdicts_into_no_json(void)
{
    struct judged j;
    judge(&j, run(), claims);
    static const char *const bad[] = {"", "[]", "{", "{\"a\": 1, \"a\": 2}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cb_buf out = {0};
        struct cb_err err = {0};
        CU_ASSERT_EQUAL(cb_export_verdicts(bad[i], &j.v, 1, &out, &err), -1);
        CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
        cb_buf_free(&out);
    }
    judged_free(&j);
}

/* --- commands and places */

static void commands_can_be_typed(void)
{
    struct judged j;
    struct cb_buf out = {0};
    struct cb_dataset d = run();
    fixture_set(&d.arms[FIXTURE_CONTAINER].name, "exec:cmd=a'b c");
    d.run.quick = true;
    judge(&j, d, claims);
    cb_claim_command(&j.v, named(&j, "vm-cost"), &out);
    CU_ASSERT_STRING_EQUAL(cb_buf_str(&out),
                           "cbench run --seed 18364758544493064720 --quick --blocks 10 --bench "
                           "mem.chase --arm host --arm host2 --arm vm && cbench verify "
                           "docs/x.cbench");
    cb_buf_clear(&out);
    cb_claim_command(&j.v, named(&j, "all"), &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&out), " --bench mem.chase,mem.stream --arm "));
    judged_free(&j);
    cb_buf_clear(&out);

    d = run();
    fixture_set(&d.arms[FIXTURE_CONTAINER].name, "exec:cmd=a'b");
    judge(&j, d, "[claim a]\nmetric = mem.chase.latency\ncompare = exec:cmd=a'b / host\nassert = ratio > 1");
    cb_claim_command(&j.v, named(&j, "a"), &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&out), " --arm 'exec:cmd=a'\\''b' && "));
    judged_free(&j);
    cb_buf_free(&out);
}

static void locations(void)
{
    struct judged j;
    struct cb_buf out = {0};
    judge(&j, run(), "[claim a]\n" VM "assert = ratio > 1\ndoc = ../a.md\nquote = \"x\"");
    cb_claim_location(&j.claims, &j.claims.at[0], &out);
    CU_ASSERT_STRING_EQUAL(cb_buf_str(&out), "docs/x.cbench:2");
    cb_buf_clear(&out);
    j.claims.at[0].doc_line = 7;
    cb_claim_location(&j.claims, &j.claims.at[0], &out);
    CU_ASSERT_STRING_EQUAL(cb_buf_str(&out), "docs/../a.md:7");
    cb_buf_free(&out);
    judged_free(&j);
}

const struct cb_suite cb_suite = {"claims docs",
                                  {{"sentences", sentences},
                                   {"only marked text changes", only_marked_text_changes},
                                   {"a mark must be closed", a_mark_must_be_closed},
                                   {"verdicts as JSON", verdicts_as_json},
                                   {"no verdicts into no JSON", no_verdicts_into_no_json},
                                   {"commands can be typed", commands_can_be_typed},
                                   {"locations", locations},
                                   CU_TEST_INFO_NULL}};
