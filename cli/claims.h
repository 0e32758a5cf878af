/* What verify and plan share: claims files from disk, checked against what exists. */
#ifndef CB_CLI_CLAIMS_H
#define CB_CLI_CLAIMS_H

#include <stdio.h>

#include "results/claims_verdict.h"

#define CB_CLAIM_FILES_MAX 32

struct cb_claim_files {
    struct cb_claims at[CB_CLAIM_FILES_MAX];
    size_t n, nerrors;
};

/* Reads and checks the files; findings are printed on stderr, errors among them counted. Fails for files that
 * cannot be read. Free in either case. */
int cb_claim_files_load(const char *const *names, size_t n, struct cb_claim_files *out, struct cb_err *err);
void cb_claim_files_free(struct cb_claim_files *f);

/* A file relative to the directory of another: "docs/a.cbench" and "../b.md" -> "docs/../b.md". */
int cb_path_beside(const char *file, const char *name, char *out, size_t cap, struct cb_err *err);
/* A regular file of at most CB_DOC_MAX bytes, without NUL bytes. */
#define CB_DOC_MAX (4u << 20)
int cb_read_doc(const char *path, struct cb_buf *out, struct cb_err *err);

/* Text of a run or a file on a terminal: nothing of it is obeyed. */
void cb_print_text(FILE *to, const char *text);

#endif
