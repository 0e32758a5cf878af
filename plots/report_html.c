/* The report as one page: no script, nothing loaded from anywhere, pictures inlined. */
#include "plots/report.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "bench/base/io.h"
#include "bench/base/units.h"
#include "plots/escape.h"
#include "plots/figure.h"
#include "plots/ladder.h"
#include "plots/page.h"
#include "plots/svg.h"
#include "plots/view.h"

/* A figure of 50 arms and 300 metrics has 4 MB; more is none of ours. */
#define SVG_MAX (16u << 20)

static void put_element(struct cb_buf *out, const char *open, const char *text, const char *close)
{
    cb_buf_puts(out, open);
    cb_put_html(out, text);
    cb_buf_puts(out, close);
}

static void put_arm(struct cb_buf *out, const char *open, const struct cb_ds_arm *arm, const char *close)
{
    char name[CB_VIEW_TEXT];
    put_element(out, open, cb_view_arm(arm, name, sizeof name), close);
}

/* Whatever a hostile text might achieve in spite of escaping, the policy keeps it from running or loading
 * anything. */
static void put_head(const struct cb_report *r, struct cb_buf *out)
{
    cb_buf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                     "'unsafe-inline'; "
                     "base-uri 'none'; form-action 'none'\"/>\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
    put_element(out, "<title>cbench ", r->data->run.id, "</title>\n<style>\n");
    cb_buf_puts(out, cb_page_style);
    cb_buf_puts(out, "</style>\n</head>\n<body>\n<main>\n");
}

static void put_title(const struct cb_dataset *d, struct cb_buf *out)
{
    const struct cb_ds_run *run = &d->run;
    char blocks[CB_VIEW_TEXT];
    bool virtualised = !strcmp(cb_kv_get(&run->host, "virtualised", ""), "true");
    put_element(out, "<h1>What isolation costs on ", cb_kv_get(&run->host, "cpu", "this machine"), "</h1>\n");
    put_element(out, "<p class=\"meta\">", run->started,
                virtualised ? ", host (virtualised), kernel " : ", kernel ");
    put_element(out, "", cb_kv_get(&run->host, "kernel", "unknown"), "</p>\n<p class=\"meta\">Arms: ");
    const unsigned first = cb_view_next_shown(d, 0);
    for (unsigned a = first; a < d->narms; a = cb_view_next_shown(d, a + 1))
        put_arm(out, a == first ? "" : ", ", &d->arms[a], "");
    cb_buf_printf(out, ". %s.%s</p>\n", cb_view_blocks(d, blocks, sizeof blocks),
                  run->complete ? ""
                                : " <strong>Incomplete</strong>: the run was stopped before its last block.");
}

static void put_notes(const struct cb_notes *notes, struct cb_buf *out)
{
    if (!notes || !notes->n)
        return;
    cb_buf_puts(out, "<section class=\"warn\">\n<h2>Not comparable, or less than it looks</h2>\n<ul>\n");
    for (size_t i = 0; i < notes->n; i++)
        put_element(out, "<li>", notes->at[i], "</li>\n");
    cb_buf_puts(out, "</ul>\n</section>\n");
}

static void put_sentences(const struct cb_report *r, struct cb_buf *out)
{
    char sentence[4096];
    if (!cb_view_count_arms(r->data))
        return;
    cb_buf_puts(out, "<section>\n<h2>What it costs</h2>\n<ul class=\"costs\">\n");
    for (size_t i = 0, n = cb_view_metrics(r->data); i < n; i++) {
        if (!cb_view_group_begins(r->data, i))
            continue;
        cb_view_sentence(r, i, sentence, sizeof sentence);
        put_element(out, "<li>", sentence, "</li>\n");
    }
    cb_buf_puts(out, "</ul>\n</section>\n");
}

static const char *mark_class(enum cb_view_mark mark)
{
    static const char *const classes[] = {[CB_MARK_UNCLEAR] = "ratio",
                                          [CB_MARK_NOISE] = "ratio noise",
                                          [CB_MARK_MORE] = "ratio more",
                                          [CB_MARK_LESS] = "ratio less",
                                          [CB_MARK_NONE] = "none"};
    return classes[mark];
}

static void put_ratio(const struct cb_row *row, struct cb_buf *out)
{
    char ratio[CB_VIEW_NUM], interval[2 * CB_VIEW_NUM + 8], mde[CB_VIEW_NUM];
    enum cb_view_mark mark = row ? cb_view_mark(row) : CB_MARK_NONE;
    cb_buf_printf(out, "<td class=\"%s\">", mark_class(mark));
    if (!row) {
        cb_buf_puts(out, "-");
    } else if (mark == CB_MARK_NONE) {
        put_element(out, "", cb_view_outcome(row), "<small>");
        put_element(out, "", row->reason, "</small>");
    } else {
        cb_buf_printf(out, "<b>%s</b> %s", cb_view_ratio(row->ratio, false, ratio, sizeof ratio),
                      cb_view_interval(row->ci95, false, interval, sizeof interval));
        if (cb_view_untrusted(row))
            put_element(out, " <span title=\"", row->reason, "\">?</span>");
        else if (mark == CB_MARK_NOISE)
            cb_buf_puts(out, " <span title=\"within the noise floor\">~</span>");
        cb_buf_printf(out, "<small>n %u, detectable %s", row->n, cb_view_percent(row->mde, mde, sizeof mde));
        if (row->voided)
            cb_buf_printf(out, ", %s with %u void", cb_view_ratio(row->ratio_all, false, ratio, sizeof ratio),
                          row->n_all - row->n);
        cb_buf_puts(out, "</small>");
    }
    cb_buf_puts(out, "</td>");
}

static void put_baseline(const struct cb_row *base, const char *unit, struct cb_buf *out)
{
    char value[CB_VIEW_NUM], lo[CB_VIEW_NUM], hi[CB_VIEW_NUM];
    cb_buf_puts(out, "<td class=\"number\">");
    cb_put_html(out, cb_view_value(base ? base->value : NAN, unit, value, sizeof value));
    if (base && isfinite(base->value_lo) && isfinite(base->value_hi)) {
        put_element(out, "<small>", cb_view_value(base->value_lo, unit, lo, sizeof lo), " to ");
        put_element(out, "", cb_view_value(base->value_hi, unit, hi, sizeof hi), "</small>");
    }
    cb_buf_printf(out, "</td><td class=\"number\">%s</td>",
                  cb_view_percent(base ? base->noise_floor : NAN, value, sizeof value));
}

static void put_row(const struct cb_report *r, unsigned metric, struct cb_buf *out)
{
    const struct cb_dataset *d = r->data;
    const struct cb_ds_metric *m = &d->metrics[metric];
    char label[CB_VIEW_TEXT];
    put_element(out, "<tr><th scope=\"row\" title=\"", d->cases[m->case_index].params, "\">");
    put_element(out, "", cb_view_label(d, m, false, label, sizeof label),
                m->how.better == CB_LOWER ? " <small title=\"lower is better\">\xE2\x86\x93</small></th>"
                                          : " <small title=\"higher is better\">\xE2\x86\x91</small></th>");
    put_baseline(cb_rows_find(r->rows, metric, d->run.baseline), m->how.unit, out);
    for (unsigned a = cb_view_next_arm(d, 0); a < d->narms; a = cb_view_next_arm(d, a + 1))
        put_ratio(cb_rows_find(r->rows, metric, a), out);
    cb_buf_puts(out, "</tr>\n");
}

static void put_table(const struct cb_report *r, struct cb_buf *out)
{
    const struct cb_dataset *d = r->data;
    char text[CB_VIEW_TEXT];
    cb_buf_printf(out,
                  "<section>\n<h2>Results</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
                  "aria-label=\"Table of results\">\n<table>\n<caption><span>Cost relative to the host "
                  "with its %g %% interval: above 1 the environment costs "
                  "more.</span></caption>\n<thead><tr><th scope=\"col\">metric</th>",
                  cb_view_level(r));
    put_arm(out, "<th class=\"number\" scope=\"col\">", &d->arms[d->run.baseline],
            "</th><th class=\"number\" scope=\"col\">noise floor</th>");
    for (unsigned a = cb_view_next_arm(d, 0); a < d->narms; a = cb_view_next_arm(d, a + 1))
        put_arm(out, "<th scope=\"col\">", &d->arms[a], "</th>");
    cb_buf_puts(out, "</tr></thead>\n");
    for (unsigned i = 0; i < d->nmetrics; i++) {
        if (cb_view_group_begins(d, i)) {
            cb_buf_printf(out, "%s<tbody>\n<tr><th class=\"group\" scope=\"rowgroup\" colspan=\"%u\">",
                          i ? "</tbody>\n" : "", 3 + cb_view_count_arms(d));
            put_element(out, "", cb_view_group(&d->metrics[i], text, sizeof text), "</th></tr>\n");
        }
        put_row(r, i, out);
    }
    cb_buf_puts(out, d->nmetrics ? "</tbody>\n" : "");
    cb_buf_puts(out, "</table>\n</div>\n");
    if (cb_view_control(r, text, sizeof text))
        put_element(out, "<p>", text, "</p>\n");
    cb_buf_puts(out, "</section>\n");
}

/* The picture, or why there is none. */
static void put_picture(const struct cb_figure *f, int plots_fd, struct cb_buf *out)
{
    CB_AUTOBUF struct cb_buf svg = {0};
    char file[64];
    struct cb_err err = {.msg = "no pictures were drawn"};
    snprintf(file, sizeof file, "%s.svg", f->name);
    cb_buf_printf(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Figure: %s\">\n",
                  f->title);
    cb_buf_printf(out, "<div class=\"plot\" role=\"img\" aria-label=\"%s. %s\">\n", f->title, f->reading);
    if (plots_fd < 0 || cb_read_file(plots_fd, file, SVG_MAX, &svg, &err) ||
        cb_put_svg(out, cb_buf_str(&svg), f->name, &err))
        put_element(out, "<p>This picture is missing: ", err.msg, "</p>\n");
    cb_buf_puts(out, "</div>\n</div>\n");
}

static int put_figures(const struct cb_report *r, int plots_fd, struct cb_buf *out, struct cb_err *err)
{
    cb_buf_puts(out, "<section>\n<h2>Figures</h2>\n");
    for (const struct cb_figure *const *f = cb_figures; *f; f++) {
        int drawable = cb_figure_drawable(*f, r, err);
        if (drawable < 0)
            return -1;
        if (!drawable)
            continue;
        cb_buf_puts(out, "<figure>\n");
        put_picture(*f, plots_fd, out);
        cb_buf_printf(
            out,
            "<figcaption><strong>%s.</strong> %s <code>gnuplot plots/%s.gp</code> redraws it.</figcaption>\n",
            (*f)->title, (*f)->reading, (*f)->name);
        cb_buf_puts(out, "</figure>\n");
    }
    cb_buf_puts(out, "</section>\n");
    return 0;
}

static void put_table_begin(struct cb_buf *out, const char *caption)
{
    cb_buf_printf(out,
                  "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
                  "aria-label=\"%s\">\n<table>\n<caption><span>%s</span></caption>\n",
                  caption, caption);
}

/* Sizes in bytes are hard to read: "25276026880 (23.5 GiB)". Whole pages are taken for sizes. */
static void put_fact_value(struct cb_buf *out, const char *value)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    struct cb_err err;
    uint64_t bytes;
    cb_put_html(out, value);
    if (cb_parse_u64(value, 4096, UINT64_MAX, &bytes, &err) || bytes % 4096)
        return;
    size_t unit = 0;
    double size = (double)bytes / 1024;
    for (; size >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        size /= 1024;
    cb_buf_printf(out, " (%.3g %s)", size, units[unit]);
}

static void put_machine(const struct cb_kvs *host, struct cb_buf *out)
{
    cb_buf_puts(out, "<section>\n<h2>The machine</h2>\n");
    put_table_begin(out, "Facts of the host");
    cb_buf_puts(out,
                "<thead><tr><th scope=\"col\">fact</th><th scope=\"col\">value</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < host->n; i++) {
        put_element(out, "<tr><th scope=\"row\">", host->at[i].key, "</th><td>");
        put_fact_value(out, host->at[i].value);
        cb_buf_puts(out, "</td></tr>\n");
    }
    cb_buf_puts(out, "</tbody>\n</table>\n</div>\n</section>\n");
}

static void put_cell(struct cb_buf *out, const char *text)
{
    cb_buf_puts(out, "<td>");
    put_fact_value(out, text);
    cb_buf_puts(out, "</td>");
}

/* What every arm has, in the order of the table; `shown` characters of it. */
static const struct {
    const char *heading;
    size_t offset;
    int shown;
} arm_members[] = {
    {"runner", offsetof(struct cb_ds_arm, runner), 32},
    {"status", offsetof(struct cb_ds_arm, status), 32},
    {"reason", offsetof(struct cb_ds_arm, reason), 512},
    {"accelerator", offsetof(struct cb_ds_arm, accelerator), 32},
    {"agent sha256", offsetof(struct cb_ds_arm, agent_sha256), 12}, /* enough to see that they are one */
};

static const char *arm_member(const struct cb_ds_arm *arm, size_t m)
{
    const char *text = *(char *const *)((const char *)arm + arm_members[m].offset);
    return text ? text : "";
}

static bool any_arm_has(const struct cb_dataset *d, size_t m)
{
    for (size_t i = 0; i < d->narms; i++)
        if (*arm_member(&d->arms[i], m))
            return true;
    return false;
}

static void put_arm_members(const struct cb_dataset *d, struct cb_buf *out)
{
    char text[513];
    for (size_t m = 0; m < sizeof(arm_members) / sizeof(arm_members[0]); m++) {
        if (!any_arm_has(d, m))
            continue;
        put_element(out, "<tr><th scope=\"row\">", arm_members[m].heading, "</th>");
        for (unsigned a = cb_view_next_shown(d, 0); a < d->narms; a = cb_view_next_shown(d, a + 1)) {
            snprintf(text, sizeof text, "%.*s", arm_members[m].shown, arm_member(&d->arms[a], m));
            put_cell(out, text);
        }
        cb_buf_puts(out, "</tr>\n");
    }
}

/* True when the fact was met before fact k of the arm: its row is there already. */
static bool fact_seen(const struct cb_dataset *d, size_t arm, size_t k)
{
    const char *key = d->arms[arm].facts.at[k].key;
    for (unsigned a = cb_view_next_shown(d, 0); a < arm; a = cb_view_next_shown(d, a + 1))
        if (cb_kv_get(&d->arms[a].facts, key, NULL))
            return true;
    return cb_kv_get(&d->arms[arm].facts, key, NULL) != d->arms[arm].facts.at[k].value;
}

static void put_arm_facts(const struct cb_dataset *d, struct cb_buf *out)
{
    for (unsigned a = cb_view_next_shown(d, 0); a < d->narms; a = cb_view_next_shown(d, a + 1))
        for (size_t k = 0; k < d->arms[a].facts.n; k++) {
            const char *key = d->arms[a].facts.at[k].key;
            if (fact_seen(d, a, k))
                continue;
            put_element(out, "<tr><th scope=\"row\">", key, "</th>");
            for (unsigned other = cb_view_next_shown(d, 0); other < d->narms;
                 other = cb_view_next_shown(d, other + 1))
                put_cell(out, cb_kv_get(&d->arms[other].facts, key, ""));
            cb_buf_puts(out, "</tr>\n");
        }
}

/* Arms side by side, so that what differs between them stands in one line. */
static void put_arms(const struct cb_dataset *d, struct cb_buf *out)
{
    cb_buf_puts(out, "<section>\n<h2>The arms</h2>\n");
    put_table_begin(out, "What each arm is, and what it looks like from inside");
    cb_buf_puts(out, "<thead><tr><th scope=\"col\">fact</th>");
    for (unsigned a = cb_view_next_shown(d, 0); a < d->narms; a = cb_view_next_shown(d, a + 1))
        put_arm(out, "<th scope=\"col\">", &d->arms[a], "</th>");
    cb_buf_puts(out, "</tr></thead>\n<tbody>\n");
    put_arm_members(d, out);
    put_arm_facts(d, out);
    cb_buf_puts(out, "</tbody>\n</table>\n</div>\n</section>\n");
}

static void put_spent(const struct cb_dataset *d, struct cb_buf *out)
{
    struct cb_spent s = cb_dataset_spent(d);
    cb_buf_printf(
        out,
        "It took %.0f s: %.0f s measuring, %.0f s starting instances, %.0f s taking them down, %.0f s "
        "calibrating, %.0f s for the rest. ",
        d->run.wall_s, s.measuring, s.starting, s.stopping, s.calibrating, s.rest);
}

static void put_reproduce(const struct cb_report *r, struct cb_buf *out)
{
    const struct cb_ds_run *run = &r->data->run;
    cb_buf_puts(out, "<section>\n<h2>Reproduce</h2>\n");
    put_element(out, "<pre tabindex=\"0\"><code>", r->command ? r->command : "", "</code></pre>\n");
    put_element(out, "<p>Run ", run->id, "");
    cb_buf_printf(out, ", seed %llu, cbench ", (unsigned long long)run->seed);
    put_element(out, "", run->version, ", agent sha256 <code>");
    put_element(out, "", run->agent_sha256, "</code>. ");
    put_spent(r->data, out);
    cb_buf_puts(out, "Every raw sample is in <code>samples.csv</code>.</p>\n");
    cb_buf_puts(out, "</section>\n");
}

/* One row a claim: the sentence with the place where it stands, and why the verdict is what it is. */
static void put_verdict(const struct cb_verdict_line *l, struct cb_buf *out)
{
    put_element(out, "<tr><th scope=\"row\">", l->id, "</th>");
    put_element(out, "<td><b>", l->verdict, "</b></td>");
    put_element(out, "<td>", *l->quote ? l->quote : l->assertion, " <small>");
    put_element(out, "", l->location, "</small></td>");
    put_element(out, "<td>", l->reason, "</td></tr>\n");
}

static void put_verdicts(const struct cb_verdict_list *v, struct cb_buf *out)
{
    if (!v || !v->n)
        return;
    cb_buf_puts(out, "<section>\n<h2>Claims</h2>\n");
    put_table_begin(out, "What documentation says, and what this run says to it");
    cb_buf_puts(out, "<thead><tr><th scope=\"col\">claim</th><th scope=\"col\">verdict</th>"
                     "<th scope=\"col\">sentence</th><th scope=\"col\">reason</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < v->n; i++)
        put_verdict(&v->at[i], out);
    cb_buf_puts(out, "</tbody>\n</table>\n</div>\n</section>\n");
}

static const char explanation[] =
    "<section>\n<h2>How to read this page</h2>\n<dl>\n"
    "<dt>Cost ratio</dt><dd>What the environment costs relative to the host: its time divided by the host's, "
    "or the host's "
    "rate divided by its own. Above 1 always means that the environment costs more.</dd>\n"
    "<dt>Interval</dt><dd>The true ratio of this run lies in it with 95 % confidence (where the "
    "run was extended upon a look at the widths, the interval printed is the 96 % one, which keeps what 95 % "
    "says): Hodges-Lehmann "
    "estimate over paired "
    "blocks with the exact signed-rank interval, Student's t with fewer than 6 blocks. In a block every arm "
    "runs once, "
    "in a fresh instance, in balanced order.</dd>\n"
    "<dt>Noise floor</dt><dd>What the host differs from itself by: a second host arm runs in every block. An "
    "interval "
    "inside the noise floor (~) says that no difference was found, not that there is none.</dd>\n"
    "<dt>n, detectable</dt><dd>Block pairs used, and the smallest effect that this many blocks of this noise "
    "would show in "
    "four of five runs. A smaller difference may exist unseen.</dd>\n"
    "<dt>Emulated</dt><dd>The virtual machine ran without hardware virtualisation. Its numbers say nothing "
    "about "
    "virtual machines on hardware that has it.</dd>\n"
    "</dl>\n</section>\n";

int cb_report_html(const struct cb_report *r, int plots_fd, struct cb_buf *out, struct cb_err *err)
{
    put_head(r, out);
    put_title(r->data, out);
    put_notes(r->notes, out);
    put_sentences(r, out);
    put_table(r, out);
    cb_html_ladders(r, out);
    put_verdicts(r->verdicts, out);
    if (put_figures(r, plots_fd, out, err))
        return -1;
    put_machine(&r->data->run.host, out);
    put_arms(r->data, out);
    put_reproduce(r, out);
    cb_buf_puts(out, explanation);
    cb_buf_puts(out, "</main>\n</body>\n</html>\n");
    return cb_buf_ok(out) ? 0 : cb_fail_sys(err, ENOMEM, "report.html");
}
