/* Ladders on the page: one table a chain, in the style of the results. */
#include <math.h>

#include "plots/escape.h"
#include "plots/ladder.h"
#include "plots/view_ladder.h"

static const char *class_of(const struct cb_row *row)
{
    if (!isfinite(row->ratio))
        return "none";
    if (!cb_distinguishable(row) || row->within_noise)
        return "ratio noise";
    return row->ratio > 1 ? "ratio more" : "ratio less";
}

/* The ratio is bold, as in the table of results; a step that could not be told from 1 has none. */
static void put_cell(const char *note, const struct cb_row *row, struct cb_buf *out)
{
    char ratio[CB_VIEW_NUM], text[2 * CB_VIEW_TEXT];
    cb_buf_printf(out, "<td class=\"%s\">", class_of(row));
    if (isfinite(row->ratio) && cb_distinguishable(row)) {
        cb_buf_printf(out, "<b>%s</b> %s", cb_view_ratio(row->ratio, false, ratio, sizeof ratio),
                      cb_view_interval(row->ci95, false, text, sizeof text));
        if (cb_view_untrusted(row)) {
            cb_buf_puts(out, " <span title=\"");
            cb_put_html(out, row->reason);
            cb_buf_puts(out, "\">?</span>");
        }
    } else {
        cb_put_html(out, cb_view_step(row, text, sizeof text));
    }
    if (note) {
        cb_buf_puts(out, "<small>");
        cb_put_html(out, note);
        cb_buf_puts(out, "</small>");
    }
    cb_buf_puts(out, "</td>");
}

static void put_header(const struct cb_report *r, const struct cb_ladder *first, struct cb_buf *out)
{
    char text[CB_VIEW_TEXT];
    cb_buf_puts(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Ladder\">\n"
                     "<table>\n<caption><span>Ladder ");
    cb_put_html(out, cb_view_chain(r->data, first, text, sizeof text));
    cb_buf_puts(out, ", from ");
    cb_put_html(out, cb_view_arm(&r->data->arms[first->planned[0].base], text, sizeof text));
    cb_buf_puts(out, " upwards, step by step from left to right</span></caption>\n<thead><tr><th "
                     "scope=\"col\">metric</th>");
    for (size_t k = 0; k < first->nsteps; k++) {
        cb_buf_puts(out, "<th scope=\"col\" title=\"");
        cb_put_html(out, r->data->arms[first->planned[k].arm].name);
        cb_buf_puts(out, "\">");
        cb_put_html(out, cb_view_planned(&first->planned[k], text, sizeof text));
        cb_buf_puts(out, "</th>");
    }
    cb_buf_puts(out, "<th scope=\"col\">the whole</th></tr></thead>\n<tbody>\n");
}

static void put_row(const struct cb_report *r, const struct cb_ladder *l, struct cb_buf *out)
{
    char text[CB_VIEW_TEXT];
    cb_buf_puts(out, "<tr><th scope=\"row\">");
    cb_put_html(out, cb_view_label(r->data, l->total.metric, false, text, sizeof text));
    cb_buf_puts(out, "</th>");
    for (size_t k = 0; k < l->nsteps; k++)
        put_cell(cb_view_closes(l, k) ? l->steps[k].label : NULL, &l->steps[k].row, out);
    put_cell(cb_view_sum(l, text, sizeof text), &l->total, out);
    cb_buf_puts(out, "</tr>\n");
}

void cb_html_ladders(const struct cb_report *r, struct cb_buf *out)
{
    if (!r->ladders || !r->ladders->n)
        return;
    cb_buf_printf(out, "<section>\n<h2>Why it costs more</h2>\n<p>%s</p>\n", cb_view_ladder_legend);
    for (size_t i = 0; i < r->ladders->n;) {
        size_t end = cb_view_chain_end(r, i);
        put_header(r, &r->ladders->at[i], out);
        for (; i < end; i++)
            if (!cb_is_cold(r->ladders->at[i].total.metric))
                put_row(r, &r->ladders->at[i], out);
        cb_buf_puts(out, "</tbody>\n</table>\n</div>\n");
    }
    cb_buf_puts(out, "</section>\n");
}
