#include "plots/view_ladder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char cb_view_ladder_legend[] =
    "Each arm of a ladder has one mechanism more than the one below. A step is their cost ratio in the same "
    "blocks with its interval. Not distinguishable: the interval contains 1, so that this run cannot tell; "
    "what "
    "it would have seen is in brackets. Ratios of steps multiply to that of the whole, but for rounding by "
    "medians. Aside: a variant of the step before it, no part of the whole.";

/* By how much the whole costs more or less for sure: the end of its interval that is nearer to 1. */
static double effect(const struct cb_ladder *l)
{
    return fmax(0, fmax(log(l->total.ci95[0]), -log(l->total.ci95[1])));
}

/* Keeps `top` sorted; what falls off its end is gone. */
static size_t insert(const struct cb_ladder **top, size_t n, size_t most, const struct cb_ladder *l)
{
    size_t at = n < most ? n : most;
    for (; at > 0 && effect(l) > effect(top[at - 1]); at--)
        if (at < most)
            top[at] = top[at - 1];
    if (at < most)
        top[at] = l;
    return n < most ? n + 1 : most;
}

size_t cb_view_top_ladders(const struct cb_report *r, const struct cb_ladder **top, size_t most)
{
    size_t n = 0;
    for (size_t i = 0; r->ladders && i < r->ladders->n; i++) {
        const struct cb_ladder *l = &r->ladders->at[i];
        if (isfinite(l->total.ratio) && !cb_is_cold(l->total.metric))
            n = insert(top, n, most, l);
    }
    return n;
}

size_t cb_view_chain_end(const struct cb_report *r, size_t from)
{
    const struct cb_ladders *l = r->ladders;
    size_t end = from;
    while (end < l->n && l->at[end].planned == l->at[from].planned)
        end++;
    return end;
}

char *cb_view_chain(const struct cb_dataset *d, const struct cb_ladder *l, char *out, size_t cap)
{
    const struct cb_ds_step *s = l->planned;
    snprintf(out, cap, "%s%s%s%s", s->ladder, *s->chain ? ": " : "", s->chain,
             strcmp(d->arms[l->total.arm].accelerator, "tcg") ? "" : " (emulated)");
    return out;
}

char *cb_view_planned(const struct cb_ds_step *s, char *out, size_t cap)
{
    snprintf(out, cap, "%s%s", s->label, s->side ? " (aside)" : "");
    return out;
}

bool cb_view_closes(const struct cb_ladder *l, size_t step)
{
    return strcmp(l->steps[step].label, l->planned[step].label) != 0;
}

char *cb_view_undecided(const struct cb_row *row, char *out, size_t cap)
{
    char mde[CB_VIEW_NUM];
    snprintf(out, cap, "not distinguishable (%s)", cb_view_percent(row->mde, mde, sizeof mde));
    return out;
}

char *cb_view_step(const struct cb_row *row, char *out, size_t cap)
{
    char ratio[CB_VIEW_NUM], interval[2 * CB_VIEW_NUM + 8];
    if (!isfinite(row->ratio))
        snprintf(out, cap, "%s%s%s", cb_view_outcome(row), row->reason[0] ? ": " : "", row->reason);
    else if (!cb_distinguishable(row))
        cb_view_undecided(row, out, cap);
    else
        snprintf(out, cap, "%s %s%s", cb_view_ratio(row->ratio, false, ratio, sizeof ratio),
                 cb_view_interval(row->ci95, false, interval, sizeof interval),
                 cb_view_untrusted(row) ? " ?"
                 : row->within_noise    ? " ~"
                                        : "");
    return out;
}

char *cb_view_sum(const struct cb_ladder *l, char *out, size_t cap)
{
    char sum[CB_VIEW_NUM];
    if (!isfinite(l->sum))
        snprintf(out, cap, "steps together unknown: one of them has no ratio");
    else
        snprintf(out, cap, "steps together %s: %s", cb_view_ratio(l->sum, false, sum, sizeof sum),
                 l->adds_up                   ? "they add up to the whole"
                 : isfinite(l->total.ci95[0]) ? "they do NOT add up to the whole"
                                              : "too few blocks to hold it against the whole");
    return out;
}
