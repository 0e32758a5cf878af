/* The command table and what commands share. */
#ifndef CB_CLI_CLI_H
#define CB_CLI_CLI_H

#include "bench/base/err.h"
#include "results/effect.h"
#include "results/store.h"

/* Exit codes: a contract. */
enum cb_exit {
    CB_EXIT_OK = 0,
    CB_EXIT_REFUTED = 1, /* also: an audit or a selftest found something wrong */
    CB_EXIT_USAGE = 2,
    CB_EXIT_INCONCLUSIVE = 3,
    CB_EXIT_UNFIT = 4,
    CB_EXIT_ARM = 5,
    CB_EXIT_SKIPPED = 77,
    CB_EXIT_INTERRUPTED = 130,
};

struct cb_command {
    const char *name, *summary;
    /* argv[0] is "cbench NAME". Returns an exit code. */
    int (*run)(int argc, char **argv);
};
/* commands.def as an array, ended by NULL. */
extern const struct cb_command *const cb_commands[];

/* Prints "cbench: WHAT: WHY" on stderr and returns the exit code for the error. */
int cb_report_error(const struct cb_err *err);
/* Exit code of an error without printing. */
int cb_exit_code(const struct cb_err *err);

/* Where results go: `given`, else $CBENCH_HOME, else ./cbench-results. */
int cb_out_dir(const char *given, char *out, size_t cap, struct cb_err *err);
/* Opens the database of an output directory; `create` makes the directory. */
int cb_open_store(const char *out_dir, bool create, struct cb_store **store, struct cb_err *err);
/* A stored run. */
struct cb_run_place {
    struct cb_store *store; /* the caller closes it */
    char out[2048], id[32], dir[2200];
};
/* RUN as users type it: an id, a unique prefix, "latest", or the path of a run.json, whose database lies in
 * the directory above; `out` as for cb_out_dir. Nothing to close when it fails. */
int cb_find_run(const char *run, const char *out, struct cb_run_place *at, struct cb_err *err);
/* Set-up for parse errors of argp: exit code 2, version text. Call first in main. */
void cb_argp_setup(void);

/* Files of a run belong to the user who called sudo (SUDO_UID); does nothing otherwise. Whole tree, links not
 * followed. */
int cb_give_to_caller(const char *path, struct cb_err *err);

#endif
