/* Claims files and claims in Markdown: what is read, and what is said of what cannot be. */
#include "results/claims.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/claims_fixture.h"

static struct cb_claims parse_as(const char *file, bool markdown, const char *text, size_t len)
{
    struct cb_claims c;
    struct cb_err err = {0};
    CU_ASSERT_EQUAL_FATAL(cb_claims_parse(file, markdown, text, len, &c, &err), 0);
    return c;
}

static struct cb_claims parse(const char *text)
{
    return parse_as("x.cbench", false, text, strlen(text));
}

static void only_finding(const char *text, const char *should)
{
    struct cb_claims c = parse(text);
    CU_ASSERT_EQUAL(c.nfindings, *should ? 1 : 0);
    CU_ASSERT_STRING_EQUAL(finding(&c, 0), should);
    for (size_t i = 0; i < c.nfindings; i++)
        if (i || strcmp(finding(&c, i), should) != 0)
            fprintf(stderr, "is     %s\nshould %s\n", finding(&c, i), i ? "" : should);
    cb_claims_free(&c);
}

/* --- a whole file */

static const char whole[] = "# comment\n"
                            "version = 1\n"
                            "\n"
                            "[defaults]\n"
                            "alpha = 0.01   # stricter\n"
                            "correction = bonferroni\n"
                            "min-units = 6\n"
                            "aa = optional\n"
                            "[claim vm-copy-5pct]\n"
                            "doc = docs/a#b.md\n"
                            "quote = \"VMs \\\"copy\\\" # at most 5% slower\"  # the \\\\ sentence\n"
                            "metric = mem.stream.rate op=copy size=64K, mem.chase.latency size=largest\n"
                            "compare = vm:accel=kvm,disk=virtio / host\n"
                            "assert = ratio <= 1.05\n"
                            "needs = kvm, bare-metal\n"
                            "where = cpu-model ~ \"EPYC 7\" and memory >= 16G\n"
                            "number = manual\n"
                            "pending = \"no such metric yet\"\n"
                            "[ claim order ]\r\n"
                            "metric=fs.*\r\n"
                            "assert=order host<=container <= vm margin 1 %\r\n";

static void every_key_is_read(void)
{
    struct cb_claims c = parse(whole);
    CU_ASSERT_STRING_EQUAL(finding(&c, 0), "");
    CU_ASSERT_EQUAL_FATAL(c.n, 2);
    CU_ASSERT_EQUAL(c.alpha, .01);
    CU_ASSERT_EQUAL(c.correction, CB_BONFERRONI);
    CU_ASSERT_EQUAL(c.min_units, 6);
    CU_ASSERT(!c.aa_required);
    const struct cb_claim *a = &c.at[0], *b = &c.at[1];
    CU_ASSERT_STRING_EQUAL(a->id, "vm-copy-5pct");
    CU_ASSERT_EQUAL(a->at.line, 9);
    CU_ASSERT_EQUAL(a->at.column, 8);
    CU_ASSERT_STRING_EQUAL(a->doc, "docs/a#b.md");
    CU_ASSERT_STRING_EQUAL(a->quote, "VMs \"copy\" # at most 5% slower");
    CU_ASSERT_EQUAL_FATAL(a->nselectors, 2);
    CU_ASSERT_STRING_EQUAL(a->selectors[0].name, "mem.stream.rate");
    CU_ASSERT_EQUAL_FATAL(a->selectors[0].nfilters, 2);
    CU_ASSERT_STRING_EQUAL(a->selectors[0].filter[1].key, "size");
    CU_ASSERT_STRING_EQUAL(a->selectors[0].filter[1].value, "64K");
    CU_ASSERT_STRING_EQUAL(a->selectors[1].filter[0].value, "largest");
    CU_ASSERT_EQUAL_FATAL(a->narms, 2);
    CU_ASSERT_STRING_EQUAL(a->arms[0], "vm:accel=kvm,disk=virtio");
    CU_ASSERT_STRING_EQUAL(a->arms[1], "host");
    CU_ASSERT_EQUAL(a->needs, CB_NEEDS_KVM | CB_NEEDS_BARE_METAL);
    CU_ASSERT_EQUAL_FATAL(a->nconditions, 2);
    CU_ASSERT_STRING_EQUAL(a->conditions[0].value, "EPYC 7");
    CU_ASSERT_STRING_EQUAL(a->conditions[1].op, ">=");
    CU_ASSERT(a->number_by_hand);
    CU_ASSERT_STRING_EQUAL(a->pending, "no such metric yet");
    CU_ASSERT_EQUAL(b->assertion.form, CB_FORM_ORDER);
    CU_ASSERT_EQUAL_FATAL(b->narms, 3);
    CU_ASSERT_STRING_EQUAL(b->arms[1], "container");
    CU_ASSERT_DOUBLE_EQUAL(b->assertion.margin, .01, 1e-12);
    CU_ASSERT_STRING_EQUAL(b->assertion.text, "order host<=container <= vm margin 1 %");
    cb_claims_free(&c);
}

static void defaults_without_a_section(void)
{
    struct cb_claims c = parse("version = 1\n");
    CU_ASSERT_EQUAL(c.alpha, .05);
    CU_ASSERT_EQUAL(c.correction, CB_HOLM);
    CU_ASSERT_EQUAL(c.min_units, 10);
    CU_ASSERT(c.aa_required);
    CU_ASSERT_EQUAL(c.nfindings, 0);
    cb_claims_free(&c);
}

/* --- assertions */

static const struct {
    const char *text;
    enum cb_claim_form form;
    double lo, hi, margin;
    const char *unit;
} assertions[] = {
    {"ratio <= 1.05", CB_FORM_RATIO, 0, 1.05, .05, ""},
    {"ratio < 1", CB_FORM_RATIO, 0, 1, 0, ""},
    {"ratio >= 1.5", CB_FORM_RATIO, 1.5, INFINITY, .5, ""},
    {"ratio>.8", CB_FORM_RATIO, .8, INFINITY, .25, ""},
    {"ratio in [0.9, 1.25]", CB_FORM_RATIO, .9, 1.25, 1 / .9 - 1, ""},
    {"ratio in[2,3]", CB_FORM_RATIO, 2, 3, 1, ""},
    {"ratio within 2%", CB_FORM_RATIO, 1 / 1.02, 1.02, .02, ""},
    {"ratio within 0.5 %", CB_FORM_RATIO, 1 / 1.005, 1.005, .005, ""},
    {"value <= 60us", CB_FORM_VALUE, 0, 60, 0, "us"},
    {"value >= 1.5 GB/s", CB_FORM_VALUE, 1.5, INFINITY, 0, "GB/s"},
    {"order host <= vm", CB_FORM_ORDER, 1, INFINITY, 0, ""},
    {"order host <= vm margin 25%", CB_FORM_ORDER, .8, INFINITY, .25, ""},
};

static void assertions_become_regions(void)
{
    for (size_t i = 0; i < sizeof assertions / sizeof *assertions; i++) {
        char text[256];
        const char *compare = assertions[i].form == CB_FORM_RATIO   ? "compare = vm / host\n"
                              : assertions[i].form == CB_FORM_VALUE ? "compare = vm\n"
                                                                    : "";
        snprintf(text, sizeof text, "version = 1\n[claim a]\nmetric = a.b\n%sassert = %s\n", compare,
                 assertions[i].text);
        struct cb_claims c = parse(text);
        CU_ASSERT_STRING_EQUAL(finding(&c, 0), "");
        CU_ASSERT_EQUAL_FATAL(c.n, 1);
        const struct cb_assertion *a = &c.at[0].assertion;
        CU_ASSERT_EQUAL(a->form, assertions[i].form);
        CU_ASSERT_DOUBLE_EQUAL(a->region.lo, assertions[i].lo, 1e-12);
        CU_ASSERT(a->region.hi == assertions[i].hi || fabs(a->region.hi - assertions[i].hi) < 1e-12);
        CU_ASSERT_DOUBLE_EQUAL(a->margin, assertions[i].margin, 1e-12);
        CU_ASSERT_STRING_EQUAL(a->unit, assertions[i].unit);
        cb_claims_free(&c);
    }
}

/* --- what is wrong, and where */

#define HEAD "version = 1\n[claim a]\n"
#define FULL HEAD "metric = a.b\ncompare = vm / host\nassert = ratio < 1\n"

static const struct {
    const char *text, *should;
} errors[] = {
    {"", "x.cbench:1:1: expected 'version = 1' before the first section"},
    {"version = 2\n", "x.cbench:1:11: expected 1, the version that this cbench reads, found '2'"},
    {"version 1\n", "x.cbench:1:9: expected '=', found '1'"},
    {"version = 1\nversion = 1\n", "x.cbench:2:1: expected no second 'version', found 'version'"},
    {"version = 1\nalpha = .1\n", "x.cbench:2:1: expected a key (version), found 'alpha'"},
    {"version = 1\n[clam a]\n", "x.cbench:2:2: expected '[defaults]' or '[claim ID]', found 'clam'"},
    {"version = 1\n[claim]\n",
     "x.cbench:2:7: expected an ID of 1 to 64 letters a-z, digits and '-', found ']'"},
    {"version = 1\n[claim Ab]\n",
     "x.cbench:2:8: expected an ID of 1 to 64 letters a-z, digits and '-', found 'Ab]'"},
    {FULL "[claim a]\n", "x.cbench:6:8: expected an ID that no other claim has, found 'a]'"},
    {"version = 1\n[defaults\n", "x.cbench:2:10: expected ']', found the end of the line"},
    {"version = 1\n[defaults] x\n", "x.cbench:2:12: expected the end of the line, found 'x'"},
    {"version = 1\n[defaults]\n[defaults]\n",
     "x.cbench:3:2: expected no second 'defaults', found 'defaults]'"},
    {"version = 1\n[defaults]\nalpha = 0\n",
     "x.cbench:3:9: expected a level above 0 and up to 0.5, found '0'"},
    {"version = 1\n[defaults]\nalpha = .6\n",
     "x.cbench:3:9: expected a level above 0 and up to 0.5, found '.6'"},
    {"version = 1\n[defaults]\ncorrection = Holm\n",
     "x.cbench:3:14: expected holm, bonferroni or none, found 'Holm'"},
    {"version = 1\n[defaults]\nmin-units = 2.5\n",
     "x.cbench:3:13: expected a whole number from 1 to 1000, found '2.5'"},
    {"version = 1\n[defaults]\naa = yes\n", "x.cbench:3:6: expected required or optional, found 'yes'"},
    {"version = 1\n[defaults]\nmetric = a\n",
     "x.cbench:3:1: expected a key (alpha, correction, min-units, aa), found 'metric'"},
    {FULL "speed = 1\n", "x.cbench:6:1: expected a key (doc, quote, metric, compare, assert, needs, where, "
                         "number, pending), found 'speed' [a]"},
    {FULL "metric = a.c\n", "x.cbench:6:1: expected no second 'metric', found 'metric' [a]"},
    {FULL "doc = \n", "x.cbench:6:7: expected a file, relative to this one, found the end of the line [a]"},
    {FULL "doc = /etc/passwd\n",
     "x.cbench:6:7: expected a path relative to this file, found '/etc/passwd' [a]"},
    {FULL "doc = a b\n", "x.cbench:6:9: expected the end of the line, found 'b' [a]"},
    {FULL "doc = a\n", "x.cbench:2:8: expected 'quote = \"...\"', the sentence in 'doc' in this claim [a]"},
    {FULL "quote = x\n", "x.cbench:6:9: expected a text in double quotes, found 'x' [a]"},
    {FULL "quote = \"\xc2\xb5s \\\"\n",
     "x.cbench:6:9: expected a '\"' that ends the text, found '\"\xc2\xb5s' [a]"},
    {FULL "quote = \"\"\n", "x.cbench:6:10: expected a text that is not empty, found '\"' [a]"},
    {FULL "quote = \"\xc2\xb5s\" x\n", "x.cbench:6:14: expected the end of the line, found 'x' [a]"},
    {FULL "number = 5\n", "x.cbench:6:10: expected manual, found '5' [a]"},
    {FULL "needs = kvm,\n",
     "x.cbench:6:13: expected kvm, tcg, bare-metal, network or root, found the end of the line [a]"},
    {FULL "needs = kvmx\n", "x.cbench:6:9: expected kvm, tcg, bare-metal, network or root, found 'kvmx' [a]"},
    {FULL "where = ~ x\n", "x.cbench:6:9: expected a fact of the host, as in cpu or memory, found '~' [a]"},
    {FULL "where = cpu is x\n", "x.cbench:6:13: expected =, !=, ~, <, <=, > or >=, found 'is' [a]"},
    {FULL "where = cpu = \n",
     "x.cbench:6:15: expected a text in double quotes, found the end of the line [a]"},
    {FULL "where = cpu = x or\n", "x.cbench:6:17: expected the end of the line, found 'or' [a]"},
    {FULL "where = cpu = x and\n",
     "x.cbench:6:20: expected a fact of the host, as in cpu or memory, found the end of the line [a]"},
    {HEAD "metric = a.b\nassert = order host\n",
     "x.cbench:4:20: expected '<=' and the next arm, found the end of the line [a]"},
    {HEAD "metric = a.b\nassert = order host <= \n",
     "x.cbench:4:24: expected an arm, as in container or vm:accel=kvm, found the end of the line [a]"},
    {HEAD "metric = a.b\nassert = order host <= vm <= host\n",
     "x.cbench:4:30: expected another arm, found 'host' [a]"},
    {HEAD "metric = a.b\nassert = order host <= vm margin 0%\n",
     "x.cbench:4:34: expected a margin above 0%, found '0%' [a]"},
    {HEAD "metric = a.b\nassert = order host <= vm margin 1\n",
     "x.cbench:4:35: expected '%', found the end of the line [a]"},
    {HEAD "metric = a.b\ncompare = vm / host\nassert = order host <= vm\n",
     "x.cbench:5:16: expected no order beside 'compare': it names its own arms, found 'host' [a]"},
    {HEAD "metric = a.b\nassert = order host <= vm\ncompare = vm / container\n",
     "x.cbench:2:8: expected no 'compare': an order names its own arms in this claim [a]"},
    {HEAD "compare = vm / host\nassert = ratio < 1\n",
     "x.cbench:2:8: expected 'metric = NAME' in this claim [a]"},
    {HEAD "metric = a.b\ncompare = vm / host\n", "x.cbench:2:8: expected 'assert = ...' in this claim [a]"},
    {HEAD "metric = a.b\nassert = ratio < 1\n",
     "x.cbench:2:8: expected 'compare = ARM / ARM' in this claim [a]"},
    {HEAD "metric = a.b\ncompare = vm\nassert = ratio < 1\n",
     "x.cbench:2:8: expected two arms in 'compare', as in vm / host in this claim [a]"},
    {HEAD "metric = a.b\ncompare = vm / host\nassert = value <= 1s\n",
     "x.cbench:2:8: expected one arm in 'compare' in this claim [a]"},
    {HEAD "metric = a.b\ncompare = vm / vm\nassert = ratio < 1\n",
     "x.cbench:4:16: expected another arm, found 'vm' [a]"},
    {HEAD "metric = a.b\ncompare = vm / host / x\nassert = ratio < 1\n",
     "x.cbench:4:21: expected the end of the line, found '/' [a]"},
};

/* In place of the assertion. */
static const struct {
    const char *text, *should; /* place and text */
} bad_assertions[] = {
    {"", "5:10: expected 'ratio', 'value' or 'order', found the end of the line"},
    {"speed < 1", "5:10: expected 'ratio', 'value' or 'order', found 'speed'"},
    {"ratio", "5:15: expected <=, >=, <, >, 'in' or 'within', found the end of the line"},
    {"ratio = 1", "5:16: expected <=, >=, <, >, 'in' or 'within', found '='"},
    {"ratio <= x", "5:19: expected a number, found 'x'"},
    {"ratio <= -1", "5:19: expected a number, found '-1'"},
    {"ratio <= 0", "5:19: expected a number above 0, found '0'"},
    {"ratio <= 1.0.5", "5:19: expected a number, found '1.0.5'"},
    {"ratio <= .", "5:19: expected a number, found '.'"},
    {"ratio <= 1.05 x", "5:24: expected the end of the line, found 'x'"},
    {"ratio within 0%", "5:23: expected a margin above 0%, found '0%'"},
    {"ratio within x", "5:23: expected a margin as in 2%, found 'x'"},
    {"ratio within 2", "5:24: expected '%', found the end of the line"},
    {"ratio in 1, 2]", "5:19: expected '[', found '1,'"},
    {"ratio in [1 2]", "5:22: expected ',' and the upper bound, found '2]'"},
    {"ratio in [1, 1]", "5:23: expected an upper bound above the lower, found '1]'"},
    {"ratio in [2, 1]", "5:23: expected an upper bound above the lower, found '1]'"},
    {"ratio in [1, 2", "5:24: expected ']', found the end of the line"},
    {"value < 60us", "5:16: expected <= or >=, found '<'"},
    {"value <= 60", "5:21: expected a unit, as in 60us, found the end of the line"},
    {"value <= 60 # us", "5:22: expected a unit, as in 60us, found '#'"},
    {"value <= us", "5:19: expected a number, found 'us'"},
};

/* In place of the metric. */
static const struct {
    const char *text, *should;
} bad_metrics[] = {
    {"", "3:10: expected the name of a metric, as in mem.stream.rate, found the end of the line"},
    {"Mem", "3:10: expected the name of a metric, as in mem.stream.rate, found 'Mem'"},
    {"a.b size", "3:18: expected '=' and the value of size, found the end of the line"},
    {"a.b size=", "3:19: expected the value of size, found the end of the line"},
    {"a.b Size=1", "3:14: expected a parameter as in size=64K, or ',', found 'Size=1'"},
    {"a.b, ", "3:15: expected the name of a metric, as in mem.stream.rate, found the end of the line"},
    {"a.b [x]", "3:14: expected a parameter as in size=64K, or ',', found '[x]'"},
};

static void errors_have_their_place(void)
{
    char text[512], should[256];
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        only_finding(errors[i].text, errors[i].should);
    for (size_t i = 0; i < sizeof bad_assertions / sizeof *bad_assertions; i++) {
        const char *compare = strncmp(bad_assertions[i].text, "value", 5) ? "vm / host" : "vm";
        snprintf(text, sizeof text, HEAD "metric = a.b\ncompare = %s\nassert = %s\n", compare,
                 bad_assertions[i].text);
        snprintf(should, sizeof should, "x.cbench:%s [a]", bad_assertions[i].should);
        only_finding(text, should);
    }
    for (size_t i = 0; i < sizeof bad_metrics / sizeof *bad_metrics; i++) {
        snprintf(text, sizeof text, HEAD "metric = %s\ncompare = vm / host\nassert = ratio < 1\n",
                 bad_metrics[i].text);
        snprintf(should, sizeof should, "x.cbench:%s [a]", bad_metrics[i].should);
        only_finding(text, should);
    }
    only_finding(FULL, "");
}

/* One bad claim costs no other. */
static void the_rest_is_read(void)
{
    struct cb_claims c =
        parse("version = 1\n[claim a]\nmetric = ?\nassert = ratio < x\n[claim B]\nmetric = ?\n"
              "[claim c]\nmetric = a.b\ncompare = vm / host\nassert = ratio < 1\n");
    CU_ASSERT_EQUAL(c.nerrors, 3);
    CU_ASSERT_EQUAL_FATAL(c.n, 2);
    CU_ASSERT(c.at[0].broken);
    CU_ASSERT(!c.at[1].broken);
    CU_ASSERT_STRING_EQUAL(c.at[1].id, "c");
    cb_claims_free(&c);
}

static void bytes_that_are_no_text(void)
{
    static const struct {
        const char *text;
        size_t len;
        const char *should;
    } rows[] = {
        {"version = 1\n# \xff\n", 16, "x.cbench:2:3: expected UTF-8"},
        {"version = 1\n# \xc2\xb5\xc0\x80\n", 19, "x.cbench:2:4: expected UTF-8"},
        {"version = 1\n\0", 13, "x.cbench:2:1: expected a text, found a control character"},
        {"version = 1\n#\x1b[2J\n", 18, "x.cbench:2:2: expected a text, found a control character"},
        {"version = 1\n#\xc2\x9b", 15, "x.cbench:2:2: expected a text, found a control character"},
        {"version = 1\r# x\n", 16, "x.cbench:1:12: expected a text, found a control character"},
        {"version = 1\n\xc3", 13, "x.cbench:2:1: expected UTF-8"},
        {"\xef\xbb\xbfversion = 1\r\n\t# \xe2\x82\xac\n", 23, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cb_claims c = parse_as("x.cbench", false, rows[i].text, rows[i].len);
        CU_ASSERT_STRING_EQUAL(finding(&c, 0), rows[i].should);
        CU_ASSERT_EQUAL(c.nfindings, *rows[i].should ? 1 : 0);
        cb_claims_free(&c);
    }
}

/* --- limits */

static void too_much_of_anything_is_named(void)
{
    struct cb_buf text = {0};
    cb_buf_puts(&text, "version = 1\n");
    for (int i = 0; i < CB_CLAIMS_MAX + 1; i++)
        cb_buf_printf(&text, "[claim c%d]\nmetric = a.b\ncompare = vm / host\nassert = ratio < 1\n", i);
    struct cb_claims c = parse(cb_buf_str(&text));
    CU_ASSERT_EQUAL(c.n, CB_CLAIMS_MAX);
    CU_ASSERT_STRING_EQUAL(finding(&c, 0),
                           "x.cbench:1026:8: expected at most 256 claims in a file, found 'c256]'");
    cb_claims_free(&c);

    cb_buf_clear(&text);
    for (int i = 0; i < 1000; i++)
        cb_buf_puts(&text, "?\n");
    c = parse(cb_buf_str(&text));
    CU_ASSERT_EQUAL(c.nfindings, CB_FINDINGS_MAX);
    CU_ASSERT_EQUAL(c.unlisted, 1001 - CB_FINDINGS_MAX);
    CU_ASSERT_EQUAL(c.nerrors, 1001);
    cb_claims_free(&c);

    cb_buf_clear(&text);
    while (text.len <= CB_CLAIMS_FILE_MAX)
        cb_buf_puts(&text, "# a line of sixty-four bytes, which is a power of two: 123456789\n");
    c = parse(cb_buf_str(&text));
    CU_ASSERT_STRING_EQUAL(finding(&c, 0), "x.cbench:1:1: expected at most 1048576 bytes");
    cb_claims_free(&c);
    cb_buf_free(&text);
}

/* `n` times `item` in the value of a key. */
static void repeated(const char *key, const char *item, int n, const char *rest, const char *should)
{
    struct cb_buf text = {0};
    cb_buf_printf(&text, HEAD "%s", key);
    for (int i = 0; i < n; i++)
        cb_buf_printf(&text, "%s", item);
    cb_buf_printf(&text, "%s\n", rest);
    struct cb_claims c = parse(cb_buf_str(&text));
    CU_ASSERT_PTR_NOT_NULL(strstr(finding(&c, 0), should));
    cb_claims_free(&c);
    cb_buf_free(&text);
}

static void lists_have_limits(void)
{
    repeated("metric = ", "a.b,", CB_SELECTORS_MAX, "a.b", "expected at most 16 metrics");
    repeated("metric = a.b", " x=1", CB_FILTERS_MAX + 1, "", "expected at most 8 parameters");
    repeated("where = ", "cpu = x and ", CB_CONDITIONS_MAX, "cpu = y", "expected at most 8 conditions");
    repeated("compare = vm:x=", "y", CB_CLAIM_ARM_MAX, "", "expected an arm of less than 96 bytes");
    repeated("assert = value <= 1", "u", CB_UNIT_MAX, "", "expected a unit");
    repeated("assert = ratio <= 1", "1", 40, "", "expected a number");
    repeated("assert = order a<=b<=c<=d<=e<=f<=g<=h", "<=i", 1, "", "expected at most 8 arms");
}

/* --- Markdown */

static const char page[] = "# Performance\n"                                                       /* 1 */
                           "\n"                                                                    /* 2 */
                           "Some words. A VM copies memory at most\n"                              /* 3 */
                           "5 % slower; that is <!-- cbench:copy -->1.02x<!-- /cbench --> here.\n" /* 4 */
                           "<!-- cbench-claim copy\n"                                              /* 5 */
                           "metric = mem.stream.rate op=copy\n"                                    /* 6 */
                           "compare = vm / host\n"                                                 /* 7 */
                           "assert = ratio <= 1.05 -->\n"                                          /* 8 */
                           "<!-- cbench-claim copy-again\n"                                        /* 9 */
                           "metric = mem.stream.rate\n"
                           "compare = vm / host\n"
                           "assert = ratio <= 1.06\n"
                           "-->\n"
                           "```\n"
                           "<!-- cbench-claim in-code\n"
                           "nonsense\n"
                           "-->\n"
                           "```\n"
                           "And `<!-- cbench-claim inline -->` is an example.\n"
                           "\n"
                           "- Networks are equal within 2 %! <!-- cbench-claim net\n" /* 21 */
                           "metric = net.rr.p50\n"
                           "compare = container / host\n"
                           "quote = \"equal within 2 %\"\n"
                           "assert = ratio within 2%\n"
                           "--> More words. Second sentence of 3 %.\n" /* 26 */
                           "<!-- a comment of others -->\n"
                           "<!-- cbench-claim second\n"
                           "metric = net.rr.p50\n"
                           "compare = container / host\n"
                           "assert = ratio within 3%\n"
                           "-->\n"
                           "<!-- cbench-defaults\n"
                           "alpha = 0.1\n"
                           "-->\n"
                           "\n"
                           "<!-- cbench-claim lonely\n"
                           "metric = net.rr.p50\n"
                           "assert = ratio\n" /* 39 */
                           "-->\n"
                           "<!-- cbench-claim open\n";

static void claims_beside_sentences(void)
{
    struct cb_claims c = parse_as("a.md", true, page, strlen(page));
    CU_ASSERT_EQUAL_FATAL(c.n, 5);
    CU_ASSERT_STRING_EQUAL(c.at[0].id, "copy");
    CU_ASSERT_STRING_EQUAL_FATAL(c.at[0].quote, "A VM copies memory at most\n5 % slower; that is  here.");
    CU_ASSERT_EQUAL(c.at[0].doc_line, 3);
    CU_ASSERT_EQUAL(c.at[0].quote_at.column, 13);
    CU_ASSERT_EQUAL(c.at[0].at.line, 5);
    CU_ASSERT_EQUAL(c.at[0].at.column, 19);
    CU_ASSERT_EQUAL(c.at[0].assertion.region.hi, 1.05);
    CU_ASSERT_STRING_EQUAL_FATAL(c.at[1].quote, c.at[0].quote);
    CU_ASSERT_EQUAL(c.at[1].doc_line, 3);
    CU_ASSERT_STRING_EQUAL(c.at[2].id, "net");
    CU_ASSERT_STRING_EQUAL(c.at[2].quote, "equal within 2 %");
    CU_ASSERT_STRING_EQUAL_FATAL(c.at[3].quote, "Second sentence of 3 %.");
    CU_ASSERT_EQUAL(c.at[3].doc_line, 26);
    CU_ASSERT_EQUAL(c.alpha, .1);
    CU_ASSERT_PTR_NULL(c.at[4].quote);
    CU_ASSERT_EQUAL(c.nfindings, 2);
    CU_ASSERT_STRING_EQUAL(finding(&c, 0),
                           "a.md:39:15: expected <=, >=, <, >, 'in' or 'within', found the end "
                           "of the line [lonely]");
    CU_ASSERT_STRING_EQUAL(finding(&c, 1),
                           "a.md:41:19: expected '-->' at the end of this comment, found 'open'");
    cb_claims_free(&c);
}

/* Cut anywhere, the page is still read without harm; sanitizers watch. */
static void every_beginning_of_a_page(void)
{
    for (size_t n = 0; n < strlen(page); n++) {
        struct cb_claims c = parse_as("a.md", true, page, n);
        CU_ASSERT(c.n <= 5);
        cb_claims_free(&c);
        c = parse_as("a.cbench", false, whole, n < strlen(whole) ? n : strlen(whole));
        CU_ASSERT(c.n <= 2);
        cb_claims_free(&c);
    }
}

const struct cb_suite cb_suite = {"claims",
                                  {{"every key is read", every_key_is_read},
                                   {"defaults without a section", defaults_without_a_section},
                                   {"assertions become regions", assertions_become_regions},
                                   {"errors have their place", errors_have_their_place},
                                   {"the rest is read", the_rest_is_read},
                                   {"bytes that are no text", bytes_that_are_no_text},
                                   {"too much of anything is named", too_much_of_anything_is_named},
                                   {"lists have limits", lists_have_limits},
                                   {"claims beside sentences", claims_beside_sentences},
                                   {"every beginning of a page", every_beginning_of_a_page},
                                   CU_TEST_INFO_NULL}};
