#include "cli/claims_print.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/claims.h"

/* --- the table: 100 columns */

#define TABLE_ROW "%-26.26s  %-12s  %9s  %-19s  %3s  %6s  %s"

/* "1.044", "1.044us"; "-" where there is none. */
static const char *number(double v, const char *unit, char *out, size_t cap)
{
    snprintf(out, cap, isfinite(v) ? "%.4g%s" : "-", v, unit);
    return out;
}

static const char *interval(const double ci[2], char *out, size_t cap)
{
    bool none = !isfinite(ci[0]) || !isfinite(ci[1]);
    snprintf(out, cap, none ? "-" : "%.4g to %.4g", ci[0], ci[1]);
    return out;
}

static void print_row(const struct cb_claim_verdict *one)
{
    const struct cb_claim_part *p = one->nparts ? &one->parts[one->shown] : NULL;
    const char *claimed = one->claim->assertion.text ? one->claim->assertion.text : "";
    char estimate[32] = "", range[48] = "", n[16] = "", adjusted[16] = "", row[256], cut[24];
    if (p) {
        number(p->estimate, one->claim->assertion.unit, estimate, sizeof estimate);
        interval(p->decision, range, sizeof range);
        snprintf(n, sizeof n, "%zu", p->n);
        if (isfinite(one->adjusted))
            snprintf(adjusted, sizeof adjusted, one->adjusted < 0.001 ? "<.001" : "%.3f", one->adjusted);
    }
    snprintf(cut, sizeof cut, strlen(claimed) > 15 ? "%.12s..." : "%s", claimed);
    snprintf(row, sizeof row, TABLE_ROW, one->claim->id, cb_claim_outcome(one->row), estimate, range, n,
             adjusted, cut);
    cb_print_text(stdout, row);
    putchar('\n');
}

static void print_table(const struct cb_verdicts *v)
{
    char level[32];
    snprintf(level, sizeof level, "%g %% interval", 100 * (1 - 2 * v->alpha));
    printf(TABLE_ROW "\n", "claim", "verdict", "estimate", level, "n", "p", "claimed");
    for (size_t i = 0; i < v->n; i++)
        print_row(&v->at[i]);
}

/* --- each claim */

static void print_line(const char *indent, const struct cb_buf *text)
{
    fputs(indent, stdout);
    cb_print_text(stdout, cb_buf_str(text));
    putchar('\n');
}

static void print_part(const struct cb_verdicts *v, const struct cb_claim_verdict *one,
                       const struct cb_claim_part *p)
{
    CB_AUTOBUF struct cb_buf name = {0};
    const char *unit = one->claim->assertion.unit;
    char estimate[48], decision[64], ci95[64];
    cb_part_name(v, p, &name);
    print_line("  ", &name);
    if (!p->n)
        return;
    printf("    %s, %g %% interval %s, 95 %% interval %s, bias widening %.3g %%\n",
           number(p->estimate, unit, estimate, sizeof estimate), 100 * (1 - 2 * v->alpha),
           interval(p->decision, decision, sizeof decision), interval(p->ci95, ci95, sizeof ci95),
           100 * expm1(p->bias));
    printf("    p support %.3g, p refute %.3g; %zu blocks, %u instances, %u void; detectable %.3g %%, noise "
           "floor ",
           p->evidence.p_sup, p->evidence.p_ref, p->n, p->instances, p->voided, 100 * p->mde);
    printf(isfinite(p->noise_floor) ? "%.3g %%\n" : "unknown\n", 100 * expm1(p->noise_floor));
}

static void print_claim(const struct cb_verdicts *v, const struct cb_claim_verdict *one)
{
    CB_AUTOBUF struct cb_buf head = {0};
    CB_AUTOBUF struct cb_buf again = {0};
    const char *kind = one->kind;
    putchar('\n');
    cb_claim_location(v->claims, one->claim, &head);
    cb_buf_printf(&head, ": %s: %s", one->claim->id, cb_claim_outcome(one->row));
    cb_buf_printf(&head, *kind ? " (%s): %s" : "%s: %s", kind, one->reason);
    print_line("", &head);
    cb_buf_clear(&head);
    cb_buf_printf(&head, "%s%s%s", one->claim->quote ? "\"" : "", one->claim->quote ? one->claim->quote : "",
                  one->claim->quote ? "\": " : "");
    cb_buf_puts(&head, one->claim->assertion.text ? one->claim->assertion.text : "no assertion");
    print_line("  ", &head);
    for (size_t i = 0; i < one->nparts; i++)
        print_part(v, one, &one->parts[i]);
    if (!one->nparts)
        return;
    if (isfinite(one->adjusted))
        printf("  p %.3g after %s over %zu claims, level %g\n", one->adjusted,
               cb_correction_name(v->claims->correction), v->family, v->alpha);
    cb_claim_command(v, one, &again);
    print_line("  again: ", &again);
}

/* --- the whole */

static void print_run(const struct cb_verdicts *v)
{
    const struct cb_ds_run *r = &v->data->run;
    CB_AUTOBUF struct cb_buf line = {0};
    cb_buf_printf(&line, "%s, run %s of %.10s: %zu blocks, seed %" PRIu64 ", host %s (%s)%s", v->claims->file,
                  r->id, r->started, v->data->nblocks, r->seed, v->host,
                  cb_kv_get(&r->host, "cpu", "unknown CPU"),
                  strcmp(cb_kv_get(&r->host, "virtualised", ""), "true") ? "" : ", virtualised");
    print_line("", &line);
    if (v->aa.of)
        printf(
            "A/A: %zu of %zu metrics differ between identical arms at p <= .05 (95 %% interval of the rate "
            "%.3f to %.3f)\n",
            v->aa.alarms, v->aa.of, v->aa.ci[0], v->aa.ci[1]);
    puts("Verdicts hold for this host only.\n");
}

static size_t count(const struct cb_verdicts *v, const char *outcome)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        n += !strcmp(cb_claim_outcome(v->at[i].row), outcome);
    return n;
}

void cb_print_verdicts(const struct cb_verdicts *v)
{
    print_run(v);
    print_table(v);
    for (size_t i = 0; i < v->n; i++)
        print_claim(v, &v->at[i]);
    fflush(stdout);
    fprintf(stderr, "cbench: %s: ", v->claims->file);
    fprintf(stderr, "%zu supported, %zu refuted, %zu inconclusive, %zu not run, %zu in error\n",
            count(v, "supported"), count(v, "refuted"), count(v, "inconclusive"), count(v, "not-run"),
            count(v, "error"));
}

void cb_print_lint(const struct cb_verdicts *v)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct cb_claim_verdict *one = &v->at[i];
        if (one->row != CB_ROW_BELOW_NOISE && one->row != CB_ROW_FEW_UNITS)
            continue;
        CB_AUTOBUF struct cb_buf line = {0};
        cb_buf_printf(&line, "%s:%u:%u: warning: %s: %s [%s]", v->claims->file, one->claim->at.line,
                      one->claim->at.column, one->kind, one->reason, one->claim->id);
        cb_print_text(stderr, cb_buf_str(&line));
        fputc('\n', stderr);
    }
}
