/* cbench verify: claims in, verdicts out. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/base/cleanup.h"
#include "bench/base/io.h"
#include "cli/claims.h"
#include "cli/claims_print.h"
#include "cli/cli.h"
#include "cli/render.h"
#include "results/claims_docs.h"

#define FILE_DEFAULT "claims.cbench"

struct options {
    const char *files[CB_CLAIM_FILES_MAX];
    size_t nfiles;
    const char *run, *out;
    bool strict, write_docs, lint;
};

enum { KEY_RUN = 256, KEY_OUT, KEY_STRICT, KEY_WRITE_DOCS, KEY_LINT };

static const struct argp_option option_table[] = {
    {"run", KEY_RUN, "RUN", 0, "An id, a unique prefix, latest (the default), or the path of a run.json", 0},
    {"out", KEY_OUT, "DIR", 0, "Where results are (default: $CBENCH_HOME or ./cbench-results)", 0},
    {"strict", KEY_STRICT, NULL, 0, "Inconclusive claims are an error (exit status 3)", 0},
    {"write-docs", KEY_WRITE_DOCS, NULL, 0,
     "Rewrites measured sentences between <!-- cbench:ID --> and <!-- /cbench -->", 0},
    {"lint", KEY_LINT, NULL, 0, "Checks the files only; with --run also their margins and units", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case KEY_RUN:
        o->run = arg;
        return 0;
    case KEY_OUT:
        o->out = arg;
        return 0;
    case KEY_STRICT:
        o->strict = true;
        return 0;
    case KEY_WRITE_DOCS:
        o->write_docs = true;
        return 0;
    case KEY_LINT:
        o->lint = true;
        return 0;
    case ARGP_KEY_ARG:
        if (o->nfiles == CB_CLAIM_FILES_MAX)
            argp_error(state, "at most %d files", CB_CLAIM_FILES_MAX);
        o->files[o->nfiles++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (!o->nfiles)
            o->files[o->nfiles++] = FILE_DEFAULT;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = option_table,
    .parser = parse_option,
    .args_doc = "[FILE]...",
    .doc = "Holds claims against a run. FILE is a claims file (default: " FILE_DEFAULT
           ") or a Markdown file with claims in comments. Exit status: 0 all supported, 1 one refuted, "
           "2 an error in a file, 3 one inconclusive (with --strict), 4 the run is unfit, 5 an arm failed, "
           "77 none could be tested.",
};

/* --- a run and its verdicts */

struct judged {
    struct cb_run_place at;
    struct cb_dataset data;
    struct cb_rows rows;
    struct cb_verdicts verdicts[CB_CLAIM_FILES_MAX];
    size_t n;
};

static int load_run(const struct options *o, struct judged *j, struct cb_err *err)
{
    if (cb_find_run(o->run ? o->run : "latest", o->out, &j->at, err) < 0)
        return -1;
    int got = cb_store_load(j->at.store, j->at.id, &j->data, err);
    cb_store_close(j->at.store);
    return got < 0 ? -1 : cb_effects(&j->data, &j->rows, err);
}

static int judge(const struct cb_claim_files *files, struct judged *j, struct cb_err *err)
{
    for (; j->n < files->n; j->n++)
        if (cb_claims_judge(&files->at[j->n], &j->data, &j->rows, &j->verdicts[j->n], err) < 0)
            return -1;
    return 0;
}

static void free_judged(struct judged *j)
{
    for (size_t i = 0; i < j->n; i++)
        cb_verdicts_free(&j->verdicts[i]);
    cb_rows_free(&j->rows);
    cb_dataset_free(&j->data);
}

/* --- what is written */

/* In run.json, and in the pages that people read. */
static int store_verdicts(const struct judged *j, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf old = {0};
    CB_AUTOBUF struct cb_buf new = {0};
    CB_AUTOFD int dir = open(j->at.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0)
        return cb_fail_sys(err, errno, "open %s", j->at.dir);
    if (cb_read_file(dir, "run.json", CB_RUN_JSON_MAX, &old, err) < 0 ||
        cb_export_verdicts(cb_buf_str(&old), j->verdicts, j->n, &new, err) < 0 ||
        cb_replace_file(dir, "run.json", cb_buf_str(&new), new.len, 0644, err) < 0)
        return cb_wrap(err, "verdicts of %s", j->at.id);
    if (cb_render(&j->data, j->at.dir, CB_RENDER_HTML | CB_RENDER_MD, err) < 0)
        return -1;
    return cb_give_to_caller(j->at.dir, err);
}

/* Replaces a file that may be reached through a link, keeping its mode. */
static int replace(const char *path, const struct cb_buf *text, struct cb_err *err)
{
    CB_AUTOFREE char *real = realpath(path, NULL);
    struct stat st;
    if (!real || stat(real, &st) < 0)
        return cb_fail_sys(err, errno, "%s", path);
    char *name = strrchr(real, '/');
    *name++ = '\0';
    CB_AUTOFD int dir = open(*real ? real : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return cb_fail_sys(err, errno, "open %s", real);
    return cb_replace_file(dir, name, text->data, text->len, st.st_mode & 07777, err);
}

static int rewrite(const struct cb_verdicts *v, const char *path, struct cb_err *err)
{
    CB_AUTOBUF struct cb_buf old = {0};
    CB_AUTOBUF struct cb_buf new = {0};
    unsigned changed;
    if (cb_read_doc(path, &old, err) < 0)
        return -1;
    if (cb_rewrite_measured(v, cb_buf_str(&old), &new, &changed, err) < 0)
        return cb_wrap(err, "%s", path);
    if (!changed)
        return 0;
    if (replace(path, &new, err) < 0)
        return -1;
    fprintf(stderr, "%s: %u measured sentence%s rewritten\n", path, changed, changed == 1 ? "" : "s");
    return 0;
}

static bool has_doc_before(const struct cb_claims *c, size_t claim)
{
    for (size_t i = 0; i < claim; i++)
        if (c->at[i].doc && !strcmp(c->at[i].doc, c->at[claim].doc))
            return true;
    return false;
}

/* The docs of a file's claims, each once; a Markdown file is its own. */
static int rewrite_docs(const struct cb_verdicts *v, struct cb_err *err)
{
    const struct cb_claims *c = v->claims;
    char path[4096];
    if (c->markdown && rewrite(v, c->file, err) < 0)
        return -1;
    for (size_t i = 0; i < c->n; i++) {
        if (!c->at[i].doc || has_doc_before(c, i))
            continue;
        if (cb_path_beside(c->file, c->at[i].doc, path, sizeof path, err) < 0 || rewrite(v, path, err) < 0)
            return -1;
    }
    return 0;
}

/* --- exit status */

static int code_of(enum cb_claim_row row, bool strict)
{
    switch (row) {
    case CB_ROW_ERROR:
        return CB_EXIT_USAGE;
    case CB_ROW_ARM:
        return CB_EXIT_ARM;
    case CB_ROW_UNFIT:
        return CB_EXIT_UNFIT;
    case CB_ROW_REFUTED:
        return CB_EXIT_REFUTED;
    case CB_ROW_NOT_RUN:
        return CB_EXIT_SKIPPED;
    case CB_ROW_SUPPORTED:
        return CB_EXIT_OK;
    default:
        return strict ? CB_EXIT_INCONCLUSIVE : CB_EXIT_OK;
    }
}

/* The worst, in the order of the contract; 77 only when there is nothing else. */
static int worst(const bool seen[CB_EXIT_SKIPPED + 1])
{
    static const int order[] = {CB_EXIT_USAGE,        CB_EXIT_ARM, CB_EXIT_UNFIT,  CB_EXIT_REFUTED,
                                CB_EXIT_INCONCLUSIVE, CB_EXIT_OK,  CB_EXIT_SKIPPED};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (seen[order[i]])
            return order[i];
    return CB_EXIT_OK;
}

static int exit_status(const struct judged *j, bool strict)
{
    bool seen[CB_EXIT_SKIPPED + 1] = {0};
    for (size_t f = 0; f < j->n; f++) {
        seen[CB_EXIT_USAGE] |= j->verdicts[f].claims->nerrors > 0;
        for (size_t i = 0; i < j->verdicts[f].n; i++)
            seen[code_of(j->verdicts[f].at[i].row, strict)] = true;
    }
    return worst(seen);
}

/* --- the command */

static int verify(const struct options *o, const struct cb_claim_files *files, struct judged *j,
                  struct cb_err *err)
{
    if (load_run(o, j, err) < 0 || judge(files, j, err) < 0)
        return -1;
    if (o->lint) {
        for (size_t i = 0; i < j->n; i++)
            cb_print_lint(&j->verdicts[i]);
        return files->nerrors ? CB_EXIT_USAGE : CB_EXIT_OK;
    }
    for (size_t i = 0; i < j->n; i++)
        cb_print_verdicts(&j->verdicts[i]);
    if (store_verdicts(j, err) < 0)
        return -1;
    for (size_t i = 0; o->write_docs && i < j->n; i++)
        if (rewrite_docs(&j->verdicts[i], err) < 0)
            return -1;
    return exit_status(j, o->strict);
}

static int cmd_verify(int argc, char **argv)
{
    struct options o = {0};
    struct cb_err err = {0};
    struct cb_claim_files files;
    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
        return CB_EXIT_USAGE;
    int got = cb_claim_files_load(o.files, o.nfiles, &files, &err);
    if (got == 0 && o.lint && !o.run) {
        got = files.nerrors ? CB_EXIT_USAGE : CB_EXIT_OK;
    } else if (got == 0) {
        struct judged j = {0};
        got = verify(&o, &files, &j, &err);
        free_judged(&j);
    }
    cb_claim_files_free(&files);
    return got < 0 ? cb_report_error(&err) : got;
}

const struct cb_command cb_cmd_verify = {"verify", "hold claims of a documentation against a run",
                                         cmd_verify};
