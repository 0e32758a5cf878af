#include "results/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/base/buf.h"
#include "bench/base/cleanup.h"

void cb_audit_text(struct cb_audit *a, const char *where, const char *what, const char *stored,
                   const char *recomputed)
{
    a->checked++;
    if (!strcmp(stored, recomputed))
        return;
    a->differences++;
    a->differs(a->arg, where, what, stored, recomputed);
}

void cb_audit_number(struct cb_audit *a, const char *where, const char *what, uint64_t stored,
                     uint64_t recomputed)
{
    char s[24], r[24];
    snprintf(s, sizeof s, "%" PRIu64, stored);
    snprintf(r, sizeof r, "%" PRIu64, recomputed);
    cb_audit_text(a, where, what, s, r);
}

/* --- iterations ---------------------------------------------------------------------------------------- */

static void check_iterations(struct cb_audit *a, const struct cb_dataset *d, const struct cb_ds_result *r)
{
    const struct cb_ds_case *c = &d->cases[r->case_index];
    char what[512];
    for (size_t i = 0; i < r->nsamples; i++) {
        const struct cb_sample *s = &r->samples[i].s;
        snprintf(what, sizeof what, "%s{%s} in %s, block %u, sample %" PRIu32 ": iters", c->bench, c->params,
                 d->arms[r->arm].name, r->block, s->seq);
        cb_audit_number(a, "store", what, s->iters, c->iters);
    }
}

void cb_audit_iterations(struct cb_audit *a, const struct cb_dataset *d)
{
    for (size_t i = 0; i < d->nresults; i++)
        if (d->cases[d->results[i].case_index].iters) /* none: a start, which is not calibrated */
            check_iterations(a, d, &d->results[i]);
}

/* --- samples.csv --------------------------------------------------------------------------------------- */

#define COLUMNS 12

/* One line's fields, without their quotes. The line is cut up. */
struct fields {
    char *at[COLUMNS];
    unsigned n; /* COLUMNS + 1 where there are more */
};

/* Unquotes the field at *p in place and steps behind its comma. */
static char *take_field(char **p)
{
    char *begin = *p, *from = *p, *to = *p;
    bool quoted = *from == '"';
    from += quoted;
    for (; *from && (quoted || *from != ','); from++) {
        if (quoted && *from == '"' && *++from != '"')
            break;
        *to++ = *from;
    }
    while (*from && *from != ',')
        from++;
    *p = *from ? from + 1 : NULL;
    *to = '\0';
    return begin;
}

static struct fields split(char *line)
{
    struct fields f = {0};
    for (char *p = line; p && f.n <= COLUMNS;) {
        char *field = take_field(&p);
        if (f.n < COLUMNS)
            f.at[f.n] = field;
        f.n++;
    }
    return f;
}

/* Both sides of one line, `n` counted from 1, and what its columns are called. */
struct lines {
    size_t n;
    const struct fields *names;
    char *stored, *recomputed;
};

static void compare_lines(struct cb_audit *a, const struct lines *l)
{
    char what[512];
    if (!strcmp(l->stored, l->recomputed)) {
        a->checked += COLUMNS;
        return;
    }
    struct fields s = split(l->stored), r = split(l->recomputed);
    snprintf(what, sizeof what, "line %zu: fields", l->n);
    cb_audit_number(a, "samples.csv", what, s.n, r.n);
    for (unsigned i = 0; i < COLUMNS && i < s.n && i < r.n && i < l->names->n; i++) {
        snprintf(what, sizeof what, "line %zu: %s", l->n, l->names->at[i]);
        if (r.n == COLUMNS) /* run,block,order,arm,instance,metric,seq */
            snprintf(what, sizeof what, "line %zu: %s in %s, block %s, sample %s: %s", l->n, r.at[5], r.at[3],
                     r.at[1], r.at[6], l->names->at[i]);
        cb_audit_text(a, "samples.csv", what, s.at[i], r.at[i]);
    }
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    while ((text = strchr(text, '\n'))) {
        n++;
        text++;
    }
    return n;
}

int cb_audit_csv(struct cb_audit *a, const char *stored, const char *recomputed, struct cb_err *err)
{
    CB_AUTOFREE char *left = strdup(stored);
    CB_AUTOFREE char *right = strdup(recomputed);
    CB_AUTOFREE char *header = strndup(recomputed, strcspn(recomputed, "\n"));
    if (!left || !right || !header)
        return cb_fail(err, CB_ESYS, "samples.csv: out of memory");
    struct fields names = split(header);
    char *s = left, *r = right;
    cb_audit_number(a, "samples.csv", "lines", count_lines(stored), count_lines(recomputed));
    for (size_t n = 1; s && r; n++) {
        struct lines l = {.n = n, .names = &names};
        l.stored = strsep(&s, "\n");
        l.recomputed = strsep(&r, "\n");
        compare_lines(a, &l);
    }
    return 0;
}
