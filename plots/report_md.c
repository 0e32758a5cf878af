/* The report as Markdown: fit for a pull request comment or a page of documentation. */
#include "plots/report.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "plots/escape.h"
#include "plots/figure.h"
#include "plots/ladder.h"
#include "plots/view.h"

static void put_notes(const struct cb_report *r, struct cb_buf *out)
{
    if (!r->notes || !r->notes->n)
        return;
    cb_buf_puts(out, "## Not comparable, or less than it looks\n\n");
    for (size_t i = 0; i < r->notes->n; i++) {
        cb_buf_puts(out, "- ");
        cb_put_md(out, r->notes->at[i]);
        cb_buf_puts(out, "\n");
    }
    cb_buf_puts(out, "\n");
}

static void put_sentences(const struct cb_report *r, struct cb_buf *out)
{
    char sentence[4096];
    if (!cb_view_count_arms(r->data))
        return;
    cb_buf_puts(out, "## What it costs\n\n");
    for (size_t i = 0, n = cb_view_metrics(r->data); i < n; i++) {
        if (!cb_view_group_begins(r->data, i))
            continue;
        cb_view_sentence(r, i, sentence, sizeof sentence);
        cb_buf_puts(out, "- ");
        cb_put_md(out, sentence);
        cb_buf_puts(out, "\n");
    }
    cb_buf_puts(out, "\n");
}

static void put_header(const struct cb_dataset *d, struct cb_buf *out)
{
    char name[CB_VIEW_TEXT];
    cb_buf_puts(out, "| metric | ");
    cb_put_md(out, cb_view_arm(&d->arms[d->run.baseline], name, sizeof name));
    cb_buf_puts(out, " | noise |");
    for (unsigned a = cb_view_next_arm(d, 0); a < d->narms; a = cb_view_next_arm(d, a + 1)) {
        cb_buf_puts(out, " ");
        cb_put_md(out, cb_view_arm(&d->arms[a], name, sizeof name));
        cb_buf_puts(out, " |");
    }
    cb_buf_puts(out, "\n|:--|--:|--:|");
    for (unsigned n = cb_view_count_arms(d); n; n--)
        cb_buf_puts(out, ":--|");
    cb_buf_puts(out, "\n");
}

/* "**1.04** [1.03, 1.05]"; bold where the interval says that something is there. */
static void put_ratio(const struct cb_row *row, struct cb_buf *out)
{
    char ratio[CB_VIEW_NUM], interval[2 * CB_VIEW_NUM + 8];
    enum cb_view_mark mark = row ? cb_view_mark(row) : CB_MARK_NONE;
    if (!row) {
        cb_buf_puts(out, "-");
    } else if (mark == CB_MARK_NONE) {
        cb_put_md(out, cb_view_outcome(row));
        if (row->reason[0]) {
            cb_buf_puts(out, ": ");
            cb_put_md(out, row->reason);
        }
    } else {
        const char *bold = mark == CB_MARK_MORE || mark == CB_MARK_LESS ? "**" : "";
        cb_buf_printf(out, "%s%s%s ", bold, cb_view_ratio(row->ratio, false, ratio, sizeof ratio), bold);
        cb_put_md(out, cb_view_interval(row->ci95, false, interval, sizeof interval));
        cb_buf_puts(out, cb_view_untrusted(row) ? " ?" : mark == CB_MARK_NOISE ? " \\~" : "");
    }
}

static void put_row(const struct cb_report *r, size_t metric, struct cb_buf *out)
{
    const struct cb_dataset *d = r->data;
    const struct cb_ds_metric *m = &d->metrics[metric];
    const struct cb_row *base = cb_rows_find(r->rows, (unsigned)metric, d->run.baseline);
    char text[CB_VIEW_TEXT];
    cb_buf_puts(out, "| ");
    cb_put_md(out, cb_view_label(d, m, false, text, sizeof text));
    cb_buf_puts(out, " | ");
    cb_put_md(out, cb_view_value(base ? base->value : NAN, m->how.unit, text, sizeof text));
    cb_buf_printf(out, " | %s |", cb_view_percent(base ? base->noise_floor : NAN, text, sizeof text));
    for (unsigned a = cb_view_next_arm(d, 0); a < d->narms; a = cb_view_next_arm(d, a + 1)) {
        cb_buf_puts(out, " ");
        put_ratio(cb_rows_find(r->rows, (unsigned)metric, a), out);
        cb_buf_puts(out, " |");
    }
    cb_buf_puts(out, "\n");
}

static void put_table(const struct cb_report *r, struct cb_buf *out)
{
    const struct cb_dataset *d = r->data;
    char text[CB_VIEW_TEXT];
    cb_buf_puts(out, "## Results\n\n");
    for (size_t i = 0; i < d->nmetrics; i++) {
        if (cb_view_group_begins(d, i)) {
            cb_buf_printf(out, "%s### ", i ? "\n" : "");
            cb_put_md(out, cb_view_group(&d->metrics[i], text, sizeof text));
            cb_buf_puts(out, "\n\n");
            put_header(d, out);
        }
        put_row(r, i, out);
    }
    cb_buf_printf(
        out,
        "\nRatios are costs relative to the host with their %g %% interval: above 1 the environment costs "
        "more, "
        "whichever way the unit runs. Bold: the interval excludes 1 and the ratio is beyond the noise floor. "
        "\\~: within the noise floor, which is what two identical host arms differ by. ?: not to be trusted: "
        "the clocks of guest and host disagreed, the CPUs were not the same, or every block is void.\n",
        cb_view_level(r));
    if (cb_view_control(r, text, sizeof text)) {
        cb_buf_puts(out, "\n");
        cb_put_md(out, text);
        cb_buf_puts(out, "\n");
    }
}

static void put_verdicts(const struct cb_verdict_list *v, struct cb_buf *out)
{
    if (!v || !v->n)
        return;
    cb_buf_puts(out, "\n## Claims\n\n| claim | verdict | sentence | reason |\n|:--|:--|:--|:--|\n");
    for (size_t i = 0; i < v->n; i++) {
        const struct cb_verdict_line *l = &v->at[i];
        const char *const cells[] = {l->id, l->verdict, *l->quote ? l->quote : l->assertion, l->reason};
        cb_buf_puts(out, "|");
        for (size_t c = 0; c < sizeof cells / sizeof *cells; c++) {
            cb_buf_puts(out, " ");
            cb_put_md(out, cells[c]);
            cb_buf_puts(out, " |");
        }
        cb_buf_puts(out, "\n");
    }
}

static int put_figures(const struct cb_report *r, const char *plots_dir, struct cb_buf *out,
                       struct cb_err *err)
{
    bool any = false;
    for (const struct cb_figure *const *f = cb_figures; *f && plots_dir; f++) {
        int drawable = cb_figure_drawable(*f, r, err);
        if (drawable < 0)
            return -1;
        if (drawable) {
            cb_buf_printf(out, "%s![%s](", any ? "" : "\n## Figures\n\n", (*f)->title);
            cb_put_md(out, plots_dir);
            cb_buf_printf(out, "/%s.svg)\n\n", (*f)->name);
            any = true;
        }
    }
    return 0;
}

static void put_fact(struct cb_buf *out, const char *key, const char *value)
{
    cb_buf_puts(out, "| ");
    cb_put_md(out, key);
    cb_buf_puts(out, " | ");
    cb_put_md(out, value);
    cb_buf_puts(out, " |\n");
}

static void put_machine(const struct cb_dataset *d, struct cb_buf *out)
{
    cb_buf_puts(out, "\n## Machine\n\n| fact | value |\n|:--|:--|\n");
    for (size_t i = 0; i < d->run.host.n; i++)
        put_fact(out, d->run.host.at[i].key, d->run.host.at[i].value);
}

static void put_arms(const struct cb_dataset *d, struct cb_buf *out)
{
    cb_buf_puts(out,
                "\n## Arms\n\n| arm | runner | status | accelerator | kernel |\n|:--|:--|:--|:--|:--|\n");
    for (size_t i = 0; i < d->narms; i++) {
        const struct cb_ds_arm *a = &d->arms[i];
        const char *const columns[] = {a->name, a->runner, a->reason && a->reason[0] ? a->reason : a->status,
                                       a->accelerator, cb_kv_get(&a->facts, "kernel", "-")};
        cb_buf_puts(out, "|");
        for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++) {
            cb_buf_puts(out, " ");
            cb_put_md(out, columns[c] ? columns[c] : "-");
            cb_buf_puts(out, " |");
        }
        cb_buf_puts(out, "\n");
    }
}

/* An indented block of code cannot be closed by what stands in it. */
static void put_reproduce(const struct cb_report *r, struct cb_buf *out)
{
    const struct cb_ds_run *run = &r->data->run;
    char blocks[CB_VIEW_TEXT];
    cb_buf_puts(out, "\n## Reproduce\n\n    ");
    cb_put_term(out, r->command ? r->command : "", true);
    cb_buf_puts(out, "\n\nRun ");
    cb_put_md(out, run->id);
    cb_buf_printf(out, ", seed %llu, %s, agent sha256 ", (unsigned long long)run->seed,
                  cb_view_blocks(r->data, blocks, sizeof blocks));
    cb_put_md(out, run->agent_sha256);
    cb_buf_puts(out, ", cbench ");
    cb_put_md(out, run->version);
    cb_buf_puts(out, ".\n");
}

int cb_report_md(const struct cb_report *r, const char *plots_dir, struct cb_buf *out, struct cb_err *err)
{
    const struct cb_ds_run *run = &r->data->run;
    cb_buf_puts(out, "# What isolation costs on ");
    cb_put_md(out, cb_kv_get(&run->host, "cpu", "this machine"));
    cb_buf_puts(out, "\n\n");
    cb_put_md(out, run->started);
    cb_buf_puts(out,
                run->complete ? "\n\n" : ", **incomplete**: the run was stopped before its last block\n\n");
    put_notes(r, out);
    put_sentences(r, out);
    put_table(r, out);
    cb_md_ladders(r, out);
    put_verdicts(r->verdicts, out);
    if (put_figures(r, plots_dir, out, err))
        return -1;
    put_machine(r->data, out);
    put_arms(r->data, out);
    put_reproduce(r, out);
    return cb_buf_ok(out) ? 0 : cb_fail_sys(err, ENOMEM, "report.md");
}
