/* Reports as text: escaping, the terminal table, Markdown, progress. */
#include "plots/report.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "plots/escape.h"
#include "plots/progress.h"
#include "plots/view.h"
#include "tests/unit/plots_fixture.h"
#include "tests/unit/unit.h"

static const struct cb_term_style plain = {.columns = 100, .utf8 = true};

/* Compares what `put` makes of `text`. */
static void check_put(void (*put)(struct cb_buf *, const char *), const char *text, const char *want)
{
    CB_AUTOBUF struct cb_buf out = {0};
    put(&out, text);
    CU_ASSERT_STRING_EQUAL(cb_buf_str(&out), want);
}

static void put_terminal(struct cb_buf *out, const char *text)
{
    cb_put_term(out, text, true);
}

static void put_ascii(struct cb_buf *out, const char *text)
{
    cb_put_term(out, text, false);
}

#define BAD "\xEF\xBF\xBD" /* U+FFFD */

static void escapes(void)
{
    static const struct {
        void (*put)(struct cb_buf *, const char *);
        const char *text, *want;
    } rows[] = {
        {cb_put_html, "<a href=\"x\" id='y'>&amp;</a>",
         "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;"},
        {cb_put_md, "a|b *c* _d_ `e` [f](g)", "a\\|b \\*c\\* \\_d\\_ \\`e\\` \\[f\\](g)"},
        {cb_put_md, "<b>&", "&lt;b&gt;&amp;"},
        {cb_put_md, "@user #1 $x$", "@<!-- -->user #<!-- -->1 \\$x\\$"},
        {cb_put_gnuplot, "it's `id` \"x\" \\", "'it''s `id` \"x\" \\'"},
        {cb_put_gnuplot, "50 %", "'50 %'"},
        {cb_put_gnuplot_tic, "50 %s'", "'50 %%s'''"},
        {put_terminal, "\033[31mred\007\x7F", BAD "[31mred" BAD BAD},
        {put_terminal, "a\nb\tc\rd", "a b c d"},
        {put_ascii, "\xC3\xA9t\xC3\xA9 \xE6\xBC\xA2", "?t? ?"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_put(rows[i].put, rows[i].text, rows[i].want);
}

/* Bytes that are no UTF-8, and characters that mislead, are replaced in every format. */
static void replaces_what_no_format_carries(void)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"\xFF\xFE", BAD BAD},                 /* never in UTF-8 */
        {"\xC0\xAF", BAD BAD},                 /* overlong '/' */
        {"\xE2\x82", BAD BAD},                 /* cut short */
        {"\xED\xA0\x80", BAD},                 /* half of a surrogate pair */
        {"\xF4\x90\x80\x80", BAD BAD BAD BAD}, /* beyond U+10FFFF */
        {"x\xE2\x80\xAEy", "x" BAD "y"},       /* right-to-left override */
        {"a\xE2\x80\x8B", "a" BAD},            /* zero width */
        {"\xC2\x9B"
         "31m",
         BAD "31m"},           /* CSI as one character */
        {"\xE2\x80\xA8", BAD}, /* line separator */
        {"gr\xC3\xBC\xC3\x9F \xE6\xBC\xA2",
         "gr\xC3\xBC\xC3\x9F \xE6\xBC\xA2"}, /* and good text is left alone */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_put(put_terminal, rows[i].text, rows[i].want);
        check_put(cb_put_html, rows[i].text, rows[i].want);
        check_put(cb_put_md, rows[i].text, rows[i].want);
    }
}

static void widths(void)
{
    CU_ASSERT_EQUAL(cb_text_width("abc"), 3);
    CU_ASSERT_EQUAL(cb_text_width("\xC3\xA9"), 1);
    CU_ASSERT_EQUAL(cb_text_width("e\xCC\x81"), 1);    /* combining acute */
    CU_ASSERT_EQUAL(cb_text_width("\xE6\xBC\xA2"), 2); /* wide */
    CU_ASSERT_EQUAL(cb_text_fit("abc", 2), 2);
    CU_ASSERT_EQUAL(cb_text_fit("\xE6\xBC\xA2x", 1), 0);
    CU_ASSERT_EQUAL(cb_text_fit("\xE6\xBC\xA2x", 2), 3);
    CU_ASSERT_EQUAL(cb_text_fit("ab", 9), 2);
}

static void numbers(void)
{
    char out[CB_VIEW_TEXT];
    static const struct {
        double v;
        const char *unit, *want;
    } values[] = {
        {104.13, "ns", "104 ns"},    {2100, "us", "2.10 ms"},       {0.29, "ns", "0.290 ns"},
        {951, "MB/s", "951 MB/s"},   {1640, "MB/s", "1.64 GB/s"},   {84123, "op/s", "84.1k op/s"},
        {9520, "op/s", "9520 op/s"}, {3.1e6, "op/s", "3.10M op/s"}, {0.0 / 0.0, "ns", "-"},
        {3.4e9, "ns", "3.40 s"},
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        CU_ASSERT_STRING_EQUAL(cb_view_value(values[i].v, values[i].unit, out, sizeof out), values[i].want);
    static const struct {
        double ratio;
        bool brief;
        const char *want;
    } ratios[] = {
        {1.0042, false, "1.004"}, {1.0042, true, "1.00"}, {0.93, false, "0.930"}, {0.931, true, "0.93"},
        {1.31, false, "1.31"},    {18.24, false, "18.2"}, {1210, false, "1210"},  {0.0 / 0.0, false, "-"},
    };
    for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++)
        CU_ASSERT_STRING_EQUAL(cb_view_ratio(ratios[i].ratio, ratios[i].brief, out, sizeof out),
                               ratios[i].want);
    CU_ASSERT_STRING_EQUAL(cb_view_percent(0.006, out, sizeof out), "0.6 %");
    CU_ASSERT_STRING_EQUAL(cb_view_percent(0.12, out, sizeof out), "12 %");
    CU_ASSERT_STRING_EQUAL(cb_view_percent(22.96, out, sizeof out), "x24");
}

static void labels_tell_cases_apart(void)
{
    struct plots_fixture f;
    char out[CB_VIEW_TEXT];
    plots_fixture_make(&f, 4, 2, NULL);
    static const struct {
        const char *name, *want, *brief;
    } rows[] = {{"mem.chase.latency", "mem.chase.latency 16K", "mem.chase.latency 16K"},
                {"mem.stream.rate", "mem.stream.rate copy", "mem.stream.rate copy"},
                {"fs.rand.iops", "fs.rand.iops read depth=1", "fs.rand.iops read 1"},
                {"fs.commit.p99", "fs.commit.p99", "fs.commit.p99"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct cb_ds_metric *m = f.data.metrics;
        while (strcmp(m->name, rows[i].name) != 0)
            m++;
        CU_ASSERT_STRING_EQUAL(cb_view_label(&f.data, m, false, out, sizeof out), rows[i].want);
        CU_ASSERT_STRING_EQUAL(cb_view_label(&f.data, m, true, out, sizeof out), rows[i].brief);
    }
    plots_fixture_free(&f);
}

static void marks(void)
{
    struct cb_row row = {.ratio = 1.05, .ci95 = {1.04, 1.06}, .noise_floor = 0.01, .outcome = "ok"};
    CU_ASSERT_EQUAL(cb_view_mark(&row), CB_MARK_MORE);
    row.noise_floor = 0.06; /* excludes 1, but is less than the host differs from itself by */
    CU_ASSERT_EQUAL(cb_view_mark(&row), CB_MARK_UNCLEAR);
    row.within_noise = true;
    CU_ASSERT_EQUAL(cb_view_mark(&row), CB_MARK_NOISE);
    row = (struct cb_row){.ratio = 0.9, .ci95 = {0.88, 0.92}, .noise_floor = 0.01, .outcome = "ok"};
    CU_ASSERT_EQUAL(cb_view_mark(&row), CB_MARK_LESS);
    row.ci95[0] = row.ci95[1] = 0.0 / 0.0; /* too few blocks */
    CU_ASSERT_EQUAL(cb_view_mark(&row), CB_MARK_UNCLEAR);
    row.ratio = 0.0 / 0.0;
    CU_ASSERT_EQUAL(cb_view_mark(&row), CB_MARK_NONE);
}

/* Widest line of a text, escape sequences not counted. */
static int widest(const char *text)
{
    int most = 0;
    while (*text) {
        char line[2048] = "";
        size_t used = 0, n = strcspn(text, "\n");
        for (size_t i = 0; i < n && used < sizeof line - 1; i++)
            if (text[i] == '\033')
                i += strcspn(text + i, "m");
            else
                line[used++] = text[i];
        int width = cb_text_width(line);
        most = width > most ? width : most;
        text += n + (text[n] == '\n');
    }
    return most;
}

static void render(struct plots_fixture *f, struct cb_term_style style, struct cb_buf *out)
{
    struct cb_err err;
    cb_buf_clear(out);
    CU_ASSERT_EQUAL(cb_report_term(&f->report, &style, out, &err), 0);
}

static void table_fits_its_columns(void)
{
    static const unsigned arms[] = {1, 2, 3, 4, 7, 50};
    static const char *const names[] = {
        NULL, PLOTS_HOSTILE,
        "\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2"
        "\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2"};
    CB_AUTOBUF struct cb_buf out = {0};
    for (size_t a = 0; a < sizeof(arms) / sizeof(arms[0]); a++)
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            struct plots_fixture f;
            plots_fixture_make(&f, arms[a], 2, names[n]);
            for (int columns = 80; columns <= 140; columns += 20) {
                render(&f, (struct cb_term_style){columns, false, true}, &out);
                CU_ASSERT(widest(cb_buf_str(&out)) <= columns);
                render(&f, (struct cb_term_style){columns, true, false}, &out);
                CU_ASSERT(widest(cb_buf_str(&out)) <= columns);
            }
            plots_fixture_free(&f);
        }
}

/* The four arms of a default run need one table, in 80 columns too, and no name of a metric is cut in it. */
static void default_run_needs_one_table(void)
{
    struct plots_fixture f;
    CB_AUTOBUF struct cb_buf out = {0};
    plots_fixture_make(&f, 4, 10, NULL);
    for (int columns = 80; columns <= 100; columns += 20) {
        render(&f, (struct cb_term_style){columns, false, true}, &out);
        const char *heading = strstr(cb_buf_str(&out), "\nmetric");
        CU_ASSERT(heading && !strstr(heading + 1, "\nmetric"));
        CU_ASSERT(heading && !strstr(heading, "\xE2\x80\xA6"));
    }
    plots_fixture_free(&f);
}

/* Every arm has its columns in some table, however many there are. */
static void table_splits_by_arms(void)
{
    struct plots_fixture f;
    CB_AUTOBUF struct cb_buf out = {0};
    plots_fixture_make(&f, 9, 2, NULL);
    render(&f, plain, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&out), "vm (emulated)"));
    for (unsigned i = 4; i < 9; i++) {
        char name[32];
        snprintf(name, sizeof name, "container:n=%u", i);
        CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&out), name));
    }
    plots_fixture_free(&f);
}

static void table_says_what_it_must(void)
{
    static const char *const wanted[] = {
        "Not comparable",
        "the host is itself a virtual machine",
        "Control path\n",
        "Start\n",
        "fs.rand.iops write depth=32",
        "skipped(1)",
        "(1) the guest kernel has no io_uring",
        "GB/s",
        "vm (emulated)",
        "\xC2\xB1",
    };
    struct plots_fixture f;
    CB_AUTOBUF struct cb_buf out = {0};
    plots_fixture_make(&f, 4, 10, NULL);
    render(&f, plain, &out);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&out), wanted[i]));
    CU_ASSERT_PTR_NULL(strchr(cb_buf_str(&out), '\033'));
    render(&f, (struct cb_term_style){100, true, true}, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&out), "\033[31m"));
    render(&f, (struct cb_term_style){100, false, false}, &out);
    for (const char *s = cb_buf_str(&out); *s; s++)
        if ((unsigned char)*s >= 0x80) {
            CU_FAIL("ASCII was asked for");
            break;
        }
    plots_fixture_free(&f);
}

/* One line, and no column: it is no environment that anybody would compare. */
static void control_is_a_line(void)
{
    struct plots_fixture f;
    struct cb_err err;
    char line[CB_VIEW_TEXT];
    CB_AUTOBUF struct cb_buf term = {0};
    CB_AUTOBUF struct cb_buf md = {0};
    plots_fixture_make(&f, 4, 10, NULL);
    CU_ASSERT(!cb_view_control(&f.report, line, sizeof line));
    CU_ASSERT_STRING_EQUAL(line, "");
    plots_fixture_control(&f);
    CU_ASSERT(cb_view_control(&f.report, line, sizeof line));
    CU_ASSERT_PTR_NOT_NULL(strstr(line, "a planted 5 % slowdown was seen in "));
    CU_ASSERT_EQUAL(cb_view_count_arms(&f.data), 1);
    render(&f, plain, &term);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&term), line));
    CU_ASSERT_PTR_NULL(strstr(cb_buf_str(&term), PLOTS_CONTROL));
    CU_ASSERT_EQUAL(cb_report_md(&f.report, NULL, &md, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&md), line));
    const char *arms = strstr(cb_buf_str(&md), "## Arms"), *named = strstr(cb_buf_str(&md), PLOTS_CONTROL);
    CU_ASSERT(arms && named > arms);
    plots_fixture_free(&f);
}

/* Nothing of a hostile name reaches the terminal as control. */
static void table_disarms_names(void)
{
    struct plots_fixture f;
    CB_AUTOBUF struct cb_buf out = {0};
    plots_fixture_make(&f, 4, 2, PLOTS_HOSTILE);
    render(&f, plain, &out);
    for (const char *s = cb_buf_str(&out); *s; s++)
        if ((unsigned char)*s < 0x20 && *s != '\n') {
            CU_FAIL("control character");
            break;
        }
    CU_ASSERT_PTR_NULL(strstr(cb_buf_str(&out), "\xE2\x80\xAE"));
    plots_fixture_free(&f);
}

/* Cells of a table's line: its bars that are not escaped, less one. */
static int cells(const char *line, size_t n)
{
    int bars = 0;
    for (size_t i = 0; i < n; i++) {
        if (line[i] == '\\')
            i++;
        else if (line[i] == '|')
            bars++;
    }
    return bars - 1;
}

static void markdown_tables_are_whole(void)
{
    static const char *const names[] = {NULL, PLOTS_HOSTILE};
    for (size_t i = 0; i < 2; i++) {
        struct plots_fixture f;
        struct cb_err err;
        CB_AUTOBUF struct cb_buf out = {0};
        plots_fixture_make(&f, 4, 10, names[i]);
        CU_ASSERT_EQUAL(cb_report_md(&f.report, "plots", &out, &err), 0);
        int columns = 0;
        for (const char *line = cb_buf_str(&out); *line;) {
            size_t n = strcspn(line, "\n");
            int now = line[0] == '|' ? cells(line, n) : 0;
            CU_ASSERT(!now || !columns || now == columns);
            columns = now;
            line += n + (line[n] == '\n');
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&out), "](plots/overhead.svg)"));
        plots_fixture_free(&f);
    }
}

static void markdown_disarms_names(void)
{
    struct plots_fixture f;
    struct cb_err err;
    CB_AUTOBUF struct cb_buf out = {0};
    plots_fixture_make(&f, 4, 2, PLOTS_HOSTILE);
    CU_ASSERT_EQUAL(cb_report_md(&f.report, NULL, &out, &err), 0);
    CU_ASSERT_PTR_NULL(strstr(cb_buf_str(&out), "<script"));
    CU_ASSERT_PTR_NULL(strstr(cb_buf_str(&out), "<img"));
    CU_ASSERT_PTR_NULL(strstr(cb_buf_str(&out), "![i]("));
    CU_ASSERT_PTR_NULL(strstr(cb_buf_str(&out), "@user"));
    CU_ASSERT_PTR_NULL(strstr(cb_buf_str(&out), ".svg"));
    plots_fixture_free(&f);
}

static void read_all(FILE *f, char *out, size_t cap)
{
    rewind(f);
    out[fread(out, 1, cap - 1, f)] = '\0';
}

/* Not on a terminal: one line for a block and arm, whatever happens within. */
static void progress_lines(void)
{
    CB_AUTOFILE FILE *f = tmpfile();
    char text[4096];
    struct cb_progress_bar bar;
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    cb_progress_init(&bar, f);
    CU_ASSERT_FALSE(bar.terminal);
    static const char *const benches[] = {"ctl.spin", "mem.chase", "fs.seq"};
    for (unsigned block = 0; block < 2; block++)
        for (int arm = 0; arm < 2; arm++)
            for (int b = 0; b < 3; b++) {
                struct cb_progress_view v = {.phase = "measure",
                                             .block = block,
                                             .blocks = 2,
                                             .arm = arm ? "vm\033[2J" : "host",
                                             .bench = benches[b],
                                             .done = 1,
                                             .total = 9,
                                             .left_ns = 130000000000};
                cb_progress_show(&bar, &v);
            }
    cb_progress_end(&bar);
    read_all(f, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "measure block 1/2, host, 2 min 10 s left\n"
                                 "measure block 1/2, vm?[2J, 2 min 10 s left\n"
                                 "measure block 2/2, host, 2 min 10 s left\n"
                                 "measure block 2/2, vm?[2J, 2 min 10 s left\n");
}

/* On a terminal: every redraw stays on one line, and the end leaves it empty. */
static void progress_redraws_one_line(void)
{
    CB_AUTOFILE FILE *f = tmpfile();
    char text[4096];
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    struct cb_progress_bar bar = {.to = f, .terminal = true, .columns = 40};
    struct cb_progress_view v = {.phase = "measure",
                                 .block = 2,
                                 .blocks = 10,
                                 .arm = "container:a=long,name=of,an=arm\n",
                                 .bench = "mem.chase",
                                 .done = 5,
                                 .total = 10};
    cb_progress_show(&bar, &v);
    cb_progress_end(&bar);
    read_all(f, text, sizeof text);
    CU_ASSERT_PTR_NULL(strchr(text, '\n'));
    static const char start[] = "\r\033[K[##########..........] measure block";
    CU_ASSERT(!strncmp(text, start, strlen(start)));
    CU_ASSERT_EQUAL(strlen(text), strlen("\r\033[K") * 2 + 39);
    CU_ASSERT_STRING_EQUAL(text + strlen(text) - 4, "\r\033[K");
}

const struct cb_suite cb_suite = {"plots",
                                  {{"escapes", escapes},
                                   {"replaces what no format carries", replaces_what_no_format_carries},
                                   {"widths", widths},
                                   {"numbers", numbers},
                                   {"labels tell cases apart", labels_tell_cases_apart},
                                   {"marks", marks},
                                   {"table fits its columns", table_fits_its_columns},
                                   {"default run needs one table", default_run_needs_one_table},
                                   {"table splits by arms", table_splits_by_arms},
                                   {"table says what it must", table_says_what_it_must},
                                   {"a positive control is a line", control_is_a_line},
                                   {"table disarms names", table_disarms_names},
                                   {"markdown tables are whole", markdown_tables_are_whole},
                                   {"markdown disarms names", markdown_disarms_names},
                                   {"progress lines", progress_lines},
                                   {"progress redraws one line", progress_redraws_one_line},
                                   CU_TEST_INFO_NULL}};
