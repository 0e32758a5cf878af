#include "cli/claims.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "bench/bench.h"
#include "plots/escape.h"
#include "runners/runner.h"

/* --- what exists: claims know neither benchmarks nor runners */

#define METRICS_MAX 1024

static void know(struct cb_known_metric *out, size_t *n, const struct cb_bench *b, const struct cb_metric *m,
                 const char *suffix)
{
    if (*n == METRICS_MAX)
        return;
    snprintf(out[*n].name, sizeof out[*n].name, "%s.%s%s", b->name, m->quantity, suffix);
    out[(*n)++].unit = m->unit;
}

static size_t known_metrics(struct cb_known_metric *out)
{
    size_t n = 0;
    enum cb_derive cold;
    for (const struct cb_bench *const *b = cb_benchmarks; *b; b++)
        for (const struct cb_metric *m = (*b)->metrics; m->quantity; m++) {
            know(out, &n, *b, m, "");
            if (cb_cold_rule(m->derive, &cold))
                know(out, &n, *b, m, CB_COLD_SUFFIX);
        }
    return n;
}

/* "mem.chase.latency" and "mem.chase.latency.cold" -> the benchmark mem.chase. */
static const struct cb_bench *bench_of(const char *metric)
{
    char name[CB_NAME_MAX];
    const char *benchmark = strchr(metric, '.'), *quantity = benchmark ? strchr(benchmark + 1, '.') : NULL;
    snprintf(name, sizeof name, "%.*s", quantity ? (int)(quantity - metric) : 0, metric);
    return cb_bench_find(name);
}

static const struct cb_param *find_param(const struct cb_bench *b, const char *key)
{
    const struct cb_param *p = b->params;
    while (p && p->name && strcmp(p->name, key) != 0)
        p++;
    return p && p->name ? p : NULL;
}

static int check_param(const char *metric, const char *key, const char *value, struct cb_err *err)
{
    const struct cb_bench *b = bench_of(metric);
    const struct cb_param *p = b ? find_param(b, key) : NULL;
    bool extreme = !strcmp(value, "largest") || !strcmp(value, "smallest");
    if (!p)
        return cb_fail(err, CB_EUSAGE, "expected a parameter of %s, found '%s'", metric, key);
    if (extreme && p->type != CB_PARAM_ENUM)
        return 0;
    char text[CB_PARAMS_TEXT_MAX];
    uint64_t values[CB_PARAM_MAX];
    if (cb_path(text, sizeof text, err, "%s=%s", key, value) < 0)
        return -1;
    return cb_params_parse(b, text, values, err);
}

static int check_arm(const char *name, struct cb_err *err)
{
    struct cb_arm arm;
    return cb_arm_parse(name, &arm, err);
}

static int lint(struct cb_claims *c, struct cb_err *err)
{
    CB_AUTOFREE struct cb_known_metric *metrics = calloc(METRICS_MAX, sizeof *metrics);
    if (!metrics)
        return cb_fail_sys(err, ENOMEM, "%s", c->file);
    const struct cb_claims_world world = {
        .metrics = metrics, .nmetrics = known_metrics(metrics), .param = check_param, .arm = check_arm};
    cb_claims_lint(c, &world);
    return 0;
}

/* --- files */

int cb_path_beside(const char *file, const char *name, char *out, size_t cap, struct cb_err *err)
{
    const char *slash = strrchr(file, '/');
    return cb_path(out, cap, err, "%.*s%s", slash ? (int)(slash - file) + 1 : 0, file, name);
}

/* A claims file may name anything; opening a device or a pipe could block, or do something. */
static int read_regular(const char *path, struct cb_buf *out, struct cb_err *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return cb_fail(err, CB_EUSAGE, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return cb_fail(err, CB_EUSAGE, "%s: not a regular file", path);
    return cb_read_file(AT_FDCWD, path, CB_DOC_MAX, out, err);
}

int cb_read_doc(const char *path, struct cb_buf *out, struct cb_err *err)
{
    if (read_regular(path, out, err) < 0)
        return -1;
    return strlen(cb_buf_str(out)) == out->len ? 0 : cb_fail(err, CB_EUSAGE, "%s: not a text", path);
}

static bool is_markdown(const char *file)
{
    const char *dot = strrchr(file, '.');
    return dot && (!strcmp(dot, ".md") || !strcmp(dot, ".markdown"));
}

/* The sentence of a claim, in the file that makes it. */
static void check_sentence(struct cb_claims *c, struct cb_claim *claim)
{
    CB_AUTOBUF struct cb_buf doc = {0};
    struct cb_err err;
    char path[4096];
    if (claim->broken || !claim->quote)
        return;
    if (claim->doc) {
        if (cb_path_beside(c->file, claim->doc, path, sizeof path, &err) < 0 ||
            cb_read_doc(path, &doc, &err) < 0) {
            cb_claims_find(c, (int)(claim - c->at), claim->doc_at, false, "%s", err.msg);
            return;
        }
        cb_claim_check_quote(c, claim, cb_buf_str(&doc));
    }
    cb_claim_check_number(c, claim);
}

static int load(const char *file, struct cb_claims *out, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf text = {0};
    if (read_regular(file, &text, err) < 0 ||
        cb_claims_parse(file, is_markdown(file), cb_buf_str(&text), text.len, out, err) < 0)
        return -1;
    if (lint(out, err) < 0) {
        cb_claims_free(out);
        return -1;
    }
    for (size_t i = 0; i < out->n; i++)
        check_sentence(out, &out->at[i]);
    return 0;
}

static void print_findings(const struct cb_claims *c)
{
    for (size_t i = 0; i < c->nfindings; i++) {
        CB_AUTOBUF struct cb_buf line = {0};
        cb_finding_format(c, &c->findings[i], &line);
        cb_print_text(stderr, cb_buf_str(&line));
        fputc('\n', stderr);
    }
    if (c->unlisted)
        fprintf(stderr, "%s: and %zu more\n", c->file, c->unlisted);
}

int cb_claim_files_load(const char *const *names, size_t n, struct cb_claim_files *out, struct cb_err *err)
{
    *out = (struct cb_claim_files){0};
    for (; out->n < n; out->n++) {
        struct cb_claims *c = &out->at[out->n];
        if (load(names[out->n], c, err) < 0)
            return -1;
        print_findings(c);
        out->nerrors += c->nerrors;
    }
    return 0;
}

void cb_claim_files_free(struct cb_claim_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        cb_claims_free(&f->at[i]);
}

void cb_print_text(FILE *to, const char *text)
{
    static int utf8 = -1;
    CB_AUTOBUF struct cb_buf clean = {0};
    if (utf8 < 0) {
        setlocale(LC_CTYPE, "");
        utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    }
    cb_put_term(&clean, text, utf8);
    fputs(cb_buf_str(&clean), to);
}
