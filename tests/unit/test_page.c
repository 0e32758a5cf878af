/* The page: well-formed, complete, self-contained, and nothing of a hostile text in it but text. */
#include "plots/report.h"

#include <fcntl.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "plots/svg.h"
#include "tests/unit/plots_fixture.h"
#include "tests/unit/unit.h"

static void svg_stands_beside_others(void)
{
    static const char svg[] =
        "<?xml version=\"1.0\"?>\n<svg viewBox=\"0 0 1 1\"><defs><circle id='gpDot' r='0.5'/></defs>"
        "<g id=\"x_plot_1\"><title>data using 1:2</title><use xlink:href='#gpDot' color='rgb(0,1,2)'/><path "
        "clip-path=\"url(#c)\" "
        "fill='#ffffff'/>"
        "<text>a &lt;b> c</text></g></svg>\n";
    struct cb_err err;
    CB_AUTOBUF struct cb_buf out = {0};
    CU_ASSERT_EQUAL_FATAL(cb_put_svg(&out, svg, "start", &err), 0);
    CU_ASSERT_STRING_EQUAL(
        cb_buf_str(&out),
        "<svg viewBox=\"0 0 1 1\"><defs><circle id='start-gpDot' r='0.5'/></defs>"
        "<g id=\"start-x_plot_1\"><use xlink:href='#start-gpDot' color='rgb(0,1,2)'/>"
        "<path clip-path=\"url(#start-c)\" fill='#ffffff'/><text>a &lt;b> c</text></g></svg>\n");
}

static void svg_of_others_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "root:x:0:0",
        "<svg><script>alert(1)</script></svg>",
        "<svg><SCRIPT>alert(1)</SCRIPT></svg>",
        "<svg><foreignObject></foreignObject></svg>",
        "<svg><image href='http://x/'/></svg>",
        "<svg onload=\"alert(1)\"></svg>",
        "<svg ONLOAD='alert(1)'></svg>",
        "<svg><use xlink:href='http://x/y#z'/></svg>",
        "<svg><use href='javascript:alert(1)'/></svg>",
        "<svg><use href=''/></svg>",
        "<svg><rect fill='url(http://x/)'/></svg>",
        "<svg><rect style='background:red'/></svg>",
        "<svg><rect width=1/></svg>",
        "<svg><rect width='1",
        "<svg><rect",
        "<svg><!-- <b> --></svg>",
        "<svg><![CDATA[<b>]]></svg>",
        "<svg><a/onclick='x'/></svg>",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cb_err err = {0};
        CB_AUTOBUF struct cb_buf out = {0};
        CU_ASSERT_EQUAL(cb_put_svg(&out, bad[i], "x", &err), -1);
        CU_ASSERT_EQUAL(err.code, CB_EPROTO);
        CU_ASSERT_EQUAL(out.len, 0);
    }
}

/* What is counted in a page. */
struct census {
    unsigned scripts, handlers, links, tables, captions, headers, headers_without_scope, pictures,
        unnamed_pictures, duplicate_ids;
    char *ids[4096];
    unsigned nids;
};

static bool is(const xmlNode *node, const char *name)
{
    return !strcmp((const char *)node->name, name);
}

static bool has(const xmlNode *node, const char *attribute)
{
    return xmlHasProp((xmlNode *)node, (const xmlChar *)attribute) != NULL;
}

static void count_id(struct census *c, const char *id)
{
    for (unsigned i = 0; i < c->nids; i++)
        c->duplicate_ids += !strcmp(c->ids[i], id);
    if (c->nids < sizeof(c->ids) / sizeof(c->ids[0]))
        c->ids[c->nids++] = strdup(id);
}

static void count_attributes(struct census *c, const xmlNode *node)
{
    for (const xmlAttr *a = node->properties; a; a = a->next) {
        const char *name = (const char *)a->name;
        xmlChar *value = xmlNodeListGetString(node->doc, a->children, 1);
        c->handlers += !strncasecmp(name, "on", 2);
        c->links += !strcmp(name, "src") || (!strcmp(name, "href") && value && value[0] != '#');
        if (!strcmp(name, "id") && value)
            count_id(c, (const char *)value);
        xmlFree(value);
    }
}

static void count(struct census *c, const xmlNode *node)
{
    for (; node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE)
            continue;
        c->scripts += is(node, "script");
        c->links += is(node, "link") || is(node, "img") || is(node, "iframe");
        c->tables += is(node, "table");
        c->captions += is(node, "caption");
        c->headers += is(node, "th");
        c->headers_without_scope += is(node, "th") && !has(node, "scope");
        c->pictures += is(node, "svg");
        c->unnamed_pictures +=
            is(node, "svg") && !(has(node->parent, "role") && has(node->parent, "aria-label"));
        count_attributes(c, node);
        count(c, node->children);
    }
}

/* The page is written so that it is XML too: a strict parser finds what a browser would mend in silence. */
static bool examine(const struct cb_buf *page, struct census *c)
{
    xmlDoc *doc =
        xmlReadMemory(page->data, (int)page->len, "report.html", NULL, XML_PARSE_NONET | XML_PARSE_HUGE);
    *c = (struct census){0};
    if (!doc)
        return false;
    count(c, xmlDocGetRootElement(doc));
    for (unsigned i = 0; i < c->nids; i++)
        free(c->ids[i]);
    xmlFreeDoc(doc);
    return true;
}

static int temporary(char path[32])
{
    snprintf(path, 32, "/tmp/cb-page-XXXXXX");
    return mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static void page_with(unsigned arms, const char *name)
{
    struct plots_fixture f;
    struct cb_err err = {0};
    struct census c;
    char path[32];
    unsigned ladder = arms > 3;
    CB_AUTOBUF struct cb_buf out = {0};
    CB_AUTOFD int dir = temporary(path);
    plots_fixture_make(&f, arms, 3, name);
    CU_ASSERT_EQUAL(cb_figures_draw(&f.report, path, &err), 0);
    CU_ASSERT_EQUAL(cb_report_html(&f.report, dir, &out, &err), 0);
    CU_ASSERT(examine(&out, &c));
    CU_ASSERT_EQUAL(c.scripts, 0);
    CU_ASSERT_EQUAL(c.handlers, 0);
    CU_ASSERT_EQUAL(c.links, 0);
    CU_ASSERT_EQUAL(c.tables, 3 + ladder);
    CU_ASSERT_EQUAL(c.captions, c.tables);
    CU_ASSERT(c.headers > 30);
    CU_ASSERT_EQUAL(c.headers_without_scope, 0);
    CU_ASSERT_EQUAL(c.pictures, (arms > 1 ? 4 : 3) + ladder); /* one arm has nothing to compare */
    CU_ASSERT_EQUAL(c.unnamed_pictures, 0);
    CU_ASSERT_EQUAL(c.duplicate_ids, 0);
    CU_ASSERT_EQUAL(cb_remove_tree(path, &err), 0);
    plots_fixture_free(&f);
}

static void page_is_whole(void)
{
    page_with(4, NULL);
}

static void page_of_one_arm(void)
{
    page_with(1, NULL);
}

static void page_of_fifty_arms(void)
{
    page_with(50, NULL);
}

static void page_disarms_names(void)
{
    page_with(4, PLOTS_HOSTILE);
}

/* First of all what is not comparable, then sentences, then the table, then figures, then the rest. */
static void page_is_in_order(void)
{
    static const char *const order[] = {"<h1>What isolation costs on Example CPU 8000",
                                        "host (virtualised)",
                                        "Not comparable, or less than it looks",
                                        "Memory: compared with the host, container costs",
                                        "vm (emulated) costs",
                                        "ctl.syscall.time",
                                        "skipped<small>the guest kernel has no io_uring",
                                        "<h2>Figures",
                                        "<h2>The machine",
                                        "2097152 (2 MiB)",
                                        "<h2>The arms",
                                        "clocksource",
                                        "<h2>Reproduce",
                                        "cbench run --seed 1",
                                        "<h2>How to read"};
    struct plots_fixture f;
    struct cb_err err = {0};
    CB_AUTOBUF struct cb_buf out = {0};
    plots_fixture_make(&f, 4, 10, NULL);
    CU_ASSERT_EQUAL(cb_report_html(&f.report, -1, &out, &err), 0);
    const char *at = cb_buf_str(&out);
    for (size_t i = 0; at && i < sizeof(order) / sizeof(order[0]); i++) {
        at = strstr(at, order[i]);
        if (!at)
            CU_FAIL(order[i]);
    }
    plots_fixture_free(&f);
}

/* On the page, and in figures. */
static void control_is_a_line(void)
{
    struct plots_fixture f;
    struct cb_err err = {0};
    CB_AUTOBUF struct cb_buf out = {0};
    plots_fixture_make(&f, 4, 10, NULL);
    plots_fixture_control(&f);
    CU_ASSERT_EQUAL(cb_report_html(&f.report, -1, &out, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&out), "<p>Positive control: a planted 5 % slowdown was seen"));
    for (const struct cb_figure *const *fig = cb_figures; *fig; fig++)
        CU_ASSERT((*fig)->make(&f.report, &out, &out, &err) >= 0); /* or nothing to draw */
    CU_ASSERT_PTR_NULL(strstr(cb_buf_str(&out), PLOTS_CONTROL));
    plots_fixture_free(&f);
}

/* A picture that cannot be had is named, with the reason; the page goes on. */
/* Makes block 1 void and derives the rows again. */
static void void_a_block(struct plots_fixture *f)
{
    struct cb_err err = {0};
    free(f->data.blocks[1].void_reason);
    f->data.blocks[1].void_reason = strdup("steal <3 %");
    cb_rows_free(&f->rows);
    CU_ASSERT_EQUAL_FATAL(cb_effects(&f->data, &f->rows, &err), 0);
}

static void void_blocks_are_told(void)
{
    struct plots_fixture f;
    struct cb_err err = {0};
    CB_AUTOBUF struct cb_buf html = {0}, md = {0};
    plots_fixture_make(&f, 4, 10, NULL);
    void_a_block(&f);
    CU_ASSERT_EQUAL(cb_report_html(&f.report, -1, &html, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&html), "10 blocks, 1 of them void, for 10 planned."));
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&html), " with 1 void</small>"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&html), "with its 95 % interval"));
    f.data.run.nlooks = 1; /* four of the nine blocks came after a look */
    f.data.run.looks[0] = 5;
    void_a_block(&f);
    CU_ASSERT_EQUAL(cb_report_md(&f.report, NULL, &md, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&md), "with their 96 % interval"));
    plots_fixture_free(&f);
}

static void page_names_missing_pictures(void)
{
    struct plots_fixture f;
    struct cb_err err = {0};
    char path[32];
    CB_AUTOBUF struct cb_buf out = {0};
    CB_AUTOFD int dir = temporary(path);
    plots_fixture_make(&f, 4, 2, NULL);
    CU_ASSERT_EQUAL(cb_replace_file(dir, "start.svg", "<svg><script/></svg>", 20, 0644, &err), 0);
    CU_ASSERT_EQUAL(cb_report_html(&f.report, dir, &out, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&out), "This picture is missing: open overhead.svg"));
    CU_ASSERT_PTR_NOT_NULL(strstr(cb_buf_str(&out), "This picture is missing: element script"));
    CU_ASSERT_PTR_NULL(strstr(cb_buf_str(&out), "<script"));
    CU_ASSERT_EQUAL(cb_remove_tree(path, &err), 0);
    plots_fixture_free(&f);
}

const struct cb_suite cb_suite = {"page",
                                  {{"svg stands beside others", svg_stands_beside_others},
                                   {"svg of others is refused", svg_of_others_is_refused},
                                   {"page is whole", page_is_whole},
                                   {"page of one arm", page_of_one_arm},
                                   {"page of fifty arms", page_of_fifty_arms},
                                   {"page disarms names", page_disarms_names},
                                   {"page is in order", page_is_in_order},
                                   {"a positive control is a line", control_is_a_line},
                                   {"void blocks are told", void_blocks_are_told},
                                   {"page names missing pictures", page_names_missing_pictures},
                                   CU_TEST_INFO_NULL}};
