/* Claims checked without a run: what exists, sentences, numbers, units; and what is rewritten in documents.
 */
#include "results/claims.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/claims_fixture.h"

static struct cb_claims parse(const char *text)
{
    struct cb_claims c;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_claims_parse("x.cbench", false, text, strlen(text), &c, &err), 0);
    CU_ASSERT_EQUAL(c.nfindings, 0);
    return c;
}

/* --- a small world */

static const struct cb_known_metric metrics[] = {
    {"mem.chase.latency", "ns"}, {"mem.stream.rate", "GB/s"}, {"net.rr.p50", "us"}};

static int check_param(const char *metric, const char *key, const char *value, struct cb_err *err)
{
    bool ok = !strcmp(metric, "mem.stream.rate") ? !strcmp(key, "op") && !strcmp(value, "copy")
                                                 : !strcmp(key, "size");
    return ok ? 0 : cb_fail(err, CB_EUSAGE, "%s has no %s=%s", metric, key, value);
}

static int check_arm(const char *name, struct cb_err *err)
{
    bool ok = !strcmp(name, "host") || !strcmp(name, "vm");
    return ok ? 0 : cb_fail(err, CB_EUSAGE, "no arm %s", name);
}

static const struct cb_claims_world world = {
    .metrics = metrics, .nmetrics = sizeof metrics / sizeof *metrics, .param = check_param, .arm = check_arm};

static void lint_says(const char *claim, const char *should)
{
    char text[512];
    snprintf(text, sizeof text, "version = 1\n[claim a]\n%s\n", claim);
    struct cb_claims c = parse(text);
    cb_claims_lint(&c, &world);
    CU_ASSERT_EQUAL(c.nfindings, *should ? 1 : 0);
    CU_ASSERT_STRING_EQUAL(finding(&c, 0), should);
    if (strcmp(finding(&c, 0), should) != 0)
        fprintf(stderr, "is     %s\nshould %s\n", finding(&c, 0), should);
    CU_ASSERT_EQUAL(c.at[0].broken, *should != '\0');
    cb_claims_free(&c);
}

static void what_does_not_exist_is_named(void)
{
#define RATIO "\ncompare = vm / host\nassert = ratio < 1"
    lint_says("metric = mem.chase.latency size=largest, mem.stream.rate op=copy" RATIO, "");
    lint_says("metric = mem.*" RATIO, "");
    lint_says("metric = mem.* op=copy" RATIO, "");
    lint_says("metric = mem.chase.latencies" RATIO,
              "x.cbench:3:10: expected a metric that exists (see cbench list metrics), found "
              "'mem.chase.latencies' [a]");
    lint_says("metric = mem.*, disk.*" RATIO,
              "x.cbench:3:17: expected a metric that exists (see cbench list metrics), found 'disk.*' [a]");
    lint_says("metric = mem.stream.rate op=triad" RATIO,
              "x.cbench:3:10: mem.stream.rate has no op=triad [a]");
    lint_says("metric = mem.* color=red" RATIO, "x.cbench:3:10: mem.stream.rate has no color=red [a]");
    lint_says("metric = mem.*\ncompare = vm / hots\nassert = ratio < 1", "x.cbench:4:16: no arm hots [a]");
    lint_says("metric = mem.*\nassert = order host <= container", "x.cbench:4:24: no arm container [a]");
    lint_says("metric = net.rr.p50\ncompare = vm\nassert = value <= 1.5 ms", "");
    lint_says("metric = net.rr.p50\ncompare = vm\nassert = value <= 60GB/s",
              "x.cbench:5:21: expected a unit that goes with us of net.rr.p50, found 'GB/s' [a]");
}

static void pending_claims_wait_for_something(void)
{
    lint_says("metric = image.bytes\npending = \"later\"" RATIO, "");
    lint_says("metric = mem.stream.rate op=triad\npending = \"later\"" RATIO, "");
    lint_says("metric = mem.*\ncompare = vm:disk=sata / vm\nassert = ratio < 1\npending = \"later\"", "");
    lint_says("metric = mem.*\npending = \"later\"" RATIO,
              "x.cbench:4:11: expected no 'pending': what this claim is about exists by now [a]");
}

static void small_files_with_many_claims_are_warned_of(void)
{
    struct cb_buf text = {0};
    cb_buf_puts(&text, "version = 1\n[defaults]\nmin-units = 7\n");
    for (int i = 0; i < 7; i++)
        cb_buf_printf(&text, "[claim c%d]\nmetric = mem.*" RATIO "\n", i);
    struct cb_claims c = parse(cb_buf_str(&text));
    cb_claims_lint(&c, &world);
    CU_ASSERT_EQUAL(c.nerrors, 0);
    CU_ASSERT_STRING_EQUAL(finding(&c, 0),
                           "x.cbench:1:1: warning: 7 claims at 0.05 cannot be decided below 8 "
                           "blocks, min-units is 7");
    c.nfindings = 0;
    c.correction = CB_UNCORRECTED;
    cb_claims_lint(&c, &world);
    CU_ASSERT_EQUAL(c.nfindings, 0);
    cb_claims_free(&c);
    cb_buf_free(&text);
}

/* --- sentences */

static unsigned line_of(const char *quote, const char *doc, const char *should)
{
    char text[512];
    snprintf(text, sizeof text,
             "version = 1\n[claim a]\nmetric = mem.*" RATIO "\ndoc = d.md\nquote = \"%s\"\n", quote);
    struct cb_claims c = parse(text);
    cb_claim_check_quote(&c, &c.at[0], doc);
    CU_ASSERT_STRING_EQUAL(finding(&c, 0), should);
    unsigned line = c.at[0].doc_line;
    cb_claims_free(&c);
    return line;
}

static void sentences_are_looked_for(void)
{
    CU_ASSERT_EQUAL(line_of("is 5% slower", "One\nA VM is 5% slower.\n", ""), 2);
    CU_ASSERT_EQUAL(line_of("is 5% slower", "One is\n5%\tslower.\n", ""), 1);
    CU_ASSERT_EQUAL(line_of("slower  than", "x\n\nmuch slower\r\n  than\n", ""), 3);
    CU_ASSERT_EQUAL(
        line_of("is 5% slower", "A VM is 5 % slower.\n", "x.cbench:7:9: expected this sentence in d.md [a]"),
        0);
    CU_ASSERT_EQUAL(line_of("slower", "", "x.cbench:7:9: expected this sentence in d.md [a]"), 0);
    CU_ASSERT_EQUAL(line_of("slower than", "slower", "x.cbench:7:9: expected this sentence in d.md [a]"), 0);
}

/* --- numbers in sentences */

static const struct {
    const char *quote, *assertion;
    bool agree;
} numbers[] = {
    {"at most 5% slower", "ratio <= 1.05", true},
    {"at most 5 % slower", "ratio <= 1.05", true},
    {"at most 5 per cent slower.", "ratio < 1.05", true},
    {"at most 5 percent, on 2 CPUs", "ratio <= 1.05", true},
    {"at most 6% slower", "ratio <= 1.05", false},
    {"at most slower", "ratio <= 1.05", false},
    {"takes 1.05 of the time", "ratio <= 1.05", false},
    {"takes 1.05x as long", "ratio <= 1.05", true},
    {"a ratio of 1.05.", "ratio <= 1.05", true},
    {"is 1.5 times faster", "ratio >= 1.5", true},
    {"is 50 % slower", "ratio >= 1.5", true},
    {"takes 20 % less", "ratio <= 0.8", true},
    {"is 25 % faster", "ratio <= 0.8", true},
    {"is 1.25 times faster", "ratio <= 0.8", true},
    {"is 20x faster", "ratio <= 0.8", false},
    {"within 2% of the host", "ratio within 2%", true},
    {"within 2.5% of the host", "ratio within 2.5%", true},
    {"within 3% of the host", "ratio within 2%", false},
    {"within 20% of the host", "ratio within 25%", false},
    {"between 1.1x and 1.3x", "ratio in [1.1, 1.3]", true},
    {"is faster", "ratio < 1", true},
    {"is 20% faster", "ratio < 1", false},
    {"is 3 times faster", "ratio < 1", false},
    {"x86 is faster on 4 cores", "ratio < 1", true},
    {"below 60 us", "value <= 60us", true},
    {"below 60\xc2\xb5s.", "value <= 60us", true},
    {"below 0.06 ms", "value <= 60us", true},
    {"below 60 ms", "value <= 60us", false},
    {"below 60", "value <= 60us", false},
    {"over (12.5 GB/s)", "value >= 12.5 GB/s", true},
    {"over 100 Gb/s", "value >= 12.5 GB/s", true},
    {"within 1% of each other", "order host <= vm margin 1%", true},
    {"within 2% of each other", "order host <= vm margin 1%", false},
    {"no cheaper than the host", "order host <= vm", true},
    {"10% cheaper than the host", "order host <= vm", false},
};

static void numbers_agree_with_assertions(void)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (int manual = 0; manual < 2; manual++) {
            char text[512];
            const char *a = numbers[i].assertion;
            snprintf(text, sizeof text,
                     "version = 1\n[claim a]\nmetric = mem.*\n%sassert = %s\nquote = \"%s\"\n%s",
                     *a == 'r'   ? "compare = vm / host\n"
                     : *a == 'v' ? "compare = vm\n"
                                 : "",
                     a, numbers[i].quote, manual ? "number = manual\n" : "");
            struct cb_claims c = parse(text);
            cb_claim_check_number(&c, &c.at[0]);
            CU_ASSERT_EQUAL(c.nfindings, numbers[i].agree || manual ? 0 : 1);
            if (c.nfindings != (numbers[i].agree || manual ? 0 : 1))
                fprintf(stderr, "%s | %s\n", numbers[i].quote, a);
            cb_claims_free(&c);
        }
}

static void numbers_are_explained(void)
{
    struct cb_claims c = parse("version = 1\n[claim a]\nmetric = mem.*" RATIO ".05\nquote = \"6% slower\"\n"
                               "[claim b]\nmetric = mem.*" RATIO "\nquote = \"6% slower\"\n");
    cb_claim_check_number(&c, &c.at[0]);
    cb_claim_check_number(&c, &c.at[1]);
    CU_ASSERT_STRING_EQUAL(finding(&c, 0),
                           "x.cbench:6:9: expected the number of 'ratio < 1.05' in the sentence, "
                           "or 'number = manual' [a]");
    CU_ASSERT_STRING_EQUAL(finding(&c, 1),
                           "x.cbench:11:9: expected a sentence without a number, as in 'ratio "
                           "< 1', or 'number = manual' [b]");
    cb_claims_free(&c);
}

/* --- units */

static void units_of_one_dimension_convert(void)
{
    static const struct {
        const char *from, *to;
        double factor;
    } rows[] = {
        {"us", "ms", 1e-3},        {"ms", "ns", 1e6},       {"\xce\xbcs", "us", 1}, {"Gb/s", "GB/s", .125},
        {"MiB/s", "B/s", 1048576}, {"op/s", "kop/s", 1e-3}, {"GiB", "MiB", 1024},   {"ns/B", "ns/B", 1},
        {"us", "GB/s", 0},         {"ns/B", "ns", 0},       {"furlong", "s", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CU_ASSERT_DOUBLE_EQUAL(cb_unit_factor(rows[i].from, rows[i].to), rows[i].factor,
                               1e-9 * rows[i].factor);
}

const struct cb_suite cb_suite = {
    "claims lint",
    {{"what does not exist is named", what_does_not_exist_is_named},
     {"pending claims wait for something", pending_claims_wait_for_something},
     {"small files with many claims are warned of", small_files_with_many_claims_are_warned_of},
     {"sentences are looked for", sentences_are_looked_for},
     {"numbers agree with assertions", numbers_agree_with_assertions},
     {"numbers are explained", numbers_are_explained},
     {"units of one dimension convert", units_of_one_dimension_convert},
     CU_TEST_INFO_NULL}};
