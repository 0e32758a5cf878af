/* Ladders in a terminal: the largest effects as waterfalls of bars, all of them in a table. */
#include "plots/ladder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plots/escape.h"
#include "plots/view_ladder.h"

#define WATERFALLS    4  /* at most, in full; more would not be read */
#define LABEL_COLUMNS 24 /* of a step */
#define RATIO_COLUMNS 24 /* "1.004 [1.001, 1.007] ~" */
#define CELL_COLUMNS  8  /* of the table: " (0.7 %)" */
#define METRIC_MIN    20
#define METRIC_MAX    36
#define COLUMNS_MIN   80

struct page {
    const struct cb_report *r;
    const struct cb_term_style *style;
    struct cb_buf *out;
    int columns;
};

/* Text made safe, cut and padded to `width`. */
static void put(const struct page *p, const char *text, int width, bool right)
{
    CB_AUTOBUF struct cb_buf safe = {0};
    cb_put_term(&safe, text, p->style->utf8);
    size_t bytes = cb_text_fit(cb_buf_str(&safe), width);
    int pad = width - cb_text_width(cb_buf_str(&safe));
    cb_buf_printf(p->out, "%*s%.*s%*s", right && pad > 0 ? pad : 0, "", (int)bytes, cb_buf_str(&safe),
                  !right && pad > 0 ? pad : 0, "");
}

/* No line ends in blanks. */
static void end_line(const struct page *p)
{
    while (p->out->len && p->out->data[p->out->len - 1] == ' ')
        p->out->data[--p->out->len] = '\0';
    cb_buf_puts(p->out, "\n");
}

/* Whole words in lines that fit. */
static void put_paragraph(const struct page *p, const char *text)
{
    CB_AUTOBUF struct cb_buf safe = {0};
    cb_put_term(&safe, text, p->style->utf8);
    int column = 0;
    for (const char *s = cb_buf_str(&safe); *s; s += strspn(s, " ")) {
        char word[CB_VIEW_TEXT];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(s, " "), s);
        word[cb_text_fit(word, p->columns)] = '\0';
        int width = cb_text_width(word);
        if (column && column + 1 + width > p->columns) {
            cb_buf_puts(p->out, "\n");
            column = 0;
        }
        cb_buf_printf(p->out, "%s%s", column ? " " : "", word);
        column += width + (column > 0);
        s += strlen(word);
    }
    cb_buf_puts(p->out, "\n\n");
}

/* ---- waterfall
 * -------------------------------------------------------------------------------------------------- */

/* Logarithms of the costs between which the bars of a waterfall hang. */
struct scale {
    double lo, hi;
    int columns;
};

static int column_of(const struct scale *s, double cost)
{
    return s->hi > s->lo ? (int)lround((cost - s->lo) / (s->hi - s->lo) * s->columns) : 0;
}

static struct scale make_scale(const struct cb_ladder *l, int columns)
{
    struct scale s = {.columns = columns};
    double at = 0;
    for (size_t i = 0; i < l->nsteps; i++) {
        double step = log(l->steps[i].row.ratio);
        if (!isfinite(step))
            continue;
        s.lo = fmin(s.lo, at + step);
        s.hi = fmax(s.hi, at + step);
        at += l->steps[i].side ? 0 : step;
    }
    return s;
}

static void put_bar(const struct page *p, const struct scale *s, double from, double to)
{
    int a = column_of(s, fmin(from, to)), b = column_of(s, fmax(from, to));
    cb_buf_printf(p->out, "%*s", a, "");
    for (int i = a; i < (b > a ? b : a + 1); i++)
        cb_buf_puts(p->out, p->style->utf8 ? "\xE2\x96\x88" : "#");
}

static void put_line(const struct page *p, const struct scale *s, const char *label, const struct cb_row *row,
                     double from)
{
    char text[CB_VIEW_TEXT];
    cb_buf_puts(p->out, "  ");
    put(p, label, LABEL_COLUMNS, false);
    cb_buf_puts(p->out, "  ");
    cb_view_step(row, text, sizeof text);
    if (isfinite(row->ratio) && cb_distinguishable(row)) {
        put(p, text, RATIO_COLUMNS, false);
        put_bar(p, s, from, from + log(row->ratio));
    } else {
        put(p, text, p->columns - LABEL_COLUMNS - 4, false);
    }
    end_line(p);
}

static void put_waterfall(const struct page *p, const struct cb_ladder *l)
{
    const struct cb_dataset *d = p->r->data;
    char label[CB_VIEW_TEXT], chain[CB_VIEW_TEXT], base[CB_VIEW_TEXT];
    struct scale s = make_scale(l, p->columns - LABEL_COLUMNS - RATIO_COLUMNS - 6);
    double at = 0;
    cb_view_label(d, l->total.metric, false, label, sizeof label);
    snprintf(base, sizeof base, "%.80s, %.40s, from %.60s", label,
             cb_view_chain(p->r->data, l, chain, sizeof chain), d->arms[l->total.base].name);
    cb_buf_puts(p->out, p->style->colour ? "\033[1m" : "");
    put(p, base, p->columns, false);
    cb_buf_puts(p->out, p->style->colour ? "\033[0m" : "");
    end_line(p);
    for (size_t i = 0; i < l->nsteps; i++) {
        const struct cb_ladder_step *step = &l->steps[i];
        snprintf(label, sizeof label, "%s%s%s", step->side ? "(" : "", step->label, step->side ? ")" : "");
        put_line(p, &s, label, &step->row, at);
        if (!step->side && isfinite(step->row.ratio))
            at += log(step->row.ratio);
    }
    put_line(p, &s, "= whole", &l->total, 0);
    cb_buf_puts(p->out, "  ");
    put(p, cb_view_sum(l, label, sizeof label), p->columns - 2, false);
    end_line(p);
    end_line(p);
}

/* ---- table
 * ------------------------------------------------------------------------------------------------------ */

/* "1.28", "(0.7 %)" for what this run cannot tell from 1, "-". */
static void put_cell(const struct page *p, const struct cb_row *row)
{
    char text[CB_VIEW_TEXT], number[CB_VIEW_NUM];
    if (!isfinite(row->ratio))
        snprintf(text, sizeof text, "-");
    else if (cb_distinguishable(row))
        snprintf(text, sizeof text, "%s%s", cb_view_ratio(row->ratio, false, number, sizeof number),
                 cb_view_untrusted(row) ? "?" : "");
    else
        snprintf(text, sizeof text, "(%s)", cb_view_percent(row->mde, number, sizeof number));
    put(p, text, CELL_COLUMNS, true);
}

/* The step at or after k that has a column: where not all fit, variants have none, nor what is left then. */
static size_t next_step(const struct page *p, const struct cb_ladder *l, size_t k)
{
    size_t room = (size_t)(p->columns - METRIC_MIN) / CELL_COLUMNS - 1;
    while (k < l->nsteps && l->nsteps > room && (l->planned[k].side || k >= room))
        k++;
    return k;
}

/* What the numbers over the columns stand for. */
static void put_names(const struct page *p, const struct cb_ladder *l)
{
    CB_AUTOBUF struct cb_buf names = {0};
    char text[CB_VIEW_TEXT];
    for (size_t k = next_step(p, l, 0); k < l->nsteps; k = next_step(p, l, k + 1))
        cb_buf_printf(&names, "%s%zu %s", names.len ? "; " : "", k + 1,
                      cb_view_planned(&l->planned[k], text, sizeof text));
    put_paragraph(p, cb_buf_str(&names));
}

static void put_row(const struct page *p, const struct cb_ladder *l, int metric)
{
    char text[CB_VIEW_TEXT];
    put(p, cb_view_label(p->r->data, l->total.metric, true, text, sizeof text), metric, false);
    for (size_t k = next_step(p, l, 0); k < l->nsteps; k = next_step(p, l, k + 1))
        put_cell(p, &l->steps[k].row);
    put_cell(p, &l->total);
    cb_buf_puts(p->out, "\n");
}

static void put_chain(const struct page *p, size_t from, size_t end)
{
    const struct cb_ladder *first = &p->r->ladders->at[from];
    char text[CB_VIEW_TEXT];
    int metric = p->columns - CELL_COLUMNS;
    for (size_t k = next_step(p, first, 0); k < first->nsteps; k = next_step(p, first, k + 1))
        metric -= CELL_COLUMNS;
    metric = metric > METRIC_MAX ? METRIC_MAX : metric;
    put(p, cb_view_chain(p->r->data, first, text, sizeof text), metric, false);
    for (size_t k = next_step(p, first, 0); k < first->nsteps; k = next_step(p, first, k + 1))
        cb_buf_printf(p->out, "%*zu", CELL_COLUMNS, k + 1);
    cb_buf_printf(p->out, "%*s\n", CELL_COLUMNS, "whole");
    for (size_t i = from; i < end; i++)
        if (!cb_is_cold(p->r->ladders->at[i].total.metric))
            put_row(p, &p->r->ladders->at[i], metric);
    put_names(p, first);
}

void cb_term_ladders(const struct cb_report *r, const struct cb_term_style *style, struct cb_buf *out)
{
    const struct page p = {.r = r,
                           .style = style,
                           .out = out,
                           .columns = style->columns < COLUMNS_MIN ? COLUMNS_MIN : style->columns};
    const struct cb_ladder *top[WATERFALLS + 1];
    size_t n = cb_view_top_ladders(r, top, WATERFALLS + 1);
    if (!r->ladders || !r->ladders->n)
        return;
    cb_buf_printf(out, "%sWhy it costs more%s\n\n", style->colour ? "\033[1m" : "",
                  style->colour ? "\033[0m" : "");
    for (size_t i = 0; n > WATERFALLS && i < r->ladders->n; i = cb_view_chain_end(r, i))
        put_chain(&p, i, cb_view_chain_end(r, i));
    for (size_t i = 0; i < n && i < WATERFALLS; i++)
        put_waterfall(&p, top[i]);
    put_paragraph(&p, cb_view_ladder_legend);
}
