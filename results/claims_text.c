/* Parts, places and commands of claims as text. */
#include <inttypes.h>
#include <string.h>

#include "results/claims_verdict.h"

void cb_part_name(const struct cb_verdicts *v, const struct cb_claim_part *p, struct cb_buf *out)
{
    const struct cb_ds_metric *m = &v->data->metrics[p->metric_index];
    const char *params = v->data->cases[m->case_index].params;
    cb_buf_printf(out, *params ? "%s{%s}" : "%s", m->name, params);
    cb_buf_printf(out, p->arm == p->base ? " in %s" : ", %s / %s", v->data->arms[p->arm].name,
                  v->data->arms[p->base].name);
}

/* "docs/claims.cbench" and "a.md" -> "docs/a.md" */
static void put_doc(const struct cb_claims *c, const char *doc, struct cb_buf *out)
{
    const char *slash = strrchr(c->file, '/');
    if (slash)
        cb_buf_add(out, c->file, (size_t)(slash - c->file) + 1);
    cb_buf_puts(out, doc);
}

void cb_claim_location(const struct cb_claims *c, const struct cb_claim *claim, struct cb_buf *out)
{
    if (claim->doc && claim->doc_line)
        put_doc(c, claim->doc, out);
    else
        cb_buf_puts(out, c->file);
    cb_buf_printf(out, ":%u", claim->doc_line ? claim->doc_line : claim->at.line);
}

/* An argument that a shell would take apart goes into single quotes. */
static void put_argument(const char *s, struct cb_buf *out)
{
    bool plain = *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/:=,-")];
    if (plain) {
        cb_buf_puts(out, s);
        return;
    }
    cb_buf_puts(out, "'");
    for (; *s; s++)
        cb_buf_printf(out, *s == '\'' ? "'\\''" : "%c", *s);
    cb_buf_puts(out, "'");
}

static const char *bench_of(const struct cb_verdicts *v, const struct cb_claim_part *p)
{
    return v->data->cases[v->data->metrics[p->metric_index].case_index].bench;
}

/* The benchmarks of the claim's metrics, each once: a part follows those of the same benchmark. */
static void put_benches(const struct cb_verdicts *v, const struct cb_claim_verdict *one, struct cb_buf *out)
{
    const char *last = "";
    for (size_t i = 0; i < one->nparts; i++) {
        const char *bench = bench_of(v, &one->parts[i]);
        if (strcmp(bench, last) != 0)
            cb_buf_printf(out, "%s%s", *last ? "," : " --bench ", bench);
        last = bench;
    }
}

static bool is_claims_arm(const struct cb_verdicts *v, const struct cb_claim_verdict *one, unsigned arm)
{
    for (unsigned i = 0; i < one->claim->narms; i++)
        if (cb_dataset_arm(v->data, one->claim->arms[i]) == (int)arm)
            return true;
    return false;
}

void cb_claim_command(const struct cb_verdicts *v, const struct cb_claim_verdict *one, struct cb_buf *out)
{
    const struct cb_dataset *d = v->data;
    cb_buf_printf(out, "cbench run --seed %" PRIu64 "%s --blocks %u", d->run.seed,
                  d->run.quick ? " --quick" : "", d->run.blocks);
    put_benches(v, one, out);
    for (unsigned a = 0; a < d->narms; a++) {
        enum cb_role role = cb_dataset_role(d, a);
        if (role != CB_ROLE_BASELINE && role != CB_ROLE_AGAIN && !is_claims_arm(v, one, a))
            continue;
        cb_buf_puts(out, " --arm ");
        put_argument(d->arms[a].name, out);
    }
    cb_buf_puts(out, " && cbench verify ");
    put_argument(v->claims->file, out);
}
