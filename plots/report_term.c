/* The result table in a terminal. Every line fits the columns asked for; when the arms do not fit side by
 * side, the table is repeated with the next ones. */
#include "plots/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plots/escape.h"
#include "plots/ladder.h"
#include "plots/view.h"

#define COLUMNS_MIN 80
#define GAP         2  /* columns between two cells */
#define FOOTNOTES   32 /* different reasons that are told apart */

/* SGR sequences; none of them sets a background, so that light and dark terminals both stay readable. */
#define SGR_BOLD   "\033[1m"
#define SGR_DIM    "\033[2m"
#define SGR_RED    "\033[31m"
#define SGR_GREEN  "\033[32m"
#define SGR_YELLOW "\033[33m"
#define SGR_RESET  "\033[0m"

struct table {
    const struct cb_report *r;
    const struct cb_term_style *style;
    struct cb_buf *out;
    bool brief; /* two decimals, where three would cost an arm */
    int columns, label, value, noise, ratio;
    const char *notes[FOOTNOTES]; /* reasons in the order of their numbers; owned by the rows */
    unsigned nnotes;
    bool more_notes;
    int blanks; /* columns of space that are due on this line */
};

static void put_colour(const struct table *t, const char *sgr)
{
    if (t->style->colour && sgr)
        cb_buf_puts(t->out, sgr);
}

/* Space is written when something follows it: no line ends in blanks. */
static void put_spaces(struct table *t, int n)
{
    t->blanks += n > 0 ? n : 0;
}

static void flush_spaces(struct table *t)
{
    if (t->blanks)
        cb_buf_printf(t->out, "%*s", t->blanks, "");
    t->blanks = 0;
}

static void end_line(struct table *t)
{
    t->blanks = 0;
    cb_buf_puts(t->out, "\n");
}

static void put_rule(struct table *t)
{
    for (int i = 0; i < t->columns; i++)
        cb_buf_puts(t->out, t->style->utf8 ? "\xE2\x94\x80" : "-");
    end_line(t);
}

/* Text from anywhere, made safe, cut to `width` columns and padded on the side given. */
static void put_cell(struct table *t, const char *text, int width, bool right, const char *sgr)
{
    CB_AUTOBUF struct cb_buf safe = {0};
    cb_put_term(&safe, text, t->style->utf8);
    const char *s = cb_buf_str(&safe);
    int used = cb_text_width(s);
    bool cut = used > width;
    size_t bytes = cut ? cb_text_fit(s, width - 1) : safe.len;
    if (right)
        put_spaces(t, width - used);
    flush_spaces(t);
    put_colour(t, sgr);
    cb_buf_add(t->out, s, bytes);
    if (cut)
        cb_buf_puts(t->out, t->style->utf8 ? "\xE2\x80\xA6" : "~");
    put_colour(t, sgr ? SGR_RESET : NULL);
    if (!right)
        put_spaces(t, width - used);
}

/* Words of `text` in lines of at most t->columns; lines after the first begin with `indent` spaces. The first
 * word goes where the line has got to, `column`. */
static void put_wrapped(struct table *t, const char *text, int column, int indent)
{
    CB_AUTOBUF struct cb_buf safe = {0};
    cb_put_term(&safe, text, t->style->utf8);
    const char *s = cb_buf_str(&safe);
    bool fresh = true; /* nothing stands on this line behind its indent */
    while (*(s += strspn(s, " "))) {
        char word[CB_VIEW_TEXT];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(s, " "), s);
        word[cb_text_fit(word, t->columns - indent)] = '\0';
        int width = cb_text_width(word);
        if (!fresh && column + 1 + width > t->columns) {
            end_line(t);
            put_spaces(t, indent);
            column = indent;
            fresh = true;
        }
        column += width + !fresh;
        flush_spaces(t);
        cb_buf_printf(t->out, "%s%s", fresh ? "" : " ", word);
        fresh = false;
        s += strlen(word);
    }
    end_line(t);
}

/* The number of a reason, from 1; 0 when there is no room for it or nothing to say. */
static unsigned footnote(struct table *t, const char *reason)
{
    if (!reason[0])
        return 0;
    for (unsigned i = 0; i < t->nnotes; i++)
        if (!strcmp(t->notes[i], reason))
            return i + 1;
    if (t->nnotes == FOOTNOTES) {
        t->more_notes = true;
        return 0;
    }
    t->notes[t->nnotes++] = reason;
    return t->nnotes;
}

static const char *mark_sgr(enum cb_view_mark mark)
{
    static const char *const sgr[] = {[CB_MARK_UNCLEAR] = NULL,
                                      [CB_MARK_NOISE] = SGR_DIM,
                                      [CB_MARK_MORE] = SGR_RED,
                                      [CB_MARK_LESS] = SGR_GREEN,
                                      [CB_MARK_NONE] = SGR_YELLOW};
    return sgr[mark];
}

/* "1.04 [1.03, 1.05]~", "skipped(2)". */
static void put_ratio(struct table *t, const struct cb_row *row)
{
    char ratio[CB_VIEW_NUM], interval[2 * CB_VIEW_NUM + 8], text[CB_VIEW_TEXT];
    if (!row) {
        put_cell(t, "-", t->ratio, false, NULL);
        return;
    }
    enum cb_view_mark mark = cb_view_mark(row);
    unsigned note = footnote(t, row->reason);
    if (mark == CB_MARK_NONE)
        snprintf(text, sizeof text, "%s", cb_view_outcome(row));
    else
        snprintf(text, sizeof text, "%s %s%s", cb_view_ratio(row->ratio, t->brief, ratio, sizeof ratio),
                 cb_view_interval(row->ci95, t->brief, interval, sizeof interval),
                 cb_view_untrusted(row)  ? "?"
                 : mark == CB_MARK_NOISE ? "~"
                                         : "");
    if (note)
        snprintf(text + strlen(text), sizeof text - strlen(text), "(%u)", note);
    put_cell(t, text, t->ratio, false, mark_sgr(mark));
}

/* Arms of one table: `count` of them from arm `first` on. */
struct arm_range {
    unsigned first, count;
};

static void put_noise(struct table *t, const struct cb_row *base)
{
    char text[CB_VIEW_NUM + 8], noise[CB_VIEW_NUM];
    if (!t->noise)
        return;
    cb_view_percent(base ? base->noise_floor : NAN, noise, sizeof noise);
    bool percent = noise[0] >= '0' && noise[0] <= '9';
    snprintf(text, sizeof text, "%s%s", percent ? t->style->utf8 ? "\xC2\xB1" : "+-" : "", noise);
    put_spaces(t, GAP);
    put_cell(t, text, t->noise, true, NULL);
}

static void put_row(struct table *t, size_t metric, struct arm_range arms)
{
    const struct cb_dataset *d = t->r->data;
    const struct cb_ds_metric *m = &d->metrics[metric];
    const struct cb_row *base = cb_rows_find(t->r->rows, (unsigned)metric, d->run.baseline);
    char text[CB_VIEW_TEXT];
    put_cell(t, cb_view_label(d, m, t->brief, text, sizeof text), t->label, false, NULL);
    put_spaces(t, GAP);
    put_cell(t, base ? cb_view_value(base->value, m->how.unit, text, sizeof text) : "-", t->value, true,
             NULL);
    put_noise(t, base);
    unsigned left = arms.count;
    for (unsigned a = arms.first; left && a < d->narms; a = cb_view_next_arm(d, a + 1), left--) {
        put_spaces(t, GAP);
        put_ratio(t, cb_rows_find(t->r->rows, (unsigned)metric, a));
    }
    end_line(t);
}

static void put_header(struct table *t, struct arm_range arms)
{
    const struct cb_dataset *d = t->r->data;
    char name[CB_VIEW_TEXT];
    put_cell(t, "metric", t->label, false, SGR_BOLD);
    put_spaces(t, GAP);
    put_cell(t, cb_view_arm(&d->arms[d->run.baseline], name, sizeof name), t->value, true, SGR_BOLD);
    if (t->noise) {
        put_spaces(t, GAP);
        put_cell(t, "noise", t->noise, true, SGR_BOLD);
    }
    unsigned left = arms.count;
    for (unsigned a = arms.first; left && a < d->narms; a = cb_view_next_arm(d, a + 1), left--) {
        put_spaces(t, GAP);
        put_cell(t, cb_view_arm_fit(&d->arms[a], t->ratio, name, sizeof name), t->ratio, false, SGR_BOLD);
    }
    end_line(t);
}

static void put_table(struct table *t, struct arm_range arms)
{
    const struct cb_dataset *d = t->r->data;
    char group[CB_VIEW_TEXT];
    put_header(t, arms);
    put_rule(t);
    for (size_t i = 0, n = cb_view_metrics(d); i < n; i++) {
        if (cb_view_group_begins(d, i)) {
            put_cell(t, cb_view_group(&d->metrics[i], group, sizeof group), t->columns, false, SGR_BOLD);
            end_line(t);
        }
        put_row(t, i, arms);
    }
}

/* Widths from the content for label and value, from the columns that are left for the ratios. */
static void measure(struct table *t)
{
    const struct cb_dataset *d = t->r->data;
    char text[CB_VIEW_TEXT];
    t->brief = t->columns < 100;
    t->label = 12;
    t->value = 10;
    for (size_t i = 0, n = cb_view_metrics(d); i < n; i++) {
        int width = cb_text_width(cb_view_label(d, &d->metrics[i], t->brief, text, sizeof text));
        t->label = width > t->label ? width : t->label;
    }
    /* Two arms side by side fit 100 columns as 27 + 10 + 6 + 2 * 24 and 80 columns as 22 + 10 + 2 * 21, with
     * gaps. */
    int label_max = t->brief ? 22 : t->columns - 73;
    t->label = t->label > label_max ? label_max : t->label;
    t->noise = t->brief ? 0 : t->style->utf8 ? 6 : 7; /* "±0.6 %"; a short line has the mark alone */
    t->ratio = t->brief ? 21 : 24; /* "1.04 [1.03, 1.05]~(1)", "1.004 [1.001, 1.007]~(1)" */
}

static void put_notes(struct table *t)
{
    const struct cb_notes *notes = t->r->notes;
    if (!notes || !notes->n)
        return;
    put_colour(t, SGR_BOLD);
    cb_buf_puts(t->out, "Not comparable, or less than it looks:\n");
    put_colour(t, SGR_RESET);
    for (size_t i = 0; i < notes->n; i++) {
        cb_buf_puts(t->out, "  - ");
        put_wrapped(t, notes->at[i], 4, 4);
    }
    end_line(t);
}

static void put_legend(struct table *t)
{
    char control[CB_VIEW_TEXT], ratios[CB_VIEW_TEXT];
    put_rule(t);
    snprintf(ratios, sizeof ratios,
             "Ratios are costs relative to the host with their %g %% interval: above 1 the environment costs "
             "more, whichever way the unit runs.",
             cb_view_level(t->r));
    put_wrapped(t, ratios, 0, 0);
    put_wrapped(t,
                "noise: what two identical host arms differ by.  ~ within that.  ? not to be trusted, see "
                "run.json.  [-] too few blocks for an interval.",
                0, 0);
    if (cb_view_control(t->r, control, sizeof control))
        put_wrapped(t, control, 0, 0);
    for (unsigned i = 0; i < t->nnotes; i++) {
        char number[16];
        snprintf(number, sizeof number, "(%u) ", i + 1);
        cb_buf_puts(t->out, number);
        put_wrapped(t, t->notes[i], (int)strlen(number), (int)strlen(number));
    }
    if (t->more_notes)
        cb_buf_puts(t->out, "Further reasons stand in run.json.\n");
}

int cb_report_term(const struct cb_report *r, const struct cb_term_style *style, struct cb_buf *out,
                   struct cb_err *err)
{
    const struct cb_dataset *d = r->data;
    struct table t = {.r = r,
                      .style = style,
                      .out = out,
                      .columns = style->columns < COLUMNS_MIN ? COLUMNS_MIN : style->columns};
    measure(&t);
    put_notes(&t);
    int room = t.columns - t.label - t.value - GAP - (t.noise ? t.noise + GAP : 0);
    unsigned fit = room >= t.ratio + GAP ? (unsigned)(room / (t.ratio + GAP)) : 1;
    unsigned arm = cb_view_next_arm(d, 0);
    do {
        put_table(&t, (struct arm_range){arm, fit});
        cb_buf_puts(out, "\n");
        for (unsigned i = 0; i < fit && arm < d->narms; i++)
            arm = cb_view_next_arm(d, arm + 1);
    } while (arm < d->narms);
    put_legend(&t);
    if (r->ladders && r->ladders->n)
        end_line(&t);
    cb_term_ladders(r, style, out);
    return cb_buf_ok(out) ? 0 : cb_fail_sys(err, ENOMEM, "report");
}
