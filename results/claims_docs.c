#include "results/claims_docs.h"

#include <stdio.h>
#include <string.h>

/* --- the sentence */

static void put_estimate(const struct cb_claim *c, double v, struct cb_buf *out)
{
    cb_buf_printf(out, "%.4g%s", v, c->assertion.form == CB_FORM_VALUE ? c->assertion.unit : "x");
}

/* One part: estimate and interval. Several: the range of their estimates. */
static void put_numbers(const struct cb_verdicts *v, const struct cb_claim_verdict *one, struct cb_buf *out)
{
    const struct cb_claim_part *p = &one->parts[one->shown];
    double least = p->estimate, most = p->estimate;
    for (size_t i = 0; i < one->nparts; i++) {
        least = one->parts[i].estimate < least ? one->parts[i].estimate : least;
        most = one->parts[i].estimate > most ? one->parts[i].estimate : most;
    }
    put_estimate(one->claim, least, out);
    if (one->nparts > 1) {
        cb_buf_puts(out, " to ");
        put_estimate(one->claim, most, out);
        cb_buf_printf(out, " in %zu comparisons", one->nparts);
    } else {
        cb_buf_printf(out, ", %g%% CI %.4g-%.4g", 100 * (1 - 2 * v->alpha), p->decision[0], p->decision[1]);
    }
}

/* A fact of a host is not to end a comment or begin markup. */
static void put_plain(const char *s, struct cb_buf *out)
{
    for (; *s; s++)
        if (!strchr("<>`|*_[]\\&\r\n\t", *s))
            cb_buf_add(out, s, 1);
}

bool cb_measured_sentence(const struct cb_verdicts *v, const struct cb_claim_verdict *one, struct cb_buf *out)
{
    const struct cb_ds_run *run = &v->data->run;
    if (!one->nparts || one->row < CB_ROW_UNFIT || !one->parts[one->shown].n)
        return false;
    put_numbers(v, one, out);
    cb_buf_printf(out, ", n=%zu, ", one->parts[one->shown].n);
    cb_buf_printf(out, "%.10s, ", run->started);
    put_plain(cb_kv_get(&run->host, "cpu", "unknown CPU"), out);
    return true;
}

/* --- the document */

static const struct cb_claim_verdict *find_verdict(const struct cb_verdicts *v, const char *id, size_t n)
{
    for (size_t i = 0; i < v->n; i++)
        if (strlen(v->at[i].claim->id) == n && !memcmp(v->at[i].claim->id, id, n))
            return &v->at[i];
    return NULL;
}

/* The verdict that the mark is for, NULL for none of ours; *text is behind the mark either way. */
static const struct cb_claim_verdict *marked_verdict(const struct cb_verdicts *v, const char *mark,
                                                     const char **text)
{
    static const char end[] = " -->";
    const char *id = mark + strlen(CB_MEASURED_BEGIN);
    size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-");
    bool ends = !strncmp(id + n, end, strlen(end));
    *text = ends ? id + n + strlen(end) : id;
    return ends ? find_verdict(v, id, n) : NULL;
}

/* The mark that closes, before any other opens. */
static bool find_end(const char *text, const char **close)
{
    const char *next = strstr(text, CB_MEASURED_BEGIN);
    *close = strstr(text, CB_MEASURED_END);
    return *close && (!next || *close < next);
}

static unsigned line_of(const char *doc, const char *at)
{
    unsigned line = 1;
    for (; doc < at; doc++)
        line += *doc == '\n';
    return line;
}

/* Replaces what stands in [from, to) when it differs. */
static void put_measured(const struct cb_verdicts *v, const struct cb_claim_verdict *one, const char *from,
                         const char *to, struct cb_buf *out, unsigned *changed)
{
    CB_AUTOBUF struct cb_buf text = {0};
    if (!cb_measured_sentence(v, one, &text)) {
        cb_buf_add(out, from, (size_t)(to - from));
        return;
    }
    out->failed |= text.failed;
    *changed += text.len != (size_t)(to - from) || memcmp(cb_buf_str(&text), from, text.len) != 0;
    cb_buf_puts(out, cb_buf_str(&text));
}

int cb_rewrite_measured(const struct cb_verdicts *v, const char *doc, struct cb_buf *out, unsigned *changed,
                        struct cb_err *err)
{
    const char *from = doc, *mark;
    *changed = 0;
    while ((mark = strstr(from, CB_MEASURED_BEGIN))) {
        const char *text, *close;
        const struct cb_claim_verdict *one = marked_verdict(v, mark, &text);
        cb_buf_add(out, from, (size_t)(text - from));
        from = text;
        if (!one)
            continue;
        if (!find_end(text, &close))
            return cb_fail(err, CB_EUSAGE, "line %u: nothing closes '" CB_MEASURED_BEGIN "%s -->'",
                           line_of(doc, mark), one->claim->id);
        put_measured(v, one, text, close, out, changed);
        from = close;
    }
    cb_buf_puts(out, from);
    return cb_buf_ok(out) ? 0 : cb_fail(err, CB_ESYS, "out of memory");
}
