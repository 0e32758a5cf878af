/* Verdicts as run.json has them, read back for reports. */
#include "results/verdict_list.h"

#include <stdio.h>
#include <string.h>

#include "plots/report.h"
#include "tests/unit/plots_fixture.h"
#include "tests/unit/unit.h"

static const char one[] = "{\"verdicts\": [{\"id\": \"a\", \"verdict\": \"supported\", \"location\": "
                          "\"x.md:3\", \"quote\": \"<b>fast</b>\","
                          " \"assert\": \"ratio < 1\", \"reason\": \"because\", \"n\": 10}]}";

static void what_is_there_is_read(void)
{
    struct cb_verdict_list v;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_verdict_list_read(one, &v, &err), 0);
    CU_ASSERT_EQUAL_FATAL(v.n, 1);
    CU_ASSERT_STRING_EQUAL(v.at[0].id, "a");
    CU_ASSERT_STRING_EQUAL(v.at[0].verdict, "supported");
    CU_ASSERT_STRING_EQUAL(v.at[0].location, "x.md:3");
    CU_ASSERT_STRING_EQUAL(v.at[0].quote, "<b>fast</b>");
    CU_ASSERT_STRING_EQUAL(v.at[0].assertion, "ratio < 1");
    CU_ASSERT_STRING_EQUAL(v.at[0].reason, "because");
    CU_ASSERT_PTR_NOT_NULL(strstr(v.json, "\"n\":10")); /* nothing of it is lost */
    cb_verdict_list_free(&v);
    CU_ASSERT_EQUAL(v.n, 0);
}

static void what_is_missing_is_empty(void)
{
    struct cb_verdict_list v;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_verdict_list_read("{\"verdicts\": [{}, 7, {\"id\": 8}]}", &v, &err), 0);
    CU_ASSERT_EQUAL_FATAL(v.n, 3);
    for (size_t i = 0; i < v.n; i++)
        CU_ASSERT(!*v.at[i].id && !*v.at[i].verdict && !*v.at[i].reason);
    cb_verdict_list_free(&v);
    CU_ASSERT_EQUAL(cb_verdict_list_read("{\"verdicts\": []}", &v, &err), 0);
    CU_ASSERT(v.n == 0 && !v.json);
}

static void no_list_is_an_error(void)
{
    static const char *const bad[] = {"", "{", "[]", "{}", "{\"verdicts\": 7}", "{\"verdicts\": {}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cb_verdict_list v;
        struct cb_err err = {0};
        CU_ASSERT_EQUAL(cb_verdict_list_read(bad[i], &v, &err), -1);
        CU_ASSERT_EQUAL(err.code, CB_EUSAGE);
        CU_ASSERT(v.n == 0 && !v.at && !v.json);
    }
}

static void reports_show_them(void)
{
    struct plots_fixture f;
    struct cb_verdict_list v;
    struct cb_err err = {0};
    struct cb_buf html = {0}, md = {0};
    CU_ASSERT_EQUAL_FATAL(cb_verdict_list_read(one, &v, &err), 0);
    plots_fixture_make(&f, 4, 6, NULL);
    f.report.verdicts = &v;
    CU_ASSERT_EQUAL(cb_report_html(&f.report, -1, &html, &err), 0);
    CU_ASSERT_EQUAL(cb_report_md(&f.report, NULL, &md, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&html), "<b>supported</b>"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&html), "&lt;b&gt;fast&lt;/b&gt; <small>x.md:3"));
    CU_ASSERT_PTR_NULL(strstr(cb_buf_str(&html), "<b>fast"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&md), "| a | supported | "));
    cb_buf_free(&html);
    cb_buf_free(&md);
    cb_verdict_list_free(&v);
    plots_fixture_free(&f);
}

const struct cb_suite cb_suite = {"verdict_list",
                                  {{"what is there is read", what_is_there_is_read},
                                   {"what is missing is empty", what_is_missing_is_empty},
                                   {"no list is an error", no_list_is_an_error},
                                   {"reports show them", reports_show_them},
                                   CU_TEST_INFO_NULL}};
