/* Ladders in Markdown: one table a chain. */
#include "plots/escape.h"
#include "plots/ladder.h"
#include "plots/view_ladder.h"

static void put_header(const struct cb_report *r, const struct cb_ladder *first, struct cb_buf *out)
{
    char text[CB_VIEW_TEXT];
    cb_buf_puts(out, "\n### ");
    cb_put_md(out, cb_view_chain(r->data, first, text, sizeof text));
    cb_buf_puts(out, "\n\n| metric |");
    for (size_t k = 0; k < first->nsteps; k++) {
        cb_buf_puts(out, " ");
        cb_put_md(out, cb_view_planned(&first->planned[k], text, sizeof text));
        cb_buf_puts(out, " |");
    }
    cb_buf_puts(out, " the whole | check |\n|:--|");
    for (size_t k = 0; k < first->nsteps + 2; k++)
        cb_buf_puts(out, ":--|");
    cb_buf_puts(out, "\n");
}

static void put_cell(const char *before, const struct cb_row *row, struct cb_buf *out)
{
    char text[2 * CB_VIEW_TEXT];
    cb_buf_puts(out, " ");
    if (before) {
        cb_put_md(out, before);
        cb_buf_puts(out, ": ");
    }
    cb_put_md(out, cb_view_step(row, text, sizeof text));
    cb_buf_puts(out, " |");
}

static void put_row(const struct cb_report *r, const struct cb_ladder *l, struct cb_buf *out)
{
    char text[CB_VIEW_TEXT];
    cb_buf_puts(out, "| ");
    cb_put_md(out, cb_view_label(r->data, l->total.metric, false, text, sizeof text));
    cb_buf_puts(out, " |");
    for (size_t k = 0; k < l->nsteps; k++)
        put_cell(cb_view_closes(l, k) ? l->steps[k].label : NULL, &l->steps[k].row, out);
    put_cell(NULL, &l->total, out);
    cb_buf_printf(out, " %s |\n", cb_view_sum(l, text, sizeof text));
}

void cb_md_ladders(const struct cb_report *r, struct cb_buf *out)
{
    if (!r->ladders || !r->ladders->n)
        return;
    cb_buf_printf(out, "\n## Why it costs more\n\n%s\n", cb_view_ladder_legend);
    for (size_t i = 0; i < r->ladders->n;) {
        size_t end = cb_view_chain_end(r, i);
        put_header(r, &r->ladders->at[i], out);
        for (; i < end; i++)
            if (!cb_is_cold(r->ladders->at[i].total.metric))
                put_row(r, &r->ladders->at[i], out);
    }
}
